"""Decisions about exported models: what a request changes, or why it is refused. Pure; see `state.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cluvault.emulator.errors import not_found
from cluvault.emulator.projects import check_free, find_model, find_project, started
from cluvault.emulator.records import ExportedModel, ExportModelWork, Job, UnexportModelWork
from cluvault.emulator.state import Change
from cluvault.emulator.training_shapes import check_name

if TYPE_CHECKING:
    from cluvault.emulator.jobs import Start
    from cluvault.emulator.records import Project
    from cluvault.emulator.state import ResourceState


def find_exported_model(project: Project, name: str) -> ExportedModel:
    """The exported model of this name.

    Raises:
        Refusal: 404.
    """
    for exported in project.exported_models:
        if exported.name == name:
            return exported
    raise not_found("exported model", name)


def start_model_export(
    state: ResourceState, project_name: str, name: str, label: str, *, start: Start
) -> tuple[Change, Job]:
    """Begin to make a trained model ready for a container, in the place of what has the name now.

    Raises:
        Refusal: 404 for an unknown project or model, 400 for a bad name, 409 while a job holds the project.
    """
    project = find_project(state, project_name)
    check_name(name, "ExportedModelName")
    model = find_model(project, label)
    check_free(state, project_name, "exported-model")
    exported = ExportedModel(
        name=name,
        model_id=model.model_id,
        trained_at=model.trained_at,
        exported_at=start.now,
        expires=model.expires,
        config_version=model.config_version,
    )
    return started(state, _job(project_name, name, start, ExportModelWork(exported=exported)), start.now)


def start_removal(state: ResourceState, project_name: str, name: str, *, start: Start) -> tuple[Change, Job]:
    """Begin to take an exported model away.

    Raises:
        Refusal: 404 for an unknown project or exported model, 409 while a job holds the project.
    """
    find_exported_model(find_project(state, project_name), name)
    check_free(state, project_name, "exported-model")
    return started(state, _job(project_name, name, start, UnexportModelWork()), start.now)


def _job(project_name: str, name: str, start: Start, work: ExportModelWork | UnexportModelWork) -> Job:
    return Job(
        job_id=start.job_id,
        kind="exported-model",
        project=project_name,
        part=name,
        created_at=start.now,
        due_at=start.now + start.duration,
        work=work,
    )


def put_exported_model(state: ResourceState, job: Job, work: ExportModelWork) -> Change:
    """The end of a PUT: the exported model is there."""
    exported = replace(work.exported, exported_at=job.due_at)
    project = _without(state.projects[job.project], exported.name)
    return Change(projects=(replace(project, exported_models=(*project.exported_models, exported)),))


def remove_exported_model(state: ResourceState, job: Job, work: UnexportModelWork) -> Change:  # noqa: ARG001  # an effect
    """The end of a DELETE: the exported model is gone."""
    return Change(projects=(_without(state.projects[job.project], job.part),))


def _without(project: Project, name: str) -> Project:
    return replace(project, exported_models=tuple(one for one in project.exported_models if one.name != name))
