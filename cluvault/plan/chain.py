"""What follows from what: a new snapshot starts the promotions of the routes that say so."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from cluvault.model.event import PREFIX, Event, project_subject, resource_subject, route_subject
from cluvault.model.reference import SnapshotReference
from cluvault.model.run import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cluvault.model.run import RunItem
    from cluvault.settings import RouteSettings


def due_promotions(items: Iterable[RunItem], routes: Mapping[str, RouteSettings], *, run_id: str) -> list[Event]:
    """An event for each route with `on_snapshot` and each new snapshot of a project of its source.

    Args:
        items: Of a backup.
        routes: By name.
        run_id: Of the backup.
    """
    return [
        _due(item, name, run_id)
        for item in items
        for name, route in sorted(routes.items())
        if item.outcome == Outcome.STORED
        and route.on_snapshot
        and route.source == item.resource
        and any(fnmatchcase(item.project, glob) for glob in route.chained)
    ]


def _due(item: RunItem, route: str, run_id: str) -> Event:
    reference = str(SnapshotReference(item.resource, item.project, item.snapshot_id))
    payload = {"resource": item.resource, "project": item.project, "runId": f"{run_id}/{route}"}
    payload |= {"route": route, "reference": reference, "snapshotId": item.snapshot_id or ""}
    related = {"resource": resource_subject(item.resource), "route": route_subject(route)}
    return Event(f"{PREFIX}promotion.due", project_subject(item.resource, item.project), payload, related)
