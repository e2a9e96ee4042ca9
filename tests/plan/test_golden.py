"""Golden utterances: read from the files that seeds are written in, and compared with answers."""

from __future__ import annotations

import pytest

from cluvault.errors import InvalidSeed
from cluvault.model.golden import Answer, GoldenUtterance
from cluvault.model.seed import SpanLabel
from cluvault.plan.golden import golden_problems, read_golden

ROME = GoldenUtterance(text="fly 😀 to Rome", intent="Book", entities=(SpanLabel(10, 4, "City"),), min_confidence=0.5)


def test_rows_of_csv_and_jsonl_mean_the_same() -> None:
    """Marked texts, languages, and how sure the model has to be."""
    csv = b"marked;intent;language;min-confidence\nfly \xf0\x9f\x98\x80 to [Rome](City);Book;;0.5\nbye;End;en-GB;\n"
    jsonl = (
        b'{"text": "fly \xf0\x9f\x98\x80 to Rome", "intent": "Book", "min-confidence": 0.5,'
        b' "entities": [{"category": "City", "text": "Rome"}]}\n{"text": "bye", "intent": "End", "language": "en-gb"}'
    )
    rows = read_golden(csv, source="Golden.CSV")
    assert rows == read_golden(jsonl, source="golden.jsonl")
    assert rows == (ROME, GoldenUtterance(text="bye", intent="End", language="en-gb"))


@pytest.mark.parametrize(
    "data, said",
    [
        (b"text,intent,dataset\nhi,Greet,Train\n", "column 'dataset' is not known"),
        (b"text,intent,min-confidence\nhi,Greet,2\n", "line 2, column min-confidence"),
        (b"text,intent,min-confidence\nhi,Greet,nan\n", "line 2, column min-confidence"),
    ],
)
def test_faulty_files_are_refused(data: bytes, said: str) -> None:
    """With the line and the column."""
    with pytest.raises(InvalidSeed, match=said):
        read_golden(data, source="golden.csv")


@pytest.mark.parametrize(
    "answer, problems",
    [
        (Answer("Book", 0.9, (SpanLabel(10, 4, "City"), SpanLabel(0, 3, "Verb"))), ()),
        (Answer("End", 0.1, (SpanLabel(10, 4, "City"),)), ("intent End instead of Book",)),
        (Answer("Book", 0.4, (SpanLabel(10, 4, "City"),)), ("confidence 0.400 < 0.500",)),
        (Answer("Book", 0.5, ()), ("City 'Rome' is not found",)),
        (Answer("Book", 0.5, (SpanLabel(10, 4, "Food"),)), ("City 'Rome' is not found, Food is",)),
    ],
)
def test_an_answer_has_every_problem_named(answer: Answer, problems: tuple[str, ...]) -> None:
    """Entities by category and span; others may be found besides."""
    assert golden_problems(ROME, answer) == problems


def test_without_a_least_confidence_any_will_do() -> None:
    """The intent alone counts."""
    assert golden_problems(GoldenUtterance(text="bye", intent="End"), Answer("End", 0.01)) == ()
