"""Real fits beside the clock: nobody is told of success before the model is there; and what a restart does to them."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.emulator.learning.learner import Learner
from cluvault.emulator.learning.training import fit
from cluvault.emulator.records import EvaluationOptions
from cluvault.emulator.teacher import Teacher
from cluvault.errors import UsageError
from tests.emulator.wire import NOON, Wire, project_file, travels

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from cluvault.emulator.learning.options import TrainingOptions
    from cluvault.emulator.learning.training import Trained
    from cluvault.emulator.records import Snapshot

PREVIEW = "2025-11-15-preview"


class Gate:
    """A learner whose fits wait until they are let through, or fail."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.failure: Exception | None = None

    def fit(self, snapshot: Snapshot, *, options: TrainingOptions) -> Trained:
        """The real fit, later."""
        assert self.is_open.wait(timeout=60)
        if self.failure is not None:
            raise self.failure
        return fit(snapshot, options=options)


@pytest.fixture
def gate() -> Generator[Gate]:
    """A gate that opens at the end, whatever happens."""
    gate = Gate()
    yield gate
    gate.is_open.set()


class Waiting(Teacher):
    """A teacher for whom nobody waits: the tests look while it fits."""

    def settle(self) -> None:
        """Do not wait."""


async def behind(gate: Gate, wire: Wire) -> Wire:
    """An emulator with a project `A` that fits behind a gate."""
    await wire.put("A", project_file(assets={"utterances": travels(40)}))
    wire.emulator.teacher.close()
    wire.emulator.teacher = Waiting(Learner(fit=gate.fit))
    return wire


def let_through(gate: Gate, wire: Wire) -> None:
    """Open the gate, and wait for the fit."""
    gate.is_open.set()
    Teacher.settle(wire.emulator.teacher)


# --- while it fits -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 10])
async def test_a_training_that_is_due_runs_on_until_it_is_fitted(
    make_wire: Callable[..., Wire], gate: Gate, seconds: float
) -> None:
    """The job ends when the fit is first seen, not when it was due; the model's dates tell the same."""
    wire = await behind(gate, make_wire(training_seconds=seconds))
    started = await wire.start_training("A")
    location = started.headers["operation-location"]
    wire.clock.advance(30)
    await wire.get(location)
    job = (await wire.get(location)).json()
    assert job["status"] == "running"
    training, evaluation = job["result"]["trainingStatus"], job["result"]["evaluationStatus"]
    assert (training["percentComplete"], training["status"]) == (99, "running")
    assert evaluation == {"percentComplete": 0, "status": "notStarted"}
    assert "estimatedEndDateTime" not in job["result"]
    assert (await wire.get("projects/A/models")).json()["value"] == []
    assert (await wire.start_training("A", "v2")).status_code == 409
    let_through(gate, wire)
    wire.clock.advance(15)
    job = (await wire.get(location)).json()
    assert job["status"] == "succeeded"
    assert job["lastUpdatedDateTime"] == "2026-11-22T12:00:46Z"
    model = (await wire.get("projects/A/models/v1")).json()
    assert model["lastTrainedDateTime"] == "2026-11-22T12:00:46Z"
    assert model["lastTrainingDurationInSeconds"] == 45


async def test_a_fit_that_nobody_waited_for_ends_in_its_time(make_wire: Callable[..., Wire], gate: Gate) -> None:
    """A client that comes late finds the times that were planned."""
    wire = await behind(gate, make_wire(training_seconds=10))
    location = (await wire.start_training("A")).headers["operation-location"]
    let_through(gate, wire)
    wire.clock.advance(3600)
    assert (await wire.get(location)).json()["lastUpdatedDateTime"] == "2026-11-22T12:00:11Z"


async def test_other_jobs_do_not_wait_for_a_fit(make_wire: Callable[..., Wire], gate: Gate) -> None:
    """Imports and trainings of other projects end while one is being fitted."""
    wire = await behind(gate, make_wire(job_seconds=1))
    await wire.start_training("A")
    wire.clock.advance(30)
    assert (await wire.put("B", project_file()))["status"] == "succeeded"
    assert (await wire.put("C", project_file(assets={"utterances": []})))["status"] == "succeeded"
    assert (await wire.train("C"))["status"] == "failed"


async def test_an_evaluation_that_is_due_runs_on_until_it_is_done(make_wire: Callable[..., Wire], gate: Gate) -> None:
    """As a training does; meanwhile it is nearly complete."""
    wire = await behind(gate, make_wire())
    wire.emulator.add_model("dev", "A", "v1")
    started = await wire.send("POST", "projects/A/models/v1/:evaluate", json={}, version=PREVIEW)
    location = started.headers["operation-location"]
    await wire.get(location)
    job = (await wire.get(location)).json()
    assert (job["status"], job["result"]["percentComplete"]) == ("running", 99)
    let_through(gate, wire)
    assert (await wire.get(location)).json()["status"] == "succeeded"


async def test_a_training_can_be_cancelled_while_it_fits(make_wire: Callable[..., Wire], gate: Gate) -> None:
    """Even when it was due long ago; nothing comes of the fit."""
    wire = await behind(gate, make_wire())
    path, _, query = (await wire.start_training("A")).headers["operation-location"].partition("?")
    wire.clock.advance(60)
    assert (await wire.send("POST", f"{path}/:cancel?{query}")).status_code == 202
    assert [(await wire.get(f"{path}?{query}")).json()["status"] for _ in range(2)] == ["cancelling", "cancelled"]
    let_through(gate, wire)
    assert (await wire.get("projects/A/models")).json()["value"] == []


async def test_a_project_can_be_deleted_while_its_evaluation_runs(make_wire: Callable[..., Wire], gate: Gate) -> None:
    """Nobody waits for the fit any more."""
    wire = await behind(gate, make_wire())
    wire.emulator.add_model("dev", "A", "v1")
    await wire.send("POST", "projects/A/models/v1/:evaluate", json={}, version=PREVIEW)
    assert (await wire.send("DELETE", "projects/A")).status_code == 202
    wire.clock.advance(60)
    assert (await wire.get("projects")).json()["value"] == []


# --- when it fails -------------------------------------------------------------------------------------------------


async def failed_fit(wire: Wire, gate: Gate, failure: Exception) -> dict[str, Any]:
    """The only error of a training whose fit fails; there is no model, and the project is free again."""
    gate.failure = failure
    await behind(gate, wire)
    started = await wire.start_training("A")
    let_through(gate, wire)
    job = await wire.finish(started)
    assert job["status"] == "failed"
    assert (await wire.get("projects/A/models")).json()["value"] == []
    assert (await wire.start_training("A")).status_code == 202
    (error,) = job["errors"]
    return error


async def test_a_fit_that_fails_makes_its_training_fail(wire: Wire, gate: Gate) -> None:
    """The job says why."""
    error = await failed_fit(wire, gate, UsageError("this cannot be learned"))
    assert error == {"code": "InvalidRequest", "message": "this cannot be learned"}


async def test_a_failure_that_nobody_foresaw_is_logged(
    wire: Wire, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    """The client learns where to look."""
    error = await failed_fit(wire, gate, MemoryError("too large"))
    assert error["code"] == "InternalServerError"
    assert "log" in error["message"]
    assert "too large" in caplog.text


# --- without scikit-learn ------------------------------------------------------------------------------------------


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python without scikit-learn, as far as imports go."""
    monkeypatch.setitem(sys.modules, "sklearn", None)


@pytest.mark.usefixtures("bare")
async def test_without_scikit_learn_nothing_is_trained(wire: Wire) -> None:
    """501 that says what to install; all that needs no fitted model works."""
    await wire.put("A", project_file())
    wire.emulator.add_model("dev", "A", "v1")
    refused = [
        await wire.start_training("A"),
        await wire.get("projects/A/models/v1/evaluation/summary-result"),
        await wire.send("POST", "projects/A/models/v1/:evaluate", json={}, version=PREVIEW),
    ]
    for answer in refused:
        assert answer.status_code == 501
        assert 'pip install "cluvault[emulator]"' in answer.json()["error"]["message"]
    assert (await wire.get("projects/A/models/v1")).status_code == 200
    assert (await wire.finish(await wire.send("POST", "projects/A/models/v1/:load-snapshot")))["status"] == "succeeded"


# --- in memory -----------------------------------------------------------------------------------------------------


async def test_evaluations_that_were_dropped_are_worked_out_again(wire: Wire) -> None:
    """Only the last ones are kept, and that changes no figure."""
    await wire.put("A", project_file(assets={"utterances": travels(40)}))
    model = wire.emulator.add_model("dev", "A", "v1")
    options = [EvaluationOptions(training_split=100 - share, testing_split=share) for share in range(10, 30)]
    evaluated = [replace(model, evaluated=one) for one in options]
    teacher = wire.emulator.teacher
    first = [teacher.evaluation(one) for one in evaluated]
    assert all(one is not None and one.utterances for one in first)
    assert teacher.evaluation(evaluated[-1]) is first[-1]
    assert teacher.evaluation(evaluated[0]) is not first[0]
    assert [teacher.evaluation(one) for one in evaluated] == first


async def test_a_model_without_snapshot_cannot_be_fitted(wire: Wire) -> None:
    """Whoever asks has to look first."""
    await wire.create("A")
    model = wire.emulator.add_model("dev", "A", "bare", has_snapshot=False)
    with pytest.raises(ValueError, match="'bare' has no snapshot"):
        wire.emulator.teacher.trained(model)


# --- over a restart ------------------------------------------------------------------------------------------------


async def restart(make_wire: Callable[..., Wire], wire: Wire) -> Wire:
    """The same emulator in another life, at the time when the first ended."""
    wire.emulator.close()
    config = wire.emulator.config
    again = make_wire(state=config.state, training_seconds=config.training_seconds)
    again.clock.now = wire.clock.now
    again.emulator.teacher.settle()
    return again


async def test_a_training_under_way_goes_on_after_a_restart(make_wire: Callable[..., Wire], tmp_path: Path) -> None:
    """It is fitted again, ends in its time, and another training waits for it as before."""
    wire = make_wire(state=tmp_path / "state.sqlite", training_seconds=10)
    await wire.put("A", project_file(assets={"utterances": travels(40)}))
    location = (await wire.start_training("A")).headers["operation-location"]
    wire.clock.advance(5)
    again = await restart(make_wire, wire)
    assert (await again.get(location)).json()["status"] == "running"
    assert (await again.start_training("A", "v2")).status_code == 409
    again.clock.advance(5)
    job = (await again.get(location)).json()
    assert (job["status"], job["lastUpdatedDateTime"]) == ("succeeded", "2026-11-22T12:00:11Z")
    summary = await again.get("projects/A/models/v1/evaluation/summary-result")
    assert summary.json()["intentsEvaluation"]["microF1"] == 1.0


async def test_a_cancellation_under_way_goes_on_after_a_restart(make_wire: Callable[..., Wire], tmp_path: Path) -> None:
    """What was asked for before is done afterwards."""
    wire = make_wire(state=tmp_path / "state.sqlite", training_seconds=10)
    await wire.put("A", project_file())
    path, _, query = (await wire.start_training("A")).headers["operation-location"].partition("?")
    await wire.send("POST", f"{path}/:cancel?{query}")
    again = await restart(make_wire, wire)
    assert (await again.get(f"{path}?{query}")).json()["status"] == "cancelling"
    again.clock.advance(2)
    assert (await again.get(f"{path}?{query}")).json()["status"] == "cancelled"


async def test_a_restart_changes_nothing_that_can_be_seen(make_wire: Callable[..., Wire], tmp_path: Path) -> None:
    """Trainings, models, figures of both kinds of evaluation, exported models: the same to the byte."""
    wire = make_wire(state=tmp_path / "state.sqlite", training_seconds=1)
    await wire.put("A", project_file(assets={"utterances": travels(40)}))
    await wire.train("A")
    evaluation = {"kind": "percentage", "trainingSplitPercentage": 60, "testingSplitPercentage": 40}
    evaluating = await wire.send("POST", "projects/A/models/v1/:evaluate", json=evaluation, version=PREVIEW)
    await wire.finish(evaluating)
    exporting = await wire.send(
        "PUT", "projects/A/exported-models/x", json={"trainedModelLabel": "v1"}, version=PREVIEW
    )
    await wire.finish(exporting)
    await wire.put("A", project_file(assets={"utterances": []}))
    failing = await wire.start_training("A", "v2")
    await wire.finish(failing)
    places = (
        "projects/A/train/jobs",
        "projects/A/models",
        "projects/A/models/v1/evaluation/summary-result",
        "projects/A/models/v1/evaluation/result",
        "projects/A/exported-models",
        evaluating.headers["operation-location"],
        exporting.headers["operation-location"],
        failing.headers["operation-location"],
    )

    async def everything(of: Wire) -> list[tuple[int, Any]]:
        params = {"stringIndexType": "Utf16CodeUnit"}
        answers = [
            await of.get(place, **({} if place[:4] == "http" else {"params": params, "version": PREVIEW}))
            for place in places
        ]
        return [(answer.status_code, answer.content) for answer in answers]

    before = await everything(wire)
    assert {status for status, _ in before} == {200}
    assert await everything(await restart(make_wire, wire)) == before


async def test_what_a_model_learned_stays_in_the_state(make_wire: Callable[..., Wire], tmp_path: Path) -> None:
    """Contents that only a finished evaluation's or training's model refers to are kept."""
    wire = make_wire(state=tmp_path / "state.sqlite", training_seconds=0)
    await wire.put("A", project_file())
    await wire.train("A")
    trained_on = await wire.export("A")
    await wire.put("A", project_file(assets={"utterances": []}))
    again = await restart(make_wire, await restart(make_wire, wire))
    assert await again.export("A", params={"trainedModelLabel": "v1"}) == trained_on
    assert again.clock.now > NOON
