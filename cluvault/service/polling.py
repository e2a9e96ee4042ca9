"""When to ask again how a job is doing: soon at first, then ever less often. Performs no I/O.

Deletions are done when they are first asked for, most other jobs take about a second, trainings minutes to hours. So
the first poll of a deletion is made at once, that of another job after a moment; then delays grow, and the end of a job
is noticed late by about the job's own duration at most, at the cost of five requests in the first four seconds and then
one every `cap` seconds. Ten exports a minute, which is all that the service allows, stay inside the documented 100 GETs
a minute with everything else they need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class PollSchedule:
    """Delays between the polls of one job, in seconds."""

    first: float = 0.2
    factor: float = 1.7
    cap: float = 6.0

    def delay(self, polls: int, *, retry_after: float | None, left: float) -> float:
        """How long to wait before the next poll.

        Args:
            polls: Polls made so far.
            retry_after: What the service asked for in its last answer; it is believed, short of polling without pause.
            left: Time until the caller gives up. The last poll is made then, not later.
        """
        own = min(self.first * self.factor ** min(polls - 1, 64), self.cap) if polls else 0.0
        return max(0.0, min(own if retry_after is None else max(retry_after, self.first), left))


DEFAULT_SCHEDULE: Final = PollSchedule()
JOB_GRACE: Final = 5.0
"""Seconds after a job's start in which a 404 on its URL may mean that the job is not yet known everywhere."""
