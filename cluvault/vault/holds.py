"""Holds on snapshots: records that are only added. A snapshot is held while one of its holds has no release."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluvault.errors import DamagedRecord, ObjectExists, ObjectNotFound, SnapshotNotFound
from cluvault.model.hold import LONGEST_REASON, Hold, Release
from cluvault.model.manifest import id_moment
from cluvault.model.record_text import read_record, record_bytes
from cluvault.plan.keys import HOLDS, HoldKey, SnapshotKey, holds_prefix, parse_hold_key
from cluvault.vault.writing import put_once

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cluvault.vault.store import ObjectStore
    from cluvault.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class PlacedHold:
    """A hold that nobody released; one that cannot be read holds all the same."""

    key: HoldKey
    hold: Hold


class Holds:
    """The holds of a vault."""

    def __init__(self, vault: Vault, store: ObjectStore) -> None:
        self._vault = vault
        self._store = store

    async def place(self, snapshot: SnapshotKey, hold: Hold, *, hold_id: str) -> HoldKey:
        """Hold a snapshot. When this returns, no prune removes it until the hold is released.

        The record comes first and then a look at the snapshot; a prune removes a snapshot first and then looks at the
        holds. So either the prune puts it back, or this says that it is gone.

        Raises:
            SnapshotNotFound: there is no such snapshot; the hold is taken back.
        """
        await self._vault.manifest(snapshot)  # nothing is written for a name that was never there
        key = HoldKey(snapshot, hold_id)
        await put_once(self._store, str(key), record_bytes(hold))
        try:
            await self._vault.manifest(snapshot)
        except SnapshotNotFound:
            await self.release(key, Release(reason="pruned before it was held", by=hold.by, released_at=hold.held_at))
            raise
        return key

    async def release(self, key: HoldKey, release: Release) -> None:
        """End a hold; that somebody else did so already is success."""
        with suppress(ObjectExists):
            await self._store.put_new(str(key.release), record_bytes(release))

    async def list(self, resource: str | None = None, project: str | None = None) -> AsyncIterator[PlacedHold]:
        """The holds that nobody released, of the vault or of a project, by snapshot and time."""
        prefix = HOLDS if resource is None or project is None else holds_prefix(resource, project)
        keys = [key async for found in self._store.list(prefix) if (key := parse_hold_key(found.key)) is not None]
        released = {key for key in keys if key.is_release}
        for key in sorted(keys):
            if not key.is_release and key.release not in released:
                try:
                    yield PlacedHold(key, await self._read(key))
                except ObjectNotFound:
                    continue

    async def of_project(self, resource: str, project: str) -> dict[SnapshotKey, list[Hold]]:
        """The holds of each held snapshot of a project."""
        found: defaultdict[SnapshotKey, list[Hold]] = defaultdict(list)
        async for one in self.list(resource, project):
            found[one.key.snapshot].append(one.hold)
        return dict(found)

    async def of_snapshot(self, snapshot: SnapshotKey) -> list[PlacedHold]:
        """The holds of one snapshot."""
        return [one async for one in self.list(snapshot.resource, snapshot.project) if one.key.snapshot == snapshot]

    async def _read(self, key: HoldKey) -> Hold:
        data = await self._store.get(str(key))
        try:
            return read_record(Hold, data, key=str(key), what="a hold")
        except DamagedRecord as err:
            return Hold(reason=err.message[:LONGEST_REASON], by="?", held_at=id_moment(key.hold_id))
