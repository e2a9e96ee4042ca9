"""What the end of a job does to its resource, by the kind of its work. Pure; see `state.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from cluvault.emulator.copying import arrive
from cluvault.emulator.deployments import deploy, swap, undeploy
from cluvault.emulator.errors import Refusal
from cluvault.emulator.exported_models import put_exported_model, remove_exported_model
from cluvault.emulator.projects import put_in_place
from cluvault.emulator.records import (
    AssignWork,
    CopyWork,
    DeployWork,
    EvaluateWork,
    ExportModelWork,
    ImportWork,
    LoadSnapshotWork,
    SwapWork,
    TrainWork,
    UnassignWork,
    UndeployWork,
    UnexportModelWork,
)
from cluvault.emulator.resources import assign, unassign
from cluvault.emulator.state import Change
from cluvault.emulator.training import put_evaluation, put_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cluvault.emulator.records import Job
    from cluvault.emulator.state import ResourceState

_EFFECTS: Final[Mapping[type, Callable[[ResourceState, Job, Any], Change]]] = {
    ImportWork: put_in_place,
    LoadSnapshotWork: put_in_place,
    TrainWork: put_model,
    EvaluateWork: put_evaluation,
    ExportModelWork: put_exported_model,
    UnexportModelWork: remove_exported_model,
    DeployWork: deploy,
    UndeployWork: undeploy,
    SwapWork: swap,
    AssignWork: assign,
    UnassignWork: unassign,
}
"""Work → what it changes, given the state, the job and the work. Work that is in neither table only gives something."""

_EFFECTS_ELSEWHERE: Final[Mapping[type, Callable[[Mapping[str, ResourceState], Job, Any], dict[str, Change]]]] = {
    CopyWork: arrive,
}
"""Work → what it changes in other resources, by resource, given the states of all."""

_LARGE: Final = frozenset[type]({ImportWork, LoadSnapshotWork, DeployWork, CopyWork})
"""Work that is dropped at the end: nobody can ask for it, and seven days of it would stay in memory."""


def finish(states: Mapping[str, ResourceState], resource: str, job: Job) -> dict[str, Change]:
    """The changes that the end of a resource's job makes, by resource.

    A job that was to fail or was cancelled has no other effect. What could be done when it began may have become
    impossible: then it fails at its end, with the refusal as its error.
    """
    ended = replace(job, finished=True, work=None if type(job.work) in _LARGE else job.work)
    changes: dict[str, Change] = {}
    if not job.errors and job.cancelled_at is None:
        try:
            changes = _changes(states, resource, job)
        except Refusal as refusal:
            ended = replace(ended, errors=(refusal.problem,))
    return changes | {resource: changes.get(resource, Change()) + Change(jobs=(ended,))}


def _changes(states: Mapping[str, ResourceState], resource: str, job: Job) -> dict[str, Change]:
    work: Any = job.work
    kind = type(job.work)
    if kind in _EFFECTS_ELSEWHERE:
        return _EFFECTS_ELSEWHERE[kind](states, job, work)
    return {resource: _EFFECTS[kind](states[resource], job, work)} if kind in _EFFECTS else {}
