"""Whether a request is sent again, and when. Performs no I/O.

The client owns the retries of one request: at most four tries within two minutes. What is worth repeating is decided
by two questions. Can it pass (429, 408, 5xx, no connection, a torn body)? And does a second request do no harm: either
the operation may be repeated whatever became of the first, or the first was provably never processed?
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from cluvault.service.protocol import Fault

MAX_TRIES: Final = 4
MAX_SECONDS: Final = 120.0
RETRY_AFTER_CAP: Final = 60.0
"""A longer Retry-After is not waited for: the error says when to come back, and the caller's scheduler decides."""

_FIRST_DELAY: Final = 0.5
_FIRST_DELAY_THROTTLED: Final = 6.0  # ten POSTs a minute are one every six seconds


def retry_delay(fault: Fault, *, repeatable: bool, tries: int, spent: float, jitter: float) -> float | None:
    """Seconds until the next try, or None when the fault is final.

    Args:
        fault: What became of the last try.
        repeatable: Whether the operation may be repeated although the first request may have been processed.
        tries: Tries made so far.
        spent: Seconds spent on tries and on the delays between them.
        jitter: A random number of [0, 1), so that clients which failed together do not come back together.
    """
    if not fault.passing or not (repeatable or fault.unprocessed) or tries >= MAX_TRIES:
        return None
    delay = fault.retry_after
    if delay is None:
        first = _FIRST_DELAY_THROTTLED if fault.throttled else _FIRST_DELAY
        delay = first * 2 ** (tries - 1) * (1 + jitter / 4)
    return None if delay > RETRY_AFTER_CAP or spent + delay > MAX_SECONDS else delay


def read_retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds that an answer asks to wait, from any spelling in use; None when it does not say.

    A date is measured against the answer's own `Date`, so that a wrong clock on this machine does no harm.
    """
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        if (milliseconds := _number(headers.get(name))) is not None:
            return milliseconds / 1000
    text = headers.get("retry-after", "").strip()
    if (seconds := _number(text)) is not None:
        return seconds
    if (until := _date(text)) is None:
        return None
    return max(0.0, (until - (_date(headers.get("date", "")) or now)).total_seconds())


def _number(text: str | None) -> float | None:
    return float(text) if text and text.strip().replace(".", "", 1).isdecimal() else None


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
