"""The ledger of a resource's calls a minute, across processes and machines, out of nothing but put-if-absent.

The highest number below a prefix says how things stand; the next is made from it (`plan/claims.py`) and put, which only
one process can. Whoever loses looks again and takes the number after. A process that knows the highest entry, because
it wrote it, puts the next without looking: nobody has booked in between if that succeeds. Entries are kept for ten
minutes by the store's clock and then removed by whoever lists them: nobody puts a number that is removed, because what
somebody knows is believed for five.

Moments are by the store's clock. Each process compares its own with it once, by an entry that books nothing; one that
agrees to two seconds is finer than the times that a store gives, and is believed.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict, deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cluvault.errors import (
    DamagedRecord,
    NotAVault,
    ObjectExists,
    ObjectLocked,
    ObjectNotFound,
    StorageDenied,
    StoreUnavailable,
)
from cluvault.model.ledger import LedgerEntry
from cluvault.model.record_text import read_record
from cluvault.plan.claims import book
from cluvault.plan.keys import budget_key, budget_prefix, parse_budget_key
from cluvault.plan.pace import Rate
from cluvault.vault.identity import read_identity
from cluvault.vault.steady import steady_seconds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from cluvault.model.object_info import ObjectInfo
    from cluvault.plan.claims import Refusal, Spent
    from cluvault.vault.store import ObjectStore

_log: Final = logging.getLogger(__name__)
_TRIES: Final = 60
_JOSTLE: Final = 0.2
"""Seconds, at most, by which losers of a number keep out of each other's way."""
_BELIEVED: Final = 300.0
"""Seconds for which a process need not look whether what it knows is still the highest entry."""
_KEPT: Final = timedelta(seconds=600)
_REMOVED_AT_ONCE: Final = 100
_AGREES: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Known:
    """The highest entry, and when it was read or written; number 0 when there is none."""

    number: int
    entry: LedgerEntry | None
    at: float


class CallLedger:
    """The ledger of one endpoint's calls, as one process sees it.

    Args:
        store: Of the vault.
        endpoint: Whose calls are counted.
        holder: A name that no other process has.
        now: The local clock.
        steady: Seconds that go on in sleep.
        sleep: Waits for seconds.
        jitter: Random numbers of [0, 1).
    """

    def __init__(
        self,
        store: ObjectStore,
        endpoint: str,
        *,
        holder: str,
        now: Callable[[], datetime],
        steady: Callable[[], float] = steady_seconds,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._endpoint = endpoint.rstrip("/").lower()
        self._holder = holder
        self._now = now
        self._steady = steady
        self._sleep = sleep
        self._jitter = jitter
        self._known: dict[str, _Known] = {}
        self._ahead: float | None = None
        self._comparing = asyncio.Lock()
        self._own: dict[str, deque[tuple[int, float]]] = defaultdict(deque)

    def seconds(self) -> float:
        """The present by the store's clock, in seconds since 1970."""
        if self._ahead is None:
            return self._now().timestamp()
        return self._steady() + self._ahead

    async def book(
        self,
        lane: str,
        *,
        rate: Rate,
        spent: Sequence[Spent],
        refusals: Sequence[Refusal],
        books: bool,
        lead: float = 0.0,
    ) -> tuple[int, LedgerEntry]:
        """Write the next entry; its number, and what it says.

        Raises:
            NotAVault: the place is no vault (yet), so nothing is written there.
            VaultError: the store cannot be asked, or others are quicker again and again.
        """
        await self._compare_clocks(lane)
        for _ in range(_TRIES):
            known = await self._highest(lane)
            number = known.number + 1
            entry = book(
                known.entry,
                holder=self._holder,
                number=number,
                now=self.seconds(),
                rate=rate,
                spent=spent,
                refusals=refusals,
                books=books,
                lead=lead,
            )
            is_put, _ = await asyncio.gather(self._put(lane, number, entry), self._remove_own(lane))
            if is_put:
                return number, entry
        raise StoreUnavailable(f"{self._where(lane)}: others are quicker again and again", mend="try again")

    async def look(self, lane: str) -> LedgerEntry | None:
        """The highest entry, looked at now; None when there is none.

        Raises:
            VaultError: the store cannot be asked.
        """
        return (await self._read(lane)).entry

    async def _put(self, lane: str, number: int, entry: LedgerEntry) -> bool:
        """Put an entry; whether it is ours and the highest."""
        key = budget_key(self._endpoint, lane, number)
        body = entry.model_dump_json(by_alias=True, exclude_none=True).encode() + b"\n"
        try:
            await self._store.put_new(key, body)
        except ObjectExists:
            if not await self._is_there(key, body):  # ours, if only the reply to our put was lost
                self._known.pop(lane, None)
                await self._sleep(self._jitter() * _JOSTLE)
                return False
        self._known[lane] = _Known(number, entry, self._steady())
        self._own[lane].append((number, self._steady()))
        return True

    async def _is_there(self, key: str, body: bytes) -> bool:
        try:
            return await self._store.get(key) == body
        except ObjectNotFound:
            return False

    async def _highest(self, lane: str) -> _Known:
        known = self._known.get(lane)
        return known if known is not None and self._steady() - known.at < _BELIEVED else await self._read(lane)

    async def _read(self, lane: str) -> _Known:
        for _ in range(_TRIES):
            began, infos = self._steady(), await self._list(lane)
            number = max(infos, default=0)
            known = self._known.get(lane)
            if number and (known is None or known.number != number):
                try:
                    entry = self._entry(await self._store.get(infos[number].key), infos[number].key)
                except ObjectNotFound:
                    continue  # it was done with just now
            else:
                entry = known.entry if known is not None and number else None
            self._known[lane] = found = _Known(number, entry, began)
            await self._remove_old(infos)
            return found
        raise StoreUnavailable(f"{self._where(lane)}: the store lists an entry that it does not give", mend="try again")

    async def _list(self, lane: str) -> dict[int, ObjectInfo]:
        infos = {parse_budget_key(one.key): one async for one in self._store.list(budget_prefix(self._endpoint, lane))}
        return {place[2]: info for place, info in infos.items() if place is not None}

    def _entry(self, data: bytes, key: str) -> LedgerEntry | None:
        try:
            return read_record(LedgerEntry, data, key=key, what="an entry of a ledger")
        except DamagedRecord as err:
            _log.warning("%s; the ledger goes on without it", err)
            return None

    async def _remove_old(self, infos: dict[int, ObjectInfo]) -> None:
        """Remove entries that are done with; their ages are differences of times that the store itself gave."""
        if not infos:
            return
        oldest = max(info.modified for info in infos.values()) - _KEPT
        old = [infos[number].key for number in sorted(infos)[:-1] if infos[number].modified < oldest]

        await asyncio.gather(*map(self._remove, old[:_REMOVED_AT_ONCE]))

    async def _remove_own(self, lane: str) -> None:
        """Remove what this process wrote long ago: one that is alone for hours hardly ever lists."""
        own = self._own[lane]
        while own and self._steady() - own[0][1] > _KEPT.total_seconds() + _AGREES:
            number, _ = own.popleft()
            await self._remove(budget_key(self._endpoint, lane, number))

    async def _remove(self, key: str) -> None:
        with suppress(ObjectLocked, StorageDenied):  # where nothing may be removed, old entries stay and say nothing
            await self._store.delete(key)

    async def _compare_clocks(self, lane: str) -> None:
        """See, once, what the store's clock says when this process writes."""
        async with self._comparing:
            if self._ahead is not None:
                return
            if await read_identity(self._store) is None:
                raise NotAVault(f"{self._store.url}: no vault is here yet, so no ledger is kept")
            for _ in range(_TRIES):
                known = await self._read(lane)
                number = known.number + 1
                at = self.seconds() if known.entry is None else known.entry.at  # nothing is judged by our own clock yet
                entry = book(known.entry, holder=self._holder, number=number, now=at, rate=Rate(1), books=False)
                began, steady = self._now().timestamp(), self._steady()
                if await self._put(lane, number, entry):
                    ended = self._now().timestamp()
                    info = (await self._list(lane)).get(number)
                    stored = info.modified.timestamp() if info is not None else began
                    agrees = began - _AGREES <= stored <= ended + _AGREES
                    self._ahead = (began if agrees else stored + 0.5) - steady
                    return
            raise StoreUnavailable(f"{self._where(lane)}: others are quicker again and again", mend="try again")

    def _where(self, lane: str) -> str:
        return f"{self._store.url}/{budget_prefix(self._endpoint, lane)}"
