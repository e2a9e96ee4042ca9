"""Marked text: labels written into the utterance, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import InvalidSeed
from cluvault.model.seed import SpanLabel
from cluvault.plan.marked_text import MarkedText, format_marked_text, parse_marked_text
from cluvault.plan.spans import utf16_length

PIECES = st.text(st.sampled_from(r"ab []()\é") | st.sampled_from("😀🏔\n"), max_size=6)
NAMES = st.text(st.sampled_from(r"City.[]()\ 😀"), min_size=1, max_size=6).filter(lambda name: name == name.strip())


@st.composite
def labelled_texts(draw: st.DrawFn) -> MarkedText:
    """Texts whose labels do not overlap; pieces of both kinds in turn."""
    text = draw(PIECES)
    labels: list[SpanLabel] = []
    for words, category, gap in draw(st.lists(st.tuples(PIECES.filter(bool), NAMES, PIECES), max_size=4)):
        labels.append(SpanLabel(utf16_length(text), utf16_length(words), category))
        text += words + gap
    return MarkedText(text, tuple(labels))


@given(labelled_texts())
def test_parsing_is_the_inverse_of_formatting(labelled: MarkedText) -> None:
    """Whatever a labelled text holds, brackets, backslashes and emoji included, comes back from its marked form."""
    assert parse_marked_text(format_marked_text(labelled.text, labelled.labels)) == labelled


@given(PIECES)
def test_a_text_without_labels_survives(text: str) -> None:
    """A text without labels is formatted so that parsing finds none."""
    assert parse_marked_text(format_marked_text(text)) == MarkedText(text)


@pytest.mark.parametrize(
    "marked, text, labels",
    [
        ("", "", ()),
        ("plain (really)", "plain (really)", ()),
        (
            "book a [flight](Service) to [Rome](City)",
            "book a flight to Rome",
            (SpanLabel(7, 6, "Service"), SpanLabel(17, 4, "City")),
        ),
        ("[New York](Geo.Big City)!", "New York!", (SpanLabel(0, 8, "Geo.Big City"),)),
        (r"a \[b\] \(c\) \\ d", r"a [b] (c) \ d", ()),
        (r"[x\]y](A\)B)", "x]y", (SpanLabel(0, 3, "A)B"),)),
        ("[a](X)[b](Y)(c)", "ab(c)", (SpanLabel(0, 1, "X"), SpanLabel(1, 1, "Y"))),
    ],
)
def test_labels_are_taken_out_of_the_text(marked: str, text: str, labels: tuple[SpanLabel, ...]) -> None:
    """Labels, escapes and names with dots and spaces are read; round brackets elsewhere are text."""
    assert parse_marked_text(marked) == MarkedText(text, labels)


def test_offsets_count_utf16_code_units() -> None:
    """An emoji before or in a label counts two, as in the service's Utf16CodeUnit."""
    assert parse_marked_text("😀 to [🏔y](City) [z](City)").labels == (SpanLabel(6, 3, "City"), SpanLabel(10, 1, "City"))


@pytest.mark.parametrize(
    "marked, character, problem",
    [
        ("go to [Rome", 7, "[ is not closed by ]"),
        ("go to Rome]", 11, "] closes nothing"),
        ("[Rome]", 7, "expected (Entity) after ]"),
        ("[Rome] (City)", 7, "expected (Entity) after ]"),
        ("[a [b](C)](D)", 4, "a label cannot hold another"),
        ("[](City)", 1, "the label holds no words"),
        ("[Rome](City", 7, "( is not closed by )"),
        ("[Rome](Ci(ty)", 7, "( is not closed by )"),
        ("[Rome]()", 8, "the entity's name is empty or has spaces around it"),
        ("[Rome]( City)", 8, "the entity's name is empty or has spaces around it"),
        (r"C:\temp", 3, "a backslash stands before [ ] ( ) or itself only"),
        (r"[C:\temp](Path)", 4, "a backslash stands before [ ] ( ) or itself only"),
        (r"[Rome](Ci\ty)", 10, "a backslash stands before [ ] ( ) or itself only"),
        ("ends with \\", 11, "a backslash stands before [ ] ( ) or itself only"),
    ],
)
def test_what_fits_nowhere_is_named_with_its_place(marked: str, character: int, problem: str) -> None:
    """Nothing is guessed: the error says at which character what is wrong, and how to mend it."""
    with pytest.raises(InvalidSeed) as caught:
        parse_marked_text(marked)
    assert str(caught.value).startswith(f"at character {character}: {problem}; ")
    assert caught.value.mend.startswith("write ")


@pytest.mark.parametrize(
    "label, problem",
    [
        (SpanLabel(1, 1, "City"), "overlaps the label before it"),
        (SpanLabel(4, 1, "City"), "is no span of the text"),
        (SpanLabel(0, 0, "City"), "is no span of the text"),
        (SpanLabel(3, 1, "City"), "is no span of the text"),
        (SpanLabel(2, 1, "City "), "has a name that is empty or has spaces around it"),
    ],
)
def test_what_marked_text_cannot_say_is_refused(label: SpanLabel, problem: str) -> None:
    """Labels that overlap, cut a character or lie outside, and untidy names, have no marked form."""
    with pytest.raises(InvalidSeed, match=problem):
        format_marked_text("ab😀", (SpanLabel(0, 2, "First"), label))
