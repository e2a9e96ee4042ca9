"""Strict JSON text in and out: nothing is guessed, nothing is lost.

Reading refuses what JSON leaves open and what .NET and Python read differently: duplicate keys, NaN, other encodings
than UTF-8, nesting beyond 200 levels. Key order, nulls and the spelling of fractional numbers (0.70, 1e-1) are kept.
"""

from __future__ import annotations

from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import Any, Final, cast

import jiter
import orjson

from cluvault.errors import InvalidProjectFile

JsonObject = dict[str, Any]

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_INT64: Final = range(-(2**63), 2**64)
_GIANT_DIGITS: Final = 30
_GIANT: Final = 10**_GIANT_DIGITS
_EXACT: Final = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
_LARGEST: Final = Decimal((0, (1,), MAX_EMAX))


def read_json(data: bytes, *, source: str) -> Any:
    """Parse UTF-8 JSON; fractional numbers come back as `jiter.LosslessFloat`.

    Raises:
        InvalidProjectFile: one line with what is wrong, its line and column, and `source`.
    """
    text = data.removeprefix(_BYTE_ORDER_MARK)
    try:
        return jiter.from_json(
            text,
            allow_inf_nan=False,
            catch_duplicate_keys=True,
            float_mode="lossless-float",
            cache_mode="all",
        )
    except ValueError as err:
        raise InvalidProjectFile(f"{source}: {_what_is_wrong(text, str(err))}") from err


def write_json(value: Any, *, indent: bool = False, sort_keys: bool = False) -> bytes:
    """Serialise to UTF-8 JSON in the value's own key order, numbers as they were spelt.

    Raises:
        InvalidProjectFile: a value that JSON cannot hold.
    """
    options = (orjson.OPT_INDENT_2 if indent else 0) | (orjson.OPT_SORT_KEYS if sort_keys else 0)
    try:
        return orjson.dumps(value, default=_spelling, option=options)
    except orjson.JSONEncodeError:
        pass  # most likely an integer beyond 64 bits, which orjson does not write itself
    try:
        return orjson.dumps(_spell_big_integers(value), default=_spelling, option=options)
    except (orjson.JSONEncodeError, RecursionError) as err:
        raise InvalidProjectFile(f"value cannot be written as JSON: {err}") from err


def is_number(value: object) -> bool:
    """Whether a parsed value is a JSON number (booleans are not)."""
    return isinstance(value, int | float | jiter.LosslessFloat) and not isinstance(value, bool)


def plain_number(value: float | jiter.LosslessFloat) -> int | float | Decimal:
    """The number itself, the same for every spelling of it: 0, -0.0 and 0e9 are 0.

    What a float would change stays a Decimal. Beyond 10^18 digits all numbers are one.
    """
    if isinstance(value, int) and abs(value) < _GIANT:
        return value
    text = bytes(value).decode() if isinstance(value, jiter.LosslessFloat) else repr(value)
    exact = _EXACT.create_decimal(text)
    if exact.is_infinite():
        return _LARGEST.copy_sign(exact)
    if exact.is_zero():
        return 0
    if exact.adjusted() < _GIANT_DIGITS and exact == exact.to_integral_value():
        return int(exact)
    nearest = float(exact)
    return nearest if Decimal(repr(nearest)) == exact else _EXACT.normalize(exact)


def _spelling(value: object) -> orjson.Fragment:
    if isinstance(value, jiter.LosslessFloat):
        return orjson.Fragment(bytes(value))
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(type(value).__name__)


def _spell_big_integers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _spell_big_integers(item) for key, item in cast("JsonObject", value).items()}
    if isinstance(value, list | tuple):
        return [_spell_big_integers(item) for item in cast("list[Any]", value)]
    if isinstance(value, int) and not isinstance(value, bool) and value not in _INT64:
        return orjson.Fragment(str(value))
    return value


def _what_is_wrong(text: bytes, reason: str) -> str:
    """Say what bytes that are no JSON look like, in one line."""
    start = text[:200].lstrip().lower()
    if not start:
        return "the file is empty"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<")):
        return "this is an HTML or XML page, not JSON (a sign-in or error page saved by mistake?)"
    if text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "the text is UTF-16; save it as UTF-8"
    if text[:2] == b"\x1f\x8b":
        return "the file is gzip-compressed; its name should end in .gz"
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as err:
        line = text.count(b"\n", 0, err.start) + 1
        column = err.start - text.rfind(b"\n", 0, err.start)
        return f"byte 0x{text[err.start]:02x} at line {line} column {column} is not UTF-8; save the file as UTF-8"
    reason = _brief(reason)
    if reason.startswith("recursion limit exceeded"):
        return reason.replace("recursion limit exceeded", "nested deeper than 200 levels")
    if reason.startswith("EOF while parsing"):
        return f"the JSON ends too early (truncated?): {reason}"
    return f"not valid JSON: {reason[0].lower()}{reason[1:]}"


def _brief(reason: str, limit: int = 200) -> str:
    """A reason that quotes a long key loses its middle, for the place is at its end."""
    return reason if len(reason) <= limit else f"{reason[: limit // 2]}…{reason[-limit // 2 :]}"
