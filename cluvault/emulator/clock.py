"""A clock that can be stopped and moved, so that tests need not wait for jobs, expiry dates or rates."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class Clock:
    """The time of another clock, unless somebody stops it or moves it.

    Args:
        source: The time in UTC.
    """

    def __init__(self, source: Callable[[], datetime]) -> None:
        self._source = source
        self._ahead = timedelta(0)
        self._stopped_at: datetime | None = None

    def __call__(self) -> datetime:
        """The time."""
        return self._source() + self._ahead if self._stopped_at is None else self._stopped_at

    @property
    def is_stopped(self) -> bool:
        """Whether it stands still."""
        return self._stopped_at is not None

    def stop(self, at: datetime | None = None) -> None:
        """Stand still, now or at another moment."""
        self._stopped_at = at or self()

    def advance(self, by: timedelta) -> None:
        """Jump ahead; a clock that stands still does so again."""
        if self._stopped_at is None:
            self._ahead += by
        else:
            self._stopped_at += by

    def reset(self) -> None:
        """Show the true time again."""
        self._ahead, self._stopped_at = timedelta(0), None
