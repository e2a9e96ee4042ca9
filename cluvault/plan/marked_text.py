r"""Marked text: utterances that carry their labels, `book a [flight](Service) to [Rome](City)`; pure.

A label is `[words](Entity)`. Entity names may hold dots and spaces. A backslash takes the meaning from `[`, `]`, `(`,
`)` and itself: `\[`, `\]`, `\(`, `\)`, `\\`. Outside of a label's own round brackets, `(` and `)` need none. Nothing is
guessed: a bracket or backslash that fits nowhere is an error that says at which character it stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NoReturn, cast

from cluvault.errors import InvalidSeed, SeedFault
from cluvault.model.names import shorten
from cluvault.model.seed import SpanLabel, is_tidy_name
from cluvault.plan.spans import to_utf16, utf16_length

_WORDS: Final = re.compile(r"(?:[^\\\[\]]|\\[\\\[\]()])*")
_NAME: Final = re.compile(r"(?:[^\\()]|\\[\\\[\]()])*")
_ESCAPED: Final = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class MarkedText:
    """A plain text and its labels, by offset."""

    text: str
    labels: tuple[SpanLabel, ...] = ()


def parse_marked_text(marked: str) -> MarkedText:
    """Take the labels out of a marked text.

    Raises:
        InvalidSeed: says what is wrong, at which character (counted from 1), and the mend.
    """
    pieces: list[str] = []
    labels: list[SpanLabel] = []
    offset = position = 0
    while True:
        words, position = _read(_WORDS, marked, position)
        pieces.append(words)
        offset += utf16_length(words)
        if position == len(marked):
            return MarkedText("".join(pieces), tuple(labels))
        words, category, position = _read_label(marked, position)
        pieces.append(words)
        labels.append(SpanLabel(offset, utf16_length(words), category))
        offset += labels[-1].length


def format_marked_text(text: str, labels: tuple[SpanLabel, ...] = ()) -> str:
    """Write a text with its labels; `parse_marked_text` is the inverse.

    Raises:
        InvalidSeed: marked text cannot say it: labels overlap, lie outside the text, or have an untidy name.
    """
    pieces: list[str] = []
    end = 0
    for label in sorted(labels):
        _check_label(text, label, after=end)
        pieces.append(_escape_words(_utf16_slice(text, end, label.offset)))
        end = label.offset + label.length
        words = _escape_words(_utf16_slice(text, label.offset, end))
        pieces.append(f"[{words}]({_escape_name(label.category)})")
    return "".join([*pieces, _escape_words(_utf16_slice(text, end, utf16_length(text)))])


def _utf16_slice(text: str, start: int, end: int) -> str:
    """The part of a text between two offsets in UTF-16 code units."""
    return text.encode("utf-16-le", "surrogatepass")[2 * start : 2 * end].decode("utf-16-le", "surrogatepass")


def _read_label(marked: str, start: int) -> tuple[str, str, int]:
    """The words and the entity of the label that starts at `start`, and where it ends."""
    if marked[start] != "[":
        _refuse_sign(marked, start)
    words, position = _read(_WORDS, marked, start + 1)
    if position == len(marked):
        _refuse(start, "[ is not closed by ]", mend=r"write \[ for a bracket of the text")
    if marked[position] == "[":
        _refuse(position, "a label cannot hold another", mend=r"write \[ for a bracket of the text")
    if marked[position] != "]":
        _refuse_sign(marked, position)
    if not words:
        _refuse(start, "the label holds no words", mend="write [words](Entity)")
    if not marked.startswith("(", position + 1):
        _refuse(position + 1, "expected (Entity) after ]", mend=r"write \[ and \] for brackets of the text")
    opened = position + 1
    category, position = _read(_NAME, marked, opened + 1)
    if position == len(marked) or marked[position] == "(":
        _refuse(opened, "( is not closed by )", mend=r"write \( and \) for brackets of the entity's name")
    if marked[position] != ")":
        _refuse_sign(marked, position)
    if not is_tidy_name(category):
        _refuse(opened + 1, "the entity's name is empty or has spaces around it", mend="write [words](Entity)")
    return words, category, position + 1


def _read(pattern: re.Pattern[str], marked: str, start: int) -> tuple[str, int]:
    """What `pattern` reads from `start`, without escapes, and where it stops."""
    found = cast("re.Match[str]", pattern.match(marked, start))  # both patterns match the empty text
    return _ESCAPED.sub(r"\1", found[0]), found.end()


def _escape_words(words: str) -> str:
    return re.sub(r"[\\\[\]]", r"\\\g<0>", words)


def _escape_name(name: str) -> str:
    return re.sub(r"[\\()]", r"\\\g<0>", name)


def _check_label(text: str, label: SpanLabel, *, after: int) -> None:
    where = f"label {shorten(label.category)!r} at {label.offset}"
    if not is_tidy_name(label.category):
        problem = "has a name that is empty or has spaces around it"
    elif label.length < 1 or to_utf16(text, label.offset, label.length, index_type="Utf16CodeUnit") is None:
        problem = f"with length {label.length} is no span of the text"
    elif label.offset < after:
        problem = "overlaps the label before it"
    else:
        return
    raise InvalidSeed([SeedFault("", None, "", f"{where} {problem}")], mend="give offsets instead of marked text")


def _refuse_sign(marked: str, position: int) -> NoReturn:
    if marked[position] == "\\":
        _refuse(position, "a backslash stands before [ ] ( ) or itself only", mend=r"write \\ for a backslash")
    _refuse(position, "] closes nothing", mend=r"write \] for a bracket of the text")


def _refuse(position: int, sentence: str, *, mend: str) -> NoReturn:
    raise InvalidSeed([SeedFault("", None, f"at character {position + 1}", sentence)], mend=mend)
