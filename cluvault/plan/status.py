"""The status: each project beside its objective, each alarm a sentence with its mend; pure.

An alarm is what somebody has to do something about; what is merely worth knowing is a note. Whether a backup is fresh
goes by the last one that found the project stored or unchanged, not by the age of the snapshot: a project that nobody
edits gets no new snapshot, and is as safe as any.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from cluvault.errors import DamagedSnapshot, GuardRefused, PartialFailure
from cluvault.model.names import is_scratch
from cluvault.plan.limits import DOCUMENTED
from cluvault.plan.status_alarm import Alarm, AlarmKind, command
from cluvault.plan.status_checks import (
    Expiry,
    Subject,
    alarms_of,
    day,
    days_left,
    expiries_of,
    is_edited,
    is_new,
    last_good,
    models_used,
    near_expiries,
    notes_of,
    size_drop,
    span,
)
from cluvault.plan.status_facts import LOST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from cluvault.model.json_text import JsonObject
    from cluvault.model.manifest import Counts
    from cluvault.plan.status_facts import (
        Place,
        Point,
        ProjectHistory,
        ResourceFacts,
        RunHistory,
        RunSummary,
        Told,
    )
    from cluvault.settings import StatusSettings

_OWN_WORDS: Final = {AlarmKind.UNREACHABLE, AlarmKind.DAMAGED}
"""Alarms with an exit code of their own."""
_TOLD_OF_PROJECTS: Final = {AlarmKind.BACKUP_FAILED, AlarmKind.DRILL_FAILED, AlarmKind.DAMAGED}
"""Alarms of projects that say all that could be said of the failed run."""


@dataclass(frozen=True, slots=True)
class VaultFacts:
    """What the vault holds.

    Attributes:
        histories: The snapshots of each project in short.
        unreadable: By project: what is wrong with manifests that cannot be read.
        runs: What the run records tell.
        strangers: Resources that the vault has snapshots of and that are not configured.
    """

    histories: Mapping[Place, ProjectHistory]
    unreadable: Mapping[Place, tuple[str, ...]]
    runs: RunHistory
    strangers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One project.

    Attributes:
        state: `ok`, `alarm`, `new` or `gone`.
        last_good: When a backup last had it in a good snapshot.
        snapshots: How many there are.
        edited: Whether it was edited since the latest; None when nobody can tell.
        drop: Which share of its utterances is gone since the snapshot of before the window.
        drill: The last restore drill that proved it.
        models: How many trained models it has.
        near: Last days of its models and deployments that are near, and how many days are left.
        points: How much it held, over time.
    """

    resource: str
    project: str
    state: str
    last_good: datetime | None
    age: timedelta | None
    objective: timedelta
    snapshot_id: str | None
    snapshots: int
    counts: Counts | None
    drop: float
    edited: bool | None
    drill: Told | None
    drift: Told | None
    models: int | None
    next_expiry: Expiry | None
    near: tuple[tuple[Expiry, int], ...]
    gone_since: datetime | None
    alarms: tuple[Alarm, ...]
    notes: tuple[str, ...]
    points: tuple[Point, ...] = ()

    def to_json(self) -> JsonObject:
        """For programs."""
        drill, expiry = self.drill, self.next_expiry
        return {
            "resource": self.resource,
            "project": self.project,
            "state": self.state,
            "lastGoodAt": _text(self.last_good),
            "ageSeconds": round(self.age.total_seconds()) if self.age is not None else None,
            "freshnessSeconds": round(self.objective.total_seconds()),
            "snapshot": self.snapshot_id,
            "snapshots": self.snapshots,
            "counts": self.counts.model_dump(mode="json", by_alias=True) if self.counts is not None else None,
            "utterancesLost": round(self.drop, 4),
            "editedSinceSnapshot": self.edited,
            "drill": None if drill is None else {"at": _text(drill.at), "seconds": drill.item.seconds},
            "drift": None if self.drift is None else {"at": _text(self.drift.at), "outcome": self.drift.item.outcome},
            "models": self.models,
            "modelsMost": DOCUMENTED.models,
            "nextExpiry": None if expiry is None else _expiry_json(expiry),
            "goneSince": _text(self.gone_since),
            "alarms": [one.to_json() for one in self.alarms],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class ResourceRow:
    """One resource: how many projects it has, or why that is not known; None when nobody asked."""

    name: str
    projects: int | None
    problem: str = ""

    def to_json(self) -> JsonObject:
        """For programs."""
        return {"resource": self.name, "projects": self.projects, "problem": self.problem or None}


@dataclass(frozen=True, slots=True)
class Status:
    """All of it, as of a moment.

    Attributes:
        general: Alarms that are of no single project.
        runs: The last run of each kind.
        recent: The last runs, the newest first.
        verified_at: When the whole vault was last verified.
        notes: What the status does not know.
    """

    at: datetime
    rows: tuple[Row, ...]
    resources: tuple[ResourceRow, ...]
    general: tuple[Alarm, ...]
    runs: tuple[RunSummary, ...]
    recent: tuple[RunSummary, ...]
    verified_at: datetime | None
    notes: tuple[str, ...]

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """Every alarm, those of no single project first."""
        return (*self.general, *(alarm for row in self.rows for alarm in row.alarms))

    @property
    def exit_code(self) -> int:
        """0 all is fine; 5 a snapshot is damaged; 4 another alarm; 3 a resource did not answer, else all is fine."""
        kinds = {alarm.kind for alarm in self.alarms}
        if AlarmKind.DAMAGED in kinds:
            return DamagedSnapshot.exit_code
        if kinds - _OWN_WORDS:
            return GuardRefused.exit_code
        return PartialFailure.exit_code if kinds else 0

    @property
    def summary(self) -> str:
        """One line."""
        states = Counter(row.state for row in self.rows)
        words = [f"{states[state]} {state}" for state in ("ok", "alarm", "new", "gone") if states[state]]
        found = ", ".join(words) or "no projects"
        number = len(self.alarms)
        return f"{found}: {number} {'alarm' if number == 1 else 'alarms'}" if number else f"{found}: all fine"

    def to_json(self) -> JsonObject:
        """The status for programs."""
        return {
            "at": self.at.isoformat(),
            "summary": self.summary,
            "exitCode": self.exit_code,
            "alarms": [one.to_json() for one in self.alarms],
            "projects": [one.to_json() for one in self.rows],
            "resources": [one.to_json() for one in self.resources],
            "runs": [run_to_json(one) for one in self.runs],
            "verifiedAt": _text(self.verified_at),
            "notes": list(self.notes),
        }


def judge_status(
    resources: Sequence[ResourceFacts], vault: VaultFacts, *, settings: StatusSettings, now: datetime
) -> Status:
    """Put everything that is known beside what is asked."""
    rows = [_row(subject) for facts in resources for subject in _subjects(facts, vault, settings, now)]
    notes = [note for one in resources for note in one.notes]
    if vault.strangers:
        notes.append(f"the vault has snapshots of resources that are not configured: {', '.join(vault.strangers)}")
    return Status(
        at=now,
        rows=tuple(rows),
        resources=tuple(
            ResourceRow(one.name, len(one.projects) if one.projects is not None else None, one.problem)
            for one in resources
        ),
        general=tuple(_general(resources, rows, vault.runs, settings=settings, now=now)),
        runs=tuple(run for _, run in sorted(vault.runs.last.items())),
        recent=tuple(vault.runs.runs),
        verified_at=vault.runs.verified_at,
        notes=tuple(notes),
    )


def _subjects(facts: ResourceFacts, vault: VaultFacts, settings: StatusSettings, now: datetime) -> Iterator[Subject]:
    live = {one.name: one for one in facts.projects or ()}
    places = {*vault.histories, *vault.unreadable}
    kept = {project for resource, project in places if resource == facts.name}
    missed = vault.runs.vanished.get(facts.name, {})
    for project in sorted({*live, *kept}):
        if is_scratch(project) or any(fnmatchcase(project, glob) for glob in settings.ignore):
            continue
        is_gone = project not in live if facts.projects is not None else project in missed
        place = facts.name, project
        yield Subject(
            resource=facts.name,
            project=project,
            live=live.get(project),
            gone_since=missed.get(project, now) if is_gone else None,
            history=vault.histories.get(place),
            unreadable=vault.unreadable.get(place, ()),
            runs=vault.runs,
            objective=settings.of(facts.name),
            config_expiry=facts.config_expiry,
            now=now,
        )


def _row(subject: Subject) -> Row:
    alarms, history, good = alarms_of(subject), subject.history, last_good(subject)
    expiries = expiries_of(subject)
    newest = history.newest if history is not None else None
    return Row(
        resource=subject.resource,
        project=subject.project,
        state="alarm" if alarms else "gone" if subject.is_gone else "new" if is_new(subject) else "ok",
        last_good=good,
        age=subject.now - good if good is not None else None,
        objective=timedelta(hours=subject.objective.freshness_hours),
        snapshot_id=newest.snapshot_id if newest is not None else None,
        snapshots=history.number if history is not None else 0,
        counts=newest.counts if newest is not None else None,
        drop=size_drop(subject),
        edited=is_edited(subject),
        drill=subject.runs.proven.get(subject.place),
        drift=subject.runs.drift.get(subject.place),
        models=models_used(subject),
        next_expiry=expiries[0] if expiries else None,
        near=tuple((one, days_left(one, subject)) for one in near_expiries(subject)),
        gone_since=subject.gone_since,
        alarms=alarms,
        notes=notes_of(subject),
        points=history.points if history is not None else (),
    )


def _general(
    resources: Sequence[ResourceFacts],
    rows: Sequence[Row],
    runs: RunHistory,
    *,
    settings: StatusSettings,
    now: datetime,
) -> Iterator[Alarm]:
    for one in resources:
        if one.problem:
            sentence = f"resource {one.name} does not answer: {one.problem}"
            mend = "what is said of its projects is known from the vault alone"
            yield Alarm(AlarmKind.UNREACHABLE, sentence, mend, one.name)
    told = {(row.resource, row.project) for row in rows for alarm in row.alarms if alarm.kind in _TOLD_OF_PROJECTS}
    for kind, run in sorted(runs.last.items()):
        untold = next((item for item in run.failures if (item.resource, item.project) not in told), None)
        if untold is not None:
            where = "/".join(part for part in (untold.resource, untold.project) if part)
            number = f"{run.number_failed} of {sum(run.outcomes.values())}"
            sentence = f"the last {kind}, {day(run.started_at)}, failed for {number}: {where}: {untold.detail}"
            is_damage = untold.outcome in LOST
            alarm_kind = AlarmKind.DAMAGED if is_damage else AlarmKind.RUN_FAILED
            yield Alarm(alarm_kind, sentence, f"mend that and run the {kind} again")
    yield from _verification(runs.verified_at, settings, now)


def _verification(at: datetime | None, settings: StatusSettings, now: datetime) -> Iterator[Alarm]:
    if settings.verify_days is None:
        return
    limit = timedelta(days=settings.verify_days)
    if at is None or now - at > limit:
        when = "never" if at is None else f"last {span(now - at)} ago"
        sentence = f"the vault was {when} verified as a whole (objective: every {span(limit)})"
        yield Alarm(AlarmKind.VERIFY_MISSED, sentence, f"run {command('verify', '--read-data')}")


def run_to_json(run: RunSummary) -> JsonObject:
    """A run in short, for programs."""
    return {
        "kind": run.kind,
        "runId": run.run_id,
        "startedAt": run.started_at.isoformat(),
        "endedAt": run.ended_at.isoformat(),
        "summary": run.summary,
        "failed": run.failed,
    }


def _expiry_json(one: Expiry) -> JsonObject:
    return {"what": one.what, "name": one.name, "lastDay": one.last_day.isoformat()}


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
