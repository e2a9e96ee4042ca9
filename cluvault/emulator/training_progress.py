"""How the jobs of trainings and evaluations read: their `result`, which tells how far they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cluvault.emulator.jobs import job_to_wire, started_at, to_ticks

if TYPE_CHECKING:
    from datetime import datetime

    from cluvault.emulator.records import EvaluateWork, EvaluationOptions, Job, TrainWork
    from cluvault.emulator.versions import ApiVersion

_TRAINING_SHARE: Final = 0.8
"""The part of its time that a training with a test set trains; it evaluates in the rest."""

_NOT_STARTED: Final[dict[str, Any]] = {"percentComplete": 0, "status": "notStarted"}


def training_to_wire(
    job: Job, work: TrainWork, *, now: datetime, held: bool, fitted: bool, version: ApiVersion
) -> dict[str, Any]:
    """The body of a training's status: result first, warnings last, and they are there as soon as it runs.

    Args:
        job: The training.
        work: What it does.
        now: When somebody asks.
        held: It hides that it is done.
        fitted: The model is there; until then it is being trained, whatever the clock says.
        version: Whose members the answer has.
    """
    wire = job_to_wire(job, now, held=held)
    result: dict[str, Any] = {
        "modelLabel": work.label,
        "trainingConfigVersion": work.config_version,
        "trainingMode": work.mode,
    }
    if version.data_generation:
        result["dataGenerationStatus"] = _NOT_STARTED
    result |= _phases(job, work, wire["status"], now, fitted=fitted)
    wire.pop("warnings", None)
    warnings = [warning.to_wire() for warning in job.warnings] if wire["status"] != "notStarted" else []
    return {"result": result} | wire | ({"warnings": warnings} if warnings else {})


def _phases(job: Job, work: TrainWork, status: str, now: datetime, *, fitted: bool) -> dict[str, Any]:
    """The states of training and evaluation; a cancelled training forgets how far it was, as recorded."""
    begin, end = started_at(job), job.due_at
    trained_at = begin + (end - begin) * _TRAINING_SHARE if work.has_test_set else end
    training, evaluation = _NOT_STARTED, _NOT_STARTED
    match status:
        case "running" if fitted and work.has_test_set and now >= trained_at:
            training, evaluation = _succeeded(begin, trained_at), _running(trained_at, end, now)
        case "running":
            training = _running(begin, trained_at, now)
        case "succeeded" | "partiallyCompleted":
            training = _succeeded(begin, trained_at)
            evaluation = _succeeded(trained_at, end) if work.has_test_set else _NOT_STARTED
        case "failed":
            training = {"percentComplete": 0} | _times(begin, end) | {"status": "failed"}
        case "cancelled":
            training = {"percentComplete": 0, "status": "cancelled"}
        case _:
            pass
    phases = {"trainingStatus": training, "evaluationStatus": evaluation}
    is_foreseen = status == "running" and now < end and job.made_to != "run-on"
    return phases | ({"estimatedEndDateTime": to_ticks(end)} if is_foreseen else {})


def _running(begin: datetime, end: datetime, now: datetime) -> dict[str, Any]:
    return {"percentComplete": _percent(begin, end, now), "startDateTime": to_ticks(begin), "status": "running"}


def _succeeded(begin: datetime, end: datetime) -> dict[str, Any]:
    return {"percentComplete": 100} | _times(begin, end) | {"status": "succeeded"}


def _times(begin: datetime, end: datetime) -> dict[str, Any]:
    return {"startDateTime": to_ticks(begin), "endDateTime": to_ticks(end)}


def _percent(begin: datetime, end: datetime, now: datetime) -> int:
    """How far something is; what should be over and is not is nearly so."""
    return 99 if now >= end else max(0, int(100 * (now - begin) / (end - begin)))


def evaluation_to_wire(job: Job, work: EvaluateWork, *, now: datetime, held: bool) -> dict[str, Any]:
    """The body of the status of an evaluation job."""
    wire = job_to_wire(job, now, held=held)
    percents = {"succeeded": 100, "partiallyCompleted": 100, "running": _percent(started_at(job), job.due_at, now)}
    result = {
        "evaluationOptions": options_to_wire(work.evaluation),
        "modelLabel": work.model.label,
        "trainingConfigVersion": work.model.config_version,
        "percentComplete": percents.get(wire["status"], 0),
    }
    return {"result": result} | wire


def options_to_wire(options: EvaluationOptions) -> dict[str, Any]:
    """Evaluation options; a manual split has no percentages."""
    if options.kind == "manual":
        return {"kind": options.kind}
    return {
        "kind": options.kind,
        "trainingSplitPercentage": options.training_split,
        "testingSplitPercentage": options.testing_split,
    }
