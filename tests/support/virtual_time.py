"""An event loop whose clock leaps: hours of sleep take no time, and real code runs on them.

with virtual_time() as clock:
    clock.run(work())        # asyncio.sleep(3600) in it returns at once; clock.seconds() has moved by an hour
"""

from __future__ import annotations

import asyncio
import selectors
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

T = TypeVar("T")
START: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class _Leaping(selectors.SelectSelector):
    """Where others would wait, the clock moves; nothing but timers may be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        """What is ready now; when nothing is, it is later at once."""
        assert timeout is not None, "nothing is left that could go on"
        self.moved += max(0.0, timeout)
        return super().select(0)


class VirtualClock(asyncio.SelectorEventLoop):
    """The loop and its clock."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        """The loop's clock."""
        return self._leaping.moved

    def seconds(self) -> float:
        """Steady seconds."""
        return self._leaping.moved

    def now(self) -> datetime:
        """The instant."""
        return START + timedelta(seconds=self._leaping.moved)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end."""
        return self.run_until_complete(work)


@contextmanager
def virtual_time() -> Generator[VirtualClock]:
    """A clock of its own."""
    clock = VirtualClock()
    try:
        yield clock
    finally:
        clock.close()
