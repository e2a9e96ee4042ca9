"""How many calls a minute a resource is believed to allow, and what a refusal (429) teaches; pure.

Others spend the same budget: the portal, scripts, people. Nobody says how much. So a refusal lowers what is believed by
a share, and each minute without one raises it by a little, up to what is configured: additive increase,
multiplicative decrease (Chiu and Jain 1989), by which strangers come to share fairly without a word.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

MARGIN: Final = 1.0
WINDOW: Final = 60.0 + MARGIN
"""The service counts by the minute; the second more is for requests that travel at different speeds."""
LONG_AGO: Final = float("-inf")

_DECREASE: Final = 0.7
_INCREASE: Final = 0.1
"""Of the configured limit, for each minute without a refusal."""
_LEAST: Final = 0.1
"""Of the configured limit: nobody is starved."""
_ECHO: Final = 5.0
"""Seconds of a minute in which further refusals are of calls that were under way together, and teach nothing new."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls in so many seconds."""

    calls: int
    window: float = WINDOW

    def seconds(self, of_a_minute: float) -> float:
        """What so many seconds of a minute are where another time takes the minute's place."""
        return of_a_minute * self.window / WINDOW

    def least_seconds(self, calls: int) -> float:
        """What so many calls take at least, if nobody else sends any and none was sent before."""
        return (max(calls, 1) - 1) // self.calls * self.window


@dataclass(frozen=True, slots=True)
class Pace:
    """What is believed of one class of calls; moments are seconds of any one clock.

    Attributes:
        lowered_to: The calls a minute that the last refusal left; infinite when there was none.
        lowered_at: When that was.
        held_until: Before that nothing is sent: the service said when to come back.
    """

    lowered_to: float = float("inf")
    lowered_at: float = LONG_AGO
    held_until: float = LONG_AGO

    def limit(self, configured: Rate, now: float) -> int:
        """The calls in a window that are believed to be allowed; at least one."""
        return max(1, int(self._believed(configured, now) + 1e-9))

    def refused(self, configured: Rate, now: float, *, retry_after: float) -> Pace:
        """What is believed after a refusal that asks to wait for so many seconds."""
        held = replace(self, held_until=max(self.held_until, now + retry_after))
        if now < max(self.held_until, self.lowered_at + configured.seconds(_ECHO)):
            return held
        lower = max(_DECREASE * self._believed(configured, now), _LEAST * configured.calls, 1.0)
        return replace(held, lowered_to=lower, lowered_at=now)

    def shifted(self, seconds: float) -> Pace:
        """The same by a clock that is ahead by so many seconds."""
        return replace(self, lowered_at=self.lowered_at + seconds, held_until=self.held_until + seconds)

    def _believed(self, configured: Rate, now: float) -> float:
        if self.lowered_to >= configured.calls:
            return configured.calls
        quiet = max(0.0, now - max(self.lowered_at, self.held_until)) // configured.seconds(60.0)
        return min(configured.calls, self.lowered_to + quiet * max(1.0, _INCREASE * configured.calls))
