"""Leases: one worker at a time on a project, across machines, out of nothing but put-if-absent.

The highest number below the lease's prefix is the lease. To take, renew or release it is to put the next number, which
only one can; whoever puts a number looks at once whether it is the highest, because numbers that are done with are
removed and a slow worker could put one of them anew. A lease whose number has not moved for its time to live, by the
contender's own steady clock, is nobody's; so is one that the store received longer ago than clocks can be wrong.

A lease cannot stop a request that is on its way already. So its holder stops itself long before others take over: it
renews after a third of the time to live, and without a renewal holds nothing after two thirds of it. That is looked at
before each step by the store, and once more by the clock when a request leaves: a worker that was stopped in between
wakes up without its lease.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cluvault.errors import (
    DamagedRecord,
    LeaseHeld,
    LeaseLost,
    ObjectExists,
    ObjectLocked,
    ObjectNotFound,
    StoreUnavailable,
    VaultError,
)
from cluvault.model.lease import LeaseRecord
from cluvault.model.record_text import read_record, record_bytes
from cluvault.plan.keys import lease_key, leases_prefix, parse_lease_key
from cluvault.vault.steady import steady_seconds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from datetime import datetime

    from cluvault.vault.store import ObjectStore

TTL: Final = 300.0
"""Seconds."""
_LOOKS: Final = 20
"""How often a holder may renew between the listing of its turn and the reading of it."""
CLOCK_ERROR: Final = timedelta(minutes=10)
"""How wrong the clocks of store and contender may be against each other."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The lease as it stands: its number, what it says, when the store received it."""

    number: int
    record: LeaseRecord
    stored_at: datetime

    def sentence(self, now: datetime) -> str:
        """Who works, at what, and when he last gave a sign of life."""
        one, age = self.record, max(0, round((now - self.stored_at).total_seconds()))
        return f"{one.by} works on it: {one.step}; last sign of life {age} s ago ({one.holder})"


class Leases:
    """The leases of a vault.

    Args:
        store: Where they lie.
        now: The local clock.
        clock: Seconds that go on in sleep.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float] = steady_seconds,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._now = now
        self._clock = clock
        self._sleep = sleep

    async def look(self, resource: str, project: str) -> Turn | None:
        """The lease on a project; None when nobody ever had it.

        Raises:
            StoreUnavailable: the store lists a turn again and again that it does not give.
        """
        for _ in range(_LOOKS):
            infos = {parse_lease_key(one.key): one async for one in self._store.list(leases_prefix(resource, project))}
            placed = {place[2]: info for place, info in infos.items() if place is not None}
            if not placed:
                return None
            number = max(placed)
            try:
                data = await self._store.get(placed[number].key)
            except ObjectNotFound:
                continue  # its holder renewed it just now
            return Turn(number, self._read(data, placed[number].key), placed[number].modified)
        where = f"{self._store.url}/{leases_prefix(resource, project)}"
        raise StoreUnavailable(f"{where}: the store lists a lease that it does not give", mend="try again")

    def _read(self, data: bytes, key: str) -> LeaseRecord:
        try:
            return read_record(LeaseRecord, data, key=key, what="a lease")
        except DamagedRecord as err:  # it still is somebody's, until its time is over
            return LeaseRecord(
                holder=key, by="?", promotion_id="?", step=err.message[:200], at=self._now(), ttl_seconds=TTL
            )

    async def acquire(
        self,
        resource: str,
        project: str,
        *,
        holder: str,
        by: str,
        promotion_id: str,
        step: str,
        patience: float = 0.0,
        only_from_the_dead: bool = False,
        ttl: float = TTL,
        on_wait: Callable[[Turn], None] = lambda _turn: None,
    ) -> Lease:
        """Take the lease on a project.

        Args:
            resource: The target resource.
            project: The target project.
            holder: A name that no other worker has.
            by: Who that works for.
            promotion_id: The promotion that is worked on.
            step: What it is at.
            patience: For how many seconds to wait for another holder to let go, or to be seen dead.
            only_from_the_dead: Do not wait for a holder who gives a sign of life.
            ttl: Seconds without renewal after which the lease is nobody's.
            on_wait: Told once of the holder that is waited for.

        Raises:
            LeaseHeld: somebody else has it; says who, since when and at what.
        """
        record = LeaseRecord(
            holder=holder, by=by, promotion_id=promotion_id, step=step, at=self._now(), ttl_seconds=ttl
        )
        began = self._clock()
        seen: Turn | None = None
        since, told = began, False
        while True:
            turn = await self.look(resource, project)
            if turn is None or seen is None or turn.number != seen.number:
                if seen is not None and only_from_the_dead:
                    patience = 0.0
                seen, since = turn, self._clock()
            if turn is None or self._is_free(turn, since):
                lease = Lease(self, resource, project, record, number=turn.number if turn else 0)
                if await lease.advance(step):
                    return lease
                continue
            if self._clock() - began >= patience:
                what = f"{resource}/{project}, promotion {turn.record.promotion_id}: {turn.sentence(self._now())}"
                raise LeaseHeld(what, mend="wait for it, or resume it later")
            if not told:
                on_wait(turn)
                told = True
            await self._sleep(min(5.0, turn.record.ttl_seconds / 10))

    def _is_free(self, turn: Turn, since: float) -> bool:
        ttl = turn.record.ttl_seconds
        if turn.record.released or self._clock() - since > ttl:
            return True
        return self._now() - turn.stored_at > timedelta(seconds=ttl) + CLOCK_ERROR

    # --- what a lease is made of -----------------------------------------------------------------------------------

    def seconds(self) -> float:
        """The steady clock."""
        return self._clock()

    async def put(self, resource: str, project: str, number: int, record: LeaseRecord) -> bool:
        """Put a turn; whether it is the highest now, and so ours."""
        key = lease_key(resource, project, number)
        body = record_bytes(record.model_copy(update={"at": self._now()}))
        try:
            await self._store.put_new(key, body)
        except ObjectExists:
            if not await self._is_there(key, body):  # ours, if only the reply to our put was lost
                return False
        turns = await self._numbers(resource, project)
        if max(turns, default=number) != number:
            await self._remove(key)
            return False
        for older in turns:
            if older < number:
                await self._remove(lease_key(resource, project, older))
        return True

    async def _is_there(self, key: str, body: bytes) -> bool:
        try:
            return await self._store.get(key) == body
        except ObjectNotFound:
            return False

    async def is_highest(self, resource: str, project: str, number: int) -> bool:
        """Whether nobody put a later turn."""
        return max(await self._numbers(resource, project), default=0) == number

    async def _numbers(self, resource: str, project: str) -> list[int]:
        prefix = leases_prefix(resource, project)
        return [place[2] async for one in self._store.list(prefix) if (place := parse_lease_key(one.key)) is not None]

    async def _remove(self, key: str) -> None:
        with suppress(ObjectLocked):  # where nothing may be removed, the lower numbers stay and say nothing
            await self._store.delete(key)


class Lease:
    """A lease that this worker took."""

    def __init__(self, leases: Leases, resource: str, project: str, record: LeaseRecord, *, number: int) -> None:
        self._leases = leases
        self._place = (resource, project)
        self._record = record
        self._number = number
        self._renewed = leases.seconds()
        self._is_ours = False
        self._turn = asyncio.Lock()

    @property
    def holder(self) -> str:
        """The name of this worker."""
        return self._record.holder

    async def advance(self, step: str, *, released: bool = False) -> bool:
        """Put the next turn; whether the lease is ours after that."""
        began = self._leases.seconds()  # what counts for others begins later: when the store has it
        record = self._record.model_copy(update={"step": step, "released": released})
        self._is_ours = await self._leases.put(*self._place, self._number + 1, record)
        if self._is_ours:
            self._record, self._number, self._renewed = record, self._number + 1, began
        return self._is_ours

    def check(self) -> None:
        """See by the clock alone that the lease still is ours: for the last moment before something is sent.

        Raises:
            LeaseLost: it is not, or it is too late to be sure.
        """
        if not self._is_ours or self._leases.seconds() - self._renewed > 2 * self._record.ttl_seconds / 3:
            self._lose()

    async def ensure(self, step: str) -> None:
        """Make sure, just before something is changed, that the lease still is ours.

        Raises:
            LeaseLost: it is not, or it is too late to be sure.
        """
        async with self._turn:
            self.check()
            ttl, age = self._record.ttl_seconds, self._leases.seconds() - self._renewed
            if step != self._record.step or age > ttl / 3:
                if not await self.advance(step):
                    self._lose()
            elif not await self._leases.is_highest(*self._place, self._number):
                self._lose()

    def _lose(self) -> None:
        self._is_ours = False
        where, promotion = "/".join(self._place), self._record.promotion_id
        raise LeaseLost(
            f"{where}: the lease of promotion {promotion} is no longer ours, nothing more was changed",
            mend="another worker goes on with it; if none does, resume it",
        )

    @asynccontextmanager
    async def kept(self) -> AsyncGenerator[None]:
        """Renew in the background; at the end let go, if it still is ours and the store can be reached."""
        renewing = asyncio.create_task(self._renew())
        try:
            yield
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing
            await self.release()

    async def _renew(self) -> None:
        while self._is_ours:
            await asyncio.sleep(self._record.ttl_seconds / 3)
            with suppress(VaultError, LeaseLost):  # what needs the lease finds out
                await self.ensure(self._record.step)

    async def release(self) -> None:
        """Let go; others need not wait."""
        async with self._turn:
            if self._is_ours:
                with suppress(VaultError):  # then others wait for the time to live
                    await self.advance(self._record.step, released=True)
                self._is_ours = False
