r"""Utterances out of CSV and JSONL; pure. Every faulty row is found, not the first only.

Columns of CSV, keys of JSONL:

| name     | holds                                                                                                  |
| -------- | ------------------------------------------------------------------------------------------------------ |
| text     | the utterance, letter by letter: brackets and backslashes are themselves                               |
| marked   | or the utterance with its labels: `book a [flight](Service)` (see `plan.marked_text`)                  |
| intent   | its intent                                                                                             |
| language | optional: its language; the project's when absent                                                      |
| dataset  | optional: Train or Test; Train when absent                                                             |
| entities | optional, with text: `[{"category": "City", "offset": 7, "length": 5}]` in UTF-16 code units, or       |
|          | `[{"category": "City", "text": "Rome", "occurrence": 2}]`; occurrence (from 1) when it occurs often    |

A file may have both text and marked; each row fills one. A text is never searched for labels on its own account,
because brackets occur in real utterances. In CSV the delimiter (comma, semicolon, tab) is the one that makes sense of
the header, names may have capitals and spaces around them, and cells other than texts are trimmed. Other files of rows
(`plan.golden`) have other columns besides.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from pydantic import ValidationError

from cluvault.errors import InvalidProjectFile, InvalidSeed, SeedFault
from cluvault.model.json_text import JsonObject, read_json
from cluvault.model.names import shorten
from cluvault.model.plain_text import decode_text
from cluvault.model.project_file import UTF16
from cluvault.model.seed import SeedLabel, SeedRow, SeedUtterance, SpanLabel, fault_sentence
from cluvault.plan.marked_text import MarkedText, parse_marked_text
from cluvault.plan.spans import to_utf16, utf16_length

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")
RowT = TypeVar("RowT", bound=SeedRow)

COLUMNS: Final = ("text", "marked", "intent", "language", "dataset", "entities")
_DELIMITERS: Final = ",;\t"
_VERBATIM: Final = frozenset({"text", "marked"})
_IN_ONE_LINE: Final = re.compile(r" at line 1 column (\d+)$")


@dataclass(frozen=True, slots=True)
class RowFormat(Generic[RowT, T]):
    """What rows hold, and what is made of them.

    Attributes:
        columns: Their names.
        model: Checks a row.
        build: Makes a value of a row, its text with labels, the file and the line.
    """

    columns: tuple[str, ...]
    model: type[RowT]
    build: Callable[[RowT, MarkedText, str, int], T]


def _seed_utterance(row: SeedRow, marked: MarkedText, source: str, line: int) -> SeedUtterance:
    return SeedUtterance(marked.text, row.intent, row.language, row.dataset, marked.labels, source=source, line=line)


_SEED: Final = RowFormat(COLUMNS, SeedRow, _seed_utterance)


def read_csv_utterances(data: bytes, *, source: str) -> tuple[SeedUtterance, ...]:
    """Read utterances from CSV: UTF-8 with a header in line 1, any line ends, texts quoted where needed.

    Raises:
        InvalidSeed: the header or rows are faulty; each fault names its line and column.
    """
    return read_csv_rows(data, _SEED, source=source)


def read_jsonl_utterances(data: bytes, *, source: str) -> tuple[SeedUtterance, ...]:
    """Read utterances from JSONL: an object a line; blank lines are allowed.

    Raises:
        InvalidSeed: lines are faulty; each fault names its line and key.
    """
    return read_jsonl_rows(data, _SEED, source=source)


def read_csv_rows(data: bytes, form: RowFormat[RowT, T], *, source: str) -> tuple[T, ...]:
    """The same for rows of any format. Raises InvalidSeed."""
    text = decode_text(data, source=source)
    columns, delimiter = _read_header(text, form.columns, source=source)
    rows = _Rows(form, source, noun="column")
    for line, cells in _rows_after_header(text, delimiter, rows):
        if len(cells) > len(columns):
            sentence = f"has {len(cells)} cells, the header {len(columns)}; quote a text that holds the delimiter"
            rows.refuse(line, "", sentence)
        elif any(cell.strip() for cell in cells):
            rows.take_cells(line, dict(zip(columns, cells, strict=False)))
    return rows.finish()


def read_jsonl_rows(data: bytes, form: RowFormat[RowT, T], *, source: str) -> tuple[T, ...]:
    """The same for rows of any format. Raises InvalidSeed."""
    rows = _Rows(form, source, noun="key")
    for number, line in enumerate(decode_text(data, source=source).split("\n"), 1):
        if line.strip():
            rows.take_json(number, line)
    return rows.finish()


def _read_header(text: str, known: tuple[str, ...], *, source: str) -> tuple[list[str], str]:
    """The names of the columns, and the delimiter that shows most of those that are known."""
    head = io.StringIO(text, newline="").readline()
    readings = {sign: _column_names(head, sign) for sign in _DELIMITERS}
    delimiter = max(_DELIMITERS, key=lambda sign: len(set(readings[sign]) & set(known)))
    names = readings[delimiter]
    if faults := [SeedFault(source, 1, "header", sentence) for sentence in _header_faults(names, known)]:
        raise InvalidSeed(faults, mend=f"name the columns in line 1: {', '.join(known)}")
    return names, delimiter


def _column_names(head: str, delimiter: str) -> list[str]:
    return [cell.strip().lower() for cells in csv.reader([head], delimiter=delimiter) for cell in cells]


def _header_faults(names: list[str], known: tuple[str, ...]) -> Iterator[str]:
    if not any(names):
        yield "is empty"
        return
    if "intent" not in names:
        yield "has no column intent"
    if _VERBATIM.isdisjoint(names):
        yield "has neither column text nor column marked"
    for name in dict.fromkeys(names):
        if name not in known:
            yield f"column {shorten(name)!r} is not known"
        elif names.count(name) > 1:
            yield f"column {name} is given twice"


def _rows_after_header(text: str, delimiter: str, rows: _Rows[Any, Any]) -> Iterator[tuple[int, list[str]]]:
    """Each row and the line on which it starts; a torn quote ends the file, because all after it is inside."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if line > 1:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as err:
        rows.refuse(line, "", f'not valid CSV: {err}; write "" for a quote inside of a quoted cell')


class _Rows(Generic[RowT, T]):
    """Collects the utterances of a file, and the faults of all its rows."""

    def __init__(self, form: RowFormat[RowT, T], source: str, *, noun: str) -> None:
        self._form = form
        self._source = source
        self._noun = noun
        self._utterances: list[T] = []
        self._faults: list[SeedFault] = []

    def refuse(self, line: int, name: str, sentence: str) -> None:
        """Note a fault; `name` is its column or key, empty for the whole row."""
        place = f"{self._noun} {name}" if name else ""
        self._faults.append(SeedFault(self._source, line, place, sentence))

    def take_cells(self, line: int, cells: dict[str, str]) -> None:
        """Take a row of CSV: empty cells are absent, cells other than texts are trimmed."""
        row: JsonObject = {name: cell if name in _VERBATIM else cell.strip() for name, cell in cells.items()}
        row = {name: cell for name, cell in row.items() if cell}
        if "entities" in row:
            try:
                row["entities"] = _read_json_line(row["entities"])
            except InvalidProjectFile as err:
                self.refuse(line, "entities", _without_place(err))
                return
        self._take(line, row)

    def take_json(self, line: int, text: str) -> None:
        """Take a line of JSONL."""
        try:
            value = _read_json_line(text)
        except InvalidProjectFile as err:
            self.refuse(line, "", _without_place(err))
            return
        if isinstance(value, dict):
            self._take(line, cast("JsonObject", value))
        else:
            self.refuse(line, "", 'should be an object such as {"text": …, "intent": …}')

    def finish(self) -> tuple[T, ...]:
        """All utterances, or InvalidSeed with all faults."""
        if self._faults:
            raise InvalidSeed(self._faults)
        return tuple(self._utterances)

    def _take(self, line: int, values: JsonObject) -> None:
        try:
            row = self._form.model.model_validate(values)
        except ValidationError as err:
            for fault in err.errors(include_url=False, include_context=False):
                name, sentence = _place_and_sentence(fault["loc"], fault_sentence(fault))
                self.refuse(line, name, sentence)
            return
        try:
            marked = _labelled(row)
        except InvalidSeed as err:
            self.refuse(line, "marked", _joined(err))
        except _Unplaced as err:
            self.refuse(line, "entities", str(err))
        else:
            self._utterances.append(self._form.build(row, marked, self._source, line))


class _Unplaced(Exception):
    """A label does not fit its text."""


def _read_json_line(text: str) -> Any:
    return read_json(text.encode(), source="")


def _without_place(err: InvalidProjectFile) -> str:
    """The message of `read_json` about a text that is itself one line of a file."""
    return _IN_ONE_LINE.sub(r" at character \1", err.message.removeprefix(": "))


def _joined(err: InvalidSeed) -> str:
    return str(err).removeprefix(": ")


def _place_and_sentence(loc: Sequence[str | int], sentence: str) -> tuple[str, str]:
    """The column or key of a fault, and the sentence with the item inside of it (counted from 1)."""
    column, *inner = loc or ("text",)  # what is wrong with a row as a whole is wrong with its text
    inside = ", ".join(f"item {part + 1}" if isinstance(part, int) else part for part in inner)
    return str(column), f"{inside}: {sentence}" if inside else sentence


def _labelled(row: SeedRow) -> MarkedText:
    """The row's text with its labels placed and in order."""
    if row.marked is not None:
        return parse_marked_text(row.marked)
    text = row.text or ""
    labels = sorted(_place(text, label, number) for number, label in enumerate(row.entities or (), 1))
    for first, second in pairwise(labels):
        if (first.offset, first.length) == (second.offset, second.length):
            raise _Unplaced(f"{first.category!r} and {second.category!r} label the same words")
    return MarkedText(text, tuple(labels))


def _place(text: str, label: SeedLabel, number: int) -> SpanLabel:
    if label.text is not None:
        start = _find(text, label.text, label.occurrence, number)
        return SpanLabel(utf16_length(text[:start]), utf16_length(label.text), label.category)
    offset, length = label.offset or 0, label.length or 0
    if to_utf16(text, offset, length, index_type=UTF16) is None:
        units = utf16_length(text)
        raise _Unplaced(f"item {number}: offset {offset} length {length} is no span of a text of {units} code units")
    return SpanLabel(offset, length, label.category)


def _find(text: str, words: str, occurrence: int | None, number: int) -> int:
    """Where `words` start; every place counts as an occurrence, also those that overlap."""
    starts = [start for start in range(len(text)) if text.startswith(words, start)]
    if occurrence is None and len(starts) > 1:
        raise _Unplaced(f"item {number}: {shorten(words)!r} occurs {len(starts)} times; say which by occurrence")
    if len(starts) < (occurrence or 1):
        raise _Unplaced(f"item {number}: {shorten(words)!r} occurs {len(starts)} times in the text")
    return starts[(occurrence or 1) - 1]
