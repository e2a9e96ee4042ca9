"""Which snapshots a retention policy keeps, and why; restic's algebra, with a floor beneath it.

A snapshot is kept when any rule keeps it. Rules look at one project of one resource at a time, newest snapshot first:

| rule | keeps |
| --- | --- |
| keep-last = n | the n newest |
| keep-hourly, -daily, -weekly, -monthly, -yearly = n | of each of the n newest hours, days, ISO weeks, months, years that have any, the newest; while there are fewer than n, the oldest of all, too |
| keep-within = "1y6m3d2h" | those at most that much older than the newest, and the one before: it was in force when that time began |
| keep-tag = ["a,b", "c"] | those with tags a and b, and those with tag c |
| floor = n (1 unless said) | the n newest that can be read, whatever the rules say |

Calendar boundaries are those of the policy's time zone. A snapshot of the future is kept and uses up no rule's number.
So is a damaged one, until somebody says otherwise: it may be mended, and it must not take a good one's place. Whatever
is held or in use is kept, too. The snapshots of a project that vanished from its resource go by a policy of their own.
Pure: `now` is an argument.
"""  # noqa: E501  # a table

from __future__ import annotations

import re
from calendar import monthrange
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Final, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cluvault.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence

    from cluvault.plan.keys import SnapshotKey

_PERIOD: Final = re.compile(r"(?:(\d{1,6})y)?(?:(\d{1,6})m)?(?:(\d{1,6})d)?(?:(\d{1,6})h)?", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,6}", re.ASCII)
_MOST: Final = 999_999
_START: Final = datetime.min.replace(tzinfo=UTC)
_MONTHS: Final = 12
_NUMBERS: Final = ("keep-last", "keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-yearly")
_FORGET: Final = "forget-after-days"
_KNOWN: Final = (*_NUMBERS, "keep-within", "keep-tag", "floor", "time-zone")


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time: years, months and days of the calendar, and hours of sixty minutes each."""

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0

    def before(self, moment: datetime) -> datetime:
        """The moment that much earlier; a day that its month lacks becomes that month's last."""
        months = moment.year * _MONTHS + moment.month - 1 - self.years * _MONTHS - self.months
        if months < _MONTHS:
            return _START
        year, month = divmod(months, _MONTHS)
        day = min(moment.day, monthrange(year, month + 1)[1])
        try:
            local = moment.replace(year=year, month=month + 1, day=day)
            if self.days:  # subtracting forgets which of two equal hours is meant
                local -= timedelta(days=self.days)
            return local.astimezone(UTC) - timedelta(hours=self.hours)
        except OverflowError:
            return _START


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """What to keep; zero and empty mean that a rule is not given.

    Attributes:
        tags: Each a set of tags that a snapshot has to have all of.
        floor: So many readable snapshots of each project are always kept.
        zone: Where days and hours begin.
    """

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within: Period | None = None
    tags: tuple[frozenset[str], ...] = ()
    floor: int = 1
    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class VanishedPolicy:
    """What to keep of projects that are gone from their resource.

    Attributes:
        policy: None keeps every snapshot.
        forget_after: How long after a backup first missed it a project's snapshots go, all of them; None is never.
    """

    policy: RetentionPolicy | None = None
    forget_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A snapshot as a policy sees it; `is_good` is False for one that is known to be damaged."""

    key: SnapshotKey
    captured_at: datetime
    tags: frozenset[str] = frozenset()
    is_good: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a snapshot: kept for these reasons, or, without any, removed."""

    candidate: Candidate
    reasons: tuple[str, ...]

    @property
    def is_kept(self) -> bool:
        """Whether it stays."""
        return bool(self.reasons)


def decide(
    candidates: Iterable[Candidate],
    policy: RetentionPolicy,
    *,
    now: datetime,
    protected: Mapping[SnapshotKey, Collection[str]] | None = None,
    drop_damaged: bool = False,
) -> tuple[Verdict, ...]:
    """The verdict on every snapshot, in the order of their keys.

    Args:
        candidates: Of any resources and projects.
        policy: What to keep.
        now: What is later than this is of the future.
        protected: Reasons outside the policy: holds, deployments, recent safety snapshots.
        drop_damaged: Remove the damaged ones.
    """
    groups: defaultdict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        groups[candidate.key.resource, candidate.key.project].append(candidate)
    verdicts = [
        Verdict(candidate, (*reasons, *(protected or {}).get(candidate.key, ())))
        for group in groups.values()
        for candidate, reasons in _decide_project(group, policy, now, drop_damaged=drop_damaged)
    ]
    return tuple(sorted(verdicts, key=lambda verdict: verdict.candidate.key))


def decide_vanished(
    candidates: Sequence[Candidate],
    vanished: VanishedPolicy,
    *,
    since: datetime,
    now: datetime,
    protected: Mapping[SnapshotKey, Collection[str]] | None = None,
    drop_damaged: bool = False,
) -> tuple[Verdict, ...]:
    """The verdict on every snapshot of a project that was first missed at `since`; arguments as for `decide`."""
    is_forgotten = vanished.forget_after is not None and now - since >= vanished.forget_after
    if vanished.policy is not None and not is_forgotten:
        return decide(candidates, vanished.policy, now=now, protected=protected, drop_damaged=drop_damaged)
    reason = f"the project is gone since {since:%Y-%m-%d}"
    return tuple(
        Verdict(
            one,
            (
                *(() if is_forgotten or (drop_damaged and not one.is_good) else (reason,)),
                *(protected or {}).get(one.key, ()),
            ),
        )
        for one in sorted(candidates, key=lambda one: one.key)
    )


def _decide_project(
    candidates: Sequence[Candidate], policy: RetentionPolicy, now: datetime, *, drop_damaged: bool
) -> list[tuple[Candidate, list[str]]]:
    newest_first = sorted(candidates, key=lambda one: (one.captured_at, one.key.snapshot_id), reverse=True)
    kept: list[tuple[Candidate, list[str]]] = [(one, []) for one in newest_first]
    past = [entry for entry in kept if entry[0].is_good and entry[0].captured_at <= now]
    for candidate, reasons in kept:
        if not candidate.is_good and not drop_damaged:
            reasons.append("damaged: mend it with verify --repair, or drop it with --drop-damaged")
        elif candidate.is_good and candidate.captured_at > now:
            reasons.append("of the future")
    _keep_buckets(past, policy)
    _keep_within(past, policy)
    for candidate, reasons in past:
        reasons.extend(f"tag {', '.join(sorted(tags))}" for tags in policy.tags if tags <= candidate.tags)
    for candidate, reasons in past[: policy.floor]:
        if not reasons:
            reasons.append(f"floor: one of the {policy.floor} newest of {candidate.key.project}")
    return kept


@dataclass(slots=True)
class _Rule:
    """One counting rule on its way from the newest snapshot to the oldest."""

    name: str
    left: int
    bucket: Callable[[datetime, int], object]
    seen: object = field(default=None)

    def keeps(self, local: datetime, place: int) -> bool:
        bucket = self.bucket(local, place)
        if self.left == 0 or bucket == self.seen:
            return False
        self.seen = bucket
        self.left -= 1
        return True


def _keep_buckets(past: Sequence[tuple[Candidate, list[str]]], policy: RetentionPolicy) -> None:
    rules = [
        _Rule("last", policy.last, lambda _, place: place),
        _Rule("hourly", policy.hourly, lambda local, _: (local.date(), local.hour, local.utcoffset())),
        _Rule("daily", policy.daily, lambda local, _: local.date()),
        _Rule("weekly", policy.weekly, lambda local, _: local.isocalendar()[:2]),
        _Rule("monthly", policy.monthly, lambda local, _: (local.year, local.month)),
        _Rule("yearly", policy.yearly, lambda local, _: local.year),
    ]
    for place, (candidate, reasons) in enumerate(past):
        local = _local(candidate.captured_at, policy.zone)
        reasons.extend(rule.name for rule in rules if rule.keeps(local, place))
    for _, reasons in past[-1:]:
        reasons.extend(f"{rule.name}: the oldest" for rule in rules[1:] if rule.left and rule.name not in reasons)


def _local(moment: datetime, zone: tzinfo) -> datetime:
    """The moment in a zone; as it stands at either end of time: a manifest may say any date."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment


def _keep_within(past: Sequence[tuple[Candidate, list[str]]], policy: RetentionPolicy) -> None:
    if policy.within is None or not past:
        return
    earliest = policy.within.before(_local(past[0][0].captured_at, policy.zone))
    for candidate, reasons in past:
        if candidate.captured_at < earliest:
            reasons.append("within: in force when it began")
            return
        reasons.append("within")


# --- reading a policy ----------------------------------------------------------------------------------------------


def read_policy(values: Mapping[str, object], *, name: str = "vault.retention") -> RetentionPolicy:
    """The policy that a configuration says at `name`.

    Raises:
        ConfigurationError: an unknown rule, a value that is none, or no rule at all: that would remove everything.
    """
    with _placed(name):
        return _policy(values)


def read_vanished_policy(values: Mapping[str, object], *, name: str = "vault.vanished") -> VanishedPolicy:
    """The policy for projects that are gone; empty keeps everything. Raises what `read_policy` does."""
    with _placed(name):
        rules = {rule: value for rule, value in values.items() if rule != _FORGET}
        days = _number(_FORGET, values[_FORGET]) if _FORGET in values else None
        return VanishedPolicy(
            policy=_policy(rules) if rules else None,
            forget_after=None if days is None else timedelta(days=days),
        )


def _policy(values: Mapping[str, object]) -> RetentionPolicy:
    if unknown := sorted(set(values) - set(_KNOWN)):
        raise _refused(f"{unknown[0]!r} is no rule", mend=f"there are {', '.join(_KNOWN)}")
    numbers = {name.removeprefix("keep-"): _number(name, values[name]) for name in _NUMBERS if name in values}
    policy = RetentionPolicy(
        **numbers,
        within=_period(values["keep-within"]) if "keep-within" in values else None,
        tags=_tags(values["keep-tag"]) if "keep-tag" in values else (),
        floor=max(1, _number("floor", values.get("floor", 1))),
        zone=_zone(values.get("time-zone", "UTC")),
    )
    if not any(numbers.values()) and policy.within is None and not policy.tags:
        raise _refused("keeps nothing", mend="give at least one rule, e.g. keep-daily = 14")
    return policy


@contextmanager
def _placed(name: str) -> Generator[None]:
    """Put the place in front of what is wrong there."""
    try:
        yield
    except ConfigurationError as err:
        raise ConfigurationError(f"{name}: {err.message}", mend=err.mend) from None


def _number(name: str, value: object) -> int:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)  # the environment holds texts only
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
        raise _refused(f"{name} should be a number from 0 to {_MOST}")
    return value


def _period(value: object) -> Period:
    found = _PERIOD.fullmatch(value) if isinstance(value, str) else None
    if found is None or not any(found.groups()):
        raise _refused('keep-within should be a length of time such as "30d" or "1y6m3d2h"')
    return Period(*(int(part or 0) for part in found.groups()))


def _tags(value: object) -> tuple[frozenset[str], ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in cast("list[object]", texts)):
        raise _refused('keep-tag should be a list of tags such as ["release", "prod,audited"]')
    parts = [[part.strip() for part in text.split(",")] for text in cast("list[str]", texts)]
    sets = [frozenset(filter(None, tags)) for tags in parts]
    if not all(sets):
        raise _refused("keep-tag holds an empty tag, which every snapshot would have")
    return tuple(sets)


def _zone(value: object) -> tzinfo:
    try:
        return ZoneInfo(value) if isinstance(value, str) and value != "UTC" else _only_utc(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _refused(f"time-zone {value!r} is not known here", mend="write one such as Europe/Berlin") from None


def _only_utc(value: object) -> tzinfo:
    if value != "UTC":
        raise ValueError(value)
    return UTC


def _refused(problem: str, *, mend: str = "") -> ConfigurationError:
    return ConfigurationError(problem, mend=mend)
