"""From an export to a snapshot's manifest: what is known about a project at one moment, put into the vault's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Final

from cluvault.model.manifest import Manifest, Tool, snapshot_second

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from cluvault.model.manifest import Content, Counts, DeploymentRecord, ModelRecord, Reason, TrainedOn

TOOL_NAME: Final = "cluvault"


@dataclass(frozen=True, slots=True)
class ModelExport:
    """What a model was trained on, as the service gave it now: `raw` are its bytes, untouched."""

    label: str
    raw: bytes
    canonical_sha256: str
    counts: Counts
    api_version: str


@dataclass(frozen=True, slots=True)
class Capture:
    """A project as the service gave it: `raw` are its bytes, untouched; the rest is what they do not say.

    `captured_at` is when the export was asked for, not when it was stored: a slow run that a change overtakes must
    not pass its older content off as the latest.

    Attributes:
        exports: What deployed models were trained on, of which the vault does not know it yet.
        known: Of others: the snapshot that holds it, seen as that model's (`Manifest.views`); by label.
        pending: What of them could not be asked for, a sentence for each.
    """

    resource: str
    endpoint: str
    project: str
    captured_at: datetime
    raw: bytes
    canonical_sha256: str
    counts: Counts
    reason: Reason
    api_version: str
    tags: tuple[str, ...] = ()
    project_last_modified: datetime | None = None
    models: tuple[ModelRecord, ...] = ()
    deployments: tuple[DeploymentRecord, ...] = ()
    exports: tuple[ModelExport, ...] = ()
    known: Mapping[str, Manifest] = field(default_factory=dict[str, "Manifest"])
    pending: tuple[str, ...] = ()


def build_manifest(
    capture: Capture,
    *,
    snapshot_id: str,
    vault_id: str,
    stored: Content,
    trained_on: Mapping[str, TrainedOn] | None = None,
    parent_id: str | None,
    tool_version: str,
) -> Manifest:
    """The manifest of a capture whose bytes lie at `stored`, and those of its models as `trained_on` says, by label.

    Raises:
        ValueError: the id tells another time than the capture; "latest" and "as of" go by the id.
    """
    if not snapshot_id.startswith(f"{snapshot_second(capture.captured_at)}-"):
        raise ValueError(f"snapshot id {snapshot_id} does not belong to {capture.captured_at.isoformat()}")
    return Manifest(
        snapshot_id=snapshot_id,
        vault_id=vault_id,
        resource=capture.resource,
        endpoint=capture.endpoint,
        project=capture.project,
        captured_at=capture.captured_at.astimezone(UTC),
        reason=capture.reason,
        tags=capture.tags,
        api_version=capture.api_version,
        project_last_modified=capture.project_last_modified,
        content=stored,
        counts=capture.counts,
        models=tuple(_with_content(one, trained_on or {}) for one in capture.models),
        deployments=capture.deployments,
        parent=parent_id,
        tool=Tool(name=TOOL_NAME, version=tool_version),
    )


def _with_content(model: ModelRecord, trained_on: Mapping[str, TrainedOn]) -> ModelRecord:
    if model.label not in trained_on:
        return model
    return model.model_copy(update={"trained_on": trained_on[model.label]})
