"""The prebuilt DateTime, in English. Only what needs no calendar of today is resolved: times of day, full dates."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from cluvault.emulator.learning.numerals import QUANTITY

if TYPE_CHECKING:
    from collections.abc import Callable

_Resolutions = tuple[dict[str, Any], ...]

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH: Final = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY_OF_MONTH: Final = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?"
_YEAR: Final = r"(?P<year>(?:19|20)\d\d)"
_WEEKDAY: Final = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?"

_DATE: Final = (
    rf"(?:(?:the\s)?{_DAY_OF_MONTH}(?:\sof)?\s{_MONTH}(?:,?\s{_YEAR})?|{_MONTH}\s{_DAY_OF_MONTH}(?!\d)(?:,?\s{_YEAR})?"
    r"|(?P<iso>(?:19|20)\d\d-[01]\d-[0-3]\d)|[0-3]?\d[/.][0-3]?\d[/.](?:\d{4}|\d\d)"
    rf"|today|tomorrow|yesterday|tonight|the\sday\s(?:after\stomorrow|before\syesterday)"
    rf"|(?:(?:this|next|last|coming)\s)?{_WEEKDAY})"
)
_TIME: Final = (
    r"(?:(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?(?:\s?(?P<half>[ap])\.?m\b\.?)?"
    r"|(?P<clock>1[0-2]|0?\d)\s?(?P<part>[ap])\.?m\b\.?|noon|midnight"
    r"|(?:1[0-2]|\d|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\so'?\s?clock)"
)
_PERIOD: Final = (
    r"(?:(?:this|next|last|the\scoming|the)\s(?:week(?:end)?|month|quarter|year)|(?:this\s)?(?:morning|afternoon|evening)"
    rf"|(?:this|next|last)\s{_MONTH}|{_MONTH}\s{_YEAR}|(?:(?<=\bin\s)|(?!may\b)){_MONTH}|(?:19|20)\d\d)"
)
_DURATION: Final = rf"(?:(?:in|for)\s)?{QUANTITY}\s(?:second|minute|hour|day|week|month|year)s?(?:\s(?:ago|from\snow))?"


def _nameless(pattern: str) -> str:
    """A pattern without the names of its groups, to be used a second time."""
    return re.sub(r"\(\?P<\w+>", "(?:", pattern)


def _resolution(kind: str, value: str, timex: str) -> dict[str, Any]:
    return {"resolutionKind": "DateTimeResolution", "dateTimeSubKind": kind, "timex": timex, "value": value}


def _no_resolution(_match: re.Match[str]) -> _Resolutions:
    return ()


def _time(match: re.Match[str]) -> _Resolutions:
    hour: str | None = match["hour"] or match["clock"]
    if hour is None:
        named = {"noon": 12, "midnight": 0}.get(match.group().lower())
        return () if named is None else (_resolution("Time", f"{named:02}:00:00", f"T{named:02}"),)
    half: str = (match["half"] or match["part"] or "").lower()
    value = int(hour) % 12 + (12 if half == "p" else 0) if half else int(hour)
    minute, second = match["minute"], match["second"] or "00"
    timex = f"T{value:02}" + (f":{minute}" if minute else "") + (f":{second}" if match["second"] else "")
    return (_resolution("Time", f"{value:02}:{minute or '00'}:{second}", timex),)


def _date(match: re.Match[str]) -> _Resolutions:
    found = match.groupdict()
    try:
        if found["iso"]:
            day = date.fromisoformat(found["iso"])
        else:
            year, month, number = _written_date(found)
            day = date(int(year), _MONTHS.index(month[:3].lower()) + 1, int(number))
    except ValueError:  # no year, no date of that number, or words that depend on today
        return ()
    return (_resolution("Date", day.isoformat(), day.isoformat()),)


def _written_date(found: dict[str, str | None]) -> tuple[str, str, str]:
    for ending in ("", "2"):
        year, month, day = (found[f"{name}{ending}"] for name in ("year", "month", "day"))
        if year and month and day:
            return year, month, day
    raise ValueError


def _second_names(pattern: str) -> str:
    """The dates' second spelling has the same groups as the first: `day2` after `day`, and so on."""
    seen: set[str] = set()

    def renamed(match: re.Match[str]) -> str:
        name = match.group(1)
        again = name in seen
        seen.add(name)
        return f"(?P<{name}2>" if again else match.group()

    return re.sub(r"\(\?P<(\w+)>", renamed, pattern)


def _rule(
    pattern: str, subtype: str, resolve: Callable[[re.Match[str]], _Resolutions] = _no_resolution
) -> tuple[re.Pattern[str], str, Callable[[re.Match[str]], _Resolutions]]:
    return re.compile(rf"(?<![\w/:])(?:{pattern})(?![\w/:])", re.IGNORECASE), subtype, resolve


_ANY_DATE: Final = _nameless(_DATE)
_ANY_TIME: Final = _nameless(_TIME)
_ANY_PERIOD: Final = _nameless(_PERIOD)

DATE_TIMES: Final = (
    _rule(rf"{_ANY_DATE},?\s(?:at\s|around\s)?{_ANY_TIME}|{_ANY_TIME}\s(?:on\s)?{_ANY_DATE}", "datetime.datetime"),
    _rule(
        rf"(?:from\s|between\s)(?P<start>{_ANY_TIME}|{_ANY_DATE})\s(?:to|until|till|and|-)\s(?:{_ANY_TIME}|{_ANY_DATE})",
        "datetime.datetimerange",
    ),
    _rule(_second_names(_DATE), "datetime.date", _date),
    _rule(_TIME, "datetime.time", _time),
    _rule(rf"{_ANY_PERIOD}|{_ANY_DATE}\s(?:morning|afternoon|evening|night)", "datetime.daterange"),
    _rule(rf"every\s(?:day|week|month|year|morning|evening|{_WEEKDAY})", "datetime.set"),
    _rule(_DURATION, "datetime.duration"),
)
"""Rules of the prebuilt: of what begins at one place, the longest counts."""
