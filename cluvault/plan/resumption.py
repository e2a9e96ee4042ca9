"""Which exports that another run has started a backup takes up instead of starting its own; pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from cluvault.model.manifest import Manifest
    from cluvault.model.run import RunItem, Seen
    from cluvault.model.started import StartedExport, StartedExports
    from cluvault.plan.incremental import Times

TAKEN_UP_WITHIN: Final = timedelta(hours=24)
"""The service keeps results for seven days; but a full pass is to see what is there now."""


def newest_exports(records: Iterable[StartedExports], *, endpoint: str) -> dict[str, StartedExport]:
    """The newest export of each project among records, of those that are of this endpoint."""
    found: dict[str, StartedExport] = {}
    for record in records:
        if record.endpoint == endpoint:
            for one in record.exports:
                before = found.get(one.project)
                if before is None or before.started_at < one.started_at:
                    found[one.project] = one
    return found


def can_be_taken_up(
    started: StartedExport, times: Times, *, seen: Seen | None, latest: Manifest | None, now: datetime
) -> bool:
    """Whether the result of an export is what an export that began now would give, and nobody has used it.

    Args:
        started: The export.
        times: What the service lists of its project now.
        seen: What the last backup that came to its end saw of the project.
        latest: The project's newest snapshot.
        now: The present.
    """
    if times.modified is None or times.modified != started.modified:
        return False
    if not now - TAKEN_UP_WITHIN < started.started_at <= now:
        return False
    if seen is not None and seen.exported_at >= started.started_at:
        return False
    return latest is None or latest.captured_at <= started.started_at


def is_done_with(record: StartedExports, done: Collection[str], *, now: datetime) -> bool:
    """Whether nobody will take up anything of a record: all of it is old, or of projects that a run is done with."""
    return all(one.project in done or one.started_at <= now - TAKEN_UP_WITHIN for one in record.exports)


def projects_done(items: Iterable[RunItem], resource: str) -> set[str]:
    """The projects of a resource that a backup has seen to their ends."""
    return {one.project for one in items if one.resource == resource and one.seen is not None}
