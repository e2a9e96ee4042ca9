"""The replications of a vault: a record for each that changed a project, none of them ever changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault.errors import DamagedRecord
from cluvault.model.record_text import read_record, record_bytes
from cluvault.model.replica import ReplicaRecord
from cluvault.plan.keys import ReplicaKey, parse_replica_key, replicas_prefix
from cluvault.vault.writing import put_once

if TYPE_CHECKING:
    from cluvault.vault.store import ObjectStore


class Replicas:
    """The replications of a vault."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def add(self, record: ReplicaRecord) -> ReplicaKey:
        """Write a record; the same again is success. Raises ObjectExists when another has its id."""
        key = ReplicaKey(record.resource, record.project, record.replica_id)
        await put_once(self._store, str(key), record_bytes(record))
        return key

    async def last(self, resource: str, project: str) -> ReplicaRecord | None:
        """What the last replication to a project left; None when there was none.

        Raises:
            DamagedRecord: its record cannot be understood.
            VaultTooNew: a newer format wrote it.
        """
        found = [
            key
            async for one in self._store.list(replicas_prefix(resource, project))
            if (key := parse_replica_key(one.key)) is not None
        ]
        if not found:
            return None
        key = max(found)
        return read_replica_record(await self._store.get(str(key)), key=key)


def read_replica_record(data: bytes, *, key: ReplicaKey) -> ReplicaRecord:
    """The record with this key.

    Raises:
        DamagedRecord: it is none, or another project's.
        VaultTooNew: a newer format wrote it.
    """
    record = read_record(ReplicaRecord, data, key=str(key), what="the record of a replication")
    if (record.resource, record.project, record.replica_id) != (key.resource, key.project, key.replica_id):
        raise DamagedRecord(f"{key}: is the record of another replication")
    return record
