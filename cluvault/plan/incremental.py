"""Which projects a backup has to export: those of which the times that the service lists have moved; pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from cluvault.model.manifest import Reason
from cluvault.model.run import Seen
from cluvault.plan.deployed import lacking

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from cluvault.model.manifest import Manifest
    from cluvault.model.run import RunItem, RunRecord


class Need(StrEnum):
    """What a backup has to do for a project."""

    NOTHING = "nothing"
    MODELS = "models"
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class Times:
    """What the service lists of a project."""

    modified: datetime | None
    trained: datetime | None = None
    deployed: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do for a project, why, and by what an earlier run knows it."""

    need: Need
    why: str
    seen: Seen | None = None


@dataclass(frozen=True, slots=True)
class Trust:
    """How far times are believed.

    Attributes:
        settle: How much older than an export a change must be for its time to tell it from later ones: the service's
            times are coarse, and its clock is not this one.
        at_most: For how long; then the project is exported even if no time has moved.
        models: For how long models and deployments are believed of which the service says no time.
    """

    settle: timedelta
    at_most: timedelta
    models: timedelta


def decide(
    times: Times,
    latest: Manifest | None,
    seen: Seen | None,
    *,
    endpoint: str,
    trust: Trust,
    now: datetime,
    environment: bool = False,
) -> Decision:
    """What a backup has to do for a project.

    Args:
        times: What the service lists now.
        latest: The newest snapshot, if it is whole.
        seen: What the last backup saw that found or stored this very snapshot.
        endpoint: Of the resource that now has this name.
        trust: How far times are believed.
        now: The present.
        environment: Whether a snapshot is to hold what is deployed, too.
    """
    if latest is None:
        return Decision(Need.EXPORT, "there is no whole snapshot")
    if latest.endpoint != endpoint:
        return Decision(Need.EXPORT, f"the newest snapshot is of {latest.endpoint}")
    before = seen or _seen_in(latest)
    if times.modified is None or before.modified is None:
        return Decision(Need.EXPORT, "the service does not say when it was modified")
    if times.modified != before.modified:
        return Decision(Need.EXPORT, f"modified at {times.modified.isoformat()}")
    if before.exported_at - times.modified < trust.settle:
        return Decision(Need.EXPORT, "it was modified shortly before the last export")
    if not before.exported_at <= now < before.exported_at + trust.at_most:
        return Decision(Need.EXPORT, f"last exported at {before.exported_at.isoformat()}")
    if (times.trained, times.deployed) != (before.trained, before.deployed):
        return Decision(Need.MODELS, "trained or deployed since", before)
    if environment and (missing := lacking(latest)):
        return Decision(Need.MODELS, f"what {', '.join(missing)} was trained on is not captured", before)
    if (
        times.trained is None
        and times.deployed is None
        and not before.models_at <= now < before.models_at + trust.models
    ):
        return Decision(Need.MODELS, f"models last listed at {before.models_at.isoformat()}", before)
    return Decision(Need.NOTHING, "not modified, trained or deployed since" + _taken_over(latest, seen), before)


def _taken_over(latest: Manifest, seen: Seen | None) -> str:
    """A run writes its record at its end: a snapshot that is in none is the work of a run that did not get there."""
    if seen is not None or latest.reason in {Reason.SAFETY, Reason.PRE_DELETE}:  # other operations take those
        return ""
    return "; taken over from a run that did not end"


def _seen_in(latest: Manifest) -> Seen:
    """What a manifest alone tells: not what the service listed of trainings, which may be nothing at all."""
    at = latest.captured_at
    return Seen(modified=latest.project_last_modified, exported_at=at, models_at=at)


def add_seen(known: dict[tuple[str, str], RunItem], record: RunRecord) -> None:
    """Add what a backup saw of projects that no later one has seen: records are given the latest first."""
    if record.kind != "backup":
        return
    for item in record.items:
        if item.seen is not None:
            known.setdefault((item.resource, item.project), item)


def seen_of(known: Mapping[tuple[str, str], RunItem], latest: Manifest | None) -> Seen | None:
    """What was last seen of a project, if that was of its newest snapshot."""
    if latest is None:
        return None
    item = known.get((latest.resource, latest.project))
    return item.seen if item is not None and item.snapshot_id == latest.snapshot_id else None
