"""What is checked of one project, each check a function from facts to alarms; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from cluvault.model.manifest import Reason
from cluvault.model.run import Outcome
from cluvault.plan.deployed import uncaptured
from cluvault.plan.limits import DOCUMENTED
from cluvault.plan.status_alarm import Alarm, AlarmKind, command
from cluvault.plan.status_facts import BAD, LOST, LiveModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from cluvault.plan.status_facts import LiveDeployment, LiveProject, ProjectHistory, RunHistory, Told
    from cluvault.settings import Objective

_TWO_DAYS: Final = 48
_SAME: Final = frozenset({Outcome.EQUAL, Outcome.REPLICATED, Outcome.UNCHANGED, Outcome.SKIPPED})


@dataclass(frozen=True, slots=True, order=True)
class Expiry:
    """The last day of a model or of a service deployment."""

    last_day: date
    what: str
    name: str


@dataclass(frozen=True, slots=True)
class Subject:
    """One project, and everything that is known of it.

    Attributes:
        live: As its resource lists it; None when it is not there, or nobody asked.
        gone_since: When it was first missed in its resource; None when it is there, or nobody knows.
        history: Its snapshots; None when there are none that can be read.
        unreadable: What is wrong with manifests that cannot be read.
    """

    resource: str
    project: str
    live: LiveProject | None
    gone_since: datetime | None
    history: ProjectHistory | None
    unreadable: tuple[str, ...]
    runs: RunHistory
    objective: Objective
    config_expiry: Mapping[str, date]
    now: datetime

    @property
    def place(self) -> tuple[str, str]:
        """Resource and project."""
        return self.resource, self.project

    @property
    def name(self) -> str:
        """How sentences name it."""
        return f"{self.resource}/{self.project}"

    @property
    def is_gone(self) -> bool:
        """Whether it is in the vault only."""
        return self.gone_since is not None

    def alarm(self, kind: AlarmKind, sentence: str, mend: str) -> Alarm:
        """An alarm about this project."""
        return Alarm(kind, sentence, mend, self.resource, self.project)


def last_good(subject: Subject) -> datetime | None:
    """When a backup last had this project in a snapshot that is not known to be damaged; None when never."""
    if subject.history is None:
        return None
    lost, seen = subject.runs.lost(subject.place), subject.runs.seen
    moments = [
        max(point.captured_at, seen.get((*subject.place, point.snapshot_id), point.captured_at))
        for point in subject.history.points
        if point.snapshot_id not in lost
    ]
    return max(moments, default=None)


def is_edited(subject: Subject) -> bool | None:
    """Whether it was edited since its last snapshot; None when nobody can tell."""
    if subject.live is None or subject.history is None:
        return None
    then, now = subject.history.newest.project_last_modified, subject.live.last_modified_at
    return None if then is None or now is None else now > then


def size_drop(subject: Subject) -> float:
    """Which share of the utterances the latest snapshot lacks beside that of before the window."""
    if subject.history is None:
        return 0.0
    before, after = subject.history.baseline.counts.utterances, subject.history.newest.counts.utterances
    return max(0.0, (before - after) / before) if before else 0.0


def models_used(subject: Subject) -> int | None:
    """How many trained models there are: as the resource says, or else as they were at the last snapshot."""
    if subject.live is not None and subject.live.detail is not None:
        return len(subject.live.detail.models)
    return len(subject.history.newest.models) if subject.history is not None else None


def expiries_of(subject: Subject) -> tuple[Expiry, ...]:
    """Last days that matter: of deployments, of the models they serve and of the latest model; the nearest first."""
    if subject.is_gone:
        return ()
    detail = subject.live.detail if subject.live is not None else None
    if detail is None:
        models, served = _recorded_models(subject)
        deployments: tuple[LiveDeployment, ...] = ()
    else:
        models, deployments = detail.models, detail.deployments
        served = frozenset(one.model for one in deployments)
    latest = max(models, key=lambda one: one.trained_at or datetime.min.replace(tzinfo=UTC), default=None)
    chosen = [("model", one.label, one.expires_on) for one in models if one is latest or one.label in served]
    chosen += [("deployment", one.name, one.expires_on) for one in deployments]
    return tuple(sorted(Expiry(last_day, what, name) for what, name, last_day in chosen if last_day is not None))


def _recorded_models(subject: Subject) -> tuple[tuple[LiveModel, ...], frozenset[str | None]]:
    """The models of the last snapshot with the last days of their training configurations; and which of them served.

    That costs one call for a resource, and none for a project.
    """
    if subject.history is None:
        return (), frozenset()
    newest = subject.history.newest
    models = tuple(
        LiveModel(one.label, one.trained_at, subject.config_expiry.get(one.training_config_version or ""))
        for one in newest.models
    )
    return models, frozenset(one.model for one in newest.deployments)


# --- alarms --------------------------------------------------------------------------------------------------------


def alarms_of(subject: Subject) -> tuple[Alarm, ...]:
    """Every alarm of a project, the gravest first."""
    checks = (_damage,) if subject.is_gone else (_damage, _freshness, _backup, _size, _drill, _models, _expiry)
    return tuple(alarm for check in (*checks, _vanished) for alarm in check(subject))


def _damage(subject: Subject) -> Iterator[Alarm]:
    for sentence in subject.unreadable:
        mend = f"{command('verify')} says more; a second copy of the vault may have it"
        yield subject.alarm(AlarmKind.DAMAGED, sentence, mend)
    for snapshot_id, told in subject.runs.lost(subject.place).items():
        sentence = f"{subject.name}@{snapshot_id} is {told.item.outcome}: {told.item.detail}"
        yield subject.alarm(AlarmKind.DAMAGED, sentence, f"mend it with {command('verify', '--repair')}")


def _freshness(subject: Subject) -> Iterator[Alarm]:
    mend = f"run {command('backup', subject.resource, '--project', subject.project)} and see that its schedule runs"
    limit = timedelta(hours=subject.objective.freshness_hours)
    good = last_good(subject)
    if good is not None:
        age = subject.now - good
        if age > limit:
            edited = ", and it was edited since" if is_edited(subject) else ""
            sentence = f"the last good backup of {subject.name} is {span(age)} old (objective: {span(limit)}){edited}"
            yield subject.alarm(AlarmKind.STALE, sentence, mend)
    elif not is_new(subject):
        sentence = f"{subject.name} has never been backed up"
        if subject.history is not None:
            sentence = f"{subject.name} has no snapshot that is not damaged"
        yield subject.alarm(AlarmKind.NEVER_BACKED_UP, sentence, mend)


def is_new(subject: Subject) -> bool:
    """Whether a project without any snapshot is so young that its first backup is not due yet."""
    if subject.history is not None or subject.unreadable:
        return False
    created = subject.live.created_at if subject.live is not None else None
    return created is not None and subject.now - created <= timedelta(hours=subject.objective.freshness_hours)


def _backup(subject: Subject) -> Iterator[Alarm]:
    told = subject.runs.backups.get(subject.place)
    if told is not None and told.item.outcome in BAD:
        sentence = f"the last backup of {subject.name}, {day(told.at)}, failed: {told.item.detail}"
        mend = f"mend that and run {command('backup', subject.resource, '--project', subject.project)}"
        yield subject.alarm(AlarmKind.BACKUP_FAILED, sentence, mend)


def _size(subject: Subject) -> Iterator[Alarm]:
    history, drop = subject.history, size_drop(subject)
    if history is None or drop < subject.objective.size_drop:
        return
    before, after = history.baseline.counts.utterances, history.newest.counts.utterances
    if before - after < subject.objective.size_least:
        return
    old, new = history.baseline.reference, history.newest.reference
    sentence = f"{subject.name} lost {drop:.0%} of its utterances ({before} to {after}) since {old}"
    undo = command("restore", old, "--to", subject.resource, "--if-exists", "replace")
    mend = f"{command('diff', old, new)} shows which; if nobody meant it: {undo}"
    yield subject.alarm(AlarmKind.SIZE_DROP, sentence, mend)


def _drill(subject: Subject) -> Iterator[Alarm]:
    last, proven = subject.runs.drills.get(subject.place), subject.runs.proven.get(subject.place)
    again = f"{command('verify', subject.name, '--drill', 'RESOURCE')} drills it"
    if last is not None and last.item.outcome != Outcome.PROVEN:
        sentence = f"the restore drill of {subject.name}, {day(last.at)}, {last.item.outcome}: {last.item.detail}"
        kind = AlarmKind.DAMAGED if last.item.outcome in LOST else AlarmKind.DRILL_FAILED
        yield subject.alarm(kind, sentence, f"mend that; {again} again")
    if subject.objective.drill_days is not None and subject.history is not None:
        limit = timedelta(days=subject.objective.drill_days)
        if proven is None or subject.now - proven.at > limit:
            when = "never" if proven is None else f"last {span(subject.now - proven.at)} ago"
            sentence = f"a restore of {subject.name} was {when} proven (objective: every {span(limit)})"
            yield subject.alarm(AlarmKind.DRILL_MISSED, sentence, again)
    yield from _recovery_time(subject, proven)


def _recovery_time(subject: Subject, proven: Told | None) -> Iterator[Alarm]:
    limit, seconds = subject.objective.drill_seconds, proven.item.seconds if proven is not None else None
    if limit is not None and seconds is not None and seconds > limit:
        sentence = f"the last restore drill of {subject.name} took {seconds:g} s (objective: {limit:g} s)"
        mend = "drill it when the service is less busy, or correct drill-seconds"
        yield subject.alarm(AlarmKind.DRILL_SLOW, sentence, mend)


def _models(subject: Subject) -> Iterator[Alarm]:
    used = models_used(subject)
    if used is not None and used >= subject.objective.max_models:
        sentence = f"{subject.name} has {used} trained models of {DOCUMENTED.models}"
        mend = "delete models that nothing serves: the service refuses to train one more than that"
        yield subject.alarm(AlarmKind.MODELS_FULL, sentence, mend)


def near_expiries(subject: Subject) -> tuple[Expiry, ...]:
    """Those last days that are near, or past."""
    limit = subject.now.astimezone(UTC).date() + timedelta(days=subject.objective.expiry_days)
    return tuple(one for one in expiries_of(subject) if one.last_day <= limit)


def _expiry(subject: Subject) -> Iterator[Alarm]:
    for one in near_expiries(subject):
        is_model = one.what == "model"
        kind = AlarmKind.MODEL_EXPIRY if is_model else AlarmKind.DEPLOYMENT_EXPIRY
        sentence = f"{one.what} {one.name} of {subject.name} has its last day on {one.last_day}{_left(one, subject)}"
        mend = "train it anew with a newer training configuration"
        yield subject.alarm(kind, sentence, mend if is_model else f"{mend}, and deploy that model")


def days_left(one: Expiry, subject: Subject) -> int:
    """Days to a last day; below zero when it is past."""
    return (one.last_day - subject.now.astimezone(UTC).date()).days


def _left(one: Expiry, subject: Subject) -> str:
    left = days_left(one, subject)
    return f", {-left} days ago" if left < 0 else f", in {left} days"


def _vanished(subject: Subject) -> Iterator[Alarm]:
    since = subject.gone_since
    if since is None or subject.history is None or was_meant(subject):
        return
    if subject.now - since <= timedelta(days=subject.objective.vanished_days):
        mend = f"{command('restore', subject.history.newest.reference, '--to', subject.resource)} brings it back"
        yield subject.alarm(AlarmKind.VANISHED, f"{subject.name} is gone from its resource since {day(since)}", mend)


def was_meant(subject: Subject) -> bool:
    """Whether a project that is gone was deleted by a clean-up, which keeps a snapshot of what it deletes."""
    if subject.history is None:
        return False
    newest = subject.history.newest
    deleted = subject.runs.deleted.get(subject.place)
    return newest.reason is Reason.PRE_DELETE or (deleted is not None and deleted >= newest.captured_at)


# --- notes ---------------------------------------------------------------------------------------------------------


def notes_of(subject: Subject) -> tuple[str, ...]:
    """What is worth knowing and asks for nothing."""
    return tuple(_notes(subject))


def _notes(subject: Subject) -> Iterator[str]:
    if subject.gone_since is not None:
        why = ", deleted by a clean-up" if was_meant(subject) else ""
        yield f"gone since {day(subject.gone_since)}{why}"
        return
    if subject.history is None and is_new(subject):
        yield "new, the next backup takes it"
    if is_edited(subject):
        yield "edited since its last snapshot"
    if subject.history is not None and (labels := uncaptured(subject.history.newest)):
        yield f"not captured: what {', '.join(labels)} was trained on, which is deployed"
    told = subject.runs.drift.get(subject.place)
    if told is not None and told.item.outcome not in _SAME:
        yield f"drift: {told.item.detail or told.item.outcome}"


# --- words ---------------------------------------------------------------------------------------------------------


def span(length: timedelta) -> str:
    """A length of time for people: minutes, from an hour on hours, from two days on days."""
    hours = length.total_seconds() / 3600
    if 0 <= hours < 1:
        return f"{hours * 60:.0f} min"
    number, unit = (hours, "h") if hours < _TWO_DAYS else (hours / 24, "days")
    return f"{number:.1f}".removesuffix(".0") + f" {unit}"


def day(moment: datetime) -> str:
    """A day for people, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}"
