"""The records of started exports. They say nothing once a run has come to its end, and are removed then."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from cluvault.errors import DamagedRecord, ObjectLocked, ObjectNotFound, StorageDenied, VaultTooNew
from cluvault.model.record_text import read_record, record_bytes
from cluvault.model.started import StartedExports
from cluvault.plan.keys import jobs_prefix, parse_jobs_key
from cluvault.vault.writing import put_once

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cluvault.vault.store import ObjectStore

_log: Final = logging.getLogger(__name__)


class StartedJobs:
    """The records of started exports in a vault."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def add(self, key: str, record: StartedExports) -> None:
        """Write a record."""
        await put_once(self._store, key, record_bytes(record))

    async def of_resource(self, resource: str) -> dict[str, StartedExports]:
        """The records that there are, by their keys; one that cannot be understood is passed over, and told of."""
        found: dict[str, StartedExports] = {}
        async for one in self._store.list(jobs_prefix(resource)):
            if parse_jobs_key(one.key) is None:
                continue
            with suppress(ObjectNotFound):
                try:
                    data = await self._store.get(one.key)
                    found[one.key] = read_record(StartedExports, data, key=one.key, what="a record of started exports")
                except (DamagedRecord, VaultTooNew) as err:
                    _log.warning("%s; what it names is exported anew", err)
        return found

    async def remove(self, keys: Iterable[str]) -> None:
        """Remove records that are done with; where nothing may be removed they stay, and are too old in a day."""
        for key in keys:
            with suppress(ObjectLocked, StorageDenied):
                await self._store.delete(key)
