"""Retention: golden tables for each rule, and what holds for any policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import ConfigurationError
from cluvault.plan.keys import SnapshotKey
from cluvault.plan.retention import Candidate, Period, RetentionPolicy, Verdict, decide, read_policy
from tests.strategies import QUICK

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
YEARLY = [at("2023-12-31 23:59"), at("2024-01-01 00:00"), at("2024-12-31 23:59"), at("2025-01-01 00:00")]


@pytest.mark.parametrize(
    "policy, candidates, expected",
    [
        ({"keep-last": 2}, DAILY, {"2026-11-19 23:00": "last", "2026-11-21 00:00": "last"}),
        ({"keep-hourly": 2}, HOURLY, {"2026-11-20 09:50": "hourly", "2026-11-20 11:00": "hourly"}),
        ({"keep-daily": 2}, DAILY, {"2026-11-19 23:00": "daily", "2026-11-21 00:00": "daily"}),
        ({"keep-weekly": 2}, WEEKLY, {"2025-01-05 12:00": "weekly", "2025-01-06 12:00": "weekly"}),
        ({"keep-weekly": 3}, WEEKLY, {"2024-12-29 12:00": "weekly", "2025-01-05 12:00": "weekly",
                                      "2025-01-06 12:00": "weekly"}),
        ({"keep-monthly": 2}, MONTHLY, {"2024-02-29 23:59": "monthly", "2024-03-01 00:00": "monthly"}),
        ({"keep-yearly": 2}, YEARLY, {"2024-12-31 23:59": "yearly", "2025-01-01 00:00": "yearly"}),
        ({"keep-within": "2d"}, DAILY, {"2026-11-18 08:00": "within: in force when it began",
                                        "2026-11-19 01:00": "within", "2026-11-19 23:00": "within",
                                        "2026-11-21 00:00": "within"}),
        ({"keep-within": "1m"}, MONTHLY, {"2024-01-31 12:00": "within: in force when it began",
                                          "2024-02-01 00:00": "within", "2024-02-29 23:59": "within",
                                          "2024-03-01 00:00": "within"}),
        ({"keep-last": 1, "keep-daily": 2}, DAILY, {"2026-11-19 23:00": "daily", "2026-11-21 00:00": "last, daily"}),
    ],
    ids=str,
)  # fmt: skip
def test_each_rule_by_its_table(policy: dict[str, Any], candidates: list[Candidate], expected: dict[str, str]) -> None:
    """The newest of each hour, day, ISO week, month and year; the rules add up."""
    assert kept(decide(candidates, read_policy(policy), now=NOW)) == expected


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


def test_days_begin_where_the_policy_says() -> None:
    """23:30 UTC is the next day in Berlin."""
    candidates = [at("2026-06-01 21:30"), at("2026-06-01 22:30"), at("2026-06-02 21:30")]
    policy = {"keep-daily": 9}
    assert len(kept(decide(candidates, read_policy(policy), now=NOW))) == 2
    berlin = read_policy(policy | {"time-zone": "Europe/Berlin"})
    assert list(kept(decide(candidates, berlin, now=NOW))) == ["2026-06-01 21:30", "2026-06-02 21:30"]


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    """On 25 October 2026 Berlin had 02:30 twice; in spring 02:30 did not exist, and nothing fails."""
    zone = ZoneInfo("Europe/Berlin")
    autumn = [at("2026-10-25 00:30"), at("2026-10-25 01:30")]
    assert [one.captured_at.astimezone(zone).hour for one in autumn] == [2, 2]
    policy = RetentionPolicy(hourly=2, zone=zone)
    assert len(kept(decide(autumn, policy, now=NOW))) == 2
    spring = [at("2026-03-29 00:30"), at("2026-03-29 01:30")]
    assert len(kept(decide(spring, policy, now=NOW))) == 2


def test_the_future_is_kept_and_uses_nothing_up() -> None:
    """A machine with a wrong clock must not push true snapshots out."""
    candidates = [at("2026-11-20 10:00"), at("2026-11-21 10:00"), at("2031-01-01 00:00")]
    assert kept(decide(candidates, read_policy({"keep-last": 1}), now=NOW)) == {
        "2026-11-21 10:00": "last",
        "2031-01-01 00:00": "of the future",
    }


def test_equal_times_are_told_apart_by_their_ids() -> None:
    """The order is the same on every machine."""
    candidates = [at("2026-11-20 10:00", number=number) for number in (2, 0, 1)]
    (only,) = [one for one in decide(candidates, read_policy({"keep-last": 1}), now=NOW) if one.is_kept]
    assert only.candidate.key.snapshot_id.endswith("00000002")


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
        ({"keep-last": -1}, "keep-last should be a number"),
        ({"keep-last": True}, "keep-last should be a number"),
        ({"keep-within": "a while"}, "keep-within should be a length"),
        ({"keep-within": ""}, "keep-within should be a length"),
        ({"keep-within": 3}, "keep-within should be a length"),
        ({"keep-tag": 3}, "keep-tag should be a list"),
        ({"keep-tag": [3]}, "keep-tag should be a list"),
        ({"keep-tag": ["a", ","]}, "an empty tag"),
        ({"keep-last": 1, "time-zone": "Mars/Base"}, "'Mars/Base' is not known"),
        ({"keep-last": 1, "time-zone": "../etc/passwd"}, "is not known"),
        ({"keep-last": 1, "time-zone": 3}, "is not known"),
    ],
)
def test_a_policy_that_says_nothing_sensible_is_refused(values: dict[str, Any], sentence: str) -> None:
    """One line, and above all never an empty policy: it would remove everything."""
    with pytest.raises(ConfigurationError, match=sentence):
        read_policy(values)


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
    max_size=40, unique_by=lambda one: one.key,
)  # fmt: skip
NUMBERS = st.integers(0, 5)
POLICIES = st.builds(
    RetentionPolicy,
    last=NUMBERS, hourly=NUMBERS, daily=NUMBERS, weekly=NUMBERS, monthly=NUMBERS, yearly=NUMBERS,
    within=st.none() | st.builds(Period, st.integers(0, 2), st.integers(0, 14), st.integers(0, 40), st.integers(0, 50)),
    tags=st.sampled_from([(), (frozenset("x"),), (frozenset("xy"), frozenset("z"))]),
    floor=st.integers(1, 3), zone=st.sampled_from([UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Apia")]),
)  # fmt: skip


def stays(candidates: list[Candidate], policy: RetentionPolicy) -> set[SnapshotKey]:
    """The keys of what is kept."""
    return {one.candidate.key for one in decide(candidates, policy, now=NOW) if one.is_kept}


@QUICK
@given(CANDIDATES, POLICIES)
def test_every_snapshot_gets_one_verdict(candidates: list[Candidate], policy: RetentionPolicy) -> None:
    """Kept and removed are disjoint and complete, in the order of the keys, whatever order they came in."""
    verdicts = decide(candidates, policy, now=NOW)
    assert [one.candidate.key for one in verdicts] == sorted(one.key for one in candidates)
    assert decide(candidates[::-1], policy, now=NOW) == verdicts


@QUICK
@given(CANDIDATES, POLICIES)
def test_pruning_twice_removes_nothing_more(candidates: list[Candidate], policy: RetentionPolicy) -> None:
    """What is kept once is kept for ever, while the clock stands."""
    first = stays(candidates, policy)
    assert stays([one for one in candidates if one.key in first], policy) == first


@QUICK
@given(CANDIDATES, POLICIES)
def test_the_newest_readable_ones_always_stay(candidates: list[Candidate], policy: RetentionPolicy) -> None:
    """The floor holds for every project, and the future stays."""
    found = stays(candidates, policy)
    for project in "AB":
        good = [one for one in candidates if one.key.project == project and one.is_good and one.captured_at <= NOW]
        newest = sorted(good, key=lambda one: (one.captured_at, one.key.snapshot_id))[-policy.floor :]
        assert {one.key for one in newest} <= found
    assert {one.key for one in candidates if one.captured_at > NOW} <= found


@QUICK
@given(CANDIDATES, POLICIES, st.sampled_from(["last", "hourly", "daily", "weekly", "monthly", "yearly", "floor"]))
def test_a_looser_policy_never_removes_more(candidates: list[Candidate], policy: RetentionPolicy, rule: str) -> None:
    """Each number is a promise."""
    looser = replace(policy, **{rule: getattr(policy, rule) + 1})
    assert stays(candidates, policy) <= stays(candidates, looser)
