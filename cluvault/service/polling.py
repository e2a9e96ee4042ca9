"""When to ask again how a job is doing: soon at first, then ever less often. Performs no I/O.

Most jobs of the service take about a second, trainings take minutes to hours. A delay that grows by half each time
notices the end of a job late by at most about half of the job's own duration, with six requests in the first four
seconds and then one every `cap` seconds, well inside the documented 100 GETs a minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class PollSchedule:
    """Delays before the polls of one job, in seconds."""

    first: float = 0.2
    factor: float = 1.5
    cap: float = 6.0

    def delay(self, polls: int, *, retry_after: float | None, left: float) -> float:
        """How long to wait before the next poll.

        Args:
            polls: Polls made so far.
            retry_after: What the service asked for in its last answer; it is believed, short of polling without pause.
            left: Time until the caller gives up. The last poll is made then, not later.
        """
        growth = self.factor ** min(polls, 64)
        own = min(self.first * growth, self.cap)
        return max(0.0, min(own if retry_after is None else max(retry_after, self.first), left))


DEFAULT_SCHEDULE: Final = PollSchedule()
JOB_GRACE: Final = 5.0
"""Seconds after a job's start in which a 404 on its URL may mean that the job is not yet known everywhere."""
