"""Records of replications: the newest counts, and each says whose it is."""

from __future__ import annotations

import pytest

from cluvault.errors import DamagedRecord, ObjectExists
from cluvault.model.record_text import record_bytes
from cluvault.plan.key_kinds import KeyKind, kind_of
from cluvault.plan.keys import ReplicaKey, parse_replica_key
from cluvault.vault.memory import MemoryStore
from cluvault.vault.records import check_record
from cluvault.vault.replicas import Replicas
from tests.plan.test_replica import record

KEY = ReplicaKey("prod", "Desk", "20261122T120000Z-00000001")


async def test_the_newest_counts() -> None:
    """None when there is none; the same again is success, another under its id is not."""
    replicas = Replicas(MemoryStore())
    assert await replicas.last("prod", "Desk") is None
    assert await replicas.add(record()) == KEY
    await replicas.add(record())
    newer = record(replica_id="20261122T130000Z-00000001")
    await replicas.add(newer)
    assert await replicas.last("prod", "Desk") == newer
    assert await replicas.last("prod", "Other") is None
    with pytest.raises(ObjectExists):
        await replicas.add(record(by="berta"))


async def test_a_record_in_the_wrong_place_is_damage() -> None:
    """Nobody goes by another project's record, or by none."""
    store = MemoryStore()
    await store.put_new("replicas/prod/foreign.json", b"")
    await store.put_new(str(ReplicaKey("prod", "Other", KEY.replica_id)), record_bytes(record()))
    with pytest.raises(DamagedRecord, match="another replication"):
        await Replicas(store).last("prod", "Other")


def test_keys() -> None:
    """Built and parsed as a round trip; a verify knows them."""
    odd = ReplicaKey("a/b", "..", KEY.replica_id)
    assert parse_replica_key(str(odd)) == odd
    assert KEY.reference == f"prod/Desk@{KEY.replica_id}"
    for key in (
        "replicas/prod/x.json",
        f"replicas/prod/Desk/x/{KEY.replica_id}.json",
        f"other/prod/Desk/{KEY.replica_id}.json",
    ):
        assert parse_replica_key(key) is None, key
    assert kind_of(str(KEY)) is KeyKind.REPLICA
    check_record(str(KEY), record_bytes(record()))
    with pytest.raises(DamagedRecord):
        check_record(str(KEY), b"{}")
