"""Offsets in UTF-8, UTF-16 and UTF-32 code units: the three ways in which a project file may count."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_UTF8: Final = "utf8codeunit"
_UTF32: Final = "utf32codeunit"
_LAST_OF_BASIC_PLANE: Final = "\uffff"


def boundaries(text: str, *, index_type: str) -> Sequence[int]:
    """The positions between characters in code units, first and last included; the last is the text's length.

    An unknown index type counts as UTF-16. Where every character is one unit the answer is a range, so that looking
    up a position costs nothing.
    """
    kind = index_type.lower()
    if text.isascii() or kind == _UTF32 or (kind != _UTF8 and max(text) <= _LAST_OF_BASIC_PLANE):
        return range(len(text) + 1)
    return [0, *accumulate(map(_utf8_units if kind == _UTF8 else _utf16_units, text))]


def utf16_length(text: str) -> int:
    """The length of a text in UTF-16 code units: characters beyond the basic plane count two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def to_utf16(text: str, offset: int, length: int, *, index_type: str) -> tuple[int, int] | None:
    """A span counted in UTF-16 code units; None when an end lies outside the text or inside a character."""
    ends = boundaries(text, index_type=index_type)
    utf16 = boundaries(text, index_type="Utf16CodeUnit")
    try:
        start, end = ends.index(offset), ends.index(offset + length)
    except ValueError:
        return None
    return utf16[start], utf16[end] - utf16[start]


def _utf8_units(char: str) -> int:
    return len(char.encode("utf-8", "surrogatepass"))


def _utf16_units(char: str) -> int:
    return 2 if char > _LAST_OF_BASIC_PLANE else 1
