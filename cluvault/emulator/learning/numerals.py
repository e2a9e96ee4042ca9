"""Numbers as people write them, in digits and in English words: as patterns and as values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_SMALL: Final = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES: Final = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ORDINAL_WORDS: Final = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh"),
    *("twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth"),
)

_VALUES: Final = (
    {word: value for value, word in enumerate(_SMALL)}
    | {word: 10 * value for value, word in enumerate(_TENS, start=2)}
    | {"a": 1, "an": 1, "dozen": 12}
)
_ORDINALS: Final = {word: value for value, word in enumerate(_ORDINAL_WORDS, start=1)} | {
    f"{word[:-1]}ieth": 10 * value for value, word in enumerate(_TENS, start=2)
}


_SAFE: Final = 2.0**53


def _any_of(words: Iterable[str]) -> str:
    """A pattern of alternatives, longest first, so that `sixteen` is not read as `six`."""
    return "(?:" + "|".join(sorted(words, key=len, reverse=True)) + ")"


_UNIT: Final = _any_of(_SMALL[1:10])
_BELOW_HUNDRED: Final = rf"(?:{_any_of(_TENS)}(?:[\s-]{_UNIT})?|{_any_of(_SMALL)})"
_BELOW_THOUSAND: Final = rf"(?:(?:{_UNIT}|an?)\s+hundred(?:\s+(?:and\s+)?{_BELOW_HUNDRED})?|{_BELOW_HUNDRED})"
_SCALE: Final = r"(?:thousand|million|billion|trillion)"

DIGITS: Final = r"(?<![\w.,/])[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
"""A number in digits. What may follow is for the patterns around it to say."""

_WORDS: Final = (
    rf"\b(?:(?:{_BELOW_THOUSAND}|an?)\s+{_SCALE}(?:,?\s+(?:and\s+)?{_BELOW_THOUSAND}(?:\s+{_SCALE})?)*"
    rf"|an?\s+(?:hundred|dozen)(?:\s+(?:and\s+)?{_BELOW_HUNDRED})?|{_BELOW_THOUSAND})(?:\s+and\s+a\s+half)?\b"
)
QUANTITY: Final = rf"(?:{DIGITS}(?:\s*{_SCALE}\b)?|{_WORDS})"
"""A number in digits, in words, or in both: `2`, `twenty-one`, `1.5 million`."""

FRACTION: Final = r"(?<![\w.,/])\d+/\d+(?![\w/])"
ORDINAL: Final = rf"\b(?:\d+(?:st|nd|rd|th)|(?:{_any_of(_TENS)}[\s-])?{_any_of([*_ORDINALS, 'last'])})\b"


def quantity(text: str) -> float:
    """The value of what `QUANTITY` or `FRACTION` matched; whole numbers come as integers."""
    lowered = text.lower()
    if "/" in lowered:
        above, below = map(float, lowered.split("/"))
        return above / below if below else 0
    words = re.findall(r"[-+]?\d[\d,]*(?:\.\d+)?|[a-z]+", lowered.replace("and a half", "half"))
    total: float = 0
    current: float = 0
    for word in words:
        if word == "half":
            current += 0.5
        elif word == "hundred":
            current = (current or 1) * 100
        elif word in _SCALES:
            total, current = total + (current or 1) * _SCALES[word], 0
        elif word == "dozen":
            current = (current or 1) * 12
        elif word != "and":
            current += _VALUES[word] if word in _VALUES else float(word.replace(",", ""))
    return whole(total + current)


def whole(value: float) -> float:
    """An integer when the value is one that every JSON reader knows."""
    return int(value) if abs(value) < _SAFE and value == int(value) else value


def ordinal(text: str) -> int:
    """The value of what `ORDINAL` matched; `last` is 0."""
    lowered = text.lower()
    if lowered[0].isdecimal():
        return int(lowered[:-2])
    words = re.findall(r"[a-z]+", lowered)
    return sum(_VALUES.get(word, 0) for word in words[:-1]) + _ORDINALS.get(words[-1], 0)
