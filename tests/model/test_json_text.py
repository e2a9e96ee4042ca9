from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import jiter
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import InvalidProjectFile
from cluvault.model.json_text import is_number, plain_number, read_json, write_json
from tests.strategies import JSON_VALUES, QUICK

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def number(text: str) -> Any:
    """A number as it is read."""
    return read_json(text.encode(), source="test")


# --- reading and writing -------------------------------------------------------------------------------------------


@QUICK
@given(JSON_VALUES)
def test_what_was_written_is_read_and_written_again_in_the_same_bytes(value: Any) -> None:
    """Writing and reading are inverse to each other, to the spelling of each number."""
    data = write_json(value)
    assert write_json(read_json(data, source="test")) == data


@QUICK
@given(JSON_VALUES)
def test_other_readers_of_json_agree(value: Any) -> None:
    """What is written is JSON to Python's own reader, and means the same there."""
    assert json.loads(write_json(value)) == json.loads(json.dumps(value))


@pytest.mark.parametrize(
    "text", ["0.70", "1e-1", "1E5", "0.0", "-0.0", "1e400", "123456789012345678901234567890", "-9223372036854775809"]
)
def test_a_number_keeps_its_spelling(text: str) -> None:
    """Numbers are written as they were read, whatever a float would make of them."""
    assert write_json([number(text)]) == f"[{text}]".encode()


def test_keys_keep_their_order_unless_they_shall_not() -> None:
    """Order is kept for files, and sorted for comparisons."""
    value = read_json(b'{"b": 1, "a": null}', source="test")
    assert write_json(value) == b'{"b":1,"a":null}'
    assert write_json(value, sort_keys=True) == b'{"a":null,"b":1}'


def test_json_for_people_is_indented() -> None:
    """Two spaces a level."""
    assert write_json({"a": [1]}, indent=True) == b'{\n  "a": [\n    1\n  ]\n}'


def test_big_integers_are_written_anywhere() -> None:
    """Integers beyond 64 bits pass in lists, tuples and objects, beside booleans."""
    value = {"a": [2**64, True, -(2**63)], "b": (2**70,)}
    assert json.loads(write_json(value)) == {"a": [2**64, True, -(2**63)], "b": [2**70]}


def test_a_decimal_is_written_as_a_number() -> None:
    """What `plain_number` keeps exact can be written."""
    assert write_json([Decimal("0.1"), Decimal("1E+400")]) == b"[0.1,1E+400]"


def test_a_byte_order_mark_is_skipped() -> None:
    """Windows editors write one."""
    assert read_json(b"\xef\xbb\xbf[1]", source="test") == [1]


def nested(levels: int) -> list[Any]:
    """Lists in lists."""
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("value", [{1: 2}, {"a": object()}, "\ud800", {"\ud800": 1}, [2**64, object()], nested(5000)])
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    """Instead of an exception of the library that writes."""
    with pytest.raises(InvalidProjectFile, match="value cannot be written as JSON"):
        write_json(value)


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"<html>", "this is an HTML or XML page, not JSON"),
        (b"  <?xml version='1.0'?>", "this is an HTML or XML page"),
        ("[1]".encode("utf-16"), "the text is UTF-16; save it as UTF-8"),
        (b"\x1f\x8b\x08\x00", "the file is gzip-compressed; its name should end in .gz"),
        (b'[1,\n"\xe9"]', "byte 0xe9 at line 2 column 2 is not UTF-8; save the file as UTF-8"),
        (b'"caf\xe9"', "byte 0xe9 at line 1 column 5 is not UTF-8"),
        (b"[" * 202, "nested deeper than 200 levels at line 1 column 202"),
        (b'{"a": [1, 2', "the JSON ends too early (truncated?): EOF while parsing a list at line 1 column 11"),
        (b'{"a": "tex', "the JSON ends too early (truncated?): EOF while parsing a string"),
        (b'{"a": 1, "a": 2}', 'not valid JSON: detected duplicate key "a" at line 1 column 14'),
        (b"[NaN]", "not valid JSON: expected value at line 1 column 2"),
        (b"[Infinity]", "not valid JSON: expected value at line 1 column 2"),
        (b"{'a': 1}", "not valid JSON: key must be a string at line 1 column 2"),
        (b"[1] trailing", "not valid JSON: trailing characters at line 1 column 5"),
        (b'"\\ud800"', "not valid JSON"),
        (b"[01]", "not valid JSON: invalid number at line 1 column 3"),
        (b"1" * 5000, "not valid JSON: number out of range"),
    ],
)
def test_what_is_no_json_is_described_in_one_line(data: bytes, message: str) -> None:
    """The line names what it is, the place, and the source."""
    with pytest.raises(InvalidProjectFile) as caught:
        read_json(data, source="input.json")
    assert str(caught.value).startswith(f"input.json: {message}")


def test_a_reason_that_quotes_the_file_stays_one_short_line() -> None:
    """A key may be long and hold line breaks; the place at the end of the reason is kept."""
    key = "a\\nb" * 500
    with pytest.raises(InvalidProjectFile) as caught:
        read_json(f'{{"{key}": 1, "{key}": 2}}'.encode(), source="input.json")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert str(caught.value).endswith("at line 1 column 4012")


# --- numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, expected",
    [
        ("0", 0),
        ("-0", 0),
        ("-0.0", 0),
        ("0e9", 0),
        ("0e99999999999999999999", 0),
        ("1.0", 1),
        ("-2.50e1", -25),
        ("0.70", 0.7),
        ("7e-1", 0.7),
        ("1e29", 10**29),
        ("1e30", 1e30),
        ("1000000000000000000000000000000", 1e30),
        ("1e400", Decimal("1e400")),
        ("10e399", Decimal("1e400")),
        ("0.1234567890123456789012345678901234", Decimal("0.1234567890123456789012345678901234")),
        ("1e-99999999999999999999", 0),
        ("1e999999999", Decimal("1e999999999")),
    ],
)
def test_a_plain_number_is_free_of_spelling(text: str, expected: float | Decimal) -> None:
    """One number, whatever it looked like; what a float would change stays exact."""
    plain = plain_number(number(text))
    assert plain == expected
    assert type(plain) is type(expected)


def test_numbers_beyond_all_bounds_are_one() -> None:
    """Nobody's arithmetic reaches there; they stay numbers that can be written and read."""
    giant = plain_number(number("1e9999999999999999999999"))
    assert giant == plain_number(number("2e9999999999999999999998"))
    assert giant != plain_number(number("-1e9999999999999999999999"))
    assert plain_number(read_json(write_json(giant), source="test")) == giant


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@QUICK
@given(FINITE | st.integers(-(10**40), 10**40))
def test_every_spelling_of_a_number_is_the_same_number(value: float) -> None:
    """Plain, with an exponent, with more zeros: all give the same value, and the same text."""
    exact = Decimal(repr(value))
    spellings = [f"{exact:e}", f"{exact:f}", f"{exact:f}" + ("00" if "." in f"{exact:f}" else ".0"), f"{exact:E}"]
    assert len({write_json(plain_number(number(text))) for text in spellings}) == 1


@QUICK
@given(st.decimals(allow_nan=False, allow_infinity=False, places=20))
def test_exact_numbers_stay_exact(value: Decimal) -> None:
    """A written plain number reads as the number that it was made from."""
    plain = plain_number(number(f"{value:f}"))
    assert Decimal(write_json(plain).decode()) == value


def numbers_and_others() -> SearchStrategy[tuple[object, bool]]:
    """Values with the answer to whether each is a number."""
    yes = FINITE | st.integers() | st.just(jiter.LosslessFloat(b"1.0"))
    no = st.booleans() | st.none() | st.text() | st.just([1])
    return yes.map(lambda value: (value, True)) | no.map(lambda value: (value, False))


@QUICK
@given(numbers_and_others())
def test_booleans_are_no_numbers(case: tuple[object, bool]) -> None:
    """Although Python counts them among the integers."""
    value, expected = case
    assert is_number(value) is expected
