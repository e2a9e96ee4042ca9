"""When a job is asked for again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluvault.service.polling import DEFAULT_SCHEDULE, PollSchedule
from tests.support.near import approx

polls = st.integers(min_value=0, max_value=10_000)
seconds = st.floats(min_value=0, max_value=1e6)


def test_it_starts_fast_and_backs_off_to_the_cap() -> None:
    """Six polls in less than four seconds, the first at once; then one every six."""
    delays = [DEFAULT_SCHEDULE.delay(number, retry_after=None, left=900) for number in range(12)]
    assert delays[:4] == approx([0, 0.2, 0.34, 0.578])
    assert sum(delays[:6]) == approx(3.77, abs=0.01)
    assert delays[-2:] == [6.0, 6.0]


@given(polls, st.none() | seconds, seconds)
def test_the_last_poll_is_made_when_the_time_is_up(number: int, retry_after: float | None, left: float) -> None:
    """No delay is negative or longer than the time that is left."""
    assert 0 <= DEFAULT_SCHEDULE.delay(number, retry_after=retry_after, left=left) <= left


@given(polls, seconds)
def test_what_the_service_asks_for_is_kept(number: int, retry_after: float) -> None:
    """Retry-After is honoured whatever the schedule says, except that nobody polls without pause."""
    assert DEFAULT_SCHEDULE.delay(number, retry_after=retry_after, left=1e9) == max(retry_after, 0.2)


@given(polls, polls)
def test_delays_never_shrink(one: int, other: int) -> None:
    """A job that runs longer is asked for less often."""
    schedule = PollSchedule(first=0.1, factor=2, cap=3)
    few, many = sorted((one, other))
    assert schedule.delay(few, retry_after=None, left=99) <= schedule.delay(many, retry_after=None, left=99)


@given(st.floats(min_value=0.2, max_value=12))
def test_the_end_of_a_job_is_noticed_in_time(duration: float) -> None:
    """A job of some seconds is noticed late by its own duration, and a little, at most."""
    elapsed, number = 0.0, 0
    while elapsed < duration:
        elapsed += DEFAULT_SCHEDULE.delay(number, retry_after=None, left=900)
        number += 1
    assert elapsed - duration <= duration + 0.2
