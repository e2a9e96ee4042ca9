"""verify --repair: the very bytes or nothing, wherever they are known; nobody's good bytes are lost on the way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cluvault.errors import NotAVault, ObjectLocked
from cluvault.plan.history import key_of
from cluvault.plan.keys import SnapshotKey
from cluvault.vault.memory import MemoryStore
from tests.support.damage import DAMAGES, Kept, content, flip, keep, swap
from tests.support.faulty_store import FaultyStore, Killed, stop_points
from tests.support.snapshots import everything, overwrite
from tests.support.world import project_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from cluvault.model.object_info import ObjectInfo
    from cluvault.ops.verify import VerifyReport
    from cluvault.vault.store import ObjectStore
    from tests.support.world import World

LOSSES = ["flipped bit", "truncated", "missing content"]


@pytest.fixture
async def kept(world: World) -> Kept:
    """Four snapshots of two projects; two share a content. The live project is another by now."""
    kept = await keep(world)
    await world.put("dev", "Travel", project_file("Travel", "to Lima"))
    return kept


async def repaired(world: World, **options: str) -> VerifyReport:
    """Verify every byte and repair."""
    return await world.verify(read_data=True, repair=True, **options)


async def is_whole(world: World) -> bool:
    """Whether a fresh look finds no damage."""
    return not any((await world.damage()).values())


async def copy_of(store: ObjectStore) -> MemoryStore:
    """Another store with the same objects."""
    copy = MemoryStore()
    for key, body in (await everything(store)).items():
        await copy.put_new(key, body)
    return copy


@pytest.mark.parametrize("name", LOSSES)
async def test_from_identical_bytes_elsewhere_in_the_vault(world: World, kept: Kept, name: str) -> None:
    """A leftover without a manifest serves as well as another snapshot's content; both snapshots are whole again."""
    leftover = SnapshotKey("dev", "Elsewhere", "20261101T020000Z-000b2c3d").content
    await world.store.put_new(leftover, await world.store.get(kept.new.content.key))
    await DAMAGES[name].deed(world.store, kept)
    report = await repaired(world)
    assert [(one.key, one.outcome) for one in report.repairs] == [(kept.new.content.key, "repaired")]
    assert (report.exit_code, report.open_findings[0].kind) == (0, "unreferenced")
    assert "1 repaired" in report.summary
    assert await is_whole(world)
    run = (await world.runs())[-1]
    assert (run.kind, run.items[0].outcome) == ("verify", "repaired")


@pytest.mark.parametrize("name", LOSSES)
async def test_from_a_second_copy(world: World, kept: Kept, name: str) -> None:
    """Its bytes are taken if they are the very same; the copy is only read."""
    copy = world.copies["file:///copy"] = await copy_of(world.store)
    before = await everything(copy)
    await DAMAGES[name].deed(world.store, kept)
    assert (await repaired(world, source="file:///copy")).exit_code == 0
    assert await is_whole(world)
    assert await everything(copy) == before


async def test_from_a_second_copy_that_is_damaged_too(world: World, kept: Kept) -> None:
    """Nothing is guessed and nothing is changed."""
    copy = world.copies["file:///copy"] = await copy_of(world.store)
    await content(flip)(copy, kept)
    await DAMAGES["truncated"].deed(world.store, kept)
    before = await world.store.get(kept.new.content.key)
    report = await repaired(world, source="file:///copy")
    assert [one.outcome for one in report.repairs] == ["failed"]
    assert "nowhere to be found; the live project means something else" in report.repairs[0].detail
    assert report.exit_code == 5
    assert await world.store.get(kept.new.content.key) == before


async def test_a_second_copy_that_is_none(world: World, kept: Kept) -> None:
    """A place without a vault is most likely a typing error."""
    world.copies["file:///nothing"] = MemoryStore()
    await DAMAGES["truncated"].deed(world.store, kept)
    with pytest.raises(NotAVault, match="--from names a second copy"):
        await repaired(world, source="file:///nothing")


@pytest.mark.parametrize("name", LOSSES)
async def test_from_the_live_project(world: World, name: str) -> None:
    """An export that gives the same bytes, and packs to the same, is put in place."""
    kept = await keep(world)
    await DAMAGES[name].deed(world.store, kept)
    report = await repaired(world)
    assert [(one.outcome, one.detail) for one in report.repairs] == [
        ("repaired", "with the same bytes from the live project")
    ]
    assert await is_whole(world)


async def test_the_same_meaning_is_stored_anew(world: World) -> None:
    """Other bytes never get into the old place: a new snapshot is stored, the old one stays reported."""
    kept = await keep(world)
    await DAMAGES["truncated"].deed(world.store, kept)
    document = json.loads(project_file("Travel", "to Oslo"))
    document["assets"]["intents"].reverse()
    await world.put("dev", "Travel", json.dumps(document).encode())
    assert await world.digest("dev", "Travel") == kept.new.content.canonical_sha256
    report = await repaired(world)
    assert [one.outcome for one in report.repairs] == ["stored"]
    assert report.exit_code == 5
    newest = (await world.snapshots("dev", "Travel"))[-1]
    assert newest.content.canonical_sha256 == kept.new.content.canonical_sha256
    assert newest.reference in report.repairs[0].detail
    damage = await world.damage()
    assert damage[newest.reference] is None
    assert damage[kept.tagged.reference] is not None
    again = await repaired(world)
    assert "is kept as" in again.repairs[0].detail
    assert len(await world.snapshots("dev", "Travel")) == 4


async def test_a_project_that_is_gone(world: World, kept: Kept) -> None:
    """What the resource answers is told; it is no error of the repair."""
    await DAMAGES["missing content"].deed(world.store, kept)
    async with world.workspace() as workspace:
        await (await workspace.client("dev")).delete_project("Travel")
    report = await repaired(world)
    assert "the live project cannot be read: " in report.repairs[0].detail
    assert report.exit_code == 5


async def test_swapped_contents_change_places_again(world: World, kept: Kept) -> None:
    """Each lies in the other's place and is saved before it is overwritten."""
    await swap(world.store, kept)
    report = await repaired(world)
    assert [one.outcome for one in report.repairs] == ["repaired", "repaired"]
    assert await is_whole(world)


async def test_a_repair_that_is_killed_anywhere_loses_nothing(world: World, kept: Kept) -> None:
    """Before or after each operation on the store: the next repair ends it, though the bytes were only in the vault."""
    await swap(world.store, kept)
    damaged = await everything(world.store)
    world.store = counting = FaultyStore(await copy_of(world.store))
    await repaired(world)
    for point in stop_points(counting.calls):
        inner = MemoryStore()
        for key, body in damaged.items():
            await inner.put_new(key, body)
        world.store = FaultyStore(inner, point=point)
        with pytest.raises((Killed, BaseExceptionGroup)):  # one of several that were under way, or one alone
            await repaired(world)
        world.store = inner
        assert (await repaired(world)).exit_code == 0
        assert await is_whole(world)


async def test_bytes_that_another_snapshot_needs_stay(world: World, kept: Kept) -> None:
    """Two manifests disagree about one content: bytes that fit one of them are not replaced by the other's."""
    key, old = key_of(kept.tagged).manifest, kept.old.content
    document = json.loads(await world.store.get(key))
    document["content"] |= {"sha256": old.sha256, "bytes": old.bytes, "rawSha256": old.raw_sha256}
    await overwrite(world.store, key, json.dumps(document).encode())
    before = await world.store.get(kept.new.content.key)
    report = await repaired(world)
    assert "another snapshot needs the bytes that lie there" in report.repairs[0].detail
    assert await world.store.get(kept.new.content.key) == before
    world.copies["file:///copy"] = await copy_of(world.store)
    await content(flip)(world.store, kept)
    report = await repaired(world, source="file:///copy")
    assert sorted(one.outcome for one in report.repairs) == ["failed", "repaired"]
    assert await world.store.get(kept.new.content.key) == before
    assert report.exit_code == 5


async def test_bytes_that_are_right_under_a_manifest_that_is_wrong(world: World, kept: Kept) -> None:
    """Nothing is put in place of bytes that are as they were stored."""
    key, digest = key_of(kept.old).manifest, kept.old.content.canonical_sha256
    await overwrite(world.store, key, (await world.store.get(key)).replace(digest.encode(), b"0" * 64))
    world.events.clear()
    report = await repaired(world)
    assert "its manifest is wrong" in report.repairs[0].detail
    assert f"delete {kept.old.content.key}" not in world.events


async def test_bytes_that_are_back_under_a_manifest_that_is_wrong(world: World, kept: Kept) -> None:
    """The stored bytes are the very same again, and still not what the manifest says of their meaning."""
    key, digest = key_of(kept.old).manifest, kept.old.content.canonical_sha256
    await overwrite(world.store, key, (await world.store.get(key)).replace(digest.encode(), b"0" * 64))
    world.copies["file:///copy"] = await copy_of(world.store)
    await world.store.delete(kept.old.content.key)
    report = await repaired(world, source="file:///copy")
    assert "has its bytes again, but: canonical digest is" in report.repairs[0].detail
    assert report.exit_code == 5


async def test_a_damaged_body_that_the_store_keeps_immutable(world: World, kept: Kept) -> None:
    """It is reported as locked, and stays damaged."""
    world.copies["file:///copy"] = await copy_of(world.store)

    class Locked(FaultyStore):
        async def delete(self, key: str) -> None:
            raise ObjectLocked(f"{key} is locked until 2030-01-01")

    await DAMAGES["truncated"].deed(world.store, kept)
    world.store = Locked(world.store)
    report = await repaired(world, source="file:///copy")
    assert [(one.outcome, "until 2030" in one.detail) for one in report.repairs] == [("locked", True)]
    assert report.exit_code == 5


class Between(FaultyStore):
    """Something happens when the repair begins: at the second listing of the whole place, the first is the survey's."""

    def __init__(self, world: World, happens: Callable[[], Awaitable[None]]) -> None:
        super().__init__(world.store)
        self._happens = happens
        self._listings = 0

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        self._listings += not prefix
        if self._listings == 2 and not prefix:
            await self._happens()
        async for one in super().list(prefix):
            yield one


async def test_what_was_pruned_or_repaired_meanwhile(world: World, kept: Kept) -> None:
    """Neither is damage any more."""
    good = await world.store.get(kept.new.content.key)
    await DAMAGES["truncated"].deed(world.store, kept)
    await DAMAGES["truncated"].deed(world.store, kept._replace(new=kept.old))
    inner = world.store

    async def happens() -> None:
        await overwrite(inner, kept.new.content.key, good)
        await inner.delete(key_of(kept.old).manifest)

    world.store = Between(world, happens)
    report = await repaired(world)
    assert {(one.key, one.outcome) for one in report.repairs} == {
        (kept.new.content.key, "repaired"), (kept.old.content.key, "skipped"),
    }  # fmt: skip
    assert report.exit_code == 0


async def test_nothing_to_repair(world: World, kept: Kept) -> None:
    """Neither the service is asked nor anything written but the record; a manifest cannot be repaired."""
    world.events.clear()
    assert (await repaired(world)).repairs == ()
    assert world.requests == []
    assert [event for event in world.events if event.startswith(("put_new", "delete"))] == [
        f"put_new {key}" for key in await everything(world.store) if key.startswith("runs/")
    ][-1:]
    await DAMAGES["manifest that is no JSON"].deed(world.store, kept)
    report = await repaired(world)
    assert (report.repairs, report.exit_code) == ((), 5)
