"""Room in memory: bounded by bytes, in the order of coming, and given back whatever happens."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from cluvault.ops.room import BYTES_AT_ONCE, Room
from cluvault.ops.verify import VerifyOptions, look
from cluvault.vault.memory import MemoryStore
from tests.support.world import project_file

if TYPE_CHECKING:
    from tests.support.world import World


class Hall:
    """Who is in a room now, who was, and the most bytes at once."""

    def __init__(self, most: int) -> None:
        self.room = Room(most)
        self.inside: list[int] = []
        self.order: list[int] = []
        self.fullest = 0

    async def visit(self, weight: int) -> None:
        """Come, stay for three turns of the loop, go."""
        async with self.room.of(weight):
            self.order.append(weight)
            self.inside.append(weight)
            self.fullest = max(self.fullest, sum(self.inside))
            for _ in range(3):
                await asyncio.sleep(0)
            self.inside.remove(weight)


async def test_small_ones_side_by_side_and_large_ones_alone() -> None:
    """Never more bytes than allowed, except for one that is larger than that."""
    hall = Hall(10)
    await asyncio.gather(*map(hall.visit, [5, 5, 4, 4, 2, 9, 1]))
    assert hall.fullest == 10
    await asyncio.gather(*map(hall.visit, [30, 1, 40]))
    assert hall.fullest == 40


async def test_first_come_first_served() -> None:
    """A large one that waits is not passed by small ones."""
    hall = Hall(10)
    await asyncio.gather(*map(hall.visit, [6, 10, 1, 1]))
    assert hall.order == [6, 10, 1, 1]


async def test_an_error_gives_the_room_back() -> None:
    """The next one gets in."""
    room = Room(10)
    with suppress(ValueError):
        async with room.of(10):
            raise ValueError
    async with asyncio.timeout(1), room.of(10):
        pass


@pytest.mark.parametrize("turns", range(4))
async def test_whoever_is_cancelled_holds_nothing(turns: int) -> None:
    """While it waits, when it was just let in, and inside."""
    room = Room(10)
    left = asyncio.Event()

    async def first() -> None:
        async with room.of(10):
            await asyncio.sleep(0)
        left.set()

    async def second() -> None:
        async with room.of(8):
            await asyncio.sleep(60)

    one, two = asyncio.create_task(first()), asyncio.create_task(second())
    for _ in range(turns):
        await asyncio.sleep(0)
    two.cancel()
    with suppress(asyncio.CancelledError):
        await two
    await one
    async with asyncio.timeout(1), room.of(10):
        assert left.is_set()


class Counting(MemoryStore):
    """A store that knows how many contents were read at once."""

    now_read = most = 0

    async def get(self, key: str) -> bytes:
        """Take some turns of the loop for it."""
        if not key.endswith(".gz"):
            return await super().get(key)
        self.now_read += 1
        self.most = max(self.most, self.now_read)
        for _ in range(5):
            await asyncio.sleep(0)
        self.now_read -= 1
        return await super().get(key)


@pytest.mark.parametrize("most, at_once", [(1, 1), (BYTES_AT_ONCE, 4)])
async def test_verify_reads_large_contents_one_at_a_time(world: World, most: int, at_once: int) -> None:
    """And small ones beside each other."""
    for number in range(4):
        await world.put("dev", f"P{number}", project_file(f"P{number}", f"to {number}"))
    world.store = store = Counting(now=lambda: world.moment)
    await world.backup(resources=("dev",))
    store.most = 0
    async with world.workspace() as workspace:
        workspace.room = Room(most)
        assert not (await look(workspace, VerifyOptions(read_data=True))).findings
    assert store.most == at_once
