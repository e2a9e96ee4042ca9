from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.plan.spans import boundaries, to_utf16, utf16_length
from tests.strategies import QUICK, TEXTS

INDEX_TYPES = ("Utf8CodeUnit", "Utf16CodeUnit", "Utf32CodeUnit")
ENCODINGS = {"Utf8CodeUnit": ("utf-8", 1), "Utf16CodeUnit": ("utf-16-le", 2), "Utf32CodeUnit": ("utf-32-le", 4)}


@pytest.mark.parametrize(
    "text, index_type, expected",
    [
        ("", "Utf16CodeUnit", [0]),
        ("ab", "Utf8CodeUnit", [0, 1, 2]),
        ("é😀a", "Utf8CodeUnit", [0, 2, 6, 7]),
        ("é😀a", "Utf16CodeUnit", [0, 1, 3, 4]),
        ("é😀a", "utf16codeunit", [0, 1, 3, 4]),
        ("é😀a", "Utf32CodeUnit", [0, 1, 2, 3]),
        ("é😀a", "UTF8CODEUNIT", [0, 2, 6, 7]),
        ("é😀a", "Graphemes", [0, 1, 3, 4]),
    ],
)
def test_boundaries_are_the_positions_between_characters(text: str, index_type: str, expected: list[int]) -> None:
    """Each index type counts in its own way, in any case; an unknown one counts as UTF-16."""
    assert list(boundaries(text, index_type=index_type)) == expected


@pytest.mark.parametrize(
    "text, index_type", [("plain", "Utf8CodeUnit"), ("é", "Utf16CodeUnit"), ("😀", "Utf32CodeUnit")]
)
def test_where_a_character_is_one_unit_nothing_is_counted(text: str, index_type: str) -> None:
    """Ordinary texts cost nothing, however many there are."""
    assert boundaries(text, index_type=index_type) == range(len(text) + 1)


@QUICK
@given(TEXTS, st.sampled_from(INDEX_TYPES))
def test_the_last_boundary_is_the_length_of_the_encoded_text(text: str, index_type: str) -> None:
    """Every boundary is where the encoded prefix ends."""
    codec, width = ENCODINGS[index_type]
    prefixes = [len(text[:end].encode(codec)) // width for end in range(len(text) + 1)]
    assert list(boundaries(text, index_type=index_type)) == prefixes


@QUICK
@given(TEXTS)
def test_the_utf16_length_is_the_last_utf16_boundary(text: str) -> None:
    """Two ways of counting agree."""
    assert utf16_length(text) == boundaries(text, index_type="Utf16CodeUnit")[-1]


@pytest.mark.parametrize(
    "offset, length, index_type, expected",
    [
        (2, 1, "Utf32CodeUnit", (3, 1)),
        (6, 1, "Utf8CodeUnit", (3, 1)),
        (1, 2, "Utf16CodeUnit", (1, 2)),
        (0, 0, "Utf8CodeUnit", (0, 0)),
        (3, 1, "Utf8CodeUnit", None),
        (0, 3, "Utf8CodeUnit", None),
        (2, 2, "Utf32CodeUnit", None),
        (-1, 1, "Utf32CodeUnit", None),
    ],
)
def test_a_span_is_counted_anew(offset: int, length: int, index_type: str, expected: tuple[int, int] | None) -> None:
    """A span of another index type becomes one of UTF-16; one that lies outside, or inside a character, has none."""
    assert to_utf16("é😀a", offset, length, index_type=index_type) == expected


@QUICK
@given(st.data(), TEXTS, st.sampled_from(INDEX_TYPES))
def test_a_span_covers_the_same_words_in_utf16(data: st.DataObject, text: str, index_type: str) -> None:
    """Whatever the index type, a span of whole characters covers the same characters afterwards."""
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    ends = boundaries(text, index_type=index_type)
    found = to_utf16(text, ends[start], ends[end] - ends[start], index_type=index_type)
    assert found is not None
    words = text.encode("utf-16-le")[2 * found[0] : 2 * sum(found)].decode("utf-16-le")
    assert words == text[start:end]


def test_lone_surrogates_count_one() -> None:
    """Half a pair, as broken converters leave it, does not stop the counting."""
    assert utf16_length("\ud800a") == 2
    assert list(boundaries("\ud800a", index_type="Utf8CodeUnit")) == [0, 3, 4]
