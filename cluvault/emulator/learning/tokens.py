"""Words of a text, in any script: letters and digits with their marks, and every other sign by itself.

Scripts that write without spaces give a token for each character, so that a label can begin and end at any of them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Final, NamedTuple

_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Thai to Han
    "\U00020000-\U0003134f"
)
_JOINER: Final = "\u200d"


class Token(NamedTuple):
    """A word and where it stands, in code points."""

    text: str
    start: int
    end: int


def tokenize(text: str) -> list[Token]:
    """The tokens of a text in order; white space is none."""
    return [Token(match.group(), *match.span()) for match in _pattern().finditer(text)]


def words_of(text: str) -> list[str]:
    """The tokens of a text without their places."""
    return _pattern().findall(text)


def fold(text: str, *, strip_marks: bool = False) -> str:
    """A text without regard to case, and to accents when `strip_marks`."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    if strip_marks and not folded.isascii():
        bare = "".join(char for char in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(char))
        return bare or folded
    return folded


fold_word: Final = lru_cache(maxsize=65_536)(fold)
"""The same for single words, which come again and again."""


@cache
def _pattern() -> re.Pattern[str]:
    marks = _marks()
    letter = rf"[^\W_{_UNSPACED}]"
    sign = rf"\S[{marks}]*"
    return re.compile(rf"{letter}(?:{letter}|[{marks}])*|{sign}(?:{_JOINER}{sign})*")


@cache
def _marks() -> str:
    r"""Combining marks, with emoji's variation selectors, as the inside of a character class; `\w` knows none."""
    points = [point for point in range(0x300, 0x10000) if unicodedata.category(chr(point))[0] == "M"]
    ranges: list[list[int]] = []
    for point in points:
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges) + "\U0001f3fb-\U0001f3ff"
