"""Manifests, histories and records of prunes for tests of decisions; nothing here is stored anywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cluvault.model.manifest import Content, Counts, Manifest, Reason, Tool
from cluvault.model.object_info import ObjectInfo
from cluvault.model.prune_record import PruneRecord, RemovedSnapshot
from cluvault.plan.history import History, key_of, keys_of
from cluvault.plan.keys import SnapshotKey
from cluvault.plan.prune import Recorded

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TOOL = Tool(name="cluvault", version="0.1.0")
SIZE = 10


def hours_ago(hours: float) -> datetime:
    """An instant before the present of these tests."""
    return NOW - timedelta(hours=hours)


def key_at(moment: datetime, number: int = 0) -> SnapshotKey:
    """Where a snapshot of prod/Travel lies."""
    return SnapshotKey("prod", "Travel", f"{moment:%Y%m%dT%H%M%SZ}-{number:08x}")


def manifest_at(moment: datetime, *, number: int = 0, content: SnapshotKey | None = None, **changes: Any) -> Manifest:
    """A snapshot of prod/Travel, with its own content or another's."""
    key = key_at(moment, number)
    values: dict[str, Any] = {
        "snapshot_id": key.snapshot_id,
        "vault_id": "v",
        "resource": key.resource,
        "endpoint": "https://contoso.cognitiveservices.azure.com",
        "project": key.project,
        "captured_at": moment,
        "reason": Reason.SCHEDULED,
        "api_version": "2025-11-15-preview",
        "content": Content(
            key=(content or key).content,
            sha256="0" * 64,
            bytes=SIZE,
            encoding="gzip",
            raw_sha256="0" * 64,
            raw_bytes=SIZE,
            canonical_sha256="0" * 64,
        ),
        "counts": Counts(intents=1, entities=1, utterances=1),
        "tool": TOOL,
    }
    return Manifest(**(values | changes))


def history_of(*snapshots: Manifest, loose: Iterable[str] = (), **changes: Any) -> History:
    """A history in which every content is there; `loose` are contents that no snapshot refers to."""
    keys = {key for one in snapshots for key in keys_of(one)} | set(loose)
    values: dict[str, Any] = {
        "snapshots": tuple(sorted(snapshots, key=key_of)),
        "contents": {key: ObjectInfo(key, SIZE, NOW) for key in keys},
    }
    return History("prod", "Travel", **(values | changes))


def recorded(
    at: datetime, *, removed: Iterable[Manifest] = (), unreferenced: Iterable[str] = (), run_id: str = "run"
) -> Recorded:
    """The record of a prune of prod/Travel, and when the store received it."""
    record = PruneRecord(
        run_id=run_id,
        resource="prod",
        project="Travel",
        planned_at=at,
        removed=tuple(
            RemovedSnapshot(
                snapshot_id=one.snapshot_id,
                content_key=one.content.key,
                model_keys=keys_of(one)[1:],
                manifest=one.to_bytes().decode(),
            )
            for one in removed
        ),
        unreferenced=tuple(unreferenced),
        tool=TOOL,
    )
    return Recorded(record, at)
