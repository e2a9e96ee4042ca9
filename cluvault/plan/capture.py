"""From an export to a snapshot's manifest: what is known about a project at one moment, put into the vault's words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Final

from cluvault.model.manifest import Manifest, Tool, snapshot_second

if TYPE_CHECKING:
    from datetime import datetime

    from cluvault.model.manifest import Content, Counts, DeploymentRecord, ModelRecord, Reason

TOOL_NAME: Final = "cluvault"


@dataclass(frozen=True, slots=True)
class Capture:
    """A project as the service gave it: `raw` are its bytes, untouched; the rest is what they do not say.

    `captured_at` is when the export was asked for, not when it was stored: a slow run that a change overtakes must
    not pass its older content off as the latest.
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


def build_manifest(
    capture: Capture,
    *,
    snapshot_id: str,
    vault_id: str,
    stored: Content,
    parent_id: str | None,
    tool_version: str,
) -> Manifest:
    """The manifest of a capture whose bytes lie at `stored`.

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
        models=capture.models,
        deployments=capture.deployments,
        parent=parent_id,
        tool=Tool(name=TOOL_NAME, version=tool_version),
    )
