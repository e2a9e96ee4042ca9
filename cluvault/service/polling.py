"""When to ask again how a job is doing. Performs no I/O.

Jobs of one kind at one resource take about equally long. So whoever waits for one asks first when it is likely to be
done, which is known from those that have ended (`Durations`): one poll a job where they all take the same time, and its
end noticed late by a fifth of its duration at most where they do not. While nothing is known, one job is asked for,
soon at first, then ever less often (`PollSchedule`), and those beside it wait for what it tells; see `waiting.py`.
Deletions are done when they are first asked for, so that is at once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from math import ceil
from typing import Final

_KEPT: Final = 16
_EARLY, _LATE = 0.2, 0.95
_PATIENCE: Final = 1.2
"""How far past the moment at which a fifth of the jobs are done the first poll may be, for more to be done by then."""
_DOUBT: Final = 0.96
"""Jobs that are done when first asked for may have been done before: later ones are asked for a little earlier, and
the longer that goes well the more so."""
_STEP, _STEEPEST = 0.05, 0.25
"""How much older, in shares of its age, a job is next time that takes longer than any known; and at most."""
_SHORTEST: Final = 0.05
_COARSE: Final = 1.0
"""The service tells times in whole seconds, so a span between two is true to within one."""


@dataclass(frozen=True, slots=True)
class PollSchedule:
    """Delays between the polls of jobs of which nothing is known, in seconds.

    Attributes:
        first: The shortest.
        share: How much longer, as a share of its age, a job is left alone that is older.
        cap: The longest.
    """

    first: float = 0.3
    share: float = 0.25
    cap: float = 6.0

    def delay(self, age: float, *, retry_after: float | None, left: float) -> float:
        """How long to wait before the next poll.

        Args:
            age: How long the job has been going on.
            retry_after: What the service asked for in its last answer; it is believed, short of polling without pause.
            left: Time until the caller gives up. The last poll is made then, not later.
        """
        own = min(max(self.first, self.share * age), self.cap)
        return max(0.0, min(own if retry_after is None else max(retry_after, self.first), left))


DEFAULT_SCHEDULE: Final = PollSchedule()
JOB_GRACE: Final = 5.0
"""Seconds after a job's start in which a 404 on its URL may mean that the job is not yet known everywhere."""


@dataclass(slots=True)
class Durations:
    """How long the last jobs of one kind took, in seconds from the answer to their start."""

    _last: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _sorted: list[float] = field(default_factory=list[float])
    _at_first: int = 0

    def __bool__(self) -> bool:
        """Whether anything is known."""
        return bool(self._last)

    def add(self, *, running: float, done: float, reported: float | None = None) -> None:
        """A job has ended well.

        Args:
            running: Its age when it was last found running; 0 when it never was.
            done: Its age when it was found done.
            reported: How long it took by the service's own times.
        """
        took = done
        if reported is not None and reported + _COARSE > running:
            took = min(took, reported + _COARSE)
        self._at_first = 0 if running else self._at_first + 1
        self._last.append(took * _DOUBT ** ceil(self._at_first / (3 * _KEPT)))
        self._sorted = sorted(self._last)

    def delay(self, age: float, *, misses: int, retry_after: float | None, left: float) -> float:
        """How long to wait before the next poll of a job, when something is known.

        Args:
            age: How long it has been going on.
            misses: How often it was found running.
            retry_after: What the service asked for; it is believed, but it brings no poll forward.
            left: Time until the caller gives up. The last poll is made then, not later.
        """
        own = max(self._due(age, misses) - age, _SHORTEST if misses else 0.0)
        return max(0.0, min(max(own, retry_after or 0.0), left))

    def chance(self, age: float, running: float) -> float:
        """How likely it is that a job of this age is done that was last found running at another; 1 if nobody knows."""
        known = len(self._sorted)
        left = known - bisect_right(self._sorted, running)
        return (left - known + bisect_right(self._sorted, age)) / left if left else 1.0

    def _due(self, age: float, misses: int) -> float:
        """The age at which a job that is still going on is worth a poll."""
        longer = self._sorted[bisect_right(self._sorted, age) :]
        if not longer:
            if not misses:
                return age
            step = min(_STEP * 2 ** min(misses - 1, 8), _STEEPEST) * age
            return age + min(step, DEFAULT_SCHEDULE.cap)
        early = longer[int(_EARLY * (len(longer) - 1))]
        late = longer[ceil(_LATE * len(longer)) - 1]
        return min(_PATIENCE * early, late)
