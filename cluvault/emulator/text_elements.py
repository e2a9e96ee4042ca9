"""Text elements: what people see as one character, by the rules of Unicode 8.0, as .NET counts them.

Extended grapheme clusters of that version (UAX #29, revision 27): marks and joiners belong to what they follow, Hangul
syllables and runs of regional indicators stay together, emoji sequences do not yet.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from typing import Final

_MARKS: Final = frozenset({"Mn", "Mc", "Me"})
_JOINERS: Final = "\u200c\u200d\u0e33\u0eb3\uff9e\uff9f"
"""Characters that belong to what they follow although they are no marks: joiners, Thai and Lao am, sound marks."""
_REGIONAL: Final = range(0x1F1E6, 0x1F200)
_LEADING: Final = (range(0x1100, 0x1160), range(0xA960, 0xA97D))
_VOWELS: Final = (range(0x1160, 0x11A8), range(0xD7B0, 0xD7C7))
_TRAILING: Final = (range(0x11A8, 0x1200), range(0xD7CB, 0xD7FC))
_SYLLABLES: Final = range(0xAC00, 0xD7A4)
_TRAILS: Final = 28
"""How many syllables share their leading consonant and vowel; the first of them has no trailing consonant."""
_FOLLOWED_BY: Final = {
    "L": frozenset({"L", "V", "LV", "LVT"}),
    "V": frozenset({"V", "T"}),
    "LV": frozenset({"V", "T"}),
    "T": frozenset({"T"}),
    "LVT": frozenset({"T"}),
    "RI": frozenset({"RI"}),
    "CR": frozenset({"LF"}),
}


def element_span(text: str, start: int, end: int) -> tuple[int, int]:
    """Offset and length in text elements of a span of code points; an element that it cuts counts as a whole."""
    if text.isascii() and "\r" not in text:
        return start, end - start
    starts = [at for at in range(len(text)) if at == 0 or _begins(text[at - 1], text[at])]
    if start == end:
        return bisect_left(starts, start), 0
    first = bisect_right(starts, start) - 1
    return first, bisect_left(starts, end) - first


def _begins(before: str, character: str) -> bool:
    """Whether a character begins another element than the one before it belongs to."""
    class_before, class_here = _class(before), _class(character)
    if class_before in ("control", "CR", "LF"):
        return class_here not in _FOLLOWED_BY.get(class_before, ())
    return class_here != "extend" and class_here not in _FOLLOWED_BY.get(class_before, ())


def _class(character: str) -> str:
    if character in "\r\n":
        return "CR" if character == "\r" else "LF"
    category = unicodedata.category(character)
    if category in _MARKS or character in _JOINERS:
        return "extend"
    if category in ("Cc", "Cf", "Zl", "Zp"):
        return "control"
    code = ord(character)
    return "RI" if code in _REGIONAL else _hangul(code)


def _hangul(code: int) -> str:
    if code in _SYLLABLES:
        return "LV" if (code - _SYLLABLES.start) % _TRAILS == 0 else "LVT"
    for name, ranges in (("L", _LEADING), ("V", _VOWELS), ("T", _TRAILING)):
        if any(code in found for found in ranges):
            return name
    return ""
