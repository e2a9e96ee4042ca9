"""The calls a minute: laws of the budget, walked through on a clock of our own."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cluvault.service.budget import WINDOW, Budget, shared_budget
from cluvault.settings import RateLimits
from tests.support.near import approx

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluvault.service.budget import Ticket


@dataclass
class Caller:
    """Somebody who waits as long as told, wakes `late` after that, and may give up at `patience`."""

    arrives: float
    late: float = 0.0
    patience: float = float("inf")
    ticket: Ticket | None = None
    wakes: float = 0.0
    sent: float | None = None


def run(budget: Budget, callers: Sequence[Caller], *, method: str = "POST") -> list[Caller]:
    """Let the callers come, wait and send, in the order of time; returns them in the order in which they came."""
    waiting = sorted(callers, key=lambda caller: caller.arrives)
    for caller in waiting:
        caller.wakes = caller.arrives
    todo = list(waiting)
    while todo:
        caller = min(todo, key=lambda one: one.wakes)
        now = caller.wakes
        caller.ticket = caller.ticket or budget.join(method)
        if now > caller.arrives + caller.patience:
            budget.leave(caller.ticket)
            todo.remove(caller)
        elif (wait := budget.wait(caller.ticket, now)) > 0:
            caller.wakes = now + wait + caller.late
        else:
            caller.sent = now
            todo.remove(caller)
    return waiting


def times(callers: Sequence[Caller]) -> list[float]:
    """When the calls were sent."""
    return sorted(caller.sent for caller in callers if caller.sent is not None)


seconds = st.floats(min_value=0, max_value=200)
punctual = st.lists(st.builds(Caller, seconds), min_size=1, max_size=40)
unpunctual = st.lists(
    st.builds(Caller, seconds, st.floats(min_value=0, max_value=30), st.sampled_from([float("inf"), 45.0, 90.0])),
    min_size=1,
    max_size=40,
)
limits = st.integers(min_value=1, max_value=12)


@given(limits, unpunctual, st.lists(seconds, max_size=3))
def test_no_sixty_seconds_ever_see_more_than_the_limit(limit: int, callers: list[Caller], holds: list[float]) -> None:
    """Whoever comes when, oversleeps or gives up: never more than the limit in any sliding 60 seconds."""
    budget = Budget(RateLimits(post=limit))
    for until in holds:
        budget.hold("POST", until)
    sent = times(run(budget, callers))
    assert all(later - earlier >= 60 for earlier, later in zip(sent, sent[limit:], strict=False))
    assert not holds or not sent or sent[0] >= max(holds) - 1e-6


@given(limits, punctual)
@example(2, [Caller(arrives) for arrives in (0.001, 0.001953125, 1.962661267223968, 2.0)])
def test_first_come_first_served(limit: int, callers: list[Caller]) -> None:
    """Nobody who came later sends before somebody who came earlier."""
    sent = [caller.sent or 0.0 for caller in run(Budget(RateLimits(post=limit)), callers)]
    assert all(earlier <= later + 1e-6 for earlier, later in pairwise(sent))


@given(limits, punctual)
def test_nobody_waits_longer_than_the_queue_before_them_takes(limit: int, callers: list[Caller]) -> None:
    """With k calls before it, a call waits at most one window for each full limit of them."""
    queue = run(Budget(RateLimits(post=limit)), callers)
    for before, caller in enumerate(queue):
        assert caller.sent is not None
        assert caller.sent - caller.arrives <= (before // limit + 1) * (WINDOW + 0.01)


@given(limits)
def test_a_burst_within_the_limit_goes_at_once(limit: int) -> None:
    """What a minute allows may be sent at one moment; the next call waits a window."""
    queue = run(Budget(RateLimits(post=limit)), [Caller(5.0) for _ in range(limit + 1)])
    assert times(queue)[:limit] == [5.0] * limit
    assert times(queue)[limit] == approx(5.0 + WINDOW)


@given(unpunctual)
def test_all_who_stay_are_served(callers: list[Caller]) -> None:
    """The budget delays, it never loses a call."""
    queue = run(Budget(RateLimits(post=3)), callers)
    assert all(caller.sent is not None for caller in queue if caller.patience == float("inf"))


def test_whoever_gives_up_leaves_the_place_to_others() -> None:
    """A cancelled crowd does not block the calls that come after it."""
    budget = Budget(RateLimits(post=1))
    assert budget.wait(budget.join("POST"), 0.0) == 0
    crowd = [budget.join("POST") for _ in range(100)]
    assert budget.wait(crowd[-1], 0.0) == approx(100 * WINDOW)
    for ticket in crowd:
        budget.leave(ticket)
    assert budget.wait(budget.join("POST"), 1.0) == approx(WINDOW - 1)


def test_a_sleeper_does_not_hold_up_those_behind() -> None:
    """A call goes when everybody before it could go as well, whether they are awake or not."""
    budget = Budget(RateLimits(post=2))
    asleep, awake, last = (budget.join("POST") for _ in range(3))
    assert budget.wait(awake, 0.0) == 0
    assert budget.wait(last, 0.0) > 0
    assert budget.wait(asleep, 0.0) == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_all_writing_verbs_share_one_class(method: str) -> None:
    """The documentation is silent on PUT, PATCH and DELETE: they count as POST, and never as GET."""
    budget = Budget(RateLimits(post=1, get=1))
    assert budget.wait(budget.join(method), 0.0) == 0
    assert budget.wait(budget.join("POST"), 0.0) > 0
    assert budget.wait(budget.join("GET"), 0.0) == 0
    assert budget.wait(budget.join("GET"), 0.0) > 0


@given(limits, st.floats(min_value=0.1, max_value=600))
def test_the_window_can_be_another_than_a_minute(limit: int, window: float) -> None:
    """A service sixty times as fast is asked sixty times as fast, with the same margin."""
    queue = run(Budget(RateLimits(post=limit, window=window)), [Caller(0.0) for _ in range(2 * limit)])
    assert times(queue) == approx([0.0] * limit + [window * WINDOW / 60] * limit, abs=0.01)


def test_a_call_that_was_long_on_its_way_counts_from_later() -> None:
    """By when it is answered the service has counted it; up to the margin of a second that changes nothing."""
    for seconds, later in ((0.9, 0.0), (5.0, 4.0)):
        budget = Budget(RateLimits(post=2))
        slow, quick, third = (budget.join("POST") for _ in range(3))
        assert [budget.wait(slow, 0.0), budget.wait(quick, 0.0)] == [0, 0]
        budget.answered(quick, 0.1)
        assert budget.wait(third, 1.0) == approx(WINDOW - 1)
        budget.answered(slow, seconds)
        fourth = budget.join("POST")
        assert budget.wait(third, 10.0) == approx(WINDOW - 10)
        assert budget.wait(fourth, 10.0) == approx(WINDOW - 10 + later)
    late = Budget(RateLimits(post=1))
    first, second = late.join("POST"), late.join("POST")
    assert [late.wait(first, 0.0), late.wait(second, 0.0)] == [0, approx(WINDOW)]
    assert late.wait(second, WINDOW) == 0  # nobody knows by then whether the first has arrived
    late.answered(first, WINDOW + 9)
    assert late.wait(late.join("POST"), WINDOW + 9) == approx(60)
    free = Budget("off")
    ticket = free.join("GET")
    assert free.wait(ticket, 0.0) == 0
    free.answered(ticket, 3.0)


def test_the_documented_limits_are_the_default() -> None:
    """10 POSTs and 100 GETs a minute."""
    for method, limit in [("POST", 10), ("GET", 100)]:
        budget = Budget(RateLimits())
        waits = [budget.wait(budget.join(method), 0.0) for _ in range(limit + 1)]
        assert [wait > 0 for wait in waits] == [False] * limit + [True]


def test_off_counts_nothing_but_still_learns_from_a_429() -> None:
    """Without limits a thousand calls go at once; a hold stops them until it is over."""
    budget = Budget("off")
    assert {budget.wait(budget.join("POST"), 0.0) for _ in range(1000)} == {0.0}
    budget.hold("POST", 30.0)
    budget.hold("POST", 20.0)
    late = budget.join("POST")
    assert budget.wait(late, 5.0) == approx(25)
    assert budget.held("POST", 5.0) == approx(25)
    assert budget.held("GET", 5.0) == 0
    assert budget.wait(late, 30.0) == 0


def test_a_hold_moves_back_those_who_wait() -> None:
    """After a hold the queue goes on at the allowed rate, not all at once."""
    budget = Budget(RateLimits(post=2))
    for _ in range(2):
        budget.wait(budget.join("POST"), 0.0)
    queue = [budget.join("POST") for _ in range(4)]
    budget.hold("POST", 300.0)
    waits = [budget.wait(ticket, 10.0) for ticket in queue]
    assert waits == approx([290, 290, 290 + WINDOW, 290 + WINDOW])


def test_one_budget_for_each_endpoint_and_limits() -> None:
    """All clients of an endpoint share one budget, however the endpoint is spelt."""
    one = shared_budget("https://shared.example.com", RateLimits())
    assert shared_budget("https://Shared.example.com/", RateLimits()) is one
    assert shared_budget("https://shared.example.com", RateLimits(post=5)) is not one
    assert shared_budget("https://shared.example.com", "off") is not one
    assert shared_budget("https://other.example.com", RateLimits()) is not one


def test_threads_share_one_budget() -> None:
    """Flows in several threads together stay within the limit."""
    budget = Budget(RateLimits(post=50))
    granted: list[float] = []

    def ask() -> None:
        granted.extend(wait for _ in range(40) if (wait := budget.wait(budget.join("POST"), 0.0)) == 0)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == 50


def test_what_is_worth_more_goes_first() -> None:
    """A lower number goes before those that came earlier; among equals whoever came first."""
    budget = Budget(RateLimits(post=1))
    assert budget.wait(budget.join("POST"), 0.0) == 0
    later, first, second = budget.join("POST", 1.0), budget.join("POST"), budget.join("POST")
    waits = [budget.wait(ticket, 1.0) for ticket in (first, second, later)]
    assert waits == approx([WINDOW - 1, 2 * WINDOW - 1, 3 * WINDOW - 1])


def test_a_refusal_slows_a_budget_down_for_a_while() -> None:
    """Seven instead of ten a minute after a 429, and ten again three minutes later."""
    budget = Budget(RateLimits())
    budget.refused("POST", 0.0, retry_after=30.0)
    assert budget.held("POST", 0.0) == approx(30)
    waits = [budget.wait(budget.join("POST"), 30.0) for _ in range(8)]
    assert [wait > 0 for wait in waits] == [False] * 7 + [True]
    waits = [budget.wait(budget.join("POST"), 300.0) for _ in range(9)]
    assert not any(waits)
