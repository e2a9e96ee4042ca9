"""Which projects have changed since they were kept, and have been left alone since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cluvault.model.event import PREFIX, Event, project_subject, resource_subject
from cluvault.model.manifest import id_moment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from cluvault.model.json_text import JsonObject

_CLOCKS_APART: Final = timedelta(hours=1)
"""What the service's clock and ours may differ by."""
MOST_NAMED: Final = 500
"""Projects of one event; the next look finds the others."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A project as a resource lists it."""

    resource: str
    project: str
    last_modified: datetime


def may_be_newer(last_modified: datetime, snapshot_id: str) -> bool:
    """Whether a project may have been changed after a snapshot of it, as far as clocks can be believed."""
    return last_modified > id_moment(snapshot_id) - _CLOCKS_APART


@dataclass(frozen=True, slots=True)
class Watched:
    """What a look found.

    Attributes:
        changed: Projects that no snapshot holds as they are, and that are quiet.
        waiting: The same, but somebody works on them.
        looked_at: How many projects were listed.
        busy: Resources with a change whose backup is still under way: the next look asks for another.
    """

    changed: tuple[Seen, ...]
    waiting: tuple[Seen, ...]
    looked_at: int
    busy: tuple[str, ...] = ()


def split_by_quiet(changed: Iterable[Seen], *, now: datetime, quiet: timedelta) -> tuple[list[Seen], list[Seen]]:
    """Those that were left alone for so long, and those that were not."""
    found = sorted(changed, key=lambda one: (one.resource, one.project))
    is_quiet = [now - one.last_modified >= quiet for one in found]
    return (
        [one for one, yes in zip(found, is_quiet, strict=True) if yes],
        [one for one, yes in zip(found, is_quiet, strict=True) if not yes],
    )


def change_events(changed: Sequence[Seen], *, run_id: str, busy: Collection[str] = ()) -> list[Event]:
    """One event for each project, the same one as long as it is not changed again; and one for each resource.

    Args:
        changed: The quiet changes.
        run_id: Of this look.
        busy: Resources whose last such event is still being attended to; no other one is made.
    """
    events = [
        Event(
            f"{PREFIX}project.changed",
            project_subject(one.resource, one.project),
            {
                "resource": one.resource,
                "project": one.project,
                "runId": one.last_modified.isoformat(),
                "lastModified": one.last_modified.isoformat(),
            },
            {"resource": resource_subject(one.resource)},
        )
        for one in changed
    ]
    for resource in sorted({one.resource for one in changed}.difference(busy)):
        names = [one.project for one in changed if one.resource == resource]
        payload: JsonObject = {"resource": resource, "project": None, "runId": run_id, "changed": len(names)}
        payload["projects"] = names[:MOST_NAMED]
        events.append(Event(f"{PREFIX}resource.changed", resource_subject(resource), payload))
    return events
