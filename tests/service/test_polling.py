"""When a job is asked for again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluvault.service.polling import DEFAULT_SCHEDULE, PollSchedule
from tests.support.near import approx

seconds = st.floats(min_value=0, max_value=1e6)


def test_it_starts_fast_and_backs_off_to_the_cap() -> None:
    """Three a second at first, then by the job's age, then one every six seconds."""
    delays = [DEFAULT_SCHEDULE.delay(age, retry_after=None, left=900) for age in (0, 1, 2, 10, 40, 4000)]
    assert delays == approx([0.3, 0.3, 0.5, 2.5, 6, 6])


@given(seconds, st.none() | seconds, seconds)
def test_the_last_poll_is_made_when_the_time_is_up(age: float, retry_after: float | None, left: float) -> None:
    """No delay is negative or longer than the time that is left."""
    assert 0 <= DEFAULT_SCHEDULE.delay(age, retry_after=retry_after, left=left) <= left


@given(seconds, seconds)
def test_what_the_service_asks_for_is_kept(age: float, retry_after: float) -> None:
    """Retry-After is honoured whatever the schedule says, except that nobody polls without pause."""
    assert DEFAULT_SCHEDULE.delay(age, retry_after=retry_after, left=1e9) == max(retry_after, 0.3)


@given(seconds, seconds)
def test_delays_never_shrink(one: float, other: float) -> None:
    """A job that runs longer is asked for less often."""
    schedule = PollSchedule(first=0.1, share=0.5, cap=3)
    young, old = sorted((one, other))
    assert schedule.delay(young, retry_after=None, left=99) <= schedule.delay(old, retry_after=None, left=99)


@given(st.floats(min_value=0.2, max_value=12))
def test_the_end_of_a_job_is_noticed_in_time(duration: float) -> None:
    """A job of some seconds is noticed late by a quarter of its own duration, and a little, at most."""
    elapsed = 0.0
    while elapsed < duration:
        elapsed += DEFAULT_SCHEDULE.delay(elapsed, retry_after=None, left=900)
    assert elapsed - duration <= duration / 4 + 0.3
