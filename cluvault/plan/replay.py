"""Which events are too old, and which came before.

What is remembered is bounded, and nothing depends on it being whole: an event that slips through finds that its object
was taken in already.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from cluvault.errors import InvalidEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_REMEMBERED: Final = 100_000
_AHEAD: Final = timedelta(minutes=5)
"""How much a sender's clock may be ahead of ours."""


class Memory:
    """The ids of the events of a window of time.

    Args:
        window: How old an event may be.
        most: How many ids are remembered; beyond that the oldest are forgotten.
    """

    def __init__(self, window: timedelta, *, most: int = MOST_REMEMBERED) -> None:
        self._window = window
        self._most = most
        self._ids: dict[str, datetime] = {}

    def check(self, times: Iterable[datetime], *, now: datetime) -> None:
        """Refuse what is not of this window.

        Raises:
            InvalidEvent: an event is older than the window, or comes from the future.
        """
        for at in times:
            if at < now - self._window:
                minutes = self._window.total_seconds() / 60
                raise InvalidEvent(f"an event of {at.isoformat()} is older than the {minutes:g} minutes that are taken")
            if at > now + _AHEAD:
                raise InvalidEvent(f"an event of {at.isoformat()} comes from the future", mend="check the clocks")

    def knows(self, ids: Iterable[str], *, now: datetime) -> bool:
        """Whether all of these came before, within the window."""
        known = [self._ids.get(one) for one in ids]
        return bool(known) and all(at is not None and at >= now - self._window for at in known)

    def remember(self, ids: Iterable[str], *, now: datetime) -> None:
        """These were carried out."""
        for one in ids:
            self._ids.pop(one, None)
            self._ids[one] = now
        while self._ids and (len(self._ids) > self._most or next(iter(self._ids.values())) < now - self._window):
            del self._ids[next(iter(self._ids))]
