"""Asks the ledger that a budget is shared by, when the budget orders it; a ledger that cannot be asked stops nobody."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from cluvault.errors import CluvaultError, NotAVault
from cluvault.plan.claims import Refusal, Spent, pace_of
from cluvault.service.budget import Grant
from cluvault.service.exchange import PREDICTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cluvault.model.ledger import LedgerEntry
    from cluvault.plan.pace import Rate
    from cluvault.service.budget import Budget, Order

_log: Final = logging.getLogger("cluvault.service")
_PATIENCE: Final = 15.0
"""Seconds that a ledger has to answer."""
_SLOW: Final = 1.0
"""Seconds; when booking takes longer, the next claim is booked for the moment at which it will be known."""
_ALONE: Final = 60.0
"""Seconds for which a process goes by its own count when the ledger could not be asked."""


class Ledger(Protocol):
    """What a budget is shared by; `cluvault/vault/ledger.py` is one."""

    def seconds(self) -> float:
        """The present by its clock."""
        ...

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
        """Write the next entry, whose last claim is the one that is booked; its number, and what it says."""
        ...

    async def look(self, lane: str) -> LedgerEntry | None:
        """The highest entry."""
        ...


class Sharing:
    """The errands of one client's budget to the ledger, in the background; of one event loop.

    Args:
        budget: Whose orders are carried out.
        ledger: Where.
        clock: The client's monotonic clock.
        resource: Its name, for messages.
    """

    def __init__(self, budget: Budget, ledger: Ledger, *, clock: Callable[[], float], resource: str) -> None:
        self._budget = budget
        self._ledger = ledger
        self._clock = clock
        self._resource = resource
        self._errands: set[asyncio.Task[None]] = set()
        self._is_alone = False
        self._lead = 0.0

    def look_after(self, lane: str) -> None:
        """Start what the lane needs of the ledger now."""
        if lane == PREDICTIONS or (order := self._budget.order(lane, self._clock())) is None:
            return
        errand = asyncio.create_task(self._carry_out(lane, order))
        self._errands.add(errand)
        errand.add_done_callback(self._errands.discard)

    async def aclose(self) -> None:
        """Give up what is under way."""
        for errand in tuple(self._errands):
            errand.cancel()
            with suppress(asyncio.CancelledError):
                await errand

    async def _carry_out(self, lane: str, order: Order) -> None:
        name = "reads" if lane in ("GET", "HEAD") else "writes"
        began = self._clock()
        try:
            async with asyncio.timeout(_PATIENCE):
                number, entry = await self._ask(name, order)
        except NotAVault as err:
            _log.debug("%s: calls are counted in this process alone: %s", self._resource, err)
            self._budget.not_carried_out(lane, alone_until=self._clock() + _ALONE)
        except (CluvaultError, TimeoutError) as err:
            self._complain(err)
            self._budget.not_carried_out(lane, alone_until=self._clock() + _ALONE)
        except BaseException:
            self._budget.not_carried_out(lane, alone_until=self._clock())
            raise
        else:
            self._is_alone = False
            now = self._clock()
            if order.books:
                took = now - began
                self._lead = took if took > _SLOW else 0.0
            ahead = now - self._ledger.seconds()
            booked = entry.claims[-1] if order.books and entry is not None else None
            grant = (
                Grant(number, booked.moment + ahead, booked.calls, booked.until + ahead) if booked is not None else None
            )
            self._budget.carried_out(lane, order, grant, pace=pace_of(entry).shifted(ahead), now=now)

    async def _ask(self, name: str, order: Order) -> tuple[int, LedgerEntry | None]:
        if order.only_looks:
            return 0, await self._ledger.look(name)
        ahead = self._ledger.seconds() - self._clock()
        return await self._ledger.book(
            name,
            rate=order.rate,
            spent=[Spent(one.number, one.calls, one.last + ahead) for one in order.spent],
            refusals=[Refusal(one.at + ahead, one.retry_after) for one in order.refusals],
            books=order.books,
            lead=self._lead,
        )

    def _complain(self, err: CluvaultError | TimeoutError) -> None:
        if not self._is_alone:
            self._is_alone = True
            said = str(err) or f"no answer in {_PATIENCE:.0f} s"
            _log.warning(
                "%s: the calls a minute cannot be shared with other processes, so each counts its own: %s",
                self._resource,
                said,
            )
