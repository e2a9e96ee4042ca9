"""One class of calls of a resource: those sent within the window, those that wait, and claims of a shared ledger.

Pure arithmetic over `now`. A call may go when everybody before it could go as well; nobody waits for a sleeper to wake.
Where the budget is shared with other processes a call needs, besides its place here, a call of a claim that this
process has booked in the ledger (`plan/claims.py`).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass
from itertools import count
from typing import Final

from cluvault.plan.claims import Refusal, Spent
from cluvault.plan.pace import LONG_AGO, MARGIN, Pace, Rate

_SHORTEST_WAIT: Final = 0.001
_ROUNDING: Final = 1e-7
"""Whoever has slept until its moment, and a rounding less, does not sleep again while others pass it."""
_A_MOMENT: Final = 0.05
"""Seconds after which a call looks again whether the ledger has answered."""
_AHEAD: Final = 2
"""Claims that a process holds at once, and only one while that is far: it books no further ahead than it can use."""
_LOOK_AHEAD: Final = 1.0
_FRESH: Final = 5.0
"""For so many seconds of a minute it is believed that no other process was refused; later the ledger is looked at."""
_LOW: Final = 3
"""The next claim is booked when less than this part of the last one is left."""


class Ticket:
    """A place in the queue of one class of calls; opaque to its holder."""

    __slots__ = ("grant", "is_shared", "lane", "place", "sent")

    def __init__(self, lane: Lane, place: tuple[float, int], *, is_shared: bool) -> None:
        self.lane = lane
        self.place = place
        self.is_shared = is_shared
        self.sent = LONG_AGO
        self.grant: Grant | None = None


@dataclass(slots=True)
class Grant:
    """A claim that this process has booked, by its own clock.

    Attributes:
        number: Of the ledger's entry.
        moment: From when it may be used.
        calls: How many.
        until: Until when.
        used: How many were sent.
        last: When the last of them was, or when the service has counted it if that was later.
        on_the_way: How many of them have no answer yet.
    """

    number: int
    moment: float
    calls: int
    until: float
    used: int = 0
    last: float = LONG_AGO
    on_the_way: int = 0

    @property
    def left(self) -> int:
        """Calls that it still allows."""
        return self.calls - self.used


@dataclass(frozen=True, slots=True)
class Order:
    """What to do at the ledger.

    Attributes:
        rate: What is to be shared.
        books: Whether to book a claim; else there is only something to tell or to look at.
        spent: What became of claims that are done with.
        refusals: Refusals that the others should know of.
    """

    rate: Rate
    books: bool
    spent: tuple[Spent, ...]
    refusals: tuple[Refusal, ...]

    @property
    def only_looks(self) -> bool:
        """Whether there is nothing to write."""
        return not self.books and not self.refusals


class Lane:
    """One class of calls.

    Args:
        rate: Calls that are allowed; None for any number.
        reserve: Calls of them that are not shared out: so many a process may send before it books any.
    """

    def __init__(self, rate: Rate | None, *, reserve: int = 0) -> None:
        self.pace = Pace()
        self._rate = rate
        self._sent: deque[float] = deque()
        self._queue: list[tuple[float, int]] = []
        self._shared: list[tuple[float, int]] = []
        self._numbers = count()
        self._reserve = self._free = reserve
        self._grants: list[Grant] = []
        self._spent: list[Grant] = []
        self._refusals: list[Refusal] = []
        self._looked_at = LONG_AGO
        self._wants_look = False
        self._is_under_way = False
        self._alone_until = LONG_AGO
        self._fresh = rate.seconds(_FRESH) if rate is not None else _FRESH
        self._look_ahead = rate.seconds(_LOOK_AHEAD) if rate is not None else _LOOK_AHEAD

    # --- the queue ---------------------------------------------------------------------------------------------------

    def join(self, priority: float, *, is_shared: bool) -> Ticket:
        """Queue behind those of the same priority; lower goes first."""
        ticket = Ticket(self, (priority, next(self._numbers)), is_shared=is_shared and self._rate is not None)
        insort(self._queue, ticket.place)
        if ticket.is_shared:
            insort(self._shared, ticket.place)
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give the place up, if it still is one."""
        _remove(self._queue, ticket.place)
        _remove(self._shared, ticket.place)

    def wait(self, ticket: Ticket, now: float) -> float:
        """Seconds until the call may be sent; 0 sends it."""
        ready = max(now, self.pace.held_until)
        if self._rate is not None:
            ready = self._ready(bisect_left(self._queue, ticket.place), ready, self._rate, now)
        if ticket.is_shared and now >= self._alone_until:
            ready = max(ready, self._granted(bisect_left(self._shared, ticket.place), now))
        if ready - now > _ROUNDING:
            return max(ready - now, _SHORTEST_WAIT)
        self._spend(ticket, now)
        return 0.0

    def _ready(self, rank: int, earliest: float, rate: Rate, now: float) -> float:
        """When the call at a place of the queue may go, if all before it go as soon as they may."""
        limit = self.pace.limit(rate, now)
        while self._sent and self._sent[0] <= now - rate.window:
            self._sent.popleft()
        behind = len(self._sent) + rank - limit  # the call that has to be a window ago, among those sent and waiting
        windows = 0
        while behind >= len(self._sent):
            behind -= limit
            windows += 1
        first = max(earliest, self._sent[behind] + rate.window) if behind >= 0 else earliest
        return first + windows * rate.window

    def _spend(self, ticket: Ticket, now: float) -> None:
        self.leave(ticket)
        if self._rate is None:
            return
        ticket.sent = now
        insort(self._sent, now)
        if not ticket.is_shared:
            return
        if self._free:
            self._free -= 1
        elif (grant := next((one for one in self._grants if one.left and one.moment <= now), None)) is not None:
            grant.used += 1
            grant.on_the_way += 1
            grant.last = max(grant.last, now)
            ticket.grant = grant

    def answered(self, ticket: Ticket, now: float) -> None:
        """The call has come back, so the service has counted it; longer on its way than the margin, it counts later."""
        if self._rate is None or ticket.sent == LONG_AGO:
            return
        counted = now - self._rate.seconds(MARGIN)
        if ticket.grant is not None:
            ticket.grant.on_the_way -= 1
            ticket.grant.last = max(ticket.grant.last, counted)
        if counted <= ticket.sent:
            return
        place = bisect_left(self._sent, ticket.sent)
        if place < len(self._sent) and self._sent[place] == ticket.sent:  # else it is longer ago than a window
            del self._sent[place]
        insort(self._sent, counted)

    # --- the ledger --------------------------------------------------------------------------------------------------

    def _granted(self, rank: int, now: float) -> float:
        """When the call at a place among those that need a claim has one, as far as is known."""
        self._retire(now)
        if (rank := rank - self._free) < 0:
            return now
        for grant in self._grants:
            if (rank := rank - grant.left) >= 0:
                continue
            if now >= grant.moment - self._look_ahead and now - self._looked_at > self._fresh:
                self._wants_look = True
                return max(grant.moment, now + _A_MOMENT)
            is_old = grant.moment - self._looked_at > self._fresh
            return grant.moment - self._look_ahead if is_old and grant.moment - now > self._look_ahead else grant.moment
        first = self._grants[0].moment if self._grants else now
        return max(first, now) + _A_MOMENT

    def _retire(self, now: float) -> None:
        """Put claims aside that are used up or over."""
        self._spent += [one for one in self._grants if not one.left or one.until <= now]
        self._grants = [one for one in self._grants if one.left and one.until > now]

    def refused(self, now: float, retry_after: float) -> None:
        """The service refused a call: hold all back, believe in less, and have the others told."""
        self.pace = self.pace.refused(self._rate or Rate(1), now, retry_after=retry_after)
        self._refusals.append(Refusal(now, retry_after))

    def hold(self, until: float) -> None:
        """Hold all back, without having learnt anything else."""
        self.pace = Pace(self.pace.lowered_to, self.pace.lowered_at, max(self.pace.held_until, until))

    def order(self, now: float) -> Order | None:
        """What there is to do at the ledger now; whoever gets an order carries it out and says how it ended."""
        if self._rate is None or self._is_under_way or now < self._alone_until:
            return None
        self._retire(now)
        books = self._needs_claim(now)
        if not books and not self._refusals and not self._wants_look:
            return None
        self._is_under_way = True
        settled = (one for one in self._spent if not one.on_the_way or now > one.until + self._rate.window)
        spent = tuple(Spent(one.number, one.used, one.last) for one in settled)
        rate = Rate(self._rate.calls - self._reserve, self._rate.window)
        return Order(rate, books, spent, tuple(self._refusals))

    def _needs_claim(self, now: float) -> bool:
        if len(self._grants) >= _AHEAD or any(one.moment > now + self._fresh for one in self._grants):
            return False
        left = sum(one.left for one in self._grants)
        waiting = len(self._shared) - self._free
        return waiting > left or (len(self._grants) == 1 and 0 < left < self._grants[0].calls / _LOW)

    def carried_out(self, order: Order, grant: Grant | None, pace: Pace, now: float) -> None:
        """The ledger has been asked: what was told is told, and what it says is known."""
        self._is_under_way = self._wants_look = False
        self._looked_at = now
        if not order.only_looks:
            told = {one.number for one in order.spent}
            self._spent = [one for one in self._spent if one.number not in told]
            self._refusals = self._refusals[len(order.refusals) :]
        held_until = max(pace.held_until, self.pace.held_until)
        self.pace = Pace(pace.lowered_to, pace.lowered_at, held_until)
        if grant is not None:
            self._grants.append(grant)

    def not_carried_out(self, *, alone_until: float) -> None:
        """The ledger cannot be asked; until then this process goes by its own count alone."""
        self._is_under_way = self._wants_look = False
        self._alone_until = alone_until


def _remove(places: list[tuple[float, int]], place: tuple[float, int]) -> None:
    index = bisect_left(places, place)
    if index < len(places) and places[index] == place:
        del places[index]
