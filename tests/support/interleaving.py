"""Interleavings of processes that share a store: every store operation is a point at which another one may go on.

    stage = Stage(clock)                                   # a MemoryStore and a clock that only leaps move
    stage.start("backup", backup(stage.store_of("backup")))
    stage.start("prune", prune(stage.store_of("prune")))
    await stage.step("prune")                              # one operation of it, and all it does up to its next

`explore` walks through all orders, once each: two orders that differ only in neighbours which cannot notice each other
(two readings, two keys) are one. It remembers what it has seen of each such pair (sleep sets, Godefroid 1996), which
leaves out no state that the store can get into. A leap of the clock and the death of a process are moves like any
other. `stroll` picks orders by chance, where all are too many.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.vault.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from cluvault.model.object_info import ObjectInfo

START: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_WRITES: Final = ("put_new", "delete")
_READS: Final = ("get", "list", "folders")


class Killed(BaseException):
    """The process is gone: no `except Exception` of the code under test gets to tidy up."""


@dataclass
class Clock:
    """The store's clock, everybody's wall clock and everybody's steady clock, in one."""

    moment: datetime = START

    def now(self) -> datetime:
        """The instant."""
        return self.moment

    def seconds(self) -> float:
        """Steady seconds."""
        return self.moment.timestamp()

    def leap(self, hours: float) -> None:
        """Let every process stand still for so long."""
        self.moment += timedelta(hours=hours)


@dataclass(frozen=True, slots=True)
class Move:
    """What can happen next: an operation of a process, its death, or a leap of the clock."""

    process: str
    call: str

    def notices(self, other: Move) -> bool:
        """Whether the order of the two can make a difference."""
        if self.process == other.process or "leap" in (self.call, other.call):
            return True
        if "die" in (self.call, other.call):
            return self.process.removesuffix("'s end") == other.process.removesuffix("'s end")
        (verb, _, key), (other_verb, _, other_key) = self.call.partition(" "), other.call.partition(" ")
        if verb in _READS and other_verb in _READS:
            return False
        if verb in ("list", "folders"):
            return other_key.startswith(key)
        if other_verb in ("list", "folders"):
            return key.startswith(other_key)
        return key == other_key


@dataclass
class _Process:
    task: asyncio.Task[Any]
    waiting: deque[tuple[str, asyncio.Future[None]]] = field(default_factory=deque[tuple[str, "asyncio.Future[None]"]])
    is_dead: bool = False


class Stage:
    """Processes over one store, of which one goes on at a time.

    Attributes:
        log: The moves so far.
    """

    def __init__(self, clock: Clock, *, objects: dict[str, tuple[bytes, datetime]] | None = None) -> None:
        self.clock = clock
        self.store = MemoryStore(now=clock.now)
        self.objects.update(objects or {})
        self.log: list[Move] = []
        self._processes: dict[str, _Process] = {}
        self._leaps: deque[float] = deque()
        self._mortal: list[str] = []

    @property
    def objects(self) -> dict[str, tuple[bytes, datetime]]:
        """What is in the store."""
        return cast("Any", self.store)._objects

    @property
    def names(self) -> list[str]:
        """The processes."""
        return list(self._processes)

    @property
    def has_dead(self) -> bool:
        """Whether a process was killed."""
        return any(one.is_dead for one in self._processes.values())

    def store_of(self, process: str) -> Stepped:
        """The store as a process sees it."""
        return Stepped(self, process)

    def start(self, process: str, work: Coroutine[Any, Any, object], *, may_die: bool = False) -> None:
        """Let a process begin; it comes as far as its first operation. With `may_die` its death is a move."""
        self._processes[process] = _Process(asyncio.get_running_loop().create_task(work))
        if may_die:
            self._mortal.append(process)

    def may_leap(self, *hours: float) -> None:
        """Let leaps of the clock, in this order, be moves."""
        self._leaps.extend(hours)

    def moves(self) -> list[Move]:
        """What can happen next, in a fixed order."""
        found = [Move(name, one.waiting[0][0]) for name, one in self._processes.items() if one.waiting]
        found += [Move(f"{name}'s end", "die") for name in self._mortal if not self._processes[name].task.done()]
        return found + [Move("clock", "leap")] * bool(self._leaps) if found else []

    async def play(self, move: Move) -> None:
        """Let it happen."""
        self.log.append(move)
        if move.call == "leap":
            self.clock.leap(self._leaps.popleft())
        elif move.call == "die":
            self._kill(move.process.removesuffix("'s end"))
        else:
            self._processes[move.process].waiting.popleft()[1].set_result(None)
        await self.settle()

    async def go(self, process: str, *, past: str = "") -> None:
        """Let a process go on alone, to its end or until an operation that begins so is done."""
        while move := next((one for one in self.moves() if one.process == process), None):
            await self.play(move)
            if past and move.call.startswith(past):
                return

    async def settle(self) -> None:
        """Wait until every process waits for its turn or is at its end."""
        ready = cast("Any", asyncio.get_running_loop())._ready
        await asyncio.sleep(0)
        while ready:  # noqa: ASYNC110  # what is waited for is that nothing can go on
            await asyncio.sleep(0)

    def outcome(self, process: str) -> object:
        """What a process returned, or the error it ended with; None for one that was killed."""
        one = self._processes[process]
        return None if one.is_dead else one.task.exception() or one.task.result()

    async def end(self) -> None:
        """Kill whoever is left."""
        for name in self._processes:
            self._kill(name)
        await asyncio.gather(*(one.task for one in self._processes.values()), return_exceptions=True)

    def _kill(self, name: str) -> None:
        process = self._processes[name]
        process.is_dead = True
        if name in self._mortal:
            self._mortal.remove(name)
        while process.waiting:
            process.waiting.popleft()[1].set_exception(Killed())

    async def turn(self, name: str, call: str) -> None:
        """Wait for the turn of an operation."""
        process = self._processes[name]
        if process.is_dead:
            raise Killed
        turn = asyncio.get_running_loop().create_future()
        process.waiting.append((call, turn))
        await turn


class Stepped:
    """A process's way to the store."""

    def __init__(self, stage: Stage, process: str) -> None:
        self._stage = stage
        self._process = process
        self.url = stage.store.url

    async def get(self, key: str) -> bytes:
        await self._stage.turn(self._process, f"get {key}")
        return await self._stage.store.get(key)

    async def put_new(self, key: str, body: bytes) -> None:
        await self._stage.turn(self._process, f"put_new {key}")
        await self._stage.store.put_new(key, body)

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        await self._stage.turn(self._process, f"list {prefix}")
        for found in [one async for one in self._stage.store.list(prefix)]:
            yield found

    async def folders(self, prefix: str = "") -> AsyncIterator[str]:
        await self._stage.turn(self._process, f"folders {prefix}")
        for found in [one async for one in self._stage.store.folders(prefix)]:
            yield found

    async def delete(self, key: str) -> None:
        await self._stage.turn(self._process, f"delete {key}")
        await self._stage.store.delete(key)

    async def aclose(self) -> None:
        """Nothing to release."""


# --- all orders ----------------------------------------------------------------------------------------------------


@dataclass
class _Fork:
    """A point of an order at which several moves are possible; `asleep` are those that are tried or need no try."""

    moves: list[Move]
    asleep: set[Move]
    taken: Move

    def next(self) -> bool:
        """Take another move, if one is left."""
        self.asleep.add(self.taken)
        awake = [move for move in self.moves if move not in self.asleep]
        if awake:
            self.taken = awake[0]
        return bool(awake)


async def explore(
    begin: Callable[[], Awaitable[Stage]],
    *,
    at_each: Callable[[Stage], None] = lambda _stage: None,
    at_end: Callable[[Stage], Awaitable[None]],
) -> int:
    """Play a scene in all orders; how many there were.

    Args:
        begin: Sets the scene, the same each time.
        at_each: Looks at the store after each move.
        at_end: Looks at the store when all processes are at their end.
    """
    way: list[_Fork] = []
    count = 0
    while True:
        stage = await begin()
        try:
            await stage.settle()
            if await _follow(stage, way, at_each):
                await at_end(stage)
                count += 1
        finally:
            await stage.end()
        while way and not way[-1].next():
            way.pop()
        if not way:
            return count


async def _follow(stage: Stage, way: list[_Fork], at_each: Callable[[Stage], None]) -> bool:
    """Go the way, and on from its end; False when what is left was played in another order already."""
    depth = 0
    while moves := stage.moves():
        if depth == len(way):
            asleep = _still_asleep(way[-1]) if way else set[Move]()
            awake = [move for move in moves if move not in asleep]
            if not awake:
                return False
            way.append(_Fork(moves, asleep, awake[0]))
        await stage.play(way[depth].taken)
        at_each(stage)
        depth += 1
    return True


def _still_asleep(fork: _Fork) -> set[Move]:
    return {move for move in fork.asleep if not move.notices(fork.taken)}


async def stroll(
    begin: Callable[[], Awaitable[Stage]],
    *,
    seed: int,
    times: int,
    at_end: Callable[[Stage], Awaitable[None]],
) -> int:
    """Play a scene in orders picked by chance, the same for the same seed; how many different ones there were."""
    chance = random.Random(seed)  # noqa: S311  # no secret
    seen: set[tuple[Move, ...]] = set()
    for _ in range(times):
        stage = await begin()
        try:
            await stage.settle()
            await _wander(stage, chance)
            await at_end(stage)
        finally:
            await stage.end()
        seen.add(tuple(stage.log))
    return len(seen)


async def _wander(stage: Stage, chance: random.Random) -> None:
    bold = chance.random()  # how likely it is that the same process goes on
    while moves := stage.moves():
        again = [move for move in moves if stage.log and move.process == stage.log[-1].process]
        await stage.play(again[0] if again and chance.random() < bold else chance.choice(moves))
