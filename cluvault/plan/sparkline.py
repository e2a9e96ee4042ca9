"""A small chart of a number over time, as coordinates; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

WIDTH: Final = 120
HEIGHT: Final = 28
_MARGIN: Final = 3
_MOST_POINTS: Final = 60


@dataclass(frozen=True, slots=True)
class Sparkline:
    """A chart.

    Attributes:
        line: The corners of the line, as the attribute `points` of an SVG polyline takes them.
        end: Where the line ends.
        least: The smallest value of all.
        most: The largest.
        first: The oldest value.
        last: The newest.
        since: When the oldest was.
    """

    line: str
    end: tuple[float, float]
    least: int
    most: int
    first: int
    last: int
    since: datetime

    @property
    def label(self) -> str:
        """What a person sees in it, for those who do not see it."""
        if self.least == self.most:
            return f"{self.last} since {self.since:%Y-%m-%d}"
        return f"{self.first} on {self.since:%Y-%m-%d}, {self.last} now, between {self.least} and {self.most}"


def sparkline(values: Sequence[tuple[datetime, int]]) -> Sparkline | None:
    """The chart of values, the oldest first: across by time, up by value; None when there are none."""
    if not values:
        return None
    numbers = [value for _, value in values]
    least, most = min(numbers), max(numbers)
    begin, end = values[0][0], values[-1][0]
    corners = [(_across(moment, begin, end), _up(value, least, most)) for moment, value in _thinned(values)]
    line = " ".join(f"{across:g},{up:g}" for across, up in corners)
    return Sparkline(line, corners[-1], least, most, numbers[0], numbers[-1], begin)


def _thinned(values: Sequence[tuple[datetime, int]]) -> list[tuple[datetime, int]]:
    """Some of very many, the newest among them."""
    step = -(-len(values) // _MOST_POINTS)
    return [*reversed(values[::-1][::step])]


def _across(moment: datetime, begin: datetime, end: datetime) -> float:
    whole = (end - begin).total_seconds()
    share = (moment - begin).total_seconds() / whole if whole > 0 else 1.0
    return round(_MARGIN + share * (WIDTH - 2 * _MARGIN), 1)


def _up(value: int, least: int, most: int) -> float:
    share = (value - least) / (most - least) if most > least else 0.5
    return round(HEIGHT - _MARGIN - share * (HEIGHT - 2 * _MARGIN), 1)
