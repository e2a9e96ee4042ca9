"""Seconds that never go back and go on while the machine sleeps, where the system has such a clock."""

from __future__ import annotations

import time


def steady_seconds() -> float:
    """Seconds since some moment."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)  # Linux; elsewhere the monotonic clock may stand still in sleep
    return time.monotonic() if boot is None else time.clock_gettime(boot)
