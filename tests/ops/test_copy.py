"""copy: a second vault that has what the first has, stands on its own, and keeps to its own retention."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.errors import ConfigurationError, NotAVault, StorageFull, StoreUnavailable, UsageError
from cluvault.model.run import Outcome
from cluvault.ops.copy import CopyOptions, copy
from cluvault.ops.hold import hold_snapshot, release_snapshot
from cluvault.ops.prune import PruneOptions, prune
from cluvault.ops.verify import VerifyOptions, look
from cluvault.plan.history import key_of
from cluvault.settings import VaultSettings
from cluvault.vault.memory import MemoryStore
from cluvault.vault.vault import Vault
from tests.support.faulty_store import FaultyStore, Killed, StopPoint, raising, stop_points
from tests.support.snapshots import everything, overwrite
from tests.support.world import World, project_file

if TYPE_CHECKING:
    from cluvault.vault.store import ObjectStore

PLACE = "s3://bucket/copy"


@pytest.fixture
async def kept(world: World) -> World:
    """dev/Travel three times, the last two alike; dev/Mail once."""
    await world.put("dev", "Travel", project_file("Travel", "to Rome"))
    await world.put("dev", "Mail")
    await world.backup()
    await world.put("dev", "Travel", project_file("Travel", "to Rome", "to Oslo"))
    await world.backup()
    await world.backup(tags=("monthly",), projects=("Travel",))
    return world


def the_copy(world: World) -> ObjectStore:
    """The store of the other vault."""
    return world.copies[PLACE]


async def there(world: World) -> list[str]:
    """The snapshots that the other vault lists, by reference."""
    return [one.reference for one in await Vault(the_copy(world), "any").snapshots()]


async def here(world: World) -> list[str]:
    """The same of the first vault."""
    return [one.reference for one in await world.snapshots()]


async def own_objects(store: ObjectStore, *folders: str) -> dict[str, bytes]:
    """Everything below some folders."""
    return {key: body for key, body in (await everything(store)).items() if key.startswith(folders)}


def with_copy(world: World, **vault: Any) -> None:
    """Configure the other vault as `offsite`."""
    copies = {"offsite": {"url": PLACE, **vault}}
    world.settings = world.settings.model_copy(
        update={"vault": VaultSettings.model_validate({**dict(world.settings.vault), "copies": copies})}
    )


# --- what is copied ------------------------------------------------------------------------------------------------


async def test_everything_is_there_byte_for_byte(kept: World) -> None:
    """Manifests with the first vault's id, contents, run records; the other vault has an id of its own."""
    report = await kept.copy()
    assert (report.summary, report.exit_code) == ("2 copied", 0)
    copied = await own_objects(the_copy(kept), "snapshots/", "runs/")
    record = copied.pop(report.record_key)
    assert copied == await own_objects(kept.store, "snapshots/", "runs/")
    assert b'"kind": "copy"' in record
    assert await the_copy(kept).get("cluvault.json") != await kept.store.get("cluvault.json")
    assert report.record_key not in await everything(kept.store)


async def test_content_that_snapshots_share_is_brought_once(kept: World) -> None:
    """Three snapshots of Travel have two contents; each is read once here and written once there."""
    kept.events.clear()
    report = await kept.copy(places=("dev/Travel",))
    assert report.items[0].detail is not None
    assert report.items[0].detail.startswith("3 snapshots, 2 contents of ")
    written = [event for event in kept.events if event.startswith("put_new snapshots/") and "config" in event]
    assert len(written) == len(set(written)) == 2


async def test_a_second_copy_only_lists(kept: World) -> None:
    """What is there is neither read nor written again."""
    await kept.copy()
    before = await everything(the_copy(kept))
    kept.events.clear()
    report = await kept.copy()
    assert (report.summary, report.exit_code) == ("2 unchanged", 0)
    assert [event for event in kept.events if "snapshots/" in event and not event.startswith(("list", "folders"))] == []
    after = await everything(the_copy(kept))
    assert after.keys() - before.keys() == {report.record_key}


async def test_what_is_new_is_brought(kept: World) -> None:
    """One manifest and one content are read and written for one new snapshot."""
    await kept.copy()
    await kept.put("dev", "Mail", project_file("Mail", "hello"))
    await kept.backup(projects=("Mail",))
    kept.events.clear()
    report = await kept.copy()
    assert report.summary == "1 copied, 1 unchanged"
    assert len([event for event in kept.events if event.startswith("put_new snapshots/")]) == 2
    assert await there(kept) == await here(kept)


@pytest.mark.parametrize("places, expected", [(("dev/Mail",), 1), (("dev",), 4), (("dev/Mail", "dev/Mail"), 1)])
async def test_places(kept: World, places: tuple[str, ...], expected: int) -> None:
    """A resource or a project; a place that is named twice is copied once."""
    await kept.copy(places=places)
    assert len(await there(kept)) == expected


async def test_what_is_pruned_here_stays_there(kept: World) -> None:
    """The other vault goes by its own retention."""
    await kept.copy()
    before = await there(kept)
    await kept.store.delete(key_of((await kept.snapshots())[0]).manifest)
    assert (await kept.copy()).summary == "2 unchanged"
    assert await there(kept) == before


async def test_holds_and_releases_come_along(kept: World) -> None:
    """Also those of snapshots that were copied before."""
    await kept.copy()
    async with kept.workspace() as workspace:
        await hold_snapshot(workspace, "dev/Mail", reason="audit")
        await hold_snapshot(workspace, "dev/Travel", reason="trial")
        await release_snapshot(workspace, "dev/Travel", reason="over")
    await kept.copy()
    vault = await Vault.open(the_copy(kept))
    assert [(one.key.snapshot.project, one.hold.reason) async for one in vault.holds.list()] == [("Mail", "audit")]
    assert await own_objects(the_copy(kept), "holds/") == await own_objects(kept.store, "holds/")


async def test_the_copy_knows_what_vanished(kept: World) -> None:
    """From the run records; without the first vault."""
    async with kept.workspace() as workspace:
        await (await workspace.client("dev")).delete_project("Mail")
    await kept.backup()
    await kept.copy()
    vanished = await (await kept.vault()).runs.vanished("dev")
    assert list(vanished) == ["Mail"]
    assert await (await Vault.open(the_copy(kept))).runs.vanished("dev") == vanished


async def test_the_way_back(kept: World) -> None:
    """A copy is a vault: what the first one lost comes back from it, and both verify."""
    with_copy(kept)
    await kept.copy("offsite")
    before = await own_objects(kept.store, "snapshots/", "holds/")
    kept.store = MemoryStore()
    async with kept.workspace() as workspace:
        report = await copy(workspace.beside("offsite"), CopyOptions(to="main"))
        assert report.summary == "2 copied"
        assert (await look(workspace, VerifyOptions(read_data=True))).findings == ()
    assert await own_objects(kept.store, "snapshots/", "holds/") == before


# --- the target's retention ----------------------------------------------------------------------------------------


async def prune_copy(world: World) -> None:
    """Prune the other vault."""
    async with world.workspace() as workspace:
        await prune(workspace.beside("offsite"), PruneOptions(apply=True))


async def test_what_the_copy_pruned_does_not_come_back(kept: World) -> None:
    """Its retention decides what is brought, and so it never removes what was just brought."""
    await kept.copy()
    with_copy(kept, retention={"keep-last": 1})
    await prune_copy(kept)
    pruned = await there(kept)
    assert len(pruned) == 2
    await kept.copy("offsite")
    travel = (await kept.copy("offsite")).items[1]
    assert await there(kept) == pruned
    assert (travel.outcome, travel.detail) == ("unchanged", "nothing new; 2 that the target does not keep stay here")
    before = await there(kept)
    await prune_copy(kept)
    assert await there(kept) == before


async def test_only_what_is_kept_is_brought_at_all(kept: World) -> None:
    """The first copy to a vault with a short memory is a short one; a held snapshot is among what it keeps."""
    with_copy(kept, retention={"keep-last": 1})
    oldest = (await kept.snapshots("dev", "Travel"))[0].reference
    async with kept.workspace() as workspace:
        await hold_snapshot(workspace, oldest, reason="audit")
    await kept.copy("offsite")
    everything_here = await here(kept)
    assert await there(kept) == [everything_here[0], oldest, everything_here[-1]]


async def test_a_policy_that_keeps_more_gets_more(kept: World) -> None:
    """What an earlier policy had removed is brought again when the new one wants it."""
    with_copy(kept, retention={"keep-last": 1})
    await kept.copy("offsite")
    with_copy(kept, retention={"keep-last": 9})
    await kept.copy("offsite")
    assert await there(kept) == await here(kept)


async def test_somebody_else_prunes_the_copy(kept: World) -> None:
    """Whoever copies knows of no policy there; the records of the prunes say what is not wanted."""
    await kept.copy()
    with_copy(kept, retention={"keep-last": 1})
    await prune_copy(kept)
    pruned = await there(kept)
    with_copy(kept)
    await kept.copy("offsite")
    assert await there(kept) == pruned


async def test_a_policy_that_says_nothing_is_refused(kept: World) -> None:
    """Before anything is made there."""
    with_copy(kept, retention={"keep-nothing": 1})
    with pytest.raises(ConfigurationError, match="is no rule"):
        await kept.copy("offsite")
    assert kept.copies == {}


# --- damage --------------------------------------------------------------------------------------------------------


async def test_damaged_snapshots_are_named_and_not_brought(kept: World) -> None:
    """Content that is not what the manifest says, content that is missing, a manifest that is none; the rest goes."""
    mail, first, second, third = await kept.snapshots()
    await overwrite(kept.store, mail.content.key, b"x" * mail.content.bytes)
    await overwrite(kept.store, key_of(third).manifest, b"{}")
    await kept.store.delete(first.content.key)
    report = await kept.copy()
    assert report.exit_code == 5
    assert await there(kept) == [second.reference]
    named = {item.snapshot_id for item in report.items if item.outcome == Outcome.DAMAGED}
    assert named == {mail.snapshot_id, first.snapshot_id, third.snapshot_id}


async def test_a_manifest_that_says_other_things_of_a_shared_content(kept: World) -> None:
    """It alone is damaged; those that fit are brought."""
    *_, second, third = await kept.snapshots("dev", "Travel")
    assert second.content == third.content
    lying = third.model_copy(update={"content": third.content.model_copy(update={"sha256": "0" * 64})})
    await overwrite(kept.store, key_of(third).manifest, lying.to_bytes())
    report = await kept.copy(places=("dev/Travel",))
    assert [item.snapshot_id for item in report.failed] == [third.snapshot_id]
    assert len(await there(kept)) == 2


async def test_a_snapshot_that_lost_its_content_there_gets_it_back(kept: World) -> None:
    """Its manifest is there already; the copy sees by the listings that something is missing."""
    await kept.copy()
    second = (await kept.snapshots())[2]
    await the_copy(kept).delete(second.content.key)
    await kept.copy()
    assert await the_copy(kept).get(second.content.key) == await kept.store.get(second.content.key)


async def test_other_bytes_in_the_copy(kept: World) -> None:
    """They are not written over; the run says which snapshot is not there."""
    (mail,) = await kept.snapshots("dev", "Mail")
    await Vault.open(kept.copies.setdefault(PLACE, MemoryStore()), create=True)
    await the_copy(kept).put_new(mail.content.key, b"something else")
    report = await kept.copy()
    assert (report.summary, report.exit_code) == ("1 copied, 1 damaged, 1 unchanged", 5)
    assert "different bytes there" in (report.failed[0].detail or "")
    assert await the_copy(kept).get(mail.content.key) == b"something else"


async def test_a_damaged_run_record_is_named(kept: World) -> None:
    """It is not brought, the others are."""
    first, *others = [found.key async for found in kept.store.list("runs/")]
    await overwrite(kept.store, first, b"{}")
    report = await kept.copy()
    assert (report.exit_code, report.summary) == (5, "2 copied, 1 damaged")
    assert set(others) < {found.key async for found in the_copy(kept).list("runs/")} != {first}


class _Pruning(FaultyStore):
    """A store in which somebody removes a snapshot as soon as its manifest was read the last time."""

    def __init__(self, inner: ObjectStore, key: str) -> None:
        super().__init__(inner)
        self._key = key
        self._inner_store = inner

    async def get(self, key: str) -> bytes:
        if key == self._key and any(call.startswith("get snapshots/dev/Mail") for call in self.calls):
            await self._inner_store.delete(key)
        return await super().get(key)


async def test_what_is_pruned_meanwhile_is_skipped(kept: World) -> None:
    """It is no failure."""
    (mail,) = await kept.snapshots("dev", "Mail")
    kept.store = _Pruning(kept.store, key_of(mail).manifest)
    report = await kept.copy()
    assert (report.summary, report.exit_code) == ("1 copied, 1 skipped, 1 unchanged", 0)
    assert len(await there(kept)) == 3


# --- what cannot be ------------------------------------------------------------------------------------------------


async def test_places_that_are_no_target(kept: World) -> None:
    """The vault itself, an unknown name, a place that holds other things."""
    with pytest.raises(UsageError, match="is the vault that is copied"):
        await kept.copy("main")
    with pytest.raises(ConfigurationError, match="no vault is called 'offsite'"):
        await kept.copy("offsite")
    store = MemoryStore()
    kept.copies["s3://photos"] = store
    await store.put_new("cat.jpg", b"cat")
    with pytest.raises(NotAVault, match=r"cat\.jpg"):
        await kept.copy("s3://photos")
    assert await everything(store) == {"cat.jpg": b"cat"}


async def test_without_a_vault_nothing_is_made(world: World) -> None:
    """Neither here nor there."""
    with pytest.raises(NotAVault):
        await world.copy()
    assert world.copies == {}
    assert await everything(world.store) == {}


# --- killed --------------------------------------------------------------------------------------------------------


async def test_killed_at_any_moment(kept: World) -> None:
    """Before and after every operation on the target: what is listed there is whole, and the next copy completes it."""
    async with kept.workspace() as workspace:
        await hold_snapshot(workspace, "dev/Mail", reason="audit")
    counting = FaultyStore(MemoryStore())
    kept.copies[PLACE] = counting
    await kept.copy()
    expected = await own_objects(kept.store, "snapshots/", "holds/")
    points = list(stop_points(counting.calls))
    assert len(points) > 40
    for point in points:
        inner = MemoryStore()
        kept.copies[PLACE] = FaultyStore(inner, point=point)
        with suppress(Killed, BaseExceptionGroup):
            await kept.copy()
        if "cluvault.json" in await everything(inner):
            vault = await Vault.open(inner)
            for manifest in await vault.snapshots():
                await vault.read(manifest)
        kept.copies[PLACE] = inner
        report = await kept.copy()
        assert report.exit_code == 0, point
        assert await own_objects(inner, "snapshots/", "holds/") == expected, point


async def test_a_target_that_fails_once(kept: World) -> None:
    """The project whose turn it was is named as failed; the others are copied, and the next copy has nothing left."""
    store = MemoryStore()
    await Vault.open(store, create=True)
    counting = FaultyStore(store)
    kept.copies[PLACE] = counting
    await kept.copy(places=("dev/Mail",))
    at = next(number for number, call in enumerate(counting.calls, 1) if call.startswith("put_new snapshots/"))
    store = MemoryStore()
    await Vault.open(store, create=True)
    fault = raising(StorageFull("the store is full"))
    kept.copies[PLACE] = FaultyStore(store, point=StopPoint(at, "before"), fault=fault, stays_down=False)
    report = await kept.copy(places=("dev/Mail", "dev/Travel"))
    assert [item.outcome for item in report.items].count(Outcome.FAILED) == 1
    assert report.exit_code == 3
    kept.copies[PLACE] = store
    assert (await kept.copy()).exit_code == 0
    assert await there(kept) == await here(kept)


async def test_two_copies_at_once(kept: World) -> None:
    """Each finds the other's objects written already, and both succeed."""
    async with kept.workspace() as one, kept.workspace() as two:
        reports = await asyncio.gather(*(copy(workspace, CopyOptions(to=PLACE)) for workspace in (one, two)))
    assert [report.exit_code for report in reports] == [0, 0]
    assert sum(event.startswith("put_new snapshots/") for event in kept.events) > len(await here(kept))
    assert await there(kept) == await here(kept)


async def test_a_copy_that_would_refer_to_removed_content(kept: World) -> None:
    """The content lay there before, and a prune removed it after it was proved: the second look puts it back."""
    *_, second, third = await kept.snapshots("dev", "Travel")
    source = await kept.vault()
    inner = MemoryStore()
    target = await Vault.open(inner, create=True)

    class Forgetful(FaultyStore):
        async def put_new(self, key: str, body: bytes) -> None:
            await super().put_new(key, body)
            if key == key_of(third).manifest:
                await self.delete(third.content.key)

    store = Forgetful(inner)
    snapshots = [await source.manifest_bytes(key_of(one)) for one in (second, third)]
    body = await source.read_stored(third)
    await inner.put_new(third.content.key, body)
    await Vault(store, "any").commits.adopt(snapshots, body)
    assert await target.read(third) == await source.read(third)


async def test_the_clock_runs_out(kept: World) -> None:
    """Whoever has not looked at a content for an hour does not list a snapshot of it."""
    (mail,) = await kept.snapshots("dev", "Mail")
    source = await kept.vault()
    seconds = iter(range(0, 100_000, 4000))
    target = Vault(MemoryStore(), "any", clock=lambda: next(seconds))
    with pytest.raises(StoreUnavailable, match="took too long"):
        await target.commits.adopt([await source.manifest_bytes(key_of(mail))], await source.read_stored(mail))
    assert await target.snapshots() == []
