"""When to ask again how a job is doing. Performs no I/O.

Jobs of one kind at one resource take about equally long. So whoever waits for one asks first when it is likely to be
done, which is known from those that have ended (`Durations`): one poll a job where they all take the same time, and its
end noticed late by a fifth of its duration at most where they do not. While nothing is known, one job is asked for,
soon at first, then ever less often (`PollSchedule`), and those beside it wait for what it tells; see `waiting.py`.
A job that is done when it is first asked for may have been done for long. So now and then one is asked for earlier than
the others, a *probe*, until it is known to a few hundredths how long such jobs take.
Deletions are done when they are first asked for, so that is at once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Final

_KEPT: Final = 16
_EARLY, _LATE = 0.2, 0.95
_PATIENCE: Final = 1.05
"""How far past the age at which a fifth of the jobs are done a poll may be, for more to be done by then."""
_PRECISE: Final = 0.03
"""How far apart, as a share of the duration, what is too early and what is late enough may be for no probe to be worth
its request."""
_AT_ONCE: Final = 4
"""Probes at once at the most."""
_BELIEVED: Final = 48
"""Jobs that may end after one was last found running before somebody looks whether they have become faster."""
_REACH, _FURTHEST = 0.05, 0.4
"""How much earlier, as a share of the duration, a probe is that looks whether they have become faster; and at most,
for each that finds its job done makes the next twice as bold."""
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
    _too_early: float = 0.0
    _late_enough: float = inf
    _since: int = 0
    _reach: float = _REACH

    def __bool__(self) -> bool:
        """Whether anything is known."""
        return bool(self._last)

    def add(self, *, running: float, done: float, reported: float | None = None, was_probe: bool = False) -> bool:
        """A job has ended well; whether those that wait for others should think again.

        Args:
            running: Its age when it was last found running; 0 when it never was.
            done: Its age when it was found done.
            reported: How long it took by the service's own times.
            was_probe: Whether it was first asked for when `probes` said.
        """
        took = done
        if reported is not None and reported + _COARSE > running:
            took = min(took, reported + _COARSE)
        has_probed_well = was_probe and not running
        is_news = has_probed_well or not self._last
        if has_probed_well:
            self._late_enough = min(took, self._late_enough)
            if not self._is_bounded:
                self._reach = min(2 * self._reach, _FURTHEST)
        self._since += 1
        self._last.append(max(running, min(took, self._late_enough)))
        self._sorted = sorted(self._last)
        return is_news

    def found_running(self, age: float) -> None:
        """A job of that age was still going on."""
        self._reach = _REACH
        if age >= self._late_enough:
            self._late_enough = inf  # it was not
        if age >= self._too_early or not self._is_bounded:
            self._too_early, self._since = age, 0

    @property
    def _is_bounded(self) -> bool:
        """Whether it is known, and still to be believed, when a job was found running."""
        return self._too_early > 0 and self._since < _BELIEVED

    def probes(self) -> list[float]:
        """Ages at which a job each is to be asked for to learn more than its end, while that is worth a request."""
        if not self._last:
            return []
        known = self._due(0.0, 0)
        if not self._is_bounded:
            return [(1 - self._reach) * known]
        if self._too_early > self._sorted[0]:
            return []  # they differ
        gap = known - self._too_early
        number = min(ceil(gap / (_PRECISE * known)) - 1, _AT_ONCE)
        return [self._too_early + gap * (place + 1) / (number + 1) for place in range(number)]

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
        due = min(_PATIENCE * early, late)
        return due if misses else max(age, min(due, self._late_enough))
