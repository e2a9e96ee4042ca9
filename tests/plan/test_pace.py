"""What refusals teach: laws of additive increase and multiplicative decrease."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluvault.plan.pace import Pace, Rate

moments = st.floats(min_value=0, max_value=10_000)
limits = st.integers(min_value=1, max_value=1000)


def test_nothing_is_doubted_before_a_refusal() -> None:
    """The configured limit is believed."""
    assert Pace().limit(Rate(10), 0.0) == 10


def test_a_refusal_lowers_by_a_share_and_minutes_raise_it() -> None:
    """From ten to seven, and back in three quiet minutes; not a call more than configured."""
    pace = Pace().refused(Rate(10), 100.0, retry_after=20.0)
    assert pace.held_until == 120.0
    assert [pace.limit(Rate(10), 120.0 + 60 * minutes) for minutes in range(5)] == [7, 8, 9, 10, 10]


def test_refusals_that_were_under_way_together_count_once() -> None:
    """Only the wait can grow: the calls were sent before anybody knew."""
    pace = Pace().refused(Rate(10), 100.0, retry_after=0.0)
    again = pace.refused(Rate(10), 104.0, retry_after=30.0)
    assert again.limit(Rate(10), 134.0) == 7
    assert again.held_until == 134.0
    assert again.refused(Rate(10), 120.0, retry_after=1.0).held_until == 134.0


def test_nobody_is_starved() -> None:
    """However often it is refused: a tenth of what is configured, and never less than a call."""
    pace, small = Pace(), Pace()
    for number in range(50):
        pace = pace.refused(Rate(100), number * 10.0, retry_after=0.0)
        small = small.refused(Rate(2), number * 10.0, retry_after=0.0)
    assert pace.limit(Rate(100), 500.0) == 10
    assert small.limit(Rate(2), 500.0) == 1


@given(limits, st.lists(st.tuples(moments, st.floats(min_value=0, max_value=100)), max_size=20))
def test_always_between_one_and_what_is_configured(limit: int, refusals: list[tuple[float, float]]) -> None:
    """And after ten quiet minutes and a bit all is as it was."""
    pace = Pace()
    for at, retry_after in sorted(refusals):
        pace = pace.refused(Rate(limit), at, retry_after=retry_after)
        assert 1 <= pace.limit(Rate(limit), at) <= limit
    end = max([at + retry_after for at, retry_after in refusals], default=0.0)
    assert pace.limit(Rate(limit), end + 601) == limit


def test_another_clock_says_the_same() -> None:
    """What is shifted behaves as before, later."""
    pace = Pace().refused(Rate(10), 100.0, retry_after=20.0)
    assert pace.shifted(1000.0).limit(Rate(10), 1190.0) == pace.limit(Rate(10), 190.0) == 8


def test_a_service_that_counts_by_the_second_forgives_sixty_times_as_fast() -> None:
    """Everything that is a part of a minute is a part of its window."""
    pace = Pace().refused(fast := Rate(10, 61 / 60), 100.0, retry_after=0.0)
    assert [pace.limit(fast, 100.1 + seconds) for seconds in range(4)] == [7, 8, 9, 10]
    assert pace.refused(fast, 100.05, retry_after=0.0).limit(fast, 100.1) == 7
    assert pace.refused(fast, 100.15, retry_after=0.0).limit(fast, 100.2) == 4
