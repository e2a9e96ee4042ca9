"""Operations on trainings: start, list, status, cancel."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote

from cluvault.emulator import training
from cluvault.emulator.calls import job_of, json_answer, page_answer
from cluvault.emulator.jobs import is_expired
from cluvault.emulator.parsing import read_body
from cluvault.emulator.projects import find_project
from cluvault.emulator.rendering import to_json
from cluvault.emulator.training_progress import training_to_wire
from cluvault.emulator.training_shapes import training_reader

if TYPE_CHECKING:
    from cluvault.emulator.calls import Answer, Call, Unread
    from cluvault.emulator.records import Job, TrainWork
    from cluvault.emulator.training_shapes import TrainingRequest

_CANCEL_SHARE: Final = 0.2
"""The part of a training's time that it takes to cancel it."""


def read_training(request: Unread) -> TrainingRequest:
    """Read the body of `:train`."""
    return read_body(request.body, training_reader(request.version, strict=request.emulator.config.strict_members))


def train(call: Call) -> Answer:
    """Start a training."""
    emulator = call.emulator
    emulator.teacher.check_equipped()
    return call.begin(
        training.start_training(
            call.state,
            call.project_name,
            call.document,
            unique=emulator.ids().hex,
            start=call.start(emulator.training_duration),
            limits=emulator.limits,
        )
    )


def list_trainings(call: Call) -> Answer:
    """A page of a project's trainings that have not expired, newest first."""
    name = find_project(call.state, call.project_name).name
    jobs = [job for job in call.state.jobs.values() if job.kind == "train" and job.project == name]
    newest = [job for job in reversed(jobs) if job.made_to != "be-lost" and not is_expired(job, call.now)]
    return page_answer(call, f"projects/{quote(name, safe='')}/train/jobs", newest, partial(_listed_json, call))


def training_status(call: Call) -> Answer:
    """The status of a training."""
    job = job_of(call, "train")
    return json_answer(_to_wire(call, job, held=call.emulator.take_first_poll(job)))


def cancel_training(call: Call) -> Answer:
    """Start to cancel a training; its own status tells how that goes."""
    duration = call.emulator.training_duration * _CANCEL_SHARE
    return call.begin(
        training.cancel_training(call.state, call.project_name, call.names["job"], now=call.now, duration=duration)
    )


def _listed_json(call: Call, job: Job) -> bytes:
    """A training in the list, which does not count as the first poll."""
    return to_json(_to_wire(call, job, held=call.emulator.has_hidden_end(job)))


def _to_wire(call: Call, job: Job, *, held: bool) -> dict[str, Any]:
    work, fitted = cast("TrainWork", job.work), call.emulator.teacher.has_fitted(job)
    return training_to_wire(job, work, now=call.now, held=held, fitted=fitted, version=call.version)
