"""Clean-up: which stale projects of a resource may be deleted, and why each one is deleted or kept; pure.

What is safest for the user's data decides every question of doubt:

- Protected projects are always kept, also when the whole resource is retired.
- A project with a service deployment may be answering traffic (the service does not say when it was last asked). Only
  a rule that speaks of deployments (`not-deployed-days`) deletes it, and retiring the resource.
- An age counts from the latest thing known. A project that was never trained or deployed counts from its last change,
  or its creation when that is later, so that fresh work is never old.
- A date in the future, or one from before the service existed (it answers year 1 where it does not know), proves
  nothing: the first keeps its project from every rule, the second counts as unknown, and unknown is never old.
- Not more than `max_deletions` projects and not more than `max_share` of all, whichever is less, go in one run. A share
  that comes to less than one project still lets one go, so that small resources can be cleaned; a limit of 0 lets none.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from cluvault.model.names import is_scratch
from cluvault.settings import CleanupRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DEFAULT_RULES: Final[Mapping[str, CleanupRule]] = {"scratch": CleanupRule(scratch=True, not_modified_days=1)}
"""Without rules of the user only what cluvault itself left behind is stale: nobody's project is guessed at."""

RETIRED: Final = "--all"
"""What stands for the rule's name when the whole resource is retired."""

_SERVICE_BEGAN: Final = datetime(2021, 1, 1, tzinfo=UTC)  # the first preview is of November 2021


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """What decides about a project; all times are aware.

    Attributes:
        last_trained: The latest training of any model that exists; None when there is none.
        last_deployed: The latest deployment that exists; None when there is none.
        deployments: How many service deployments it has.
    """

    name: str
    last_modified: datetime
    created: datetime | None = None
    last_trained: datetime | None = None
    last_deployed: datetime | None = None
    deployments: int = 0

    @property
    def is_scratch(self) -> bool:
        """Whether cluvault made it for a while."""
        return is_scratch(self.name)


@dataclass(frozen=True, slots=True)
class PlannedDeletion:
    """A project to delete, the rule that says so, and how each of its conditions holds."""

    project: str
    rule: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeptProject:
    """A project to keep, and why."""

    project: str
    reason: str


@dataclass(frozen=True, slots=True)
class CleanupPlan:
    """Every project of the resource, sorted by name, once: deleted or kept.

    Attributes:
        allowed: How many projects the guard lets go in one run.
        refusal: Why nothing may be deleted although deletions are planned; None when the guard lets the plan pass.
    """

    deletions: tuple[PlannedDeletion, ...]
    kept: tuple[KeptProject, ...]
    allowed: int
    refusal: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        return {
            "deletions": [asdict(deletion) | {"reasons": list(deletion.reasons)} for deletion in self.deletions],
            "kept": [asdict(kept) for kept in self.kept],
            "allowed": self.allowed,
            "refusal": self.refusal,
        }


def plan_cleanup(
    projects: Sequence[ProjectFacts],
    *,
    rules: Mapping[str, CleanupRule],
    protect: Sequence[str],
    now: datetime,
    max_deletions: int,
    max_share: float,
    everything: bool = False,
) -> CleanupPlan:
    """Decide about every project of a resource.

    Args:
        projects: All projects of the resource; the share is counted from them.
        rules: Stale rules by name; the first that applies deletes. `DEFAULT_RULES` when the user has none.
        protect: Patterns of names that are always kept (`*`, `?`, `[…]`; case counts; the whole name has to fit).
        now: The present instant, aware.
        max_deletions: The most projects that may go in one run.
        max_share: The largest share of all projects that may go in one run, 0 to 1.
        everything: Retire the resource: rules and deployments do not count, protection and the guard do.
    """
    deletions: list[PlannedDeletion] = []
    kept: list[KeptProject] = []
    for project in sorted(projects, key=lambda facts: facts.name):
        decision = _decide(project, rules=rules, protect=protect, now=now, everything=everything)
        if isinstance(decision, PlannedDeletion):
            deletions.append(decision)
        else:
            kept.append(decision)
    limits = {"max-deletions": max_deletions, "max-share": share_of(len(projects), max_share)}
    refusal = None
    if exceeded := [name for name, limit in limits.items() if len(deletions) > limit]:
        refusal = (
            f"{len(deletions)} of {len(projects)} projects would be deleted, but one run may delete "
            f"{max_deletions} (max-deletions) and {max_share * 100:.4g} % (max-share: {limits['max-share']}) at most; "
            f"nothing is deleted; narrow the rules or the names, or raise {' and '.join(exceeded)}"
        )
    return CleanupPlan(tuple(deletions), tuple(kept), min(limits.values()), refusal)


def share_of(total: int, max_share: float) -> int:
    """How many of `total` projects a share is: rounded down, but a share above 0 is one project at least."""
    share = int(Decimal(repr(max_share)) * total)  # decimal: 0.29 of 100 is 29, in binary it would be 28
    return max(1, share) if max_share > 0 else 0


# --- one project ---------------------------------------------------------------------------------------------------


def _decide(
    project: ProjectFacts,
    *,
    rules: Mapping[str, CleanupRule],
    protect: Sequence[str],
    now: datetime,
    everything: bool,
) -> PlannedDeletion | KeptProject:
    if pattern := _fitting(project.name, protect):
        return KeptProject(project.name, f"protected by {pattern!r}")
    if everything:
        return PlannedDeletion(project.name, RETIRED, tuple(_retirement_reasons(project)))
    checks = {name: list(_conditions(project, rule, now)) for name, rule in rules.items()}
    fitting = [name for name, conditions in checks.items() if conditions and all(held for held, _ in conditions)]
    if not fitting:
        return KeptProject(project.name, _why_no_rule(checks))
    obstacles = {name: _obstacle(project, rules[name], now) for name in fitting}
    chosen = next((name for name, obstacle in obstacles.items() if obstacle is None), None)
    if chosen is None:
        return KeptProject(project.name, f"rule {fitting[0]} applies, but {obstacles[fitting[0]]}")
    return PlannedDeletion(project.name, chosen, tuple(sentence for _, sentence in checks[chosen]))


def _fitting(name: str, patterns: Sequence[str]) -> str | None:
    return next((pattern for pattern in patterns if fnmatchcase(name, pattern)), None)


def _retirement_reasons(project: ProjectFacts) -> Iterator[str]:
    yield "the whole resource is retired"
    if project.deployments:
        yield f"{_deployments(project)} will stop answering"


def _obstacle(project: ProjectFacts, rule: CleanupRule, now: datetime) -> str | None:
    """What keeps a project although a rule applies."""
    speaks_of_deployments = rule.not_deployed_days is not None and _known(project.last_deployed) is not None
    if project.deployments and not speaks_of_deployments:
        return f"{_deployments(project)} may be answering traffic"
    dates = (project.created, project.last_modified, project.last_trained, project.last_deployed)
    ahead = [date for date in dates if date is not None and date > now]
    return f"it has a date in the future ({ahead[0]:%Y-%m-%d}); a clock is wrong" if ahead else None


def _deployments(project: ProjectFacts) -> str:
    return "its service deployment" if project.deployments == 1 else f"its {project.deployments} service deployments"


def _why_no_rule(checks: Mapping[str, list[tuple[bool, str]]]) -> str:
    """The first condition of each rule that does not hold."""
    failed = [
        f"{name}: {next((sentence for held, sentence in conditions if not held), 'has no condition')}"
        for name, conditions in checks.items()
    ]
    return f"no rule applies ({'; '.join(failed)})" if failed else "there is no rule"


# --- conditions of a rule ------------------------------------------------------------------------------------------


def _conditions(project: ProjectFacts, rule: CleanupRule, now: datetime) -> Iterator[tuple[bool, str]]:
    """Whether each condition that the rule gives holds, with a sentence that is true of the project."""
    if rule.names:
        pattern = _fitting(project.name, rule.names)
        yield pattern is not None, f"the name fits {pattern!r}" if pattern else "the name fits no pattern"
    if rule.scratch:
        yield project.is_scratch, f"{'is a' if project.is_scratch else 'is no'} scratch project of cluvault"
    if rule.no_deployment:
        free = project.deployments == 0
        count = f"{project.deployments} service deployment{'' if project.deployments == 1 else 's'}"
        yield free, "has no service deployment" if free else f"has {count}"
    if rule.not_modified_days is not None:
        yield _is_old("last modified", _known(project.last_modified), rule.not_modified_days, now)
    if rule.not_trained_days is not None:
        yield _is_old(*_event_or_change("trained", project.last_trained, project), rule.not_trained_days, now)
    if rule.not_deployed_days is not None:
        yield _is_old(*_event_or_change("deployed", project.last_deployed, project), rule.not_deployed_days, now)


def _event_or_change(verb: str, event: datetime | None, project: ProjectFacts) -> tuple[str, datetime | None]:
    """When something was last done; for a project to which it was never done, the latest creation or change."""
    if (date := _known(event)) is not None:
        return f"last {verb}", date
    changes = [date for date in map(_known, (project.created, project.last_modified)) if date is not None]
    return f"never {verb}, last changed", max(changes, default=None)


def _known(date: datetime | None) -> datetime | None:
    return date if date is not None and date >= _SERVICE_BEGAN else None


def _is_old(what: str, date: datetime | None, days: int, now: datetime) -> tuple[bool, str]:
    if date is None:
        return False, f"{what} at an unknown time"
    age = (now - date).days
    return age >= days, f"{what} {age} days ago ({date:%Y-%m-%d}; the rule says {days})"
