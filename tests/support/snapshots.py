"""Captures and snapshots for tests of the vault."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from cluvault.model.manifest import Counts, Reason, new_snapshot_id
from cluvault.plan.capture import Capture

if TYPE_CHECKING:
    from cluvault.model.manifest import Manifest
    from cluvault.plan.keys import SnapshotKey
    from cluvault.vault.store import ObjectStore
    from cluvault.vault.vault import Vault

START = datetime(2026, 11, 1, 2, 0, 0, tzinfo=UTC)


def moment(seconds: float) -> datetime:
    """An instant that many seconds after the first one of all tests."""
    return START + timedelta(seconds=seconds)


def make_capture(raw: bytes = b'{"some": "project"}', **changes: Any) -> Capture:
    """A capture of prod/EmailApp; its canonical digest is that of its bytes unless given."""
    values: dict[str, Any] = {
        "resource": "prod",
        "endpoint": "https://contoso.cognitiveservices.azure.com",
        "project": "EmailApp",
        "captured_at": START,
        "raw": raw,
        "canonical_sha256": sha256(raw).hexdigest(),
        "counts": Counts(intents=1, entities=2, utterances=3),
        "reason": Reason.MANUAL,
        "api_version": "2025-11-15-preview",
    }
    return Capture(**(values | changes))


async def take(
    vault: Vault,
    capture: Capture,
    *,
    seconds: float = 0,
    entropy: str = "000b2c3d",
    parent: Manifest | None = None,
    reuse_content: bool = True,
) -> Manifest:
    """Store a capture at a moment."""
    capture = replace(capture, captured_at=moment(seconds))
    snapshot_id = new_snapshot_id(capture.captured_at, entropy)
    return await vault.commits.store(capture, snapshot_id=snapshot_id, parent=parent, reuse_content=reuse_content)


async def listed(vault: Vault, *, resource: str | None = None, project: str | None = None) -> list[SnapshotKey]:
    """The keys of the snapshots that a vault lists."""
    return [key async for key in vault.keys(resource=resource, project=project)]


async def overwrite(store: ObjectStore, key: str, body: bytes) -> None:
    """Do what no vault does: change an object."""
    await store.delete(key)
    await store.put_new(key, body)


async def everything(store: ObjectStore) -> dict[str, bytes]:
    """All objects of a store."""
    return {found.key: await store.get(found.key) async for found in store.list()}
