"""Many at once: bounded, in order; an error of one is its own, and nothing goes on behind the caller's back."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from cluvault.errors import Conflict
from cluvault.model.run import Outcome, RunItem
from cluvault.ops.fanout import at_once, for_each, to_the_end

if TYPE_CHECKING:
    from collections.abc import Sequence


def name(number: int) -> tuple[str, str]:
    """The target's resource and project."""
    return "dev", f"P{number}"


async def stored(number: int) -> RunItem:
    """What a good run of a target gives; the last targets are done first."""
    for _ in range(10 - number):
        await asyncio.sleep(0)
    return RunItem(resource="dev", project=f"P{number}", outcome=Outcome.STORED)


async def test_results_come_in_the_order_of_the_targets() -> None:
    """Whichever is done first; the watcher sees them as they are done."""
    seen: list[str] = []
    items = await for_each(range(4), stored, concurrency=4, name=name, on_done=lambda item: seen.append(item.project))
    assert [item.project for item in items] == ["P0", "P1", "P2", "P3"]
    assert seen == ["P3", "P2", "P1", "P0"]


@pytest.mark.parametrize(
    "error, detail",
    [
        (Conflict("in use", mend="wait"), "in use; wait"),
        (ZeroDivisionError("by nought"), "unexpected ZeroDivisionError: by nought"),
    ],
)
async def test_an_error_becomes_a_failed_item(error: Exception, detail: str, caplog: pytest.LogCaptureFixture) -> None:
    """The others are not disturbed; an error that nobody foresaw goes to the log with its stack."""

    async def run(number: int) -> RunItem:
        if number == 1:
            raise error
        return await stored(number)

    with caplog.at_level(logging.ERROR):
        items = await for_each(range(3), run, concurrency=2, name=name)
    assert [item.outcome for item in items] == ["stored", "failed", "stored"]
    assert (items[1].resource, items[1].project, items[1].detail) == ("dev", "P1", detail)
    assert [record.exc_info is not None for record in caplog.records] == [True] * (not isinstance(error, Conflict))


@pytest.mark.parametrize("concurrency", [1, 3, 20])
async def test_no_more_at_once_than_said(concurrency: int) -> None:
    """And no fewer, as long as there is enough to do."""
    now = most = 0

    async def run(_number: int) -> int:
        nonlocal now, most
        now += 1
        most = max(most, now)
        for _ in range(5):
            await asyncio.sleep(0)
        now -= 1
        return most

    await at_once(range(9), run, concurrency=concurrency)
    assert most == min(concurrency, 9)


async def ended(targets: Sequence[int], running: set[int]) -> None:
    """Wait for ever, and note who does so."""

    async def run(number: int) -> RunItem:
        running.add(number)
        try:
            await asyncio.Event().wait()
        finally:
            running.discard(number)
        raise AssertionError

    await for_each(targets, run, concurrency=2, name=name)


async def test_cancelling_cancels_all() -> None:
    """Ctrl-C reaches every target that is under way, and none is begun afterwards."""
    running: set[int] = set()
    task = asyncio.create_task(ended(range(5), running))
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(running) == 2
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running == set()


async def test_the_first_error_ends_the_others() -> None:
    """It is raised as it is, after the others have ended."""
    running: set[int] = set()

    async def run(number: int) -> None:
        if number == 2:
            raise Conflict("in use")
        running.add(number)
        try:
            await asyncio.Event().wait()
        finally:
            running.discard(number)

    with pytest.raises(Conflict, match="in use"):
        await at_once(range(3), run, concurrency=3)
    assert running == set()


async def test_nothing_to_do() -> None:
    """No target, no result."""
    assert await for_each([], stored, concurrency=1, name=name) == []


@pytest.mark.parametrize("fails", [False, True])
async def test_what_must_not_be_cut(*, fails: bool) -> None:
    """Whoever cancels waits for the end, however often; the cancellation is what is raised then."""
    ended: list[str] = []
    gate = asyncio.Event()

    async def work() -> str:
        await gate.wait()
        ended.append("ended")
        if fails:
            raise Conflict("busy")
        return "done"

    task = asyncio.create_task(to_the_end(work()))
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["ended"]


async def test_what_nobody_cuts() -> None:
    """Its result or error comes as it is."""

    async def work(error: Exception | None = None) -> str:
        if error is not None:
            raise error
        return "done"

    assert await to_the_end(work()) == "done"
    with pytest.raises(Conflict):
        await to_the_end(work(Conflict("busy")))
