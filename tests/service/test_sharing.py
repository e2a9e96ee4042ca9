"""Processes that share the calls a minute: real budget, sharing, ledger and store; time and service are simulated."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from cluvault.errors import StoreUnavailable
from cluvault.settings import RateLimits
from cluvault.vault.memory import MemoryStore
from tests.support.consumers import Town
from tests.support.virtual_time import virtual_time

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.support.consumers import Process

DOCUMENTED = RateLimits()


@pytest.fixture
def town() -> Generator[Town]:
    """A town under the documented limits."""
    with virtual_time() as clock:
        yield Town(clock, limits=DOCUMENTED)


def minutes(process: Process, first: int, last: int) -> list[int]:
    """How many exports a process started in each minute."""
    return [sum(60 * one <= at < 60 * (one + 1) for at in process.sent["POST"]) for one in range(first, last)]


def test_whoever_is_alone_has_the_whole_budget(town: Town) -> None:
    """A hundred exports at ten a minute in nine minutes and five percent, as without a ledger."""
    town.clock.run(town.work((town.process(), 100)))
    assert town.clock.seconds() <= 9 * 60 * 1.05 + 10
    assert town.refused == 0


def test_several_share_it_and_none_is_refused(town: Town) -> None:
    """Three processes together keep the limit, each gets its share, and little is lost."""
    three = [town.process() for _ in range(3)]
    town.clock.run(town.work(*((one, 30) for one in three)))
    assert town.refused == 0
    assert town.peak("POST") == 10
    assert town.peak("GET") <= 100
    assert town.clock.seconds() <= 8 * 60 * 1.05 + 10
    for one in three:
        assert sum(minutes(one, 0, 6)) >= 12  # of sixty, with twenty as the fair share


def test_without_sharing_they_would_be_refused(town: Town) -> None:
    """That is what the ledger is for."""
    town.clock.run(town.work(*((town.process(shares=False), 20) for _ in range(2))))
    assert town.refused > 0


def test_wrong_clocks_do_no_harm(town: Town) -> None:
    """Minutes ahead, minutes behind: moments are the store's."""
    wrong = [town.process(clock_is_wrong_by=seconds) for seconds in (0.0, -300.0, 1000.0)]
    town.clock.run(town.work(*((one, 15) for one in wrong)))
    assert town.refused == 0
    assert town.clock.seconds() <= 5 * 60 * 1.05


def test_what_dies_takes_no_more_than_it_had_booked(town: Town) -> None:
    """A process that is gone in the middle leaves the rest of the budget to the other."""
    dying, other = town.process(), town.process()

    async def work() -> None:
        doomed = asyncio.create_task(dying.exports(50))
        staying = asyncio.create_task(other.exports(40))
        await asyncio.sleep(90)
        doomed.cancel()
        if dying.sharing is not None:
            await dying.sharing.aclose()
        await staying
        await town.close()

    town.clock.run(work())
    assert town.refused == 0
    assert min(minutes(other, 3, 5)) >= 9


def test_a_slow_store_costs_little(town: Town) -> None:
    """When booking takes longer than a claim is good for, it is booked for when its holder will hear of it."""
    one = town.process()
    one.store.seconds = 2.5
    town.clock.run(town.work((one, 30)))
    assert town.refused == 0
    assert town.peak("POST") <= 10
    assert town.clock.seconds() <= 2 * 60 * 1.6


def test_a_small_command_asks_nobody(town: Town) -> None:
    """The first five GETs of a process go without the ledger."""
    small = town.process()

    async def work() -> None:
        for _ in range(5):
            await small.call("GET")

    town.clock.run(work())
    assert not town.requests


def test_a_store_that_is_away_stops_nobody(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    """Each counts its own then, says so once, and comes back to the ledger when it can."""
    one = town.process()

    async def work() -> None:
        await one.exports(5)
        one.store.fault = StoreUnavailable("the store is away")
        await one.exports(5)
        await asyncio.sleep(200)
        one.store.fault = None
        await one.exports(5)
        await town.close()

    with caplog.at_level(logging.WARNING):
        town.clock.run(work())
    assert len(one.sent["POST"]) == 15
    (record,) = caplog.records
    assert "cannot be shared" in record.message
    assert "the store is away" in record.message


def test_a_store_that_does_not_answer_is_not_waited_for(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    """A quarter of a minute, then the call goes by the process's own count; what still is under way is given up."""
    one = town.process()
    one.store.seconds = 1000.0

    async def work() -> None:
        await one.call("POST")
        await asyncio.sleep(100)
        waiting = asyncio.create_task(one.exports(3))
        await asyncio.sleep(1)
        await town.close()
        waiting.cancel()

    town.clock.run(work())
    assert 15 <= one.sent["POST"][0] <= 16
    assert "no answer in 15 s" in caplog.text


def test_where_no_vault_is_nothing_is_written(town: Town) -> None:
    """A command that needs no vault makes none."""
    town.store = MemoryStore(now=town.clock.now)
    town.clock.run(town.work((one := town.process(), 5)))
    assert len(one.sent["POST"]) == 5
    assert town.requests["put_new"] == 0


@pytest.mark.parametrize("number", [1, 3])
def test_a_stranger_is_not_starved_and_then_all_is_ours_again(town: Town, number: int) -> None:
    """Somebody else takes four of ten POSTs for ten minutes: few refusals on either side, full speed afterwards."""
    ours = [town.process() for _ in range(number)]
    exports = town.work(*((one, 120 // number) for one in ours))
    _, told = town.clock.run(town.both(exports, town.stranger(a_minute=4, minutes=10)))
    assert told["answered"] >= 28  # of forty
    assert town.refused <= 10
    started = [sum(found) for found in zip(*(minutes(one, 1, 16) for one in ours), strict=True)]
    assert min(started[:9]) >= 4
    assert sum(started[:9]) >= 45  # of fifty-four that the stranger leaves
    assert started[13] == 10


def test_a_refusal_is_told_to_the_others(town: Town) -> None:
    """Nobody sends before the moment that one of them was told."""
    one, two = town.process(), town.process()

    async def work() -> None:
        for process in (one, two):
            await process.call("POST")
        one.budget.refused("POST", town.clock.seconds(), retry_after=40.0)
        if one.sharing is not None:
            one.sharing.look_after("POST")
        await asyncio.sleep(6)
        await two.call("POST")
        await town.close()

    town.clock.run(work())
    assert two.sent["POST"][-1] >= 40


def test_the_ledger_stays_small(town: Town) -> None:
    """What is done with is removed while the work goes on; a minute costs less than forty requests."""
    town.clock.run(town.work((town.process(), 200)))
    assert town.clock.run(town.entries()) <= 220
    assert sum(town.requests.values()) <= 40 * town.clock.seconds() / 60
