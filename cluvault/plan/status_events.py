"""What the status tells the world: projects whose backup is overdue, last days that are near; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cluvault.model.event import PREFIX, Event, project_subject, resource_subject
from cluvault.plan.status_alarm import AlarmKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluvault.model.json_text import JsonObject
    from cluvault.plan.status import Row, Status

FRESHNESS_MISSED: Final = f"{PREFIX}freshness.missed"
EXPIRY_NEAR: Final = f"{PREFIX}expiry.near"
_OVERDUE: Final = frozenset({AlarmKind.STALE, AlarmKind.NEVER_BACKED_UP})


def status_events(status: Status, *, run_id: str, urgent_only: bool = False) -> tuple[Event, ...]:
    """One event for each project that is overdue, and for each with a last day that is near; again with every status.

    Args:
        status: What was found.
        run_id: Tells this status from others.
        urgent_only: Nothing of last days.
    """
    tellers = (_freshness,) if urgent_only else (_freshness, _expiry)
    found = (event for row in status.rows for tell in tellers for event in tell(row))
    return tuple(replace(event, payload={**event.payload, "runId": run_id}) for event in found)


def _freshness(row: Row) -> Iterator[Event]:
    for alarm in row.alarms:
        if alarm.kind in _OVERDUE:
            payload = {
                "detail": str(alarm),
                "lastGoodAt": row.last_good.isoformat() if row.last_good is not None else None,
                "ageSeconds": round(row.age.total_seconds()) if row.age is not None else None,
                "objectiveSeconds": round(row.objective.total_seconds()),
            }
            yield _event(FRESHNESS_MISSED, row, payload)


def _expiry(row: Row) -> Iterator[Event]:
    near = [
        {"what": one.what, "name": one.name, "lastDay": one.last_day.isoformat(), "daysLeft": left}
        for one, left in row.near
    ]
    if near:
        kinds = (AlarmKind.MODEL_EXPIRY, AlarmKind.DEPLOYMENT_EXPIRY)
        detail = "; ".join(alarm.sentence for alarm in row.alarms if alarm.kind in kinds)
        yield _event(EXPIRY_NEAR, row, {"detail": detail, "near": near})


def _event(name: str, row: Row, payload: JsonObject) -> Event:
    whose: JsonObject = {"resource": row.resource, "project": row.project}
    subject = project_subject(row.resource, row.project)
    return Event(name, subject, whose | payload, {"resource": resource_subject(row.resource)})
