"""What the status is decided from: what resources say, what the vault holds, what run records tell; pure values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cluvault.model.run import Outcome, has_seen, vanished_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date, datetime

    from cluvault.model.manifest import Counts, Manifest
    from cluvault.model.run import RunItem, RunRecord

Place = tuple[str, str]
"""Resource and project."""

BAD: Final = frozenset({Outcome.FAILED, Outcome.DAMAGED, Outcome.MISSING})
"""Outcomes that make a run one that failed, in part at least."""
_SEEN: Final = frozenset({Outcome.STORED, Outcome.UNCHANGED})
LOST: Final = frozenset({Outcome.DAMAGED, Outcome.MISSING})
"""Outcomes that mean damage."""
_MOST_POINTS: Final = 120
_FEW: Final = 3


@dataclass(frozen=True, slots=True)
class LiveModel:
    """A trained model that a resource has, and its last day."""

    label: str
    trained_at: datetime | None = None
    expires_on: date | None = None


@dataclass(frozen=True, slots=True)
class LiveDeployment:
    """A service deployment that a resource has, the label of its model, and its last day."""

    name: str
    model: str | None = None
    expires_on: date | None = None


@dataclass(frozen=True, slots=True)
class LiveDetail:
    """What calls for one project say."""

    models: tuple[LiveModel, ...]
    deployments: tuple[LiveDeployment, ...]


@dataclass(frozen=True, slots=True)
class LiveProject:
    """A project as its resource lists it; `detail` only when that was asked for."""

    name: str
    created_at: datetime | None = None
    last_modified_at: datetime | None = None
    detail: LiveDetail | None = None


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """What a resource says.

    Attributes:
        projects: None when it was not asked, or did not answer.
        problem: Why it did not answer.
        config_expiry: Training configuration → the last day of the models trained with it.
        notes: What of it is not known.
    """

    name: str
    projects: tuple[LiveProject, ...] | None = None
    problem: str = ""
    config_expiry: Mapping[str, date] = field(default_factory=dict[str, "date"])
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """How much a project held when a snapshot was taken."""

    snapshot_id: str
    captured_at: datetime
    counts: Counts


@dataclass(frozen=True, slots=True)
class ProjectHistory:
    """The snapshots of a project in short.

    Attributes:
        newest: The latest snapshot.
        previous: The one before it, if there is one.
        baseline: With which the latest is compared: the last one of before the window, else the first one.
        number: How many there are.
        points: Of the last of them, the oldest first.
    """

    newest: Manifest
    previous: Manifest | None
    baseline: Manifest
    number: int
    points: tuple[Point, ...]


def fold_history(known: ProjectHistory | None, batch: Sequence[Manifest], *, cutoff: datetime) -> ProjectHistory:
    """The history with some later snapshots more.

    Args:
        known: What came before; None for the first.
        batch: The next snapshots of the project, sorted, at least one.
        cutoff: Where the window of the comparison begins.
    """
    before = [one for one in batch if one.captured_at <= cutoff]
    points = tuple(Point(one.snapshot_id, one.captured_at, one.counts) for one in batch)
    earlier = known.newest if known is not None else None
    return ProjectHistory(
        newest=batch[-1],
        previous=batch[-2] if len(batch) > 1 else earlier,
        baseline=before[-1] if before else known.baseline if known is not None else batch[0],
        number=(known.number if known is not None else 0) + len(batch),
        points=((known.points if known is not None else ()) + points)[-_MOST_POINTS:],
    )


# --- run records ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run in short: how many projects came to which outcome, and the first of those that failed."""

    kind: str
    run_id: str
    started_at: datetime
    ended_at: datetime
    outcomes: Mapping[str, int]
    failures: tuple[RunItem, ...] = ()
    number_failed: int = 0

    @property
    def failed(self) -> bool:
        """Whether something failed."""
        return self.number_failed > 0

    @property
    def summary(self) -> str:
        """How many of each outcome."""
        nothing = "nothing amiss" if self.kind == "verify" else "nothing to do"
        return ", ".join(f"{number} {outcome}" for outcome, number in sorted(self.outcomes.items())) or nothing


@dataclass(frozen=True, slots=True)
class Told:
    """What a run said of a project, and when the run began."""

    at: datetime
    item: RunItem


class RunHistory:
    """What run records tell, taken in one by one, the newest first: the first word on a thing counts.

    Args:
        most_runs: How many runs are remembered one by one.

    Attributes:
        runs: The last runs.
        last: The last run of each kind.
        seen: When a backup last found a project stored or unchanged.
        backups: What the last backup said of a project.
        drills: What the last restore drill said of a project.
        proven: The last restore drill that proved a snapshot of it.
        drift: What the last drift run said of a project.
        damage: What verifications found, up to the last one of the whole vault: by snapshot.
        verified_at: When the whole vault was last verified.
        vanished: By resource: the projects that its last backup missed, and since when.
        deleted: When a clean-up last deleted a project.
    """

    def __init__(self, *, most_runs: int = 100) -> None:
        self.runs: list[RunSummary] = []
        self.last: dict[str, RunSummary] = {}
        self.seen: dict[tuple[str, str, str], datetime] = {}
        self.backups: dict[Place, Told] = {}
        self.drills: dict[Place, Told] = {}
        self.proven: dict[Place, Told] = {}
        self.drift: dict[Place, Told] = {}
        self.damage: dict[Place, dict[str, Told]] = {}
        self.verified_at: datetime | None = None
        self.vanished: dict[str, dict[str, datetime]] = {}
        self.deleted: dict[Place, datetime] = {}
        self._most_runs = most_runs
        self._adders: Mapping[str, Callable[[RunRecord], None]] = {
            "backup": self._add_backup,
            "verify": self._add_verify,
            "drill": self._add_drill,
            "drift": self._add_drift,
            "cleanup": self._add_cleanup,
        }

    def add(self, record: RunRecord) -> None:
        """One record more, older than those before."""
        summary = summarise_run(record)
        self.last.setdefault(record.kind, summary)
        if len(self.runs) < self._most_runs:
            self.runs.append(summary)
        for resource in record.resources:
            if resource not in self.vanished and has_seen(record, resource):
                self.vanished[resource] = vanished_in(record, resource)
        self._adders.get(record.kind, _ignore)(record)

    def _add_backup(self, record: RunRecord) -> None:
        _add_first(self.backups, record, record.items)
        for item in record.items:
            if item.outcome in _SEEN and item.snapshot_id is not None:
                self.seen.setdefault((item.resource, item.project, item.snapshot_id), record.started_at)

    def _add_verify(self, record: RunRecord) -> None:
        """An older verification says nothing more once a newer one has looked at everything."""
        if self.verified_at is not None:
            return
        for item in record.items:
            if item.snapshot_id is not None:
                found = self.damage.setdefault((item.resource, item.project), {})
                found.setdefault(item.snapshot_id, Told(record.started_at, item))
        if not record.options.get("references"):
            self.verified_at = record.started_at

    def _add_drill(self, record: RunRecord) -> None:
        _add_first(self.drills, record, record.items)
        _add_first(self.proven, record, (one for one in record.items if one.outcome == Outcome.PROVEN))

    def _add_drift(self, record: RunRecord) -> None:
        _add_first(self.drift, record, record.items)

    def _add_cleanup(self, record: RunRecord) -> None:
        for item in record.items:
            if item.outcome == Outcome.DELETED:
                self.deleted.setdefault((item.resource, item.project), record.started_at)

    def lost(self, place: Place) -> dict[str, Told]:
        """The snapshots of a project that are damaged or have no content."""
        return {key: told for key, told in self.damage.get(place, {}).items() if told.item.outcome in LOST}


def summarise_run(record: RunRecord) -> RunSummary:
    """A run in short."""
    failures = [item for item in record.items if item.outcome in BAD]
    return RunSummary(
        kind=record.kind,
        run_id=record.run_id,
        started_at=record.started_at,
        ended_at=record.ended_at,
        outcomes=dict(Counter(item.outcome for item in record.items)),
        failures=tuple(failures[:_FEW]),
        number_failed=len(failures),
    )


def _ignore(_record: RunRecord) -> None:
    """Of other runs only the outcome is of interest."""


def _add_first(told: dict[Place, Told], record: RunRecord, items: Iterable[RunItem]) -> None:
    for item in items:
        told.setdefault((item.resource, item.project), Told(record.started_at, item))
