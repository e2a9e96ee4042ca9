"""Small charts: where the line goes, and what is said of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cluvault.plan.sparkline import HEIGHT, WIDTH, sparkline

START = datetime(2026, 11, 1, tzinfo=UTC)


def test_goes_across_by_time_and_up_by_value() -> None:
    """Uneven times have uneven steps; the largest value is at the top."""
    found = sparkline([(START, 10), (START + timedelta(days=1), 30), (START + timedelta(days=4), 20)])
    assert found is not None
    assert found.line == "3,25 31.5,3 117,14"
    assert (found.end, found.first, found.last) == ((117.0, 14.0), 10, 20)
    assert found.label == "10 on 2026-11-01, 20 now, between 10 and 30"


def test_of_what_does_not_change() -> None:
    """A line in the middle; one value is a point at the end; no value is no chart."""
    found = sparkline([(START, 5), (START + timedelta(days=1), 5)])
    assert found is not None
    assert (found.line, found.label) == ("3,14 117,14", "5 since 2026-11-01")
    single = sparkline([(START, 5)])
    assert single is not None
    assert single.line == "117,14"
    assert sparkline([]) is None


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=400))
def test_stays_inside_and_ends_at_the_newest(numbers: list[int]) -> None:
    """However many values there are, the line is short, inside the picture, and its end is the last one."""
    found = sparkline([(START + timedelta(hours=place), number) for place, number in enumerate(numbers)])
    assert found is not None
    corners = [tuple(map(float, corner.split(","))) for corner in found.line.split()]
    assert len(corners) <= 60
    assert all(0 <= across <= WIDTH and 0 <= up <= HEIGHT for across, up in corners)
    assert (corners[-1], found.last) == (found.end, numbers[-1])
