"""Text of strangers on a terminal: project names and utterances must not move the cursor or colour the screen."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Final

_SHOWN: Final = {"\n": "⏎", "\r": "⏎", "\t": "→"}
_LAST_OF_BMP: Final = 0xFFFF


def clean(text: str) -> str:
    """One printable line: control and direction-changing characters become visible."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_SHOWN.get(char) or _escaped(char) if _is_unsafe(char) else char for char in text)


def clean_lines(text: str) -> str:
    """The same for a text of several lines: its line ends and tabs stay."""
    return "".join(_escaped(char) if _is_unsafe(char) and char not in "\n\t" else char for char in text)


def clean_json(text: str) -> str:
    """JSON text that means the same and holds no character that a terminal obeys; they occur in its strings only."""
    if text.isascii():
        return text  # JSON escapes the ASCII ones itself, save DEL, which no terminal obeys
    return "".join(_json_escaped(char) if _is_unsafe(char) and char != "\n" else char for char in text)


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


def _is_unsafe(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) <= _LAST_OF_BMP else f"\\U{ord(char):08x}"


def _json_escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2))
