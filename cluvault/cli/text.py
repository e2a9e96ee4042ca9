"""Text of strangers on a terminal: project names and utterances must not move the cursor or colour the screen."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Final

_SHOWN: Final = {"\n": "⏎", "\r": "⏎", "\t": "→"}


def clean(text: str) -> str:
    """One printable line: control and direction-changing characters become visible."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return _SHOWN.get(char, f"\\u{ord(char):04x}")
    return char


def when(moment: datetime | None) -> str:
    """An instant in UTC, to the minute; a dash when there is none."""
    return "-" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}Z"


def size(number: int) -> str:
    """A number of bytes for people."""
    amount = float(number)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:  # noqa: PLR2004  # decimal units
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
