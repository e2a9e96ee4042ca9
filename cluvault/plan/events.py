"""What the ends of runs and the steps of promotions mean as events; pure. `event_names` says which there are."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cluvault.model.event import (
    Event,
    operation_subject,
    project_subject,
    resource_subject,
    route_subject,
    vault_subject,
)
from cluvault.model.names import shorten
from cluvault.model.promotion import (
    Abandoned,
    ApprovalAsked,
    Approved,
    Planned,
    Promoted,
    Rejected,
    RollbackBegun,
    RolledBack,
)
from cluvault.model.run import Outcome
from cluvault.plan.event_names import EVENTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cluvault.model.json_text import JsonObject
    from cluvault.model.promotion import Cause
    from cluvault.model.run import RunItem
    from cluvault.plan.promotion import Promotion

_LONGEST_DETAIL: Final = 1000
_MOST_NAMED: Final = 100
"""Snapshots that one event names; it counts all of them."""

_BAD: Final = (Outcome.FAILED, Outcome.REFUSED, Outcome.DAMAGED, Outcome.MISSING)
_OF_ITEM: Final[Mapping[str, Mapping[str, str]]] = {
    "backup": {
        Outcome.STORED: "cluvault.snapshot.created",
        Outcome.UNCHANGED: "cluvault.snapshot.unchanged",
        Outcome.FAILED: "cluvault.snapshot.failed",
        Outcome.VANISHED: "cluvault.project.vanished",
    },
    "restore": {Outcome.RESTORED: "cluvault.restore.done", Outcome.FAILED: "cluvault.restore.failed"},
    "create": {Outcome.CREATED: "cluvault.create.done", Outcome.FAILED: "cluvault.create.failed"},
    "cleanup": {
        Outcome.DELETED: "cluvault.cleanup.deleted",
        Outcome.SKIPPED: "cluvault.cleanup.skipped",
        Outcome.FAILED: "cluvault.cleanup.failed",
    },
    "prune": {Outcome.FAILED: "cluvault.prune.failed"},
    "copy": {
        Outcome.COPIED: "cluvault.copy.done",
        Outcome.FAILED: "cluvault.copy.failed",
        Outcome.DAMAGED: "cluvault.copy.failed",
    },
    "replicate": {
        Outcome.REPLICATED: "cluvault.replica.updated",
        Outcome.FAILED: "cluvault.replica.failed",
    },
    "drill": {
        Outcome.PROVEN: "cluvault.drill.proven",
        Outcome.FAILED: "cluvault.drill.failed",
        Outcome.DAMAGED: "cluvault.drill.failed",
    },
}
"""Kind of run → outcome of an item → name of the event; other items are counted by the run's own event only."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A run at its end, with a record in the vault or without.

    Attributes:
        kind: The name of its command.
        vault_id: The vault's own id.
        record: The key of its record; empty when none could be written.
    """

    kind: str
    run_id: str
    vault_id: str
    resources: Sequence[str]
    items: Sequence[RunItem]
    record: str = ""


@dataclass(frozen=True, slots=True)
class Error:
    """What ended an operation.

    Attributes:
        name: Of its class.
        sentence: What a person reads.
        is_refusal: Whether a guard or a gate refused, and nothing was changed.
    """

    name: str
    sentence: str
    exit_code: int
    is_refusal: bool = False


# --- runs ----------------------------------------------------------------------------------------------------------


def events_of_run(run: Ended) -> tuple[Event, ...]:
    """What became of each project, and that the run ended."""
    names = _OF_ITEM.get(run.kind, {})
    events = [_of_item(run, item, names[item.outcome]) for item in run.items if item.outcome in names]
    if run.kind == "prune":
        events += _removed(run)
    if run.kind == "verify":
        events += _damaged(run)
    return (*events, _of_run(run))


def _of_item(run: Ended, item: RunItem, name: str) -> Event:
    known: JsonObject = {
        "snapshotId": item.snapshot_id,
        "reference": _reference(item),
        "digest": item.digest,
        "counts": item.counts.model_dump(by_alias=True) if item.counts else None,
        "since": item.since.isoformat() if item.since else None,
        "seconds": item.seconds,
    }
    payload = _about(item.resource, item.project, run.run_id) | {
        "kind": run.kind,
        "outcome": str(item.outcome),
        "detail": _detail(item.detail),
    }
    payload |= {key: known[key] for key in EVENTS[name].payload if key in known}
    return Event(name, _subject(run, item), payload, _related(run, item.resource))


def _removed(run: Ended) -> list[Event]:
    """One event a project: a prune removes many of its snapshots at once."""
    gone: defaultdict[tuple[str, str], list[RunItem]] = defaultdict(list)
    for item in run.items:
        if item.outcome == Outcome.REMOVED:
            gone[item.resource, item.project].append(item)
    events: list[Event] = []
    for (resource, project), items in gone.items():
        snapshots = [item.snapshot_id for item in items if item.snapshot_id is not None]
        others = [item.detail for item in items if item.snapshot_id is None and item.detail]
        payload = _about(resource, project, run.run_id) | {
            "kind": run.kind,
            "outcome": str(Outcome.REMOVED),
            "detail": _detail("; ".join([f"{len(snapshots)} snapshots", *others])),
            "removed": len(snapshots),
            "snapshots": list(snapshots[:_MOST_NAMED]),
        }
        subject = project_subject(resource, project)
        events.append(Event("cluvault.prune.removed", subject, payload, _related(run, resource)))
    return events


def _damaged(run: Ended) -> list[Event]:
    """One event for all damage: it is one alarm."""
    bad = [item for item in run.items if item.outcome in (Outcome.DAMAGED, Outcome.MISSING)]
    if not bad:
        return []
    payload = _about("", "", run.run_id) | {
        "kind": run.kind,
        "detail": _detail(bad[0].detail),
        "damaged": len(bad),
        "snapshots": [one for item in bad if (one := _reference(item)) is not None][:_MOST_NAMED],
    }
    related = {"operation": operation_subject(run.kind)}
    return [Event("cluvault.vault.damaged", vault_subject(run.vault_id), payload, related)]


def _of_run(run: Ended) -> Event:
    outcomes = Counter(str(item.outcome) for item in run.items)
    bad = [item for item in run.items if item.outcome in _BAD]
    only = run.resources[0] if len(run.resources) == 1 else ""
    payload = _about(only, "", run.run_id) | {
        "kind": run.kind,
        "resources": list(run.resources),
        "outcomes": dict(sorted(outcomes.items())),
        "failed": len(bad),
        "record": run.record or None,
        "detail": _detail(bad[0].detail if bad else None),
    }
    related = {"vault": vault_subject(run.vault_id)} | ({"resource": resource_subject(only)} if only else {})
    if not bad:
        return Event("cluvault.run.done", operation_subject(run.kind), payload, related)
    payload |= {"error": None, "exitCode": None}
    return Event("cluvault.run.failed", operation_subject(run.kind), payload, related)


# --- operations that an error ended --------------------------------------------------------------------------------


def events_of_error(
    kind: str, error: Error, *, run_id: str, resource: str = "", project: str = "", is_told: bool = False
) -> tuple[Event, ...]:
    """That an operation was ended by an error.

    Args:
        kind: The name of its command.
        error: What ended it.
        run_id: A fresh id.
        resource: What it was about, where one resource was meant.
        project: Likewise.
        is_told: Whether what it was about has been told of already; then only the operation's own end is.
    """
    operation = operation_subject(kind)
    payload: JsonObject = _about(resource, project, run_id) | {
        "kind": kind,
        "resources": [resource] if resource else [],
        "outcomes": {},
        "failed": 0,
        "record": None,
        "detail": _detail(error.sentence),
        "error": error.name,
        "exitCode": error.exit_code,
    }
    related = {"resource": resource_subject(resource)} if resource else {}
    whole = Event("cluvault.run.failed", operation, payload, related)
    name = _name_of_error(kind, error)
    if is_told or not resource or name is None:
        return (whole,)
    about = _about(resource, project, run_id)
    subject = project_subject(resource, project) if project else resource_subject(resource)
    if kind == "promote":
        refused = about | _promotion_payload(None) | {"detail": _detail(error.sentence), "cause": "guard"}
        return Event(name, subject, refused, related), whole
    about |= {"kind": kind, "outcome": str(Outcome.FAILED), "detail": _detail(error.sentence)}
    return Event(name, subject, about, related | {"operation": operation}), whole


def event_of_webhook(kind: str, *, run_id: str, unsent: int, problem: str) -> Event:
    """That a webhook was not told of some events."""
    payload = _about("", "", run_id) | {"kind": kind, "unsent": unsent, "detail": _detail(problem)}
    return Event("cluvault.webhook.failed", operation_subject(kind), payload)


def _name_of_error(kind: str, error: Error) -> str | None:
    if kind in ("restore", "create"):
        return f"cluvault.{kind}.failed"
    if error.is_refusal:
        return {"cleanup": "cluvault.cleanup.refused", "promote": "cluvault.promotion.refused"}.get(kind)
    return None


# --- promotions ----------------------------------------------------------------------------------------------------


def events_of_promotion(promotion: Promotion, *, vault_id: str) -> tuple[Event, ...]:
    """What the last record of a promotion tells the world; most steps are nobody's business."""
    name, more = _of_record(promotion)
    if name is None:
        return ()
    key, plan = promotion.key, promotion.plan
    payload = _about(key.resource, key.project, key.promotion_id) | _promotion_payload(promotion) | more
    related = {
        "resource": resource_subject(key.resource),
        "vault": vault_subject(vault_id),
        "route": route_subject(plan.route),
        "source": project_subject(plan.source.resource, plan.source.project),
    }
    return (Event(f"cluvault.promotion.{name}", project_subject(key.resource, key.project), payload, related),)


def _promotion_payload(promotion: Promotion | None) -> JsonObject:
    if promotion is None:
        return dict.fromkeys(("promotion", "route", "state", "source", "digest", "model", "by"))
    plan = promotion.plan
    return {
        "promotion": str(promotion.key),
        "route": plan.route,
        "state": promotion.state,
        "source": plan.source.reference,
        "digest": plan.meant_digest,
        "model": promotion.model_label,
        "by": promotion.last.by,
        "detail": plan.sentence,
    }


def _of_record(promotion: Promotion) -> tuple[str | None, JsonObject]:
    """The name of the event, and what its payload says besides what it always says."""
    match promotion.last.facts:
        case Planned():
            return "begun", {}
        case ApprovalAsked(deadline=deadline):
            return "awaiting-approval", {"deadline": deadline.isoformat()}
        case Approved(note=note):
            return "approved", {"detail": _detail(note)}
        case Rejected(note=note):
            return "rejected", {"detail": _detail(note)}
        case Promoted():
            return "promoted", {}
        case RollbackBegun(cause=cause, why=why):
            return _TURNED[cause], {"cause": cause, "detail": _detail(why)}
        case RolledBack():
            begun = promotion.find(RollbackBegun)
            cause, why = (begun.cause, begun.why) if begun else (None, None)
            return "rolled-back", {"cause": cause, "detail": _detail(why)}
        case Abandoned(why=why):
            return "abandoned", {"detail": _detail(why)}
        case _:
            return None, {}


_TURNED: Final[Mapping[Cause, str | None]] = {
    "gate": "refused",
    "expired": "refused",
    "rejected": None,  # whoever rejected it has been told of
    "by-hand": None,  # so is its end; what a person asks for is no failure
    "probe": "failed",
    "failed": "failed",
    "cancelled": "failed",
}


# --- what all of them share ----------------------------------------------------------------------------------------


def _about(resource: str, project: str, run_id: str) -> JsonObject:
    return {"resource": resource or None, "project": project or None, "runId": run_id}


def _subject(run: Ended, item: RunItem) -> str:
    if item.resource and item.project:
        return project_subject(item.resource, item.project)
    return resource_subject(item.resource) if item.resource else operation_subject(run.kind)


def _related(run: Ended, resource: str) -> dict[str, str]:
    related = {"vault": vault_subject(run.vault_id), "operation": operation_subject(run.kind)}
    return related | ({"resource": resource_subject(resource)} if resource else {})


def _reference(item: RunItem) -> str | None:
    return f"{item.resource}/{item.project}@{item.snapshot_id}" if item.snapshot_id else None


def _detail(text: str | None) -> str | None:
    return shorten(text, _LONGEST_DETAIL) if text else None
