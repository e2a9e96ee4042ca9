"""Decisions about trainings and trained models: what a request changes, or why it is refused. Pure; see `state.py`."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cluvault.emulator.errors import Problem, invalid_argument, invalid_request, not_found, quota_exceeded
from cluvault.emulator.projects import check_free, find_job, find_model, find_project, snapshot_of, started
from cluvault.emulator.records import EvaluateWork, Job, LoadSnapshotWork, Model, Snapshot, TrainWork
from cluvault.emulator.shapes import SUMMARIZATION
from cluvault.emulator.state import Change
from cluvault.emulator.survey import survey_evaluation, survey_training
from cluvault.emulator.training_configs import training_config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from cluvault.emulator.jobs import Start
    from cluvault.emulator.limits import Limits
    from cluvault.emulator.records import EvaluationOptions, Metadata, Project
    from cluvault.emulator.state import ResourceState
    from cluvault.emulator.survey import Survey
    from cluvault.emulator.training_shapes import TrainingRequest

_NOTHING_GENERATED: Final = Problem(
    "Warning", "No data were generated: the emulator has no Azure OpenAI. The model learns from the project alone."
)


# --- trainings -----------------------------------------------------------------------------------------------------


def start_training(
    state: ResourceState, name: str, request: TrainingRequest, *, unique: str, start: Start, limits: Limits
) -> tuple[Change, Job]:
    """Begin to train a model on the working copy as it is now; one that cannot be trained fails when it is due.

    Raises:
        Refusal: 404 for an unknown project, 400 for a kind or language that the mode does not train, 409 while a job
            holds the project, 403 when the project has as many models as it may.
    """
    project = find_project(state, name)
    _check_trainable(project.metadata, request)
    check_free(state, name, "train")
    _check_room(project, request.label, limits)
    snapshot = Snapshot(project.metadata, project.content)
    survey = survey_training(snapshot, mode=request.mode, evaluation=request.evaluation)
    job = Job(
        job_id=start.job_id,
        kind="train",
        project=name,
        created_at=start.now,
        due_at=start.now + start.duration,
        errors=(*survey.errors, *_missing_targets(state, survey)),
        warnings=(*survey.warnings, *((_NOTHING_GENERATED,) if request.generates else ())),
        work=TrainWork(
            snapshot=snapshot,
            label=request.label,
            unique=unique,
            mode=request.mode,
            config_version=request.config.name,
            evaluation=request.evaluation,
            has_test_set=survey.has_test_set,
        ),
    )
    return started(state, job, start.now)


def _check_trainable(metadata: Metadata, request: TrainingRequest) -> None:
    if metadata.kind == SUMMARIZATION:
        raise invalid_argument(f"Projects of kind `{metadata.kind}` cannot be trained here.", target="projectKind")
    if request.mode == "standard" and metadata.language.lower().split("-")[0] != "en":
        raise invalid_argument(
            f"The training mode `standard` is for English only; the project's language is `{metadata.language}`.",
            target="trainingMode",
        )


def _check_room(project: Project, label: str, limits: Limits) -> None:
    others = [model for model in project.models if model.label != label]
    if limits.models is not None and len(others) >= limits.models:
        message = f"The project `{project.name}` has {limits.models} trained models, which is the most it can have."
        raise quota_exceeded(message)


def _missing_targets(state: ResourceState, survey: Survey) -> Iterator[Problem]:
    """An orchestration learns from the projects that it leads to; those of other services are out of sight."""
    for intent, target in survey.targets:
        if target not in state.projects:
            message = f"The intent `{intent}` leads to the project `{target}`, which does not exist in the resource."
            yield Problem("InvalidRequest", message)


def put_model(state: ResourceState, job: Job, work: TrainWork) -> Change:
    """The end of a training: the project has the model; an older one of its label is gone."""
    model = Model(
        label=work.label,
        model_id=model_id(work.label, trained_at=job.due_at, unique=work.unique),
        trained_at=job.due_at,
        duration_seconds=max(1, math.ceil((job.due_at - job.created_at).total_seconds())),
        expires=training_config(work.config_version).expires(job.due_at),
        config_version=work.config_version,
        snapshot=work.snapshot,
        mode=work.mode,
        evaluation=work.evaluation,
    )
    return Change(projects=(with_model(state.projects[job.project], model),))


def with_model(project: Project, model: Model) -> Project:
    """The project with a model in the place of one of the same label."""
    others = tuple(other for other in project.models if other.label != model.label)
    return replace(project, models=(*others, model))


def model_id(label: str, *, trained_at: datetime, unique: str) -> str:
    """A model's id as the service makes them, the hours of a 12-hour clock included."""
    return f"{label}-{trained_at:%Y%m%dT%I%M%S}-{unique}"


def cancel_training(
    state: ResourceState, name: str, job_id: str, *, now: datetime, duration: timedelta
) -> tuple[Change, Job]:
    """Begin to cancel a training; to ask once more changes nothing.

    Raises:
        Refusal: 404 for an unknown job, 400 for one that has ended.
    """
    job = find_job(state, job_id, kind="train", project=name, now=now)
    if job.finished:
        raise invalid_request(f"The job `{job_id}` has ended and cannot be cancelled.")
    if job.cancelled_at is not None:
        return Change(), job
    job = replace(job, cancelled_at=now, due_at=now + duration)
    return Change(jobs=(job,)), job


# --- trained models ------------------------------------------------------------------------------------------------


def delete_model(state: ResourceState, name: str, label: str) -> Change:
    """Take a trained model away; deployments of it stay.

    Raises:
        Refusal: 404.
    """
    project = find_project(state, name)
    gone = find_model(project, label)
    return Change(projects=(replace(project, models=tuple(model for model in project.models if model != gone)),))


def start_load_snapshot(state: ResourceState, name: str, label: str, *, start: Start) -> tuple[Change, Job]:
    """Begin to replace the working copy by what a model was trained on.

    Raises:
        Refusal: 404 for an unknown project or model, 400 for a model without snapshot, 409 while a job holds the
            project.
    """
    snapshot = snapshot_of(find_project(state, name), label)
    check_free(state, name, "load-snapshot")
    job = Job(
        job_id=start.job_id,
        kind="load-snapshot",
        project=name,
        part=label,
        created_at=start.now,
        due_at=start.now + start.duration,
        work=LoadSnapshotWork(snapshot=snapshot),
    )
    return started(state, job, start.now)


# --- evaluations ---------------------------------------------------------------------------------------------------


def start_evaluation(
    state: ResourceState, name: str, label: str, options: EvaluationOptions, *, start: Start
) -> tuple[Change, Job]:
    """Begin to evaluate a model with another split; one that leaves nothing to test with fails when it is due.

    Raises:
        Refusal: 404 for an unknown project or model, 400 for a model without snapshot, 409 while a job holds the
            project.
    """
    project = find_project(state, name)
    snapshot = snapshot_of(project, label)
    check_free(state, name, "evaluate")
    model = find_model(project, label)
    job = Job(
        job_id=start.job_id,
        kind="evaluate",
        project=name,
        part=label,
        created_at=start.now,
        due_at=start.now + start.duration,
        errors=survey_evaluation(snapshot, mode=model.mode, evaluation=options),
        work=EvaluateWork(model=model, evaluation=options),
    )
    return started(state, job, start.now)


def put_evaluation(state: ResourceState, job: Job, work: EvaluateWork) -> Change:
    """The end of an evaluation: the model has other figures.

    Raises:
        Refusal: 404, the model is gone, and perhaps another has its label.
    """
    project = state.projects[job.project]
    model = find_model(project, work.model.label)
    if model.model_id != work.model.model_id:
        raise not_found("trained model", work.model.model_id)
    return Change(projects=(with_model(project, replace(model, evaluated=work.evaluation)),))
