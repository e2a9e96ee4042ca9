"""recover: what a dead worker left is brought to its end by whoever comes next; nobody else is disturbed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.errors import LeaseHeld
from cluvault.model.promotion import RolledBack
from cluvault.model.run import Outcome
from cluvault.ops.recover import RecoverOptions, RecoverReport, recover
from cluvault.ops.target_lease import working_on
from tests.support.faulty_store import Killed, StopPoint
from tests.support.promoting import (
    Death,
    answer,
    decided,
    desk,
    history,
    promoted,
    promoting_world,
    served,
)
from tests.support.snapshots import overwrite
from tests.support.world import failing_job

if TYPE_CHECKING:
    from tests.support.world import World

REFUND = "give me my money back for Bonn"
NEW = desk(Refund="give me my money back for {}")


async def recovered(world: World, **options: Any) -> RecoverReport:
    """What a run of recover gives."""
    known: dict[str, Any] = {"apply": True, "patience": 360}
    async with world.workspace(actor="clock") as workspace:
        return await recover(workspace, RecoverOptions(**known | options))


async def dead(world: World, project: str = "Desk", *, change: int = 12, **options: Any) -> None:
    """A worker dies at one of its changes."""
    death = Death(world, StopPoint(change, "after"), watched=("promotions/",))
    with death.haunting(), pytest.raises(Killed):
        await promoted(world, project, **options)


def later(world: World) -> None:
    """So late that the leases of the dead are nobody's. All workers share one steady clock here, so none may wait."""
    world.moment += timedelta(hours=1)


async def outcomes(report: RecoverReport) -> list[tuple[str, str]]:
    """Project and outcome of each item."""
    assert report.run is not None
    return [(item.project, item.outcome) for item in report.run.items]


async def two(**route: Any) -> World:
    """A world with two projects to promote, both promoted once, with something new at the source."""
    world = promoting_world(**route)
    for name in ("Desk", "Other"):
        await world.put("dev", name, desk(name))
        await promoted(world, name)
        await world.put("dev", name, desk(name, Refund="give me my money back for {}"))
    return world


async def test_what_was_left_is_ended() -> None:
    """Two projects, dead at different steps; the history has no gap, the run is recorded."""
    world = await two()
    await dead(world, change=4)
    await dead(world, "Other", change=14)
    later(world)
    shown = await recovered(world, apply=False)
    assert [one.is_due for one in shown.found.promotions] == [True, True]
    assert shown.run is None
    report = await recovered(world)
    assert await outcomes(report) == [("Desk", "promoted"), ("Other", "promoted")]
    assert report.exit_code == 0
    assert report.to_json()["run"]["record"]
    assert await answer(world, REFUND) == await answer(world, REFUND, project="Other") == "Refund"
    assert (await history(world))[-1][-1] == "promoted"
    assert [run.kind for run in await world.runs()][-1] == "recover"
    again = await recovered(world)
    assert (again.found.promotions, again.run) == ((), None)


async def test_who_lives_is_left_alone() -> None:
    """A worker that gives signs of life keeps its promotion; without patience the young lease of a dead one does."""
    world = await two()
    await dead(world)
    report = await recovered(world, patience=0)
    assert await outcomes(report) == [("Desk", Outcome.SKIPPED)]
    assert report.run is not None
    assert "anna works on it" in str(report.run.items[0].detail)
    assert report.run.record_key == ""
    assert report.exit_code == 0
    assert await outcomes(await recovered(world)) == [("Desk", "promoted")]


async def test_waiting_for_approval_until_the_deadline() -> None:
    """Within it nothing is done; approved it goes on, rejected or too late it is undone."""
    for decision in ("approve", "reject", "late"):
        world = promoting_world()
        await world.put("dev", "Desk", desk())
        await promoted(world)
        route = world.settings.routes["up"]
        gate = route.gate.model_copy(update={"approval": True})
        world.settings = world.settings.model_copy(update={"routes": {"up": route.model_copy(update={"gate": gate})}})
        await world.put("dev", "Desk", NEW)
        waiting = await promoted(world)
        assert waiting.state == "awaiting-approval"
        assert waiting.promotion is not None
        report = await recovered(world)
        assert [one.is_due for one in report.found.promotions] == [False] * len(report.found.promotions)
        assert report.run is None
        before = await served(world)
        if decision == "late":
            world.moment += timedelta(days=30)
        else:
            await decided(world, str(waiting.promotion.key), reject=decision == "reject")
        report = await recovered(world, place="prod/Desk")
        assert await outcomes(report) == [("Desk", "promoted" if decision == "approve" else "rolled-back")]
        assert ((await served(world))[0] == before[0]) == (decision != "approve")


async def test_one_that_fails_does_not_stop_the_others() -> None:
    """It is undone, or told as failed and left for the next run; the others are ended."""
    world = await two()
    await dead(world, change=3)
    await dead(world, "Other", change=3)
    later(world)
    world.hook = failing_job("Desk", "import")
    report = await recovered(world)
    assert dict(await outcomes(report))["Other"] == "promoted"
    assert report.run is not None
    (item,) = [one for one in report.run.items if one.project == "Desk"]
    assert "out of luck" in str(item.detail)
    assert (item.outcome, report.exit_code) in ((Outcome.FAILED, 3), ("rolled-back", 0))
    world.hook = None
    later(world)
    last = (await (await world.vault()).promotions.of_project("prod", "Desk"))[-1]
    if not last.has_ended:
        assert await outcomes(await recovered(world)) == [("Desk", "rolled-back")]
    assert (await (await world.vault()).promotions.of_project("prod", "Desk"))[-1].has(RolledBack)


async def test_a_damaged_promotion_is_named_and_the_others_are_ended() -> None:
    """Exit code 5."""
    world = await two()
    await dead(world)
    await dead(world, "Other")
    later(world)
    (first, *_) = await (await world.vault()).promotions.of_project("prod", "Desk")
    await overwrite(world.store, first.key.record(0), b"{}")
    report = await recovered(world)
    assert await outcomes(report) == [("Desk", "promoted"), ("Other", "promoted")]
    assert report.exit_code == 5
    assert [str(one.key) for one in report.found.unread] == [str(first.key)]
    assert report.to_json()["damaged"][0]["promotion"] == str(first.key)


async def test_a_promotion_that_becomes_unreadable_fails_alone() -> None:
    """Between the look and the taking up."""
    world = await two()
    await dead(world)
    promotion = (await (await world.vault()).promotions.of_project("prod", "Desk"))[-1]
    original = world.store.put_new

    async def put_new(key: str, body: bytes) -> None:
        await original(key, body)
        if key.startswith("leases/"):
            world.store.put_new = original  # type: ignore[method-assign]
            await world.store.put_new(promotion.key.record(len(promotion.records)), b"{}")

    world.store.put_new = put_new  # type: ignore[method-assign]
    report = await recovered(world)
    assert await outcomes(report) == [("Desk", Outcome.FAILED)]
    assert report.exit_code == 1


async def test_only_one_works_at_a_time() -> None:
    """While recover has it, nobody else gets the lease."""
    world = await two()
    await dead(world)
    key = (await (await world.vault()).promotions.of_project("prod", "Desk"))[-1].key
    async with world.workspace() as workspace, working_on(workspace, key, step="here", patience=600):
        report = await recovered(world, patience=0)
        assert await outcomes(report) == [("Desk", Outcome.SKIPPED)]
        with pytest.raises(LeaseHeld):
            await promoted(world, resume=str(key), patience=1)
