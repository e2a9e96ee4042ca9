"""What is too old, and what came before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cluvault.errors import InvalidEvent
from cluvault.plan.replay import Memory

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_the_window() -> None:
    """Of the past, and a little of the future."""
    memory = Memory(HOUR)
    memory.check([NOW - HOUR, NOW, NOW + timedelta(minutes=5)], now=NOW)
    for at, why in ((NOW - HOUR - timedelta(seconds=1), "older than the 60"), (NOW + HOUR, "from the future")):
        with pytest.raises(InvalidEvent, match=why):
            memory.check([at], now=NOW)


def test_what_came_before() -> None:
    """All of it, within the window; nothing at all came before nothing."""
    memory = Memory(HOUR)
    memory.remember(["a", "b"], now=NOW)
    assert memory.knows(["a", "b"], now=NOW + HOUR)
    assert not memory.knows(["a", "c"], now=NOW)
    assert not memory.knows([], now=NOW)
    assert not memory.knows(["a"], now=NOW + HOUR + timedelta(seconds=1))


def test_what_is_forgotten() -> None:
    """What is older than the window, and the oldest of too many."""
    memory = Memory(HOUR, most=2)
    memory.remember(["a", "b", "c"], now=NOW)
    assert not memory.knows(["a"], now=NOW)
    assert memory.knows(["b", "c"], now=NOW)
    memory.remember(["d"], now=NOW + 2 * HOUR)
    assert not memory.knows(["c"], now=NOW)
    memory.remember([], now=NOW + 9 * HOUR)
    assert not memory.knows(["d"], now=NOW + 2 * HOUR)
