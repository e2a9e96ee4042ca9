"""Lengths and spans of text in the units of a string index type."""

from __future__ import annotations

from typing import Final

_ENCODINGS: Final = {"Utf16CodeUnit": ("utf-16-le", 2), "Utf8CodeUnit": ("utf-8", 1), "Utf32CodeUnit": ("utf-32-le", 4)}

UTF16: Final = "Utf16CodeUnit"


def unit_length(text: str, index_type: str = UTF16) -> int:
    """How many units a text has."""
    if text.isascii():
        return len(text)
    encoding, size = _ENCODINGS[index_type]
    return len(text.encode(encoding)) // size


def convert_span(text: str, offset: int, length: int, *, source: str, target: str) -> tuple[int, int]:
    """Offset and length of the same span in other units; what lies past the end of the text stays as far past it."""
    if source == target or text.isascii():
        return offset, length
    start = _convert(text, offset, source, target)
    return start, _convert(text, offset + length, source, target) - start


def _convert(text: str, position: int, source: str, target: str) -> int:
    encoding, size = _ENCODINGS[source]
    data = text.encode(encoding)
    before = data[: position * size].decode(encoding, "ignore")
    return unit_length(before, target) + max(0, position - len(data) // size)
