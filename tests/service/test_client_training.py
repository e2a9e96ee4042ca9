"""Training: what is asked for, how its progress is told, who sees a cancellation as what."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import (
    Conflict,
    JobCancelled,
    JobNotCancelled,
    NotFound,
    RequestRefused,
    UnexpectedAnswer,
    UsageError,
)
from cluvault.service.calls.training import Division, OpenAIConnection, Split, Training, division_body
from tests.service.scripted import Bench, ScriptedService, accepted, answer, error, job, job_url, settings

if TYPE_CHECKING:
    from cluvault.service.client import CluClient
    from cluvault.service.job_models import TrainingJob

TRAIN_JOB = "/A/train/jobs/job-1"
WHOLE = {
    "modelLabel": "m1",
    "trainingConfigVersion": "2022-09-01",
    "trainingMode": "standard",
    "estimatedEndDateTime": "2026-01-02T03:04:05Z",
    "dataGenerationStatus": {"percentComplete": 0, "status": "notStarted"},
    "trainingStatus": {
        "percentComplete": 40,
        "startDateTime": "2026-01-02T03:04:05.1234567Z",
        "endDateTime": "0001-01-01T00:00:00Z",
        "status": "running",
    },
    "evaluationStatus": {"percentComplete": 0, "status": "notStarted"},
}


def script_training(service: ScriptedService, *statuses: Any) -> None:
    """A training, its statuses, and a cancellation that is accepted."""
    service.on("POST", "/A/:train", accepted(job_url("A", "train")))
    service.on("POST", f"{TRAIN_JOB}/:cancel", accepted(job_url("A", "train")))
    service.on("GET", TRAIN_JOB, *statuses)


@pytest.mark.parametrize(
    "training, body",
    [
        (Training(label="m"), {"modelLabel": "m", "trainingMode": "standard"}),
        (
            Training(label="m", mode="advanced", config_version="2023-04-15", division=Split(70, 30)),
            {
                "modelLabel": "m",
                "trainingMode": "advanced",
                "trainingConfigVersion": "2023-04-15",
                "evaluationOptions": {
                    "kind": "percentage",
                    "trainingSplitPercentage": 70,
                    "testingSplitPercentage": 30,
                },
            },
        ),
        (
            Training(label="m", division="manual"),
            {"modelLabel": "m", "trainingMode": "standard", "evaluationOptions": {"kind": "manual"}},
        ),
        (
            Training(label="m", data_generation=OpenAIConnection("gpt-4o")),
            {
                "modelLabel": "m",
                "trainingMode": "standard",
                "dataGenerationSettings": {
                    "enableDataGeneration": True,
                    "dataGenerationConnectionInfo": {"kind": "AzureOpenAI", "deploymentName": "gpt-4o"},
                },
            },
        ),
    ],
)
def test_what_is_trained(training: Training, body: dict[str, Any]) -> None:
    """Only what was chosen is said: the service refuses members that it does not know."""
    assert training.body() == body


@given(st.none() | st.just("manual") | st.builds(Split, st.integers(0, 100), st.integers(0, 100)))
def test_a_division_says_what_it_is(division: Division | None) -> None:
    """No percentages without the kind that they belong to; none at all for the service's default."""
    body = division_body(division)
    assert ("trainingSplitPercentage" in body) == ("testingSplitPercentage" in body) == isinstance(division, Split)
    assert bool(body) == (division is not None)
    assert body.get("kind") in (None, "manual", "percentage")


async def test_a_model_needs_a_label(client: CluClient, service: ScriptedService) -> None:
    """The service would take an empty label for none."""
    with pytest.raises(UsageError, match="label is empty; name a model"):
        await client.begin_train("A", Training(label=""))
    assert service.requests == []


async def test_progress_and_result_are_typed(client: CluClient, service: ScriptedService) -> None:
    """`on_status` sees how far training and evaluation are; the end has the resolved configuration."""
    done = WHOLE | {"trainingStatus": {"percentComplete": 100, "status": "succeeded"}}
    few = {"code": "Warning", "message": "10 labels are recommended"}
    script_training(
        service, job("notStarted"), job("running", result=WHOLE), job("succeeded", result=done, warnings=[few])
    )
    seen: list[TrainingJob] = []
    handle = await client.begin_train("A", Training(label="m1"))
    end = await client.wait(handle, timeout=60, on_status=seen.append)
    percent = [each.result.training.percent if each.result and each.result.training else None for each in seen]
    assert percent == [None, 40, 100]
    assert (running := seen[1].result) is not None
    assert running.training is not None
    assert running.training.started_at == datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)
    assert running.training.ended_at is None
    assert running.estimated_end_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert running.data_generation is not None
    assert end.result is not None
    assert (end.result.model_label, end.result.training_config_version) == ("m1", "2022-09-01")
    assert end.result.evaluation is not None
    assert end.result.evaluation.status == "notStarted"
    assert [str(warning) for warning in end.warnings] == ["Warning: 10 labels are recommended"]


@pytest.mark.parametrize("result", [None, {}, {"evaluationStatus": None, "new": 1}, {"trainingStatus": {}}])
async def test_a_result_may_say_little(client: CluClient, service: ScriptedService, result: object) -> None:
    """Missing parts and unknown members of a result are no obstacle."""
    script_training(service, job("succeeded", result=result))
    end = await client.wait(await client.begin_train("A", Training(label="m1")), timeout=60)
    assert end.result is None or end.result.model_label == ""


@pytest.mark.parametrize("result", ["m1", [], {"trainingStatus": {"percentComplete": "much"}}, {"modelLabel": 7}])
async def test_a_result_of_another_shape(client: CluClient, service: ScriptedService, result: object) -> None:
    """What cannot be read is an error with its place."""
    script_training(service, job("succeeded", result=result))
    with pytest.raises(UnexpectedAnswer, match=r"dev/A: train: the answer is no TrainingJob: at result"):
        await client.wait(await client.begin_train("A", Training(label="m1")), timeout=60)


async def test_a_cancellation_seen_from_both_sides(client: CluClient, service: ScriptedService) -> None:
    """Who cancels gets the cancelled job, who waits for the training gets an error."""
    script_training(service, job("cancelling"), job("cancelled", result=WHOLE))
    training = await client.begin_train("A", Training(label="m1"))
    cancellation = await client.begin_cancel_training("A", job_id=training.job_id)
    assert (await client.wait(cancellation, timeout=60)).status == "cancelled"
    with pytest.raises(JobCancelled, match="dev/A: train: job job-1 was cancelled"):
        await client.wait(training, timeout=60)


async def test_a_cancellation_that_comes_too_late(client: CluClient, service: ScriptedService) -> None:
    """The model was made and stands: that is not what the canceller wanted."""
    script_training(service, job("succeeded"))
    cancellation = await client.begin_cancel_training("A", job_id="job-1")
    with pytest.raises(JobNotCancelled, match=r"dev/A: cancel training: job job-1 had succeeded before.*result stands"):
        await client.wait(cancellation, timeout=60)


async def test_a_cancellation_of_what_has_ended(client: CluClient, service: ScriptedService) -> None:
    """The service's refusal is passed on."""
    service.on("POST", f"{TRAIN_JOB}/:cancel", error(400, "InvalidRequest", "the job has ended"))
    with pytest.raises(RequestRefused, match="the job has ended"):
        await client.begin_cancel_training("A", job_id="job-1")


async def test_a_cancellation_of_what_is_unknown(client: CluClient, service: ScriptedService) -> None:
    """An unknown job is not an unknown project."""
    service.on("POST", f"{TRAIN_JOB}/:cancel", error(404, "NotFound", "no job `job-1`"))
    with pytest.raises(NotFound, match="no job `job-1`"):
        await client.begin_cancel_training("A", job_id="job-1")


async def test_another_training_runs(client: CluClient, service: ScriptedService) -> None:
    """One at a time; the step can be tried later."""
    service.on("POST", "/A/:train", error(409, "Conflict", "one at a time"))
    with pytest.raises(Conflict, match="one at a time") as caught:
        await client.begin_train("A", Training(label="m1"))
    assert caught.value.retryable


async def test_a_training_whose_start_was_lost_is_found_again(client: CluClient, service: ScriptedService) -> None:
    """The list tells the job, and a handle made from its id waits for it."""
    service.on("GET", "/A/train/jobs", answer({"value": [{"jobId": "job-1", "status": "running", "result": WHOLE}]}))
    service.on("GET", TRAIN_JOB, job("running"), job("succeeded", result=WHOLE))
    (found,) = [each async for each in client.list_training_jobs("A")]
    assert found.result is not None
    assert found.result.model_label == "m1"
    assert (await client.get_training_job("A", job_id=found.job_id)).status == "running"
    handle = await client.training_handle("A", job_id=found.job_id)
    assert (await client.wait(handle, timeout=60)).status == "succeeded"


async def test_jobs_without_id_are_all_listed(client: CluClient, service: ScriptedService) -> None:
    """What has no name cannot be the same as another."""
    service.on("GET", "/A/train/jobs", answer({"value": [{"status": "running"}, {"status": "failed"}]}))
    assert [each.status async for each in client.list_training_jobs("A")] == ["running", "failed"]


async def test_evaluation_on_demand(bench: Bench, service: ScriptedService) -> None:
    """The division goes out, the options and the progress come back."""
    result = {
        "evaluationOptions": {"kind": "percentage", "trainingSplitPercentage": 70, "testingSplitPercentage": 30},
        "modelLabel": "m1",
        "trainingConfigVersion": "2022-09-01",
        "percentComplete": 100,
    }
    service.on("POST", "/A/models/m1/:evaluate", accepted(job_url("A", "evaluate")))
    service.on("GET", "/A/evaluate/jobs/job-1", job("succeeded", result=result))
    async with bench.client(settings(**{"api-version": "2025-11-15-preview"})) as client:
        handle = await client.begin_evaluate("A", label="m1", division=Split(70, 30))
        end = await client.wait(handle, timeout=60)
    assert json.loads(service.sent("POST", "/A/models/m1/:evaluate")[0].body) == result["evaluationOptions"]
    assert end.result is not None
    assert (end.result.model_label, end.result.percent) == ("m1", 100)
    assert end.result.options is not None
    assert end.result.options.testing_percent == 30
