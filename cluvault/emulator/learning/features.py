"""What the tagger sees of words."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_RUNS: Final = re.compile(r"(.)\1+")


def close_features(word: str, *, advanced: bool) -> list[str]:
    """What is seen of a word itself: the word, its beginnings and endings, its shape."""
    lowered = word.casefold()
    lengths = (1, 2, 3, 4) if advanced else (2, 3)
    return [
        f"word={lowered}",
        f"shape={_shape(word)}",
        *(f"begins={lowered[:length]}" for length in lengths),
        *(f"ends={lowered[-length:]}" for length in lengths),
    ]


def wide_features(word: str) -> list[str]:
    """What is seen of a neighbour; of the edge of the text, which is an empty word, that it is the edge."""
    lowered = word.casefold()
    return [f"word={lowered}", f"ends={lowered[-3:]}", "number" if lowered.isdecimal() else "word"]


def word_pair(left: str, right: str) -> str:
    """Two neighbours as one."""
    return f"{left.casefold()} {right.casefold()}"


def _shape(word: str) -> str:
    """The kinds of a word's characters, runs made one: `Paris` and `Rome` are `Xx`."""
    kinds = "".join("X" if char.isupper() else "x" if char.islower() else _kind(char) for char in word)
    return _RUNS.sub(r"\1", kinds)


def _kind(char: str) -> str:
    return "9" if char.isdecimal() else unicodedata.category(char)[0]
