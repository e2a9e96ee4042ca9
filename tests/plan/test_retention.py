"""Retention: golden tables for each rule, and what holds for any policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import ConfigurationError
from cluvault.plan.keys import SnapshotKey
from cluvault.plan.retention import (
    Candidate,
    Period,
    RetentionPolicy,
    Verdict,
    decide,
    decide_vanished,
    read_policy,
    read_vanished_policy,
)
from tests.strategies import QUICK

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def at(moment: datetime | str, *tags: str, project: str = "Travel", number: int = 0, good: bool = True) -> Candidate:
    """A snapshot of a moment; a text is a moment in UTC."""
    instant = datetime.fromisoformat(moment).replace(tzinfo=UTC) if isinstance(moment, str) else moment
    key = SnapshotKey("prod", project, f"{instant.astimezone(UTC):%Y%m%dT%H%M%SZ}-{number:08x}")
    return Candidate(key, instant, frozenset(tags), good)


def kept(verdicts: tuple[Verdict, ...]) -> dict[str, str]:
    """Moment → reasons, of what stays; oldest first."""
    return {f"{one.candidate.captured_at:%Y-%m-%d %H:%M}": ", ".join(one.reasons) for one in verdicts if one.is_kept}


HOURLY = [at("2026-11-20 08:00"), at("2026-11-20 09:10"), at("2026-11-20 09:50"), at("2026-11-20 11:00")]
DAILY = [at("2026-11-18 08:00"), at("2026-11-19 01:00"), at("2026-11-19 23:00"), at("2026-11-21 00:00")]
WEEKLY = [at("2024-12-29 12:00"), at("2024-12-30 12:00"), at("2025-01-05 12:00"), at("2025-01-06 12:00")]
MONTHLY = [at("2024-01-31 12:00"), at("2024-02-01 00:00"), at("2024-02-29 23:59"), at("2024-03-01 00:00")]
WEEK_53 = [at("2020-12-27 23:59"), at("2020-12-28 00:00"), at("2021-01-03 23:59"), at("2021-01-04 00:00")]
LEAP_DAY = [at("2024-02-28 12:00"), at("2024-02-29 11:00"), at("2024-02-29 12:00"), at("2024-03-01 12:00")]
YEARLY = [at("2023-12-31 23:59"), at("2024-01-01 00:00"), at("2024-12-31 23:59"), at("2025-01-01 00:00")]


@pytest.mark.parametrize(
    "policy, candidates, expected",
    [
        ({"keep-last": 2}, DAILY, {"2026-11-19 23:00": "last", "2026-11-21 00:00": "last"}),
        ({"keep-last": 9}, DAILY[2:], {"2026-11-19 23:00": "last", "2026-11-21 00:00": "last"}),
        ({"keep-hourly": 2}, HOURLY, {"2026-11-20 09:50": "hourly", "2026-11-20 11:00": "hourly"}),
        ({"keep-hourly": 4}, HOURLY, {"2026-11-20 08:00": "hourly", "2026-11-20 09:50": "hourly",
                                      "2026-11-20 11:00": "hourly"}),
        ({"keep-daily": 2}, DAILY, {"2026-11-19 23:00": "daily", "2026-11-21 00:00": "daily"}),
        ({"keep-weekly": 2}, WEEKLY, {"2025-01-05 12:00": "weekly", "2025-01-06 12:00": "weekly"}),
        ({"keep-weekly": 3}, WEEKLY, {"2024-12-29 12:00": "weekly", "2025-01-05 12:00": "weekly",
                                      "2025-01-06 12:00": "weekly"}),
        ({"keep-weekly": 3}, WEEK_53, {"2020-12-27 23:59": "weekly", "2021-01-03 23:59": "weekly",
                                       "2021-01-04 00:00": "weekly"}),
        ({"keep-monthly": 2}, MONTHLY, {"2024-02-29 23:59": "monthly", "2024-03-01 00:00": "monthly"}),
        ({"keep-yearly": 2}, YEARLY, {"2024-12-31 23:59": "yearly", "2025-01-01 00:00": "yearly"}),
        ({"keep-daily": 3}, LEAP_DAY, {"2024-02-28 12:00": "daily", "2024-02-29 12:00": "daily",
                                       "2024-03-01 12:00": "daily"}),
        ({"keep-last": 1, "keep-daily": 2}, DAILY, {"2026-11-19 23:00": "daily", "2026-11-21 00:00": "last, daily"}),
    ],
    ids=str,
)  # fmt: skip
def test_each_rule_by_its_table(policy: dict[str, Any], candidates: list[Candidate], expected: dict[str, str]) -> None:
    """The newest of each hour, day, ISO week, month and year; the rules add up."""
    assert kept(decide(candidates, read_policy(policy), now=NOW)) == expected


@pytest.mark.parametrize(
    "policy, candidates, expected",
    [
        ({"keep-daily": 4}, DAILY[1:], {"2026-11-19 01:00": "daily: the oldest", "2026-11-19 23:00": "daily",
                                        "2026-11-21 00:00": "daily"}),
        ({"keep-daily": 3}, DAILY, {"2026-11-18 08:00": "daily", "2026-11-19 23:00": "daily",
                                    "2026-11-21 00:00": "daily"}),
        ({"keep-monthly": 2, "keep-yearly": 2}, DAILY, {"2026-11-18 08:00": "monthly: the oldest, yearly: the oldest",
                                                        "2026-11-21 00:00": "monthly, yearly"}),
        ({"keep-last": 9, "keep-weekly": 2}, DAILY[3:], {"2026-11-21 00:00": "last, weekly"}),
    ],
    ids=str,
)  # fmt: skip
def test_the_oldest_stays_while_a_number_is_not_used_up(
    policy: dict[str, Any], candidates: list[Candidate], expected: dict[str, str]
) -> None:
    """As with restic: a young vault that is to keep a year keeps its beginning, until there are that many."""
    assert kept(decide(candidates, read_policy(policy), now=NOW)) == expected


IN_FORCE = "within: in force when it began"


@pytest.mark.parametrize(
    "period, candidates, expected",
    [
        ("2d", DAILY, {"2026-11-18 08:00": IN_FORCE, "2026-11-19 01:00": "within", "2026-11-19 23:00": "within",
                       "2026-11-21 00:00": "within"}),
        ("1d", DAILY, {"2026-11-19 23:00": IN_FORCE, "2026-11-21 00:00": "within"}),
        ("1d1h", DAILY, {"2026-11-19 01:00": IN_FORCE, "2026-11-19 23:00": "within", "2026-11-21 00:00": "within"}),
        ("1m", MONTHLY, {"2024-01-31 12:00": IN_FORCE, "2024-02-01 00:00": "within", "2024-02-29 23:59": "within",
                         "2024-03-01 00:00": "within"}),
        ("1y", YEARLY, {"2023-12-31 23:59": IN_FORCE, "2024-01-01 00:00": "within", "2024-12-31 23:59": "within",
                        "2025-01-01 00:00": "within"}),
        ("1y", [at("2023-02-28 11:00"), at("2023-02-28 12:00"), at("2024-02-29 12:00")],
         {"2023-02-28 11:00": IN_FORCE, "2023-02-28 12:00": "within", "2024-02-29 12:00": "within"}),
        ("1m", [at("2024-02-28 12:00"), at("2024-02-29 12:00"), at("2024-03-31 12:00")],
         {"2024-02-28 12:00": IN_FORCE, "2024-02-29 12:00": "within", "2024-03-31 12:00": "within"}),
        ("1y6m3d2h", [at("2024-11-10 09:59"), at("2024-11-10 10:00"), at("2026-05-13 12:00")],
         {"2024-11-10 09:59": IN_FORCE, "2024-11-10 10:00": "within", "2026-05-13 12:00": "within"}),
        ("9y", DAILY[2:], {"2026-11-19 23:00": "within", "2026-11-21 00:00": "within"}),
        ("0d", DAILY, {"2026-11-19 23:00": IN_FORCE, "2026-11-21 00:00": "within"}),
    ],
    ids=str,
)  # fmt: skip
def test_within_by_its_table(period: str, candidates: list[Candidate], expected: dict[str, str]) -> None:
    """Counted from the newest, not from now; what was in force when the time began belongs to it."""
    assert kept(decide(candidates, read_policy({"keep-within": period}), now=NOW)) == expected


BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


@pytest.mark.parametrize(
    "zone, times, hours, days",
    [
        (BERLIN, ("2026-10-24 23:30", "2026-10-25 00:30", "2026-10-25 01:30", "2026-10-25 22:30"), "01 02 02 23", 1),
        (BERLIN, ("2026-03-28 23:30", "2026-03-29 00:30", "2026-03-29 01:30", "2026-03-29 21:30"), "00 01 03 23", 1),
        (NEW_YORK, ("2026-11-01 04:30", "2026-11-01 05:30", "2026-11-01 06:30", "2026-11-02 04:30"), "00 01 01 23", 1),
        (NEW_YORK, ("2026-03-08 05:30", "2026-03-08 06:30", "2026-03-08 07:30", "2026-03-09 03:30"), "00 01 03 23", 1),
        (BERLIN, ("2026-10-25 22:30", "2026-10-25 23:30"), "23 00", 2),
        (NEW_YORK, ("2026-03-09 03:30", "2026-03-09 04:30"), "23 00", 2),
    ],
)  # fmt: skip
def test_hours_and_days_when_clocks_change(zone: str, times: tuple[str, ...], hours: str, days: int) -> None:
    """The hour that comes twice is two hours, the one that is missing is none; the day is one, of 23 or 25 hours."""
    candidates = [at(time) for time in times]
    assert " ".join(f"{one.captured_at.astimezone(ZoneInfo(zone)):%H}" for one in candidates) == hours
    found = decide(candidates, read_policy({"keep-hourly": len(times), "time-zone": zone}), now=NOW)
    assert list(kept(found).values()) == ["hourly"] * len(times)
    found = decide(candidates, read_policy({"keep-daily": 9, "time-zone": zone}), now=NOW)
    assert list(kept(found).values()).count("daily") == days


@pytest.mark.parametrize(
    "zone, period, newest, oldest",
    [
        (BERLIN, "1h", "2026-03-29 01:30", "2026-03-29 00:30"),
        (BERLIN, "1h", "2026-10-25 01:30", "2026-10-25 00:30"),
        (BERLIN, "24h", "2026-10-25 22:30", "2026-10-24 22:30"),
        (BERLIN, "1d", "2026-10-25 22:30", "2026-10-24 21:30"),
        (BERLIN, "1d", "2026-03-29 10:00", "2026-03-28 11:00"),
        (BERLIN, "1m", "2026-11-10 10:00", "2026-10-10 09:00"),
        (NEW_YORK, "1d", "2026-11-02 02:30", "2026-11-01 01:30"),
        (NEW_YORK, "2h", "2026-03-08 07:30", "2026-03-08 05:30"),
        (NEW_YORK, "1d", "2026-03-09 06:30", "2026-03-08 07:30"),
    ],
)
def test_within_when_clocks_change(zone: str, period: str, newest: str, oldest: str) -> None:
    """A day ends at the same time of the clock; an hour has sixty minutes always."""
    policy = read_policy({"keep-within": period, "time-zone": zone})
    first = at(oldest)
    before = at(first.captured_at - timedelta(minutes=1))
    earlier = at(first.captured_at - timedelta(minutes=2))
    reasons = list(kept(decide([at(newest), first, before, earlier], policy, now=NOW)).values())
    assert reasons == [IN_FORCE, "within", "within"]


def test_tags_keep_who_has_them_all() -> None:
    """`a,b` asks for both; the newest stays by the floor."""
    candidates = [
        at("2026-11-01", "a"), at("2026-11-02", "a", "b"), at("2026-11-03", "c"), at("2026-11-04"),
    ]  # fmt: skip
    verdicts = decide(candidates, read_policy({"keep-tag": ["a, b", "c"]}), now=NOW)
    assert kept(verdicts) == {
        "2026-11-02 00:00": "tag a, b",
        "2026-11-03 00:00": "tag c",
        "2026-11-04 00:00": "floor: one of the 1 newest of Travel",
    }


def test_a_tag_is_what_it_says() -> None:
    """With its spaces inside; several sets that fit are all named."""
    candidates = [at("2026-11-01", "release candidate", "b"), at("2026-11-02", "releasecandidate"), at("2026-11-03")]
    verdicts = decide(candidates, read_policy({"keep-tag": [" release candidate ,", "b"]}), now=NOW)
    assert list(kept(verdicts).values())[:-1] == ["tag release candidate, tag b"]
    assert list(kept(verdicts)) == ["2026-11-01 00:00", "2026-11-03 00:00"]
    assert read_policy({"keep-tag": "b"}).tags == (frozenset("b"),)


def test_days_begin_where_the_policy_says() -> None:
    """23:30 UTC is the next day in Berlin."""
    candidates = [at("2026-06-01 21:30"), at("2026-06-01 22:30"), at("2026-06-02 21:30")]
    policy = {"keep-daily": 2}
    assert list(kept(decide(candidates, read_policy(policy), now=NOW))) == ["2026-06-01 22:30", "2026-06-02 21:30"]
    berlin = read_policy(policy | {"time-zone": "Europe/Berlin"})
    assert list(kept(decide(candidates, berlin, now=NOW))) == ["2026-06-01 21:30", "2026-06-02 21:30"]


def test_the_future_is_kept_and_uses_nothing_up() -> None:
    """A machine with a wrong clock must not push true snapshots out."""
    candidates = [at("2026-11-20 10:00"), at("2026-11-21 10:00"), at("2031-01-01 00:00")]
    assert kept(decide(candidates, read_policy({"keep-last": 1}), now=NOW)) == {
        "2026-11-21 10:00": "last",
        "2031-01-01 00:00": "of the future",
    }


def test_the_future_is_no_reason_to_let_the_past_go() -> None:
    """The floor counts what has happened: a wrong clock once would leave nothing else."""
    candidates = [at("2026-11-20 10:00"), at("2026-11-21 10:00"), at("2031-01-01 00:00")]
    policy = read_policy({"keep-tag": "none-has-it", "floor": 2})
    assert kept(decide(candidates, policy, now=NOW)) == {
        "2026-11-20 10:00": "floor: one of the 2 newest of Travel",
        "2026-11-21 10:00": "floor: one of the 2 newest of Travel",
        "2031-01-01 00:00": "of the future",
    }
    assert kept(decide([at(NOW)], policy, now=NOW)) == {"2026-11-22 12:00": "floor: one of the 2 newest of Travel"}
    damaged = [at("2031-01-01 00:00", good=False)]
    assert list(kept(decide(damaged, policy, now=NOW)).values()) == [DAMAGED]
    assert kept(decide(damaged, policy, now=NOW, drop_damaged=True)) == {}


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Apia"])
def test_dates_at_either_end_of_time(zone: str) -> None:
    """A manifest may say any date; it gets a verdict like all others."""
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=timezone(-timedelta(hours=9)))
    rules = dict.fromkeys(("keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-yearly"), 2)
    policy = read_policy(rules | {"keep-within": "1d", "time-zone": zone})
    for now in (NOW, last):
        verdicts = decide([at(first), at("2026-11-20")], policy, now=now)
        assert [one.is_kept for one in verdicts] == [True, True]
    candidate = Candidate(SnapshotKey("prod", "Travel", "99991231T000000Z-00000000"), last)
    assert decide([candidate], policy, now=NOW)[0].reasons == ("of the future",)
    assert decide([candidate], policy, now=last)[0].reasons[0] == "hourly"
    assert [one.is_kept for one in decide([at(first)], policy, now=NOW)] == [True]


def test_equal_times_are_told_apart_by_their_ids() -> None:
    """The order is the same on every machine."""
    candidates = [at("2026-11-20 10:00", number=number) for number in (2, 0, 1)]
    (only,) = [one for one in decide(candidates, read_policy({"keep-last": 1}), now=NOW) if one.is_kept]
    assert only.candidate.key.snapshot_id.endswith("00000002")


DAMAGED = "damaged: mend it with verify --repair, or drop it with --drop-damaged"


@pytest.mark.parametrize(
    "policy",
    [{"keep-last": 1}, {"keep-daily": 1}, {"keep-yearly": 1}, {"keep-within": "1h"}, {"keep-tag": "t"}],
    ids=str,
)
def test_a_damaged_snapshot_takes_no_good_ones_place(policy: dict[str, Any]) -> None:
    """The good one beneath it is kept as if the damaged one were not there."""
    candidates = [at("2026-11-01 08:00", "t"), at("2026-11-20 08:00", "t"), at("2026-11-20 09:00", "t", good=False)]
    good, all_ = ([one for one in candidates if one.is_good or not only] for only in (True, False))
    found = kept(decide(all_, read_policy(policy), now=NOW))
    assert found == kept(decide(good, read_policy(policy), now=NOW)) | {"2026-11-20 09:00": DAMAGED}


def test_damaged_snapshots_do_not_count_for_the_floor() -> None:
    """What cannot be read is no backup; it stays until somebody drops it, and takes no good one's place."""
    candidates = [at("2020-01-01 00:00"), at("2021-01-01 00:00"), at("2022-01-01 00:00", good=False)]
    policy = read_policy({"keep-tag": "none-has-it", "floor": 1})
    assert list(kept(decide(candidates, policy, now=NOW))) == ["2021-01-01 00:00", "2022-01-01 00:00"]
    dropped = decide(candidates, policy, now=NOW, drop_damaged=True)
    assert list(kept(dropped)) == ["2021-01-01 00:00"]


def test_each_project_is_judged_by_itself() -> None:
    """A busy project takes nothing from a quiet one; what is protected stays for the reason given."""
    candidates = [at("2020-01-01"), at("2026-01-01", project="Hotels"), at("2026-01-02", project="Hotels")]
    protected = {candidates[1].key: ["held: audit"]}
    verdicts = decide(candidates, read_policy({"keep-last": 1}), now=NOW, protected=protected)
    assert kept(verdicts) == {
        "2026-01-01 00:00": "held: audit", "2026-01-02 00:00": "last", "2020-01-01 00:00": "last",
    }  # fmt: skip


@pytest.mark.parametrize(
    "period, moment, expected",
    [
        (Period(months=1), "2024-03-31", "2024-02-29"),
        (Period(years=1), "2024-02-29", "2023-02-28"),
        (Period(months=13, days=1, hours=2), "2026-01-15", "2024-12-13 22:00"),
        (Period(months=2), "2026-01-31", "2025-11-30"),
        (Period(years=5000), "2026-01-31", "0001-01-01"),
        (Period(days=999_999), "2026-01-31", "0001-01-01"),
        (Period(years=2025, hours=999_999), "2026-01-31", "0001-01-01"),
        (Period(months=1), "9999-12-31", "9999-11-30"),
        (Period(), "2024-02-29", "2024-02-29"),
        (Period(years=4), "2024-02-29", "2020-02-29"),
        (Period(years=1, months=1, days=1), "2024-03-31", "2023-02-27"),
    ],
)
def test_periods_are_calendar_periods(period: Period, moment: str, expected: str) -> None:
    """A month before the 31st is the last day of the month before; before the first day of all there is nothing."""
    start, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (moment, expected))
    assert period.before(start) == end


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({}, "keeps nothing"),
        ({"keep-last": 0}, "keeps nothing"),
        ({"keep-lasst": 1}, "'keep-lasst' is no rule"),
        ({"floor": 3}, "keeps nothing"),
        ({"keep-tag": []}, "keeps nothing"),
        ({"keep-last": "0"}, "keeps nothing"),
        ({"keep-last": -1}, "keep-last should be a number from 0 to 999999"),
        ({"keep-last": "-1"}, "keep-last should be a number"),
        ({"keep-last": "many"}, "keep-last should be a number"),
        ({"keep-last": 1_000_000}, "keep-last should be a number"),
        ({"keep-last": [1]}, "keep-last should be a number"),
        ({"keep-last": 1, "floor": "x"}, "floor should be a number"),
        ({"keep-last": 1, "forget-after-days": 3}, "'forget-after-days' is no rule"),
        ({"keep-last": True}, "keep-last should be a number"),
        ({"keep-within": "a while"}, "keep-within should be a length"),
        ({"keep-within": ""}, "keep-within should be a length"),
        ({"keep-within": 3}, "keep-within should be a length"),
        ({"keep-within": "3"}, "keep-within should be a length"),
        ({"keep-within": "3d1y"}, "keep-within should be a length"),
        ({"keep-within": "-3d"}, "keep-within should be a length"),
        ({"keep-within": "1" * 5000 + "d"}, "keep-within should be a length"),
        ({"keep-within": "\u0663d"}, "keep-within should be a length"),
        ({"keep-tag": 3}, "keep-tag should be a list"),
        ({"keep-tag": [3]}, "keep-tag should be a list"),
        ({"keep-tag": ["a", ","]}, "an empty tag"),
        ({"keep-last": 1, "time-zone": "Mars/Base"}, "'Mars/Base' is not known"),
        ({"keep-last": 1, "time-zone": "../etc/passwd"}, "is not known"),
        ({"keep-last": 1, "time-zone": 3}, "is not known"),
        ({"keep-last": 1, "time-zone": ""}, "is not known"),
        ({"keep-last": 1, "time-zone": "Europe"}, "'Europe' is not known"),
        ({"keep-last": 1, "time-zone": "x" * 300}, "is not known"),
        ({"keep-last": 1, "time-zone": "a\0b"}, "is not known"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_policy_that_says_nothing_sensible_is_refused(values: dict[str, Any], sentence: str) -> None:
    """One line with its place, and above all never an empty policy: it would remove everything."""
    with pytest.raises(ConfigurationError, match=f"^vault.retention: .*{sentence}") as caught:
        read_policy(values)
    assert ("\n" in str(caught.value), caught.value.exit_code) == (False, 2)
    if values:
        with pytest.raises(ConfigurationError, match=r"^vault\.vanished: "):
            read_vanished_policy(values | {"keep-last": "none"})


def test_numbers_may_be_texts() -> None:
    """The environment holds nothing else."""
    assert read_policy({"keep-last": "7", "floor": "2"}) == RetentionPolicy(last=7, floor=2)


# --- projects that are gone ----------------------------------------------------------------------------------------

SINCE = datetime(2026, 10, 1, tzinfo=UTC)
GONE = [at("2026-09-01"), at("2026-09-02", good=False), at("2026-09-03")]
BECAUSE = "the project is gone since 2026-10-01"


def vanished(values: dict[str, Any], **options: Any) -> dict[str, str]:
    """What stays of a project that is gone."""
    arguments: dict[str, Any] = {"since": SINCE, "now": NOW} | options
    return kept(decide_vanished(GONE[::-1], read_vanished_policy(values), **arguments))


def test_without_a_policy_all_of_a_vanished_project_stays() -> None:
    """Also the damaged ones, unless they are to be dropped and nobody holds them."""
    days = ["2026-09-01 00:00", "2026-09-02 00:00", "2026-09-03 00:00"]
    assert vanished({}) == dict.fromkeys(days, BECAUSE)
    assert list(vanished({}, drop_damaged=True)) == [days[0], days[2]]
    held = {GONE[1].key: ["held: audit"]}
    assert vanished({}, drop_damaged=True, protected=held)[days[1]] == "held: audit"
    assert vanished({}, protected=held)[days[1]] == f"{BECAUSE}, held: audit"


def test_a_vanished_project_has_rules_of_its_own() -> None:
    """As a living one, with its floor."""
    assert vanished({"keep-last": 1}) == {"2026-09-02 00:00": DAMAGED, "2026-09-03 00:00": "last"}
    assert vanished({"keep-last": 1}, drop_damaged=True) == {"2026-09-03 00:00": "last"}


@pytest.mark.parametrize("rules", [{}, {"keep-last": 1}])
def test_a_vanished_project_is_forgotten_in_the_end(rules: dict[str, Any]) -> None:
    """After the days that were configured everything goes that is not protected, not an hour before."""
    values = rules | {"forget-after-days": 30}
    end = SINCE + timedelta(days=30)
    assert vanished(values, now=end - timedelta(hours=1)) == vanished(rules)
    assert vanished(values, now=end) == {}
    held = {GONE[0].key: ["held: audit"]}
    assert vanished(values, now=end, protected=held) == {"2026-09-01 00:00": "held: audit"}


def test_forgetting_at_once() -> None:
    """Nought days is a wish as well."""
    assert vanished({"forget-after-days": 0}, now=SINCE) == {}


@pytest.mark.parametrize("days", [-1, "soon", True, 10**9])
def test_an_impossible_time_to_forget_is_refused(days: object) -> None:
    """With its place."""
    with pytest.raises(ConfigurationError, match=r"^vault\.vanished: forget-after-days should be a number"):
        read_vanished_policy({"forget-after-days": days})


def test_the_floor_is_at_least_one() -> None:
    """Nobody can configure the last snapshot away."""
    assert read_policy({"keep-last": 1, "floor": 0}).floor == 1


# --- what holds for any policy -------------------------------------------------------------------------------------

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2027, 6, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001


def candidate(moment: datetime, number: int, project: str, tags: set[str], *, good: bool) -> Candidate:
    """Any snapshot."""
    return at(moment, *tags, project=project, number=number, good=good)


CANDIDATES = st.lists(
    st.builds(
        candidate, MOMENTS, st.integers(0, 99), st.sampled_from("AB"), st.sets(st.sampled_from("xyz")),
        good=st.booleans(),
    ),
    max_size=30, unique_by=lambda one: one.key,
)  # fmt: skip
NUMBERS = st.just(0) | st.integers(0, 5)
PERIODS = st.builds(
    Period, st.integers(0, 2), st.integers(0, 14), st.integers(0, 40), st.just(0) | st.integers(0, 5000)
)
POLICIES = st.builds(
    RetentionPolicy,
    last=NUMBERS, hourly=NUMBERS, daily=NUMBERS, weekly=NUMBERS, monthly=NUMBERS, yearly=NUMBERS,
    within=st.none() | PERIODS,
    tags=st.sampled_from([(), (frozenset("x"),), (frozenset("xy"), frozenset("z"))]),
    floor=st.integers(1, 3),
    zone=st.sampled_from([UTC, ZoneInfo(BERLIN), ZoneInfo(NEW_YORK), ZoneInfo("Pacific/Apia")]),
)  # fmt: skip
CLOSE = st.lists(
    st.builds(
        candidate,
        st.integers(0, 400).map(lambda hours: NOW - timedelta(days=40) + timedelta(hours=3 * hours, minutes=30)),
        st.integers(0, 1), st.just("A"), st.sets(st.sampled_from("xyz")),
        good=st.sampled_from([True, True, True, False]),
    ),
    max_size=30, unique_by=lambda one: one.key,
)  # fmt: skip
"""Snapshots that share hours, days and weeks, around a change of clocks and the present."""
SNAPSHOTS = CANDIDATES | CLOSE
PROTECTED = st.sets(st.integers(0, 29), max_size=3)


def stays(
    candidates: list[Candidate], policy: RetentionPolicy, *, drop_damaged: bool = False, places: Iterable[int] = ()
) -> set[SnapshotKey]:
    """The keys of what is kept; what is in `places` is protected."""
    protected = {candidates[place].key: ["held"] for place in places if place < len(candidates)}
    verdicts = decide(candidates, policy, now=NOW, protected=protected, drop_damaged=drop_damaged)
    return {one.candidate.key for one in verdicts if one.is_kept}


@QUICK
@given(candidates=SNAPSHOTS, policy=POLICIES, random=st.randoms(use_true_random=False), drop=st.booleans())
def test_every_snapshot_gets_one_verdict(
    candidates: list[Candidate], policy: RetentionPolicy, random: Random, *, drop: bool
) -> None:
    """Kept and removed are disjoint and complete, in the order of the keys, whatever order they came in."""
    verdicts = decide(candidates, policy, now=NOW, drop_damaged=drop)
    assert [one.candidate.key for one in verdicts] == sorted(one.key for one in candidates)
    shuffled = random.sample(candidates, len(candidates))
    assert decide(shuffled, policy, now=NOW, drop_damaged=drop) == verdicts


@QUICK
@given(candidates=SNAPSHOTS, policy=POLICIES, places=PROTECTED, drop=st.booleans())
def test_pruning_twice_removes_nothing_more(
    candidates: list[Candidate], policy: RetentionPolicy, places: set[int], *, drop: bool
) -> None:
    """What is kept once is kept for ever, while the clock stands and what is protected stays so."""
    candidates = sorted(candidates, key=lambda one: one.key)
    first = stays(candidates, policy, drop_damaged=drop, places=places)
    rest = [one for one in candidates if one.key in first]
    still = [rest.index(candidates[place]) for place in places if place < len(candidates)]
    assert stays(rest, policy, drop_damaged=drop, places=still) == first


@QUICK
@given(candidates=SNAPSHOTS, policy=POLICIES, drop=st.booleans())
def test_the_newest_readable_ones_always_stay(
    candidates: list[Candidate], policy: RetentionPolicy, *, drop: bool
) -> None:
    """The floor holds for every project, and what can be read of the future stays."""
    found = stays(candidates, policy, drop_damaged=drop)
    for project in "AB":
        good = [one for one in candidates if one.key.project == project and one.is_good and one.captured_at <= NOW]
        newest = sorted(good, key=lambda one: (one.captured_at, one.key.snapshot_id))[-policy.floor :]
        assert {one.key for one in newest} <= found
    assert {one.key for one in candidates if one.captured_at > NOW and one.is_good} <= found


@QUICK
@given(SNAPSHOTS, POLICIES)
def test_damaged_snapshots_change_nothing_for_the_good(candidates: list[Candidate], policy: RetentionPolicy) -> None:
    """With and without them the same good ones stay; they themselves stay until they are dropped."""
    good = [one for one in candidates if one.is_good]
    assert stays(candidates, policy, drop_damaged=True) == stays(good, policy)
    damaged = {one.key for one in candidates if not one.is_good}
    assert stays(candidates, policy) == stays(good, policy) | damaged


@QUICK
@given(SNAPSHOTS, POLICIES, st.sampled_from(["last", "hourly", "daily", "weekly", "monthly", "yearly", "floor"]))
def test_a_looser_policy_never_removes_more(candidates: list[Candidate], policy: RetentionPolicy, rule: str) -> None:
    """Each number is a promise."""
    looser = replace(policy, **{rule: getattr(policy, rule) + 1})
    assert stays(candidates, policy) <= stays(candidates, looser)


@QUICK
@given(SNAPSHOTS, POLICIES, PERIODS, st.sampled_from(["years", "months", "days", "hours"]), st.integers(1, 30))
def test_a_longer_time_never_removes_more(
    candidates: list[Candidate], policy: RetentionPolicy, period: Period, unit: str, more: int
) -> None:
    """So is the length of a time, and that there is one."""
    policy = replace(policy, within=period)
    longer = replace(policy, within=replace(period, **{unit: getattr(period, unit) + more}))
    assert stays(candidates, replace(policy, within=None)) <= stays(candidates, policy) <= stays(candidates, longer)


@QUICK
@given(SNAPSHOTS, POLICIES, st.frozensets(st.sampled_from("xyz"), min_size=1))
def test_one_tag_more_never_removes_more(
    candidates: list[Candidate], policy: RetentionPolicy, tags: frozenset[str]
) -> None:
    """And so is each set of tags: all that have it stay."""
    found = stays(candidates, replace(policy, tags=(*policy.tags, tags)))
    assert stays(candidates, policy) <= found
    assert {one.key for one in candidates if tags <= one.tags} <= found
