"""Every event that cluvault tells the world: its name, whom it is about, and what its payload holds; pure.

`docs/events-out.md` shows this table, and a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Subject = Literal["project", "resource", "vault", "operation"]
COMMON: Final = ("resource", "project", "runId")
"""In every payload; `resource` and `project` are null where an event is about more, or less, than one."""

_ITEM: Final = ("kind", "outcome", "detail")
_SNAPSHOT: Final = (*_ITEM, "snapshotId", "reference", "digest", "counts")
_PROMOTION: Final = ("promotion", "route", "state", "source", "digest", "model", "by", "detail")


@dataclass(frozen=True, slots=True)
class EventKind:
    """One kind of event.

    Attributes:
        subject: Whom it is about.
        when: When it is told, in words.
        payload: The keys of its payload besides the common ones.
        related: The roles of its related ids; those that do not apply are left out.
    """

    subject: Subject
    when: str
    payload: tuple[str, ...]
    related: tuple[str, ...] = ("resource", "vault", "operation")


def _promotion(when: str, *more: str) -> EventKind:
    return EventKind("project", when, (*_PROMOTION, *more), ("resource", "vault", "route", "source"))


def _inbox(when: str) -> EventKind:
    return EventKind("project", when, ("inbox", "key", "state", "detail", "events"), ("resource",))


EVENTS: Final[Mapping[str, EventKind]] = {
    "cluvault.snapshot.created": EventKind("project", "a backup stored a project, read back", _SNAPSHOT),
    "cluvault.snapshot.unchanged": EventKind(
        "project", "a backup found what the latest snapshot holds already", _SNAPSHOT
    ),
    "cluvault.snapshot.failed": EventKind(
        "project", "a backup could not store a project, or not list a resource (its subject is that)", _ITEM
    ),
    "cluvault.project.vanished": EventKind(
        "project", "a backup missed a project that has snapshots", (*_ITEM, "snapshotId", "since")
    ),
    "cluvault.restore.done": EventKind(
        "project", "a project was imported and proven; of which snapshot", (*_ITEM, "snapshotId", "digest")
    ),
    "cluvault.restore.failed": EventKind("project", "an import was refused, failed or did not prove itself", _ITEM),
    "cluvault.create.done": EventKind("project", "a project was created, seeded and proven", (*_ITEM, "digest")),
    "cluvault.create.failed": EventKind("project", "a creation was refused, failed or did not prove itself", _ITEM),
    "cluvault.cleanup.deleted": EventKind(
        "project", "a stale project was deleted; the snapshot holds it", (*_ITEM, "snapshotId", "reference")
    ),
    "cluvault.cleanup.skipped": EventKind(
        "project", "a project was to be deleted, and was changed or gone by then", (*_ITEM, "snapshotId", "reference")
    ),
    "cluvault.cleanup.failed": EventKind("project", "a stale project could not be kept or deleted", _ITEM),
    "cluvault.cleanup.refused": EventKind(
        "resource", "a clean-up would have deleted more than one run may; nothing was", _ITEM
    ),
    "cluvault.prune.removed": EventKind(
        "project", "expired snapshots, or contents, were removed; once a project", (*_ITEM, "removed", "snapshots")
    ),
    "cluvault.prune.failed": EventKind("project", "expired snapshots could not be removed", _ITEM),
    "cluvault.copy.done": EventKind("project", "snapshots were brought to the other vault", (*_ITEM, "snapshotId")),
    "cluvault.copy.failed": EventKind("project", "a project was not or not wholly copied", (*_ITEM, "snapshotId")),
    "cluvault.drill.proven": EventKind(
        "project", "a restore drill proved a snapshot", (*_ITEM, "snapshotId", "reference", "seconds")
    ),
    "cluvault.drill.failed": EventKind(
        "project", "a restore drill did not prove a snapshot", (*_ITEM, "snapshotId", "reference", "seconds")
    ),
    "cluvault.replica.updated": EventKind("project", "a project of a replica was brought up to date", _ITEM),
    "cluvault.replica.failed": EventKind("project", "a project of a replica could not be brought up to date", _ITEM),
    "cluvault.vault.damaged": EventKind(
        "vault",
        "a verification found damaged or missing snapshots; once a run",
        ("kind", "detail", "damaged", "snapshots"),
        ("operation",),
    ),
    "cluvault.freshness.missed": EventKind(
        "project",
        "a status found that its last good backup is too old, or that there is none",
        ("detail", "lastGoodAt", "ageSeconds", "objectiveSeconds"),
        ("resource",),
    ),
    "cluvault.expiry.near": EventKind(
        "project",
        "a status found that last days of models or service deployments are near",
        ("detail", "near"),
        ("resource",),
    ),
    "cluvault.drift.found": EventKind(
        "project",
        "two resources hold different content of a project; its subject is the target's",
        (
            "source",
            "target",
            "route",
            "outcome",
            "ahead",
            "sourceDigest",
            "targetDigest",
            "editedDirectly",
            "lastPromotion",
            "changes",
        ),
        ("source",),
    ),
    "cluvault.promotion.begun": _promotion("a promotion was begun; the safety snapshot comes next"),
    "cluvault.promotion.awaiting-approval": _promotion("the gate let it pass, a person has to agree", "deadline"),
    "cluvault.promotion.approved": _promotion("a person agreed"),
    "cluvault.promotion.rejected": _promotion("a person did not agree"),
    "cluvault.promotion.promoted": _promotion("production serves the new model and answered its probes"),
    "cluvault.promotion.refused": _promotion(
        "a guard refused the plan, the gate the model, or nobody approved in time", "cause"
    ),
    "cluvault.promotion.failed": _promotion("a step failed after something had changed; it is undone now", "cause"),
    "cluvault.promotion.rolled-back": _promotion("the target is as before", "cause"),
    "cluvault.promotion.abandoned": _promotion("it ended before it changed anything"),
    "cluvault.inbox.received": _inbox("an object of an inbox was handed over to a flow run, which is `runId`"),
    "cluvault.inbox.imported": _inbox("an object of an inbox was imported and proven"),
    "cluvault.inbox.unchanged": _inbox("an object of an inbox meant what the project meant already"),
    "cluvault.inbox.superseded": _inbox("an object of an inbox was older than what was imported before"),
    "cluvault.inbox.refused": _inbox("an object of an inbox was refused; it lies in `refused/` with its reason"),
    "cluvault.inbox.failed": _inbox("an object of an inbox could not be imported this time, and waits"),
    "cluvault.project.changed": EventKind(
        "project", "the watcher saw a change that no snapshot holds, and then quiet", ("lastModified",), ("resource",)
    ),
    "cluvault.resource.changed": EventKind(
        "resource", "the same, once for all projects of a resource", ("projects", "changed"), ()
    ),
    "cluvault.promotion.due": EventKind(
        "project",
        "a project of the source of a route with `on-snapshot` has a new snapshot",
        ("route", "reference", "snapshotId"),
        ("resource", "route"),
    ),
    "cluvault.run.done": EventKind(
        "operation",
        "a run ended, and its record is in the vault",
        ("kind", "resources", "outcomes", "failed", "record", "detail"),
        ("vault", "resource"),
    ),
    "cluvault.run.failed": EventKind(
        "operation",
        "a run ended with failures, or an error ended it",
        ("kind", "resources", "outcomes", "failed", "record", "detail", "error", "exitCode"),
        ("vault", "resource"),
    ),
    "cluvault.webhook.failed": EventKind(
        "operation", "the webhook of `[events]` was not told of some events", ("kind", "unsent", "detail"), ()
    ),
}
"""Name → what it is."""
