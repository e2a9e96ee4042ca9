"""Processes that share a resource's calls a minute through a ledger, and strangers who do not ask; on virtual time.

    with virtual_time() as clock:
        town = Town(clock, limits=RateLimits())
        one, two = town.process(), town.process()
        clock.run(town.work((one, 50), (two, 50)))     # so many exports each
        assert town.refused == 0

The service counts calls as the emulator does; budget, sharing, ledger and store are the real ones.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cluvault.emulator.limits import CallRate, Limits
from cluvault.plan.keys import BUDGETS
from cluvault.service.budget import Budget
from cluvault.service.sharing import Sharing
from cluvault.vault.identity import write_identity
from cluvault.vault.ledger import CallLedger
from cluvault.vault.memory import MemoryStore
from tests.support.world import WatchedStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from cluvault.model.object_info import ObjectInfo
    from cluvault.service.budget import Ticket
    from cluvault.settings import RateLimits
    from cluvault.vault.store import ObjectStore
    from tests.support.virtual_time import VirtualClock

ENDPOINT = "https://contoso.example.com"
ON_THE_WAY = 0.075


class DistantStore(WatchedStore):
    """A store that takes its time, and that may be away.

    Attributes:
        seconds: What a request takes.
        fault: Raised by every verb while there is one.
    """

    def __init__(self, inner: ObjectStore, *, seconds: float = 0.05) -> None:
        self.events: list[str] = []
        self.fault: Exception | None = None
        self.seconds = seconds
        super().__init__(inner, self.events)

    async def get(self, key: str) -> bytes:
        await self._travel()
        return await super().get(key)

    async def put_new(self, key: str, body: bytes) -> None:
        await self._travel()
        await super().put_new(key, body)

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        await self._travel()
        async for found in super().list(prefix):
            yield found

    async def delete(self, key: str) -> None:
        await self._travel()
        await super().delete(key)

    async def _travel(self) -> None:
        await asyncio.sleep(self.seconds)
        if self.fault is not None:
            raise self.fault


@dataclass
class Process:
    """One process with work to do.

    Attributes:
        sent: When its calls reached the service and were answered, by verb.
        refused: How often it was told 429.
        sharing: None of one that does not ask anybody.
    """

    clock: VirtualClock
    service: CallRate
    budget: Budget
    store: DistantStore
    sharing: Sharing | None
    sent: dict[str, list[float]] = field(default_factory=lambda: {"POST": [], "GET": []})
    refused: int = 0

    async def call(self, verb: str) -> None:
        """One call, as the client's sender makes it."""
        while True:
            ticket = await self._take_turn(verb)
            await asyncio.sleep(ON_THE_WAY)
            retry_after = self.service.admit(verb, self.clock.now())
            at = self.clock.seconds()
            await asyncio.sleep(ON_THE_WAY)
            self.budget.answered(ticket, self.clock.seconds())
            if retry_after is None:
                self.sent[verb].append(at)
                return
            self.refused += 1
            self.budget.refused(verb, self.clock.seconds(), retry_after=retry_after)
            self._look_after(verb)
            await asyncio.sleep(retry_after)

    async def export(self) -> None:
        """A job of two seconds, its polls and its result."""
        await self.call("POST")
        await asyncio.sleep(2)
        for _ in range(6):
            await self.call("GET")
            await asyncio.sleep(0.3)

    async def exports(self, number: int, *, at_once: int = 8) -> None:
        """So many, so many at once."""
        places = asyncio.Semaphore(at_once)

        async def one() -> None:
            async with places:
                await self.export()

        await asyncio.gather(*(one() for _ in range(number)))

    async def _take_turn(self, verb: str) -> Ticket:
        ticket = self.budget.join(verb, is_shared=self.sharing is not None)
        try:
            while (wait := self.budget.wait(ticket, self.clock.seconds())) > 0:
                self._look_after(verb)
                await asyncio.sleep(wait)
        finally:
            self.budget.leave(ticket)
        self._look_after(verb)
        return ticket

    def _look_after(self, verb: str) -> None:
        if self.sharing is not None:
            self.sharing.look_after(verb)


class Town:
    """A service, a vault, and everybody who uses them."""

    def __init__(self, clock: VirtualClock, *, limits: RateLimits) -> None:
        self.clock = clock
        self.limits = limits
        self.store = MemoryStore(now=clock.now)
        self.service = CallRate(Limits(posts_per_minute=limits.post, gets_per_minute=limits.get))
        self.processes: list[Process] = []
        clock.run(write_identity(self.store, "the-id"))

    def process(self, *, shares: bool = True, clock_is_wrong_by: float = 0.0) -> Process:
        """A new process, on a machine of its own."""
        budget, store = Budget(self.limits), DistantStore(self.store)
        ledger = CallLedger(
            store,
            ENDPOINT,
            holder=f"process-{len(self.processes)}",
            now=lambda: self.clock.now() + timedelta(seconds=clock_is_wrong_by),
            steady=self.clock.seconds,
            jitter=random.Random(len(self.processes)).random,  # noqa: S311  # the same in every run
        )
        sharing = Sharing(budget, ledger, clock=self.clock.seconds, resource="dev") if shares else None
        self.processes.append(Process(self.clock, self.service, budget, store, sharing))
        return self.processes[-1]

    async def work(self, *works: tuple[Process, int]) -> None:
        """Each process does so many exports."""
        await asyncio.gather(*(process.exports(number) for process, number in works))
        await self.close()

    async def close(self) -> None:
        """Everybody goes home."""
        for process in self.processes:
            if process.sharing is not None:
                await process.sharing.aclose()

    async def entries(self) -> int:
        """How many entries the ledgers hold."""
        return len([one async for one in self.store.list(BUDGETS)])

    async def stranger(self, *, a_minute: int, minutes: float) -> Counter[str]:
        """Somebody who calls at a steady pace and minds nobody; how often it was answered and refused."""
        told: Counter[str] = Counter()
        end = self.clock.seconds() + 60 * minutes
        while self.clock.seconds() < end:
            told["answered" if self.service.admit("POST", self.clock.now()) is None else "refused"] += 1
            await asyncio.sleep(60 / a_minute)
        return told

    async def both(self, one: Coroutine[Any, Any, Any], other: Coroutine[Any, Any, Any]) -> tuple[Any, Any]:
        """Two things at once."""
        return tuple(await asyncio.gather(one, other))  # type: ignore[return-value]  # two in, two out

    @property
    def refused(self) -> int:
        """How often the service said 429 to one of ours."""
        return sum(one.refused for one in self.processes)

    @property
    def requests(self) -> Counter[str]:
        """What was asked of the store, by verb."""
        return Counter(event.partition(" ")[0] for one in self.processes for event in one.store.events)

    def peak(self, verb: str) -> int:
        """The most calls that the service answered in any sixty seconds."""
        times = sorted(at for one in self.processes for at in one.sent[verb])
        return max(sum(1 for at in times[i:] if at < first + 60) for i, first in enumerate(times))
