"""The calls a minute that a resource allows, shared by all clients of the process.

Pure arithmetic over `now`, without event loop or clock, so that flows in several threads can share one budget. Waiting
is the caller's: it joins the queue, sleeps as long as `wait` says, asks again, and sends when `wait` says 0. What a
budget shares with other processes it books in a ledger, which `sharing.py` asks on its order.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Literal

from cluvault.plan.pace import WINDOW, Rate
from cluvault.service.exchange import PREDICTIONS
from cluvault.service.lane import Grant, Lane, Order, Ticket
from cluvault.settings import RateLimits

if TYPE_CHECKING:
    from cluvault.plan.pace import Pace

__all__ = ["WINDOW", "Budget", "Grant", "Limits", "Order", "Ticket", "shared_budget"]

Limits = RateLimits | Literal["off"]

PREDICTIONS_A_MINUTE: Final = 1000
_MARGIN: Final = WINDOW / 60
_RESERVED: Final = 20
"""This part of the GETs is shared out to nobody: the first few of each process, so that small commands need not ask."""


class Budget:
    """The budget of one resource: GET on one lane, predictions on another, all other verbs on the third.

    The documentation limits POST (10 a minute), GET (100) and predictions (1,000); it is silent on PUT, PATCH and
    DELETE, which therefore count as POST. Bursts are allowed: what a minute allows may be sent at once, but never more
    in any 60 seconds. With limits "off" nothing is counted, but a 429 still holds calls back.
    """

    def __init__(self, limits: Limits) -> None:
        if limits == "off":
            self._reads, self._writes, self._predictions = Lane(None), Lane(None), Lane(None)
        else:
            window = limits.window * _MARGIN
            self._reads = Lane(Rate(limits.get, window), reserve=limits.get // _RESERVED)
            self._writes = Lane(Rate(limits.post, window))
            self._predictions = Lane(Rate(PREDICTIONS_A_MINUTE, window))
        self._lock = threading.Lock()

    def join(self, lane: str, priority: float = 0.0, *, is_shared: bool = False) -> Ticket:
        """Queue for a call, by its verb or its own lane.

        Args:
            lane: The verb, or the name of the lane.
            priority: Lower goes first; among equals whoever comes first.
            is_shared: Whether the call needs a claim of the ledger that this process shares with others.
        """
        with self._lock:
            return self._lane(lane).join(priority, is_shared=is_shared and lane != PREDICTIONS)

    def wait(self, ticket: Ticket, now: float) -> float:
        """Seconds until the call may be sent; 0 spends the ticket: send now."""
        with self._lock:
            return ticket.lane.wait(ticket, now)

    def leave(self, ticket: Ticket) -> None:
        """Give up a place in the queue; a ticket that was spent stays spent."""
        with self._lock:
            ticket.lane.leave(ticket)

    def answered(self, ticket: Ticket, now: float) -> None:
        """The call has come back, with whatever answer or none: by now at the latest the service has counted it."""
        with self._lock:
            ticket.lane.answered(ticket, now)

    def refused(self, lane: str, now: float, *, retry_after: float) -> None:
        """The service said 429: hold all calls of the lane back for so many seconds, and send fewer a minute then."""
        with self._lock:
            self._lane(lane).refused(now, retry_after)

    def hold(self, lane: str, until: float) -> None:
        """Hold all calls of the lane back."""
        with self._lock:
            self._lane(lane).hold(until)

    def held(self, lane: str, now: float) -> float:
        """Seconds for which the lane is held back yet."""
        with self._lock:
            return max(0.0, self._lane(lane).pace.held_until - now)

    # --- what is shared with other processes -------------------------------------------------------------------------

    def order(self, lane: str, now: float) -> Order | None:
        """What there is to do at the ledger; whoever gets an order says afterwards how it ended."""
        with self._lock:
            return self._lane(lane).order(now)

    def carried_out(self, lane: str, order: Order, grant: Grant | None, *, pace: Pace, now: float) -> None:
        """An order is carried out: the claim that was booked, and how fast the ledger says that all may go."""
        with self._lock:
            self._lane(lane).carried_out(order, grant, pace, now)

    def not_carried_out(self, lane: str, *, alone_until: float) -> None:
        """The ledger could not be asked; until then the process goes by its own count."""
        with self._lock:
            self._lane(lane).not_carried_out(alone_until=alone_until)

    def _lane(self, name: str) -> Lane:
        if name == PREDICTIONS:
            return self._predictions
        return self._reads if name in ("GET", "HEAD") else self._writes


_budgets: dict[tuple[str, Limits], Budget] = {}
_budgets_lock = threading.Lock()


def shared_budget(endpoint: str, limits: Limits) -> Budget:
    """The process's one budget for an endpoint under these limits."""
    key = (endpoint.rstrip("/").lower(), limits)
    with _budgets_lock:
        return _budgets.setdefault(key, Budget(limits))
