"""Utterances out of CSV and JSONL."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import InvalidSeed
from cluvault.model.seed import SeedUtterance, SpanLabel
from cluvault.plan.seed_rows import read_csv_utterances, read_jsonl_utterances

if TYPE_CHECKING:
    from collections.abc import Callable

TEXTS = st.text(st.sampled_from("ab,;\t\"'[]\\ é😀\r\n") | st.characters(exclude_categories=["C"]), min_size=1).filter(
    str.strip
)


def from_csv(text: str) -> tuple[SeedUtterance, ...]:
    """The utterances of a CSV file."""
    return read_csv_utterances(text.encode(), source="rows.csv")


def from_jsonl(*objects: object) -> tuple[SeedUtterance, ...]:
    """The utterances of a JSONL file; a string stands for a line as it is."""
    lines = (item if isinstance(item, str) else json.dumps(item) for item in objects)
    return read_jsonl_utterances("\n".join(lines).encode(), source="rows.jsonl")


def faults_of(read: Callable[[], object]) -> list[str]:
    """All faults that reading finds."""
    with pytest.raises(InvalidSeed) as caught:
        read()
    return [str(fault) for fault in caught.value.faults]


# --- CSV -----------------------------------------------------------------------------------------------------------


@given(st.lists(TEXTS, max_size=5), st.sampled_from(",;\t"), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_every_quoted_text_comes_back(
    texts: list[str],
    delimiter: str,
    line_end: str,
    mark: bool,  # noqa: FBT001  # drawn
) -> None:
    """Every text survives every delimiter, line end and byte order mark, letter by letter."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerows([["text", "intent"], *([text, "Book"] for text in texts)])
    data = file.getvalue().encode("utf-8-sig" if mark else "utf-8")
    assert [row.text for row in read_csv_utterances(data, source="rows.csv")] == texts


def test_a_row_says_everything_about_its_utterance() -> None:
    """All columns are read; names of columns may be capital, cells that are no texts are trimmed."""
    (row,) = from_csv(
        " Text ,INTENT,language,dataset,entities\n"
        '" 😀 Rome ", Book ,en-US,TEST,"[{""category"": ""City"", ""offset"": 4, ""length"": 4}]"\n'
    )
    assert row == SeedUtterance(" 😀 Rome ", "Book", "en-us", "Test", (SpanLabel(4, 4, "City"),))
    assert (row.source, row.line) == ("rows.csv", 2)


def test_brackets_in_a_plain_text_are_text() -> None:
    """Only the column `marked` is searched for labels; real utterances hold brackets."""
    plain, marked = from_csv("text,marked,intent\nsee [1](note),,Ask\n,see [1](Note),Ask\n")
    assert (plain.text, plain.labels) == ("see [1](note)", ())
    assert (marked.text, marked.labels) == ("see 1", (SpanLabel(4, 1, "Note"),))


def test_empty_rows_and_absent_cells_say_nothing() -> None:
    """Blank lines, rows of empty cells and rows that end early are no faults."""
    rows = from_csv("text,intent,language,dataset\n\nhello,Greet\n,,,\nbye,Leave,,\n")
    assert rows == (SeedUtterance("hello", "Greet"), SeedUtterance("bye", "Leave"))
    assert [row.line for row in rows] == [3, 5]


def test_a_row_is_named_by_the_line_on_which_it_starts() -> None:
    """A quoted text may run over lines; the next row's line still is right."""
    rows = from_csv('text,intent\n"two\nlines",Ask\nnext,Ask\n')
    assert [(row.text, row.line) for row in rows] == [("two\nlines", 2), ("next", 4)]


@pytest.mark.parametrize(
    "header, faults",
    [
        ("", ["is empty"]),
        ("\ntext,intent", ["is empty"]),
        ("text", ["has no column intent"]),
        ("intent;language", ["has neither column text nor column marked"]),
        ("text\tintent\tintnet\ttext", ["column text is given twice", "column 'intnet' is not known"]),
    ],
)
def test_a_header_is_checked_before_the_rows(header: str, faults: list[str]) -> None:
    """Every fault of the header is named, and the columns that there are."""
    with pytest.raises(InvalidSeed, match="name the columns in line 1: text, marked, intent") as caught:
        from_csv(header)
    assert [str(fault) for fault in caught.value.faults] == [f"rows.csv: line 1, header: {fault}" for fault in faults]


def test_every_faulty_row_is_found() -> None:
    """Faults name source, line and column; the message has the first and the number of the others."""
    text = (
        "text,marked,intent,language,dataset,entities\n"
        "hello,,,english,dev\n"
        "a,b,Ask\n"
        ",[a,Ask\n"
        "good,,Ask\n"
        'x,,Ask,,,"[}"\n'
        'x,,Ask,,,"{}"\n'
        ",[a](B),Ask,,,[]\n"
        "one,two,three,four,five,six,seven\n"
        "  ,,Ask\n"
    )
    assert faults_of(lambda: from_csv(text)) == [
        "rows.csv: line 2, column intent: is missing",
        "rows.csv: line 2, column language: should be a language tag such as en-us",
        "rows.csv: line 2, column dataset: should be 'Train' or 'Test'",
        "rows.csv: line 3, column text: should have either text or marked",
        r"rows.csv: line 4, column marked: at character 1: [ is not closed by ]; write \[ for a bracket of the text",
        "rows.csv: line 6, column entities: not valid JSON: expected value at character 2",
        "rows.csv: line 7, column entities: should be a list",
        "rows.csv: line 8, column entities: belongs to text; marked text labels its spans itself",
        "rows.csv: line 9: has 7 cells, the header 6; quote a text that holds the delimiter",
        "rows.csv: line 10, column text: is empty",
    ]
    with pytest.raises(InvalidSeed, match=r"^rows\.csv: line 2, column intent: is missing \(and 9 more\)$"):
        from_csv(text)


@pytest.mark.parametrize("row", ['"torn,Ask', '"a"b,Ask'])
def test_a_torn_quote_ends_the_file(row: str) -> None:
    """After a faulty quote nothing can be told apart; the row where it starts is named."""
    (fault,) = faults_of(lambda: from_csv(f"text,intent\nfine,Ask\n{row}\nmore,Ask\n"))
    assert fault.startswith("rows.csv: line 3: not valid CSV: ")


@pytest.mark.parametrize("read", [read_csv_utterances, read_jsonl_utterances])
@pytest.mark.parametrize(
    "data, problem",
    [
        ("text,intent\nhé,Ask".encode("latin-1"), "rows: line 2: byte 0xe9 at position 2 is not UTF-8"),
        ("text,intent\nhi,Ask".encode("utf-16"), "rows: the text is UTF-16"),
        (b"\xef\xbb\xbftext\xff", "rows: line 1: byte 0xff at position 5 is not UTF-8"),
    ],
)
def test_another_encoding_is_named(read: Callable[..., tuple[SeedUtterance, ...]], data: bytes, problem: str) -> None:
    """Bytes that are not UTF-8 are never guessed at."""
    with pytest.raises(InvalidSeed) as caught:
        read(data, source="rows")
    assert caught.value.message == problem
    assert caught.value.mend.endswith("UTF-8")


# --- JSONL ---------------------------------------------------------------------------------------------------------


@given(TEXTS)
def test_any_text_comes_back_from_jsonl(text: str) -> None:
    """JSON strings are taken letter by letter."""
    assert from_jsonl({"text": text, "intent": "Ask"}) == (SeedUtterance(text, "Ask"),)


def test_lines_may_be_blank_and_end_in_carriage_returns() -> None:
    """A byte order mark, blank lines and Windows line ends are no faults; null is absent."""
    data = (
        b'\xef\xbb\xbf{"text": "a", "intent": "Ask", "language": null}\r\n\r\n{"marked": "[b](B)", "intent": "Ask"}\r\n'
    )
    rows = read_jsonl_utterances(data, source="rows.jsonl")
    assert rows == (SeedUtterance("a", "Ask"), SeedUtterance("b", "Ask", labels=(SpanLabel(0, 1, "B"),)))
    assert [row.line for row in rows] == [1, 3]


def test_every_faulty_line_is_found() -> None:
    """Faults of JSON, of the object and of its members are named with line and key."""
    rows = [
        "[1]",
        '{"text": "a",, "intent": "Ask"}',
        '{"text": "a", "text": "b", "intent": "Ask"}',
        {"text": "a", "intent": "Ask", "intnet": "Ask"},
        {"text": 1, "intent": " Ask"},
        {"intent": "Ask"},
        {"text": "a", "intent": "Ask", "dataset": 1},
    ]
    assert faults_of(lambda: from_jsonl(*rows)) == [
        'rows.jsonl: line 1: should be an object such as {"text": …, "intent": …}',
        "rows.jsonl: line 2: not valid JSON: key must be a string at character 14",
        'rows.jsonl: line 3: not valid JSON: detected duplicate key "text" at character 22',
        "rows.jsonl: line 4, key intnet: is not known",
        "rows.jsonl: line 5, key text: should be text",
        "rows.jsonl: line 5, key intent: should be a name without spaces around it",
        "rows.jsonl: line 6, key text: should have either text or marked",
        "rows.jsonl: line 7, key dataset: should be 'Train' or 'Test'",
    ]


# --- labels --------------------------------------------------------------------------------------------------------


def labels_of(text: str, *entities: dict[str, Any]) -> tuple[SpanLabel, ...]:
    """The labels of one row."""
    (row,) = from_jsonl({"text": text, "intent": "Ask", "entities": entities})
    return row.labels


def test_labels_by_offset_and_by_words_are_the_same() -> None:
    """Both ways of writing a label give the span in UTF-16 code units, in the order of the text."""
    by_offset = {"category": "City", "offset": 11, "length": 4}
    by_words = {"category": "City", "text": "Rome", "occurrence": 2}
    first = {"category": "Face", "text": "😀"}
    assert labels_of("😀 or Rome Rome", by_words, first) == (SpanLabel(0, 2, "Face"), SpanLabel(11, 4, "City"))
    assert labels_of("😀 or Rome Rome", by_offset, first) == labels_of("😀 or Rome Rome", by_words, first)


def test_occurrences_may_overlap() -> None:
    """Each place where the words stand counts, also inside of another occurrence."""
    assert labels_of("aaa", {"category": "A", "text": "aa", "occurrence": 2}) == (SpanLabel(1, 2, "A"),)


@pytest.mark.parametrize(
    "label, problem",
    [
        ({"offset": 3, "length": 3}, "item 1: offset 3 length 3 is no span of a text of 5 code units"),
        ({"offset": 1, "length": 2}, "item 1: offset 1 length 2 is no span of a text of 5 code units"),
        ({"text": "x"}, "item 1: 'x' occurs 0 times in the text"),
        ({"text": "b"}, "item 1: 'b' occurs 2 times; say which by occurrence"),
        ({"text": "b", "occurrence": 3}, "item 1: 'b' occurs 2 times in the text"),
        ({"text": "b", "offset": 0}, "item 1: should have offset and length, or text"),
        ({"offset": 0}, "item 1: should have offset and length, or text"),
        ({}, "item 1: should have offset and length, or text"),
        ({"offset": 0, "length": 1, "occurrence": 1}, "item 1: occurrence counts texts; give text instead of offset"),
        ({"offset": 0.0, "length": 1}, "item 1, offset: should be a whole number"),
        ({"offset": True, "length": 1}, "item 1, offset: should be a whole number"),
        ({"offset": -1, "length": 1}, "item 1, offset: should be greater than or equal to 0"),
        ({"offset": 0, "length": 0}, "item 1, length: should be greater than or equal to 1"),
        ({"offset": 0, "length": 10**30}, "item 1: offset 0 length 1000000000000000000000000000000 is no span"),
        ({"text": ""}, "item 1, text: is empty"),
        ({"start": 0}, "item 1, start: is not known"),
    ],
)
def test_a_label_that_does_not_fit_is_named(label: dict[str, Any], problem: str) -> None:
    """Labels outside of the text, through a character, or ambiguous are faults of their row."""
    (fault,) = faults_of(lambda: labels_of("ab😀b", {"category": "A", **label}))
    assert fault.startswith(f"rows.jsonl: line 1, key entities: {problem}")


def test_two_labels_on_the_same_words_are_refused() -> None:
    """The service takes one entity for a span."""
    labels: list[dict[str, Any]] = [{"category": "A", "offset": 0, "length": 1}, {"category": "B", "text": "a"}]
    assert faults_of(lambda: labels_of("ab", *labels)) == [
        "rows.jsonl: line 1, key entities: 'A' and 'B' label the same words"
    ]
