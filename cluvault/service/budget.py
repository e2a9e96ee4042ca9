"""The calls a minute that a resource allows, shared by all clients of the process.

Pure arithmetic over `now`, without event loop or clock, so that flows in several threads can share one budget. Waiting
is the caller's: it joins the queue, sleeps as long as `wait` says, asks again, and sends when `wait` says 0.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final, Literal

from cluvault.service.exchange import PREDICTIONS
from cluvault.settings import RateLimits

Limits = RateLimits | Literal["off"]

PREDICTIONS_A_MINUTE: Final = 1000
WINDOW: Final = 61.0
"""The service counts by the minute; the second more is for requests that travel at different speeds."""
_MARGIN: Final = WINDOW / 60
_NEVER: Final = float("-inf")
_SHORTEST_WAIT: Final = 0.001


class Ticket:
    """A place in the queue of one verb class; opaque to its holder."""

    __slots__ = ("lane",)

    def __init__(self, lane: _Lane) -> None:
        self.lane = lane


class Budget:
    """The budget of one resource: GET on one lane, predictions on another, all other verbs on the third.

    The documentation limits POST (10 a minute), GET (100) and predictions (1,000); it is silent on PUT, PATCH and
    DELETE, which therefore count as POST. Bursts are allowed: what a minute allows may be sent at once, but never more
    in any 60 seconds. With limits "off" nothing is counted, but a 429 still holds calls back.
    """

    def __init__(self, limits: Limits) -> None:
        off = limits == "off"
        window = WINDOW if off else limits.window * _MARGIN
        self._reads = _Lane(None if off else limits.get, window)
        self._writes = _Lane(None if off else limits.post, window)
        self._predictions = _Lane(None if off else PREDICTIONS_A_MINUTE, window)
        self._lock = threading.Lock()

    def join(self, lane: str) -> Ticket:
        """Queue for a call, by its verb or its own lane; first come, first served."""
        with self._lock:
            return self._lane(lane).join()

    def wait(self, ticket: Ticket, now: float) -> float:
        """Seconds until the call may be sent; 0 spends the ticket: send now."""
        with self._lock:
            return ticket.lane.wait(ticket, now)

    def leave(self, ticket: Ticket) -> None:
        """Give up a place in the queue; a ticket that was spent stays spent."""
        with self._lock:
            ticket.lane.leave(ticket)

    def hold(self, lane: str, until: float) -> None:
        """Hold all calls of the lane back: the service said 429."""
        with self._lock:
            held = self._lane(lane)
            held.held_until = max(held.held_until, until)

    def held(self, lane: str, now: float) -> float:
        """Seconds for which the lane is held back yet."""
        with self._lock:
            return max(0.0, self._lane(lane).held_until - now)

    def _lane(self, name: str) -> _Lane:
        if name == PREDICTIONS:
            return self._predictions
        return self._reads if name in ("GET", "HEAD") else self._writes


class _Lane:
    """One class of calls: those sent within the window, and those that wait."""

    def __init__(self, limit: int | None, window: float) -> None:
        self.held_until = _NEVER
        self._limit = limit
        self._window = window
        self._sent: deque[float] = deque()
        self._queue: dict[Ticket, None] = {}

    def join(self) -> Ticket:
        ticket = Ticket(self)
        self._queue[ticket] = None
        return ticket

    def leave(self, ticket: Ticket) -> None:
        self._queue.pop(ticket, None)

    def wait(self, ticket: Ticket, now: float) -> float:
        """A call may go when everybody before it could go as well; nobody waits for a sleeper to wake."""
        ready = now if self._limit is None else self._ready(ticket, now, self._limit)
        ready = max(ready, self.held_until)
        if ready > now:
            return max(ready - now, _SHORTEST_WAIT)
        del self._queue[ticket]
        if self._limit is not None:
            self._sent.append(now)
        return 0.0

    def _ready(self, ticket: Ticket, now: float, limit: int) -> float:
        while self._sent and self._sent[0] <= now - self._window:
            self._sent.popleft()
        times = list(self._sent)
        for _ in range(list(self._queue).index(ticket) + 1):
            allowed = times[-limit] + self._window if len(times) >= limit else now
            times.append(max(now, allowed, self.held_until))
        return times[-1]


_budgets: dict[tuple[str, Limits], Budget] = {}
_budgets_lock = threading.Lock()


def shared_budget(endpoint: str, limits: Limits) -> Budget:
    """The process's one budget for an endpoint under these limits."""
    key = (endpoint.rstrip("/").lower(), limits)
    with _budgets_lock:
        return _budgets.setdefault(key, Budget(limits))
