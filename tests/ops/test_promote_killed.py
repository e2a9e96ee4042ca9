"""A worker dies at any change of a promotion; another takes over, and in the end the target is all old or all new.

By default it dies at every record and every changing request on the good way, and at some on the others.
CLUVAULT_TEST_DEATHS=all means all of them, every turn of the lease, and every object of a snapshot.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cluvault.ops.rollback import RollbackOptions, rollback
from tests.support.faulty_store import Killed, StopPoint
from tests.support.promoting import Death, answer, copy_of, desk, history, promoted, promoting_world, served

if TYPE_CHECKING:
    from tests.support.world import World

pytestmark = pytest.mark.crashes

ALL = os.environ.get("CLUVAULT_TEST_DEATHS") == "all"
WATCHED = ("promotions/", "leases/", "snapshots/") if ALL else ("promotions/",)
SOME = 1 if ALL else 4
GOOD = desk(Refund="give me my money back for {}")
BAD = desk(mislabelled=5)
REFUND = "give me my money back for Bonn"


async def ready(source: bytes, **route: object) -> World:
    """A world in which `desk()` is promoted, and something else is to follow."""
    world = promoting_world(gate={"each-intent-f1": 0.7, "max-regression": 0.0, "max-compared": 4}, **route)
    await world.put("dev", "Desk", desk())
    assert (await promoted(world)).state == "promoted"
    await world.put("dev", "Desk", source)
    return world


async def target(world: World) -> tuple[str, str | None, str]:
    """What it holds, what it serves, and what it answers."""
    return await world.digest("prod", "Desk"), (await served(world))[0], await answer(world, REFUND)


async def deaths(world: World) -> list[StopPoint]:
    """Every point at which a worker can die that leaves something else behind."""
    death = Death(await copy_of(world), watched=WATCHED)
    with death.haunting():
        await promoted(death.world)
    numbers = range(1, len(death.changes) + 1)
    return [StopPoint(number, when) for number in numbers for when in ("before", "after")]


async def dead_at(world: World, point: StopPoint) -> World:
    """The world that a worker leaves which dies there."""
    other = await copy_of(world)
    death = Death(other, point, watched=WATCHED)
    with death.haunting(), pytest.raises(Killed):
        await promoted(other)
    return other


async def finished(world: World) -> str:
    """How it ends when another worker goes on."""
    promotions = await (await world.vault()).promotions.of_project("prod", "Desk")
    if len(promotions) == 1:  # it died before its first record
        return (await promoted(world, patience=600)).state
    return (await promoted(world, resume=str(promotions[-1].key), actor="berta")).state


async def test_a_promotion_that_dies_is_taken_over() -> None:
    """Whoever resumes it ends it: the new content, the new model, the new answers, and a history without gaps."""
    world = await ready(GOOD)
    old = await target(world)
    points = await deaths(world)
    assert len(points) >= 30
    for point in points:
        other = await dead_at(world, point)
        assert await finished(other) == "promoted", point
        digest, label, said = await target(other)
        assert (digest != old[0], label != old[1], said) == (True, True, "Refund"), point
        assert (await history(other))[-1][-1] == "promoted", point


async def test_a_refused_promotion_that_dies_is_undone() -> None:
    """Whoever resumes it ends it: all as before."""
    world = await ready(BAD)
    old = await target(world)
    for point in (await deaths(world))[::SOME]:
        other = await dead_at(world, point)
        assert await finished(other) == "rolled-back", point
        assert await target(other) == old, point


async def test_a_promotion_that_dies_can_be_undone_by_hand() -> None:
    """Instead of going on: all as before, whatever was begun."""
    world = await ready(GOOD)
    old = await target(world)
    for point in (await deaths(world))[1::SOME]:
        other = await dead_at(world, point)
        last = (await (await other.vault()).promotions.of_project("prod", "Desk"))[-1]
        if last.is_harmless or last.has_ended:
            continue
        async with other.workspace() as workspace:
            await rollback(workspace, RollbackOptions(project="Desk", route="up", apply=True, patience=600))
        assert await target(other) == old, point
