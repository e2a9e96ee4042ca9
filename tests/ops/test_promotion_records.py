"""Promotions' records beyond the promotion: copied to another vault, verified, listed beside damaged ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluvault.errors import DamagedRecord
from cluvault.model.hold import Hold
from cluvault.model.record_text import record_bytes
from cluvault.model.run import Outcome
from cluvault.ops.copy import CopyOptions, copy
from cluvault.ops.promotions import list_promotions
from cluvault.plan.keys import IntakeKey, PromotionKey, ReplicaKey, SnapshotKey, prune_key, run_key
from cluvault.plan.verify import FindingKind
from cluvault.vault.memory import MemoryStore
from cluvault.vault.promotions import Promotions
from cluvault.vault.vault import Vault
from tests.plan.promotions import NOW
from tests.support.faulty_store import FaultyStore, Killed, stop_points
from tests.support.promoting import desk, promoted, promoting_world
from tests.support.snapshots import everything, overwrite

if TYPE_CHECKING:
    from cluvault.vault.store import ObjectStore
    from tests.support.world import World

PLACE = "s3://bucket/copy"
HOLD_ID = "20261101T030000Z-0000000a"


@pytest.fixture
async def world() -> World:
    """A world in which one promotion of prod/Desk was carried out."""
    world = promoting_world()
    await world.put("dev", "Desk", desk())
    assert (await promoted(world)).state == "promoted"
    return world


async def records(store: ObjectStore) -> dict[str, bytes]:
    """The records of promotions."""
    return {key: body for key, body in (await everything(store)).items() if key.startswith("promotions/")}


async def last_record(world: World) -> str:
    """The key of the newest record."""
    return max(await records(world.store))


# --- copy ----------------------------------------------------------------------------------------------------------


async def test_a_copy_has_the_promotions_and_no_lease(world: World) -> None:
    """Byte for byte; a second copy brings what came later, and nothing twice."""
    assert (await world.copy()).exit_code == 0
    copied = world.copies[PLACE]
    assert await records(copied) == await records(world.store) != {}
    assert [key for key in await everything(copied) if key.startswith("leases/")] == []
    await world.put("dev", "Desk", desk(Refund="give me my money back for {}"))
    await promoted(world)
    report = await world.copy()
    assert report.items[0].detail is not None
    assert await records(copied) == await records(world.store)
    assert len(await Promotions(copied).of_project("prod", "Desk")) == 2
    assert [one.detail.partition(" of ")[0] for one in report.items if one.detail] == ["1 snapshot, 1 content"] * 2


async def test_a_killed_copy_leaves_no_promotion_with_a_gap(world: World) -> None:
    """Whatever was brought is the beginning of a promotion, and the next copy brings the rest."""

    async def run(store: ObjectStore) -> None:
        world.copies[PLACE] = store
        async with world.workspace() as workspace:
            await copy(workspace, CopyOptions(to=PLACE))

    counting = FaultyStore(MemoryStore())
    await run(counting)
    points = [
        one
        for one in stop_points(counting.calls)
        if counting.calls[one.operation - 1].startswith("put_new promotions/")
    ]
    assert len(points) > 20
    for point in points[::3]:
        inner = MemoryStore()
        with pytest.raises(Killed):
            await run(FaultyStore(inner, point=point))
        await Promotions(inner).all()
        await run(inner)
        assert await records(inner) == await records(world.store)


async def test_a_damaged_record_and_what_comes_after_it_are_not_copied(world: World) -> None:
    """The run says so; the rest is brought."""
    before = await records(world.store)
    bad = sorted(before)[3]
    await overwrite(world.store, bad, b"{}")
    report = await world.copy()
    assert report.exit_code == 5
    (item,) = [one for one in report.items if one.outcome == Outcome.DAMAGED]
    assert bad in str(item.detail)
    assert sorted(await records(world.copies[PLACE])) == sorted(before)[:3]


async def test_a_store_that_garbles_is_found_out(world: World) -> None:
    """What was written is read back."""

    class Garbling(FaultyStore):
        async def get(self, key: str) -> bytes:
            body = await super().get(key)
            return body + b" " if key.startswith("promotions/") else body

    world.copies[PLACE] = Garbling(MemoryStore())
    report = await world.copy()
    assert report.exit_code == 5
    assert any("other bytes than it was given" in str(item.detail) for item in report.items)


async def test_what_the_other_vault_has_differently_stays_there(world: World) -> None:
    """And is told."""
    place = min(await records(world.store))
    await world.copy()
    theirs = (await world.copies[PLACE].get(place)) + b"\n"
    await overwrite(world.copies[PLACE], place, theirs)
    for key in sorted(await records(world.store))[1:]:
        await world.copies[PLACE].delete(key)
    await world.copy()
    assert await world.copies[PLACE].get(place) == theirs


# --- damage --------------------------------------------------------------------------------------------------------


async def test_one_damaged_promotion_does_not_hide_the_others(world: World) -> None:
    """The others are listed; what is promoted to that project is refused before anything is changed."""
    await world.put("dev", "Other", desk("Other"))
    await promoted(world, "Other")
    bad = min(await records(world.store))
    await overwrite(world.store, bad, b"{}")
    faults: dict[PromotionKey, str] = {}
    async with world.workspace() as workspace:
        found = await list_promotions(workspace, "prod", on_fault=lambda key, fault: faults.update({key: str(fault)}))
        assert [one.key.project for one in found] == ["Other"]
        assert [key.project for key in faults] == ["Desk"]
        await list_promotions(workspace, "prod/Other")
        with pytest.raises(DamagedRecord):
            await list_promotions(workspace, "prod/Desk")
    await world.put("dev", "Desk", desk(Refund="give me my money back for {}"))
    with pytest.raises(
        DamagedRecord, match=r"000\.json: not a promotion's record.*nothing is promoted there"
    ) as caught:
        await promoted(world)
    assert caught.value.exit_code == 5
    assert [one for one in world.changes if "prod/" in one or "Desk/:import" in one] == []
    await promoted(world, "Other")


BAD = {
    "run": run_key("2026-11-22", "20261122T110000Z-00000000"),
    "hold": f"{SnapshotKey('dev', 'Desk', HOLD_ID).holds}{HOLD_ID}.json",
    "release": f"{SnapshotKey('dev', 'Desk', HOLD_ID).holds}{HOLD_ID}.released.json",
    "prune": prune_key("dev", "Desk", "20261122T110000Z-00000000"),
    "promotion": PromotionKey("dev", "Desk", HOLD_ID).record(0),
    "intake": IntakeKey("dev", "Desk", HOLD_ID).record(0),
    "replica": str(ReplicaKey("dev", "Desk", HOLD_ID)),
}


@pytest.mark.parametrize("name", BAD)
async def test_verify_names_a_record_that_cannot_be_understood(world: World, name: str) -> None:
    """Of each kind; exit code 5. Of a newer format: 2."""
    assert (await world.verify()).exit_code == 0
    await world.store.put_new(BAD[name], b'{"format": 1, "by": 3}')
    report = await world.verify()
    (finding,) = report.findings
    assert (finding.kind, finding.key, report.exit_code) == (FindingKind.DAMAGED, BAD[name], 5)
    assert "not a" in finding.problem or "not the record" in finding.problem
    assert (finding.resource, finding.project) == (("", "") if name == "run" else ("dev", "Desk"))
    await overwrite(world.store, BAD[name], b'{"format": 7}')
    report = await world.verify()
    assert [(one.kind, report.exit_code) for one in report.findings] == [(FindingKind.TOO_NEW, 2)]


async def test_verify_names_a_promotions_missing_record(world: World) -> None:
    """Later ones are there, so it was."""
    gone = sorted(await records(world.store))[2]
    await world.store.delete(gone)
    report = await world.verify()
    assert [(one.kind, one.key) for one in report.findings] == [(FindingKind.MISSING, gone)]
    assert report.exit_code == 5


async def test_a_record_that_was_deleted_comes_back_from_the_other_vault(world: World) -> None:
    """Though later ones are there."""
    await world.copy()
    before = await records(world.store)
    await world.store.delete(sorted(before)[2])
    here, other = Vault(world.store, "here"), Vault(world.copies[PLACE], "other")
    assert await here.copy_series(other, "promotions/") == []
    assert await records(world.store) == before
    assert (await world.verify()).findings == ()


async def test_verify_takes_what_people_write_by_hand(world: World) -> None:
    """An empty object holds; a good hold is good; other objects are no records."""
    await world.store.put_new(BAD["hold"], b"")
    await world.store.put_new(BAD["release"], b"")
    other = f"{SnapshotKey('dev', 'Desk', HOLD_ID).holds}20261101T030000Z-0000000b.json"
    await world.store.put_new(other, record_bytes(Hold(reason="audit", by="anna", held_at=NOW)))
    assert (await world.verify()).findings == ()


async def test_a_record_that_goes_while_it_is_looked_at_is_no_damage(world: World) -> None:
    """Old records of prunes are removed by later prunes."""
    vault = await world.vault()
    assert await vault.fault_of_record(BAD["prune"]) is None
    assert await vault.fault_of_record("cluvault.json") is None
