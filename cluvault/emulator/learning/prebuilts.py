"""The prebuilt components that the emulator has: a subset, in English; signs and digits are known in every language.

Known are Quantity.Number, Percentage, Ordinal, Currency, Temperature, Age and Dimension, DateTime, Email, Phone
Number, URL, IPAddress and Choice.Boolean. All others find nothing: names, places, events and organizations need more
than patterns. Resolutions that depend on today's date are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from cluvault.emulator.learning.dates import DATE_TIMES
from cluvault.emulator.learning.numerals import DIGITS, FRACTION, ORDINAL, QUANTITY, ordinal, quantity, whole
from cluvault.emulator.learning.parts import Part
from cluvault.emulator.learning.units import AGES, CURRENCIES, DIMENSIONS, TEMPERATURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_Resolution = dict[str, Any]
_Resolve = Callable[[re.Match[str]], tuple[_Resolution, ...]]
_Rule = tuple[re.Pattern[str], str, _Resolve]
"""A pattern, the subtype of what it finds, and what that means."""


def _nothing(_match: re.Match[str]) -> tuple[_Resolution, ...]:
    return ()


def _rule(pattern: str, subtype: str, resolve: _Resolve = _nothing) -> _Rule:
    return re.compile(pattern, re.IGNORECASE), subtype, resolve


def _spellings(table: Iterable[str]) -> str:
    return "(?:" + "|".join(re.escape(spelling) for spelling in sorted(table, key=len, reverse=True)) + ")"


# --- quantities ----------------------------------------------------------------------------------------------------


def _number(match: re.Match[str]) -> tuple[_Resolution, ...]:
    value = quantity(match.group())
    kind = "Fraction" if "/" in match.group() else "Integer" if isinstance(value, int) else "Decimal"
    return ({"resolutionKind": "NumberResolution", "numberKind": kind, "value": value},)


def _percentage(match: re.Match[str]) -> tuple[_Resolution, ...]:
    return ({"resolutionKind": "NumberResolution", "numberKind": "Percent", "value": quantity(match["value"])},)


def _ordinal(match: re.Match[str]) -> tuple[_Resolution, ...]:
    value = ordinal(match.group())
    place = {"offset": str(value), "relativeTo": "Start" if value else "End", "value": str(value)}
    return ({"resolutionKind": "OrdinalResolution"} | place,)


def _currency(match: re.Match[str]) -> tuple[_Resolution, ...]:
    sign: str = match["sign"] or match["unit"]
    unit, code = CURRENCIES[" ".join(sign.lower().split())]
    value = quantity(match["after"] or match["value"])
    if scale := match.groupdict().get("scale"):
        value = whole(value * _SCALES[scale.lower()])
    return ({"resolutionKind": "CurrencyResolution", "unit": unit, "ISO4217": code, "value": value},)


def _temperature(match: re.Match[str]) -> tuple[_Resolution, ...]:
    if not match["unit"]:
        return ()
    unit = TEMPERATURES[match["unit"].lower()]
    return ({"resolutionKind": unit.resolution, "unit": unit.name, "value": quantity(match["value"])},)


def _age(match: re.Match[str]) -> tuple[_Resolution, ...]:
    unit = AGES[(match["unit"] or "year").lower()]
    return ({"resolutionKind": unit.resolution, "unit": unit.name, "value": quantity(match["value"])},)


def _dimension(match: re.Match[str]) -> tuple[_Resolution, ...]:
    unit = DIMENSIONS[" ".join(match["unit"].lower().split())]
    return ({"resolutionKind": unit.resolution, "unit": unit.name, "value": quantity(match["value"])},)


_SCALES: Final = {"k": 10**3, "m": 10**6, "b": 10**9}
_SIGNED: Final = r"(?P<sign>US\$|[$€£¥₹])\s?(?P<after>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_MONEY_WORDS: Final = _spellings(spelling for spelling in CURRENCIES if spelling.replace(" ", "").isalpha())
_CURRENCY: Final = (
    rf"{_SIGNED}(?:\s(?:thousand|million|billion|trillion))?)(?P<scale>[kmb])?(?!\w)"
    rf"|(?P<value>{QUANTITY})[\s-]?(?P<unit>{_MONEY_WORDS}\b|[$€£¥₹])"
)
_CURRENCY_BY_SIGN: Final = rf"{_SIGNED})(?!\w)|(?P<value>{DIGITS})\s?(?P<unit>[$€£¥₹])"

# --- the rest ------------------------------------------------------------------------------------------------------


def _boolean(match: re.Match[str]) -> tuple[_Resolution, ...]:
    return ({"resolutionKind": "BooleanResolution", "value": match.lastgroup == "yes"},)


_DEGREE: Final = r"(?:°|deg(?:ree)?s?\b)"
_YES_OR_NO: Final = (
    r"\b(?:(?P<yes>yes|yeah|yep|yup|sure|ok|okay|true|correct|(?:of course|absolutely)(?!\snot\b))"
    r"|(?P<no>no|nope|nah|false|not really|absolutely not|of course not))\b"
)
_PHONE: Final = r"(?<![\w.])(?:\+\d{1,3}[\s.-]?)?(?:\(\d{3}\)\s?|\d{3}[\s.-])\d{3}[\s.-]?\d{4}(?!\w)"
_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_ADDRESS: Final = (
    rf"(?<![\w.])(?:{_OCTET}\.){{3}}{_OCTET}(?![\w.]*\d)"
    r"|(?<![\w:])(?:[\da-f]{1,4}(?::[\da-f]{1,4}){7}|(?=[\da-f:]*::)[\da-f]{0,4}(?::[\da-f]{0,4}){2,7})(?![\w:])"
)
_URL: Final = (
    r"\bhttps?://[^\s<>\"]*[^\s<>\".,;:!?)]|(?<![\w@.])(?:[a-z\d-]+\.)+(?:com|org|net|edu|gov|io|co|uk|de|fr|eu|info)"
    r"\b(?!@)(?:/[^\s<>\"]*[^\s<>\".,;:!?)])?"
)
_EMAIL: Final = r"(?<![\w.+-])[\w.+%-]+@[a-z\d-]+(?:\.[a-z\d-]+)*\.[a-z]{2,}\b"

_EVERYWHERE: Final[dict[str, tuple[_Rule, ...]]] = {
    "quantity.number": (_rule(rf"{FRACTION}|{DIGITS}(?![\w%/]|[.,]\d)", "quantity.number", _number),),
    "quantity.percentage": (_rule(rf"(?P<value>{DIGITS})\s?%", "quantity.percentage", _percentage),),
    "quantity.currency": (_rule(_CURRENCY_BY_SIGN, "quantity.currency", _currency),),
    "email": (_rule(_EMAIL, "email"),),
    "phonenumber": (_rule(_PHONE, "phonenumber"),),
    "url": (_rule(_URL, "url"),),
    "ipaddress": (_rule(_ADDRESS, "ipaddress"),),
}
_ENGLISH: Final[dict[str, tuple[_Rule, ...]]] = _EVERYWHERE | {
    "quantity.number": (_rule(rf"{FRACTION}|{QUANTITY}(?![\w%/]|[.,]\d)", "quantity.number", _number),),
    "quantity.percentage": (
        _rule(rf"(?P<value>{QUANTITY})\s?(?:%|percent\b|per cent\b)", "quantity.percentage", _percentage),
    ),
    "quantity.ordinal": (_rule(ORDINAL, "quantity.ordinal", _ordinal),),
    "quantity.currency": (_rule(_CURRENCY, "quantity.currency", _currency),),
    "quantity.temperature": (
        _rule(
            rf"(?P<value>{QUANTITY})\s?(?:(?:{_DEGREE}\s?)?(?P<unit>{_spellings(TEMPERATURES)})\b|{_DEGREE})",
            "quantity.temperature",
            _temperature,
        ),
    ),
    "quantity.age": (
        _rule(
            rf"(?P<value>{QUANTITY})[\s-]?(?:(?P<unit>{_spellings(AGES)})[\s-](?:old|of age)\b|y\.?o\b\.?)",
            "quantity.age",
            _age,
        ),
    ),
    "quantity.dimension": (
        _rule(
            rf"(?P<value>{QUANTITY})[\s-]?(?P<unit>{_spellings(DIMENSIONS)})(?!\w)", "quantity.dimension", _dimension
        ),
    ),
    "datetime": DATE_TIMES,
    "choice.boolean": (_rule(_YES_OR_NO, "choice.boolean", _boolean),),
}


def find_prebuilt(category: str, text: str, *, language: str) -> Iterator[Part]:
    """What a prebuilt finds in a text of a language; nothing when the emulator does not have it."""
    rules = _ENGLISH if language.lower().partition("-")[0] == "en" else _EVERYWHERE
    end = 0
    for start, stop, subtype, resolutions in sorted(
        (
            (match.start(), -match.end(), subtype, resolve(match))
            for pattern, subtype, resolve in rules.get(category.replace(" ", "").lower(), ())
            for match in pattern.finditer(text)
        ),
        key=lambda found: found[:2],
    ):
        if start >= end:
            end = -stop
            extra = ({"extraInformationKind": "EntitySubtype", "value": subtype},)
            yield Part(kind="prebuilts", start=start, end=end, extra=extra, resolutions=resolutions)
