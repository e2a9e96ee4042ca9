"""Holds: a snapshot that is held stays, or whoever held it is told that it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluvault.errors import SnapshotNotFound, VaultTooNew
from cluvault.model.hold import Hold, Release
from cluvault.model.manifest import id_moment
from cluvault.plan.history import key_of
from cluvault.plan.keys import HoldKey, SnapshotKey
from cluvault.vault.memory import MemoryStore
from cluvault.vault.vault import Vault
from tests.support.faulty_store import FaultyStore
from tests.support.snapshots import everything, make_capture, moment, overwrite, take

if TYPE_CHECKING:
    from cluvault.vault.store import ObjectStore

HOLD = Hold(reason="audit", by="ada", held_at=moment(60))
RELEASE = Release(reason="over", by="ada", released_at=moment(90))
ONE, TWO = "20261101T030000Z-00000001", "20261101T030000Z-00000002"


@pytest.fixture
def memory() -> MemoryStore:
    """Where the vault is."""
    return MemoryStore()


@pytest.fixture
async def vault(memory: MemoryStore) -> Vault:
    """A new vault."""
    return await Vault.open(memory, create=True)


async def reasons(vault: Vault, resource: str | None = None, project: str | None = None) -> list[tuple[str, str]]:
    """Snapshot and reason of every hold."""
    return [(one.key.snapshot.reference, one.hold.reason) async for one in vault.holds.list(resource, project)]


async def test_a_hold_in_every_store(store: ObjectStore) -> None:
    """Placed, listed, released: two objects that nobody overwrites, and nothing is held any more."""
    vault = await Vault.open(store, create=True)
    snapshot = key_of(await take(vault, make_capture()))
    key = await vault.holds.place(snapshot, HOLD, hold_id=ONE)
    assert str(key) == f"holds/prod/EmailApp/{snapshot.snapshot_id}/{ONE}.json"
    assert await vault.holds.of_project("prod", "EmailApp") == {snapshot: [HOLD]}
    [placed] = await vault.holds.of_snapshot(snapshot)
    assert (placed.key, placed.hold) == (key, HOLD)
    for _ in range(2):  # somebody else's release in the same moment is ours
        await vault.holds.release(key, RELEASE)
    assert await vault.holds.of_project("prod", "EmailApp") == {}
    assert len([name for name in await everything(store) if name.startswith("holds/")]) == 2


async def test_each_hold_is_released_by_itself(vault: Vault) -> None:
    """Two people hold for two reasons; one of them lets go."""
    snapshot = key_of(await take(vault, make_capture()))
    first = await vault.holds.place(snapshot, HOLD, hold_id=ONE)
    await vault.holds.place(snapshot, HOLD.model_copy(update={"reason": "trial"}), hold_id=TWO)
    assert [one.key.hold_id for one in await vault.holds.of_snapshot(snapshot)] == [ONE, TWO]
    await vault.holds.release(first, RELEASE)
    assert await reasons(vault) == [(snapshot.reference, "trial")]


async def test_holds_are_listed_by_place(vault: Vault) -> None:
    """Of the vault or of one project; the projects of others are not among them."""
    for number, place in enumerate(("prod/A", "prod/AB", "dev/A")):
        resource, project = place.split("/")
        snapshot = await take(vault, make_capture(resource=resource, project=project))
        await vault.holds.place(key_of(snapshot), HOLD, hold_id=f"20261101T030000Z-{number:08x}")
    assert [reference.partition("@")[0] for reference, _ in await reasons(vault)] == ["dev/A", "prod/A", "prod/AB"]
    assert [reference.partition("@")[0] for reference, _ in await reasons(vault, "prod", "A")] == ["prod/A"]
    assert {key.project for key in await vault.holds.of_project("prod", "AB")} == {"AB"}


async def test_nothing_is_written_for_a_snapshot_that_is_not_there(vault: Vault, memory: MemoryStore) -> None:
    """A typing error leaves no trace."""
    before = await everything(memory)
    with pytest.raises(SnapshotNotFound):
        await vault.holds.place(SnapshotKey("prod", "EmailApp", ONE), HOLD, hold_id=ONE)
    assert await everything(memory) == before


async def test_a_snapshot_that_is_pruned_in_the_same_moment(vault: Vault, memory: MemoryStore) -> None:
    """The hold is taken back, and its owner told."""
    snapshot = key_of(await take(vault, make_capture()))

    class PrunedMeanwhile(FaultyStore):
        async def put_new(self, key: str, body: bytes) -> None:
            await super().put_new(key, body)
            await memory.delete(snapshot.manifest)

    slow = Vault(PrunedMeanwhile(memory), vault.vault_id)
    with pytest.raises(SnapshotNotFound):
        await slow.holds.place(snapshot, HOLD, hold_id=ONE)
    assert await reasons(vault) == []
    release = await memory.get(str(HoldKey(snapshot, ONE).release))
    assert b"pruned before it was held" in release


@pytest.mark.parametrize("body", [b"", b"{", b'{"format": 1, "reason": ""}'])
async def test_a_hold_that_cannot_be_read_holds_all_the_same(vault: Vault, memory: MemoryStore, body: bytes) -> None:
    """Its reason is what is wrong with it; its id says since when, and its release releases it."""
    snapshot = key_of(await take(vault, make_capture()))
    key = await vault.holds.place(snapshot, HOLD, hold_id=ONE)
    await overwrite(memory, str(key), body)
    [held] = (await vault.holds.of_project("prod", "EmailApp"))[snapshot]
    assert held.reason.startswith(f"{key}: not a hold: ")
    assert (held.by, held.held_at) == ("?", id_moment(ONE))
    await vault.holds.release(key, RELEASE)
    assert await reasons(vault) == []


async def test_a_hold_of_a_newer_format_stops_who_does_not_know_it(vault: Vault, memory: MemoryStore) -> None:
    """What it means is not guessed."""
    snapshot = key_of(await take(vault, make_capture()))
    key = await vault.holds.place(snapshot, HOLD, hold_id=ONE)
    await overwrite(memory, str(key), b'{"format": 2}')
    with pytest.raises(VaultTooNew):
        await vault.holds.of_project("prod", "EmailApp")


async def test_other_objects_among_the_holds(vault: Vault, memory: MemoryStore) -> None:
    """They hold nothing; nor does a release without a hold, or a hold that goes while it is listed."""
    snapshot = key_of(await take(vault, make_capture()))
    await memory.put_new(f"{snapshot.holds}README.txt", b"")
    await vault.holds.release(HoldKey(snapshot, TWO), RELEASE)
    assert await reasons(vault) == []
    key = await vault.holds.place(snapshot, HOLD, hold_id=ONE)

    class Vanishing(FaultyStore):
        async def get(self, key: str) -> bytes:
            await memory.delete(key)
            return await super().get(key)

    assert await reasons(Vault(Vanishing(memory), vault.vault_id)) == []
    assert str(key) not in await everything(memory)
