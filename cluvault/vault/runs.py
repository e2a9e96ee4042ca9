"""The records of a vault's runs: what backups saw, and so which projects are gone from their resources."""

from __future__ import annotations

from contextlib import aclosing, suppress
from datetime import UTC
from typing import TYPE_CHECKING, Final

from cluvault.errors import DamagedRecord, ObjectNotFound
from cluvault.model.run import has_seen, read_run, vanished_in
from cluvault.plan.incremental import add_seen
from cluvault.plan.keys import RUNS, run_key
from cluvault.vault.ahead import read_ahead
from cluvault.vault.writing import put_once

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable
    from datetime import datetime

    from cluvault.model.run import RunItem, RunRecord
    from cluvault.vault.store import ObjectStore

_AHEAD: Final = 8


class Runs:
    """The runs of a vault."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def add(self, record: RunRecord) -> str:
        """Store a record and return its key; the same record again is success.

        Raises:
            ObjectExists: another run has this id.
        """
        key = run_key(f"{record.started_at.astimezone(UTC):%Y-%m-%d}", record.run_id)
        await put_once(self._store, key, record.to_bytes())
        return key

    async def all(self) -> AsyncIterator[RunRecord]:
        """Every run record, by day.

        Raises:
            DamagedRecord: one cannot be understood.
            VaultTooNew: a newer format wrote it.
        """
        async for found in self._store.list(RUNS):
            if found.key.endswith(".json"):
                yield read_run(await self._store.get(found.key), key=found.key)

    async def newest_first(self) -> AsyncGenerator[RunRecord]:
        """The run records that can be understood, the latest first; a few are read ahead, a day's at a time listed."""
        async with aclosing(read_ahead(self._keys_back(), self._read_or_none, ahead=_AHEAD)) as records:
            async for record in records:
                if record is not None:
                    yield record

    async def _keys_back(self) -> AsyncIterator[str]:
        for day in reversed([folder async for folder in self._store.folders(RUNS)]):
            for key in reversed([found.key async for found in self._store.list(day) if found.key.endswith(".json")]):
                yield key

    async def _read_or_none(self, key: str) -> RunRecord | None:
        with suppress(DamagedRecord, ObjectNotFound):
            return read_run(await self._store.get(key), key=key)
        return None

    async def last_seen(self, *, since: datetime) -> dict[tuple[str, str], RunItem]:
        """What backups that started since then saw of each project, the latest of each; by resource and project."""
        known: dict[tuple[str, str], RunItem] = {}
        async with aclosing(self.newest_first()) as records:
            async for record in records:
                if record.started_at < since:
                    break
                add_seen(known, record)
        return known

    async def vanished(self, resource: str) -> dict[str, datetime]:
        """The projects that the latest backup of a resource missed in it, and when a backup first did."""
        return (await self.vanished_from([resource]))[resource]

    async def vanished_from(self, resources: Iterable[str]) -> dict[str, dict[str, datetime]]:
        """The same for several resources, in one way back through the run records."""
        unknown = set(resources)
        found: dict[str, dict[str, datetime]] = {resource: {} for resource in unknown}
        if not unknown:
            return found
        async with aclosing(self.newest_first()) as records:
            async for record in records:
                for resource in [resource for resource in unknown if has_seen(record, resource)]:
                    found[resource] = vanished_in(record, resource)
                    unknown.remove(resource)
                if not unknown:
                    break
        return found
