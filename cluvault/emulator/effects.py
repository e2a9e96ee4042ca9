"""What the end of a job does to its resource, by the kind of its work. Pure; see `state.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from cluvault.emulator.projects import put_in_place
from cluvault.emulator.records import ImportWork, LoadSnapshotWork
from cluvault.emulator.state import Change

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cluvault.emulator.records import Job
    from cluvault.emulator.state import ResourceState

_EFFECTS: Final[Mapping[type, Callable[[ResourceState, Job, Any], Change]]] = {
    ImportWork: put_in_place,
}
"""Work → what it changes, given the state, the job and the work. Work that is not here only gives something."""

_LARGE: Final = frozenset[type]({ImportWork, LoadSnapshotWork})
"""Work that is dropped at the end: nobody can ask for it, and seven days of it would stay in memory."""


def finish(state: ResourceState, job: Job) -> Change:
    """The change that the end of a job makes; a job that failed or was cancelled has no other effect."""
    work: Any = job.work
    kind: type[object] = type(work)
    ended = Change(jobs=(replace(job, finished=True, work=None if kind in _LARGE else work),))
    effect = _EFFECTS.get(kind)
    if effect is None or job.errors or job.cancelled_at is not None:
        return ended
    return effect(state, job, work) + ended
