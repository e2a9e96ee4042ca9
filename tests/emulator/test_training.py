"""Trainings as long-running operations on the wire (contract 2.2, 2.5, 3.4, 4.5, 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluvault.emulator.limits import Limits
from tests.emulator.wire import BASE, Wire, project_file, travels, without

if TYPE_CHECKING:
    from collections.abc import Callable

PREVIEW = "2025-11-15-preview"
NOT_STARTED = {"percentComplete": 0, "status": "notStarted"}
SPLIT = {"kind": "percentage", "trainingSplitPercentage": 80, "testingSplitPercentage": 20}


def travel_file(count: int = 20, **parts: Any) -> dict[str, Any]:
    """A project that can be trained and tested."""
    return project_file(assets={"utterances": travels(count)}, **parts)


@pytest.fixture
async def slow(make_wire: Callable[..., Wire]) -> Wire:
    """An emulator with a project `A`, where a training takes ten seconds and all else no time."""
    wire = make_wire(training_seconds=10)
    await wire.put("A", travel_file())
    return wire


async def refusal(wire: Wire, *, status: int, **options: Any) -> dict[str, Any]:
    """The error of a training of `A` that is refused; nothing has begun."""
    answer = await wire.start_training("A", **options)
    assert answer.status_code == status, answer.text
    assert (await wire.get("projects/A/train/jobs")).json().get("value", []) == []
    return answer.json()["error"]


# --- the way of a training -----------------------------------------------------------------------------------------


async def test_a_training_answers_where_its_job_is(wire: Wire) -> None:
    """Contract 2.2, 3.4: 202, and the job's result is its first member, its warnings are the last."""
    await wire.put("A", project_file())
    started = await wire.start_training("A", body={"evaluationOptions": SPLIT}, version=PREVIEW)
    location = started.headers["operation-location"]
    assert started.status_code == 202
    assert started.content == b""
    assert location.startswith(f"{BASE}/projects/A/train/jobs/")
    first = (await wire.get(location)).json()
    assert first["result"] == {
        "modelLabel": "v1",
        "trainingConfigVersion": "2022-09-01",
        "trainingMode": "standard",
        "dataGenerationStatus": NOT_STARTED,
        "trainingStatus": NOT_STARTED,
        "evaluationStatus": NOT_STARTED,
    }
    job = await wire.finish(started)
    assert [*job] == [
        "result", "jobId", "createdDateTime", "lastUpdatedDateTime", "expirationDateTime", "status", "warnings",
    ]  # fmt: skip
    assert job["status"] == "succeeded"
    assert location.partition("?")[0].endswith(job["jobId"])


async def test_a_training_trains_then_evaluates(slow: Wire) -> None:
    """Contract 3.4: sub states with seven fractional digits, and when it will end as long as that is to come."""
    location = (await slow.start_training("A")).headers["operation-location"]
    slow.clock.advance(6)
    training = (await slow.get(location)).json()
    assert training["status"] == "running"
    assert training["lastUpdatedDateTime"] == "2026-11-22T12:00:03Z"
    assert training["result"]["trainingStatus"] == {
        "percentComplete": 62,
        "startDateTime": "2026-11-22T12:00:03.2500000Z",
        "status": "running",
    }
    assert training["result"]["evaluationStatus"] == NOT_STARTED
    assert training["result"]["estimatedEndDateTime"] == "2026-11-22T12:00:11.2500000Z"
    slow.clock.advance(3)
    evaluating = (await slow.get(location)).json()["result"]
    assert evaluating["trainingStatus"] == {
        "percentComplete": 100,
        "startDateTime": "2026-11-22T12:00:03.2500000Z",
        "endDateTime": "2026-11-22T12:00:09.6500000Z",
        "status": "succeeded",
    }
    assert (evaluating["evaluationStatus"]["percentComplete"], evaluating["evaluationStatus"]["status"]) == (
        37,
        "running",
    )
    slow.clock.advance(1)
    ended = (await slow.get(location)).json()
    assert ended["status"] == "succeeded"
    assert ended["lastUpdatedDateTime"] == "2026-11-22T12:00:11Z"
    assert ended["result"]["evaluationStatus"] == {
        "percentComplete": 100,
        "startDateTime": "2026-11-22T12:00:09.6500000Z",
        "endDateTime": "2026-11-22T12:00:11.2500000Z",
        "status": "succeeded",
    }
    assert "estimatedEndDateTime" not in ended["result"]


async def test_without_a_test_set_nothing_is_evaluated(slow: Wire) -> None:
    """Contract 3.4: recorded with very little data: succeeded, while evaluationStatus stays notStarted at 0 %."""
    await slow.put("A", travel_file(4))
    location = (await slow.start_training("A")).headers["operation-location"]
    slow.clock.advance(9)
    assert (await slow.get(location)).json()["result"]["trainingStatus"]["status"] == "running"
    slow.clock.advance(1)
    job = (await slow.get(location)).json()
    assert job["status"] == "succeeded"
    assert job["result"]["trainingStatus"]["percentComplete"] == 100
    assert job["result"]["evaluationStatus"] == NOT_STARTED


@pytest.mark.parametrize(
    "version, is_there",
    [("2022-05-01", False), ("2023-04-01", False), ("2025-05-15-preview", True), ("2025-11-01", False)],
)
async def test_versions_without_generated_data_say_nothing_of_them(wire: Wire, version: str, *, is_there: bool) -> None:
    """Contract 3.4: dataGenerationStatus is required in the previews that have such settings, and in no others."""
    await wire.put("A", travel_file())
    job = await wire.train("A", version=version)
    assert ("dataGenerationStatus" in job["result"]) is is_there


async def test_too_few_labels_are_warned_of_as_soon_as_the_training_runs(slow: Wire) -> None:
    """Contract 3.4: the recorded sentence, for each intent and entity with fewer than ten, but not for None."""
    await slow.put("A", travel_file(12))
    location = (await slow.start_training("A")).headers["operation-location"]
    assert "warnings" not in (await slow.get(location)).json()
    slow.clock.advance(5)
    warnings = (await slow.get(location)).json()["warnings"]
    assert warnings == [
        {
            "code": "Warning",
            "message": f"{name} is tagged in `5` training dataset examples, it is recommended to have `10` tags for "
            "better model quality.",
        }
        for name in ("Intent `Book`", "Entity `City`")
    ]
    slow.clock.advance(5)
    assert (await slow.get(location)).json()["warnings"] == warnings


async def test_enough_labels_are_not_warned_of(wire: Wire) -> None:
    """No warnings, no member."""
    await wire.put("A", travel_file(40))
    assert "warnings" not in await wire.train("A")


async def test_trainings_are_listed_newest_first_until_they_expire(wire: Wire) -> None:
    """Contract 2.2: the non-expired ones; to be listed does not count as a poll."""
    await wire.put("A", travel_file())
    await wire.put("B", travel_file())
    await wire.train("A", "old")
    await wire.train("B", "other")
    wire.clock.advance(6 * 86_400)
    started = await wire.start_training("A", "new")
    listed = (await wire.get("projects/A/train/jobs")).json()
    assert [(job["result"]["modelLabel"], job["status"]) for job in listed["value"]] == [
        ("new", "notStarted"),
        ("old", "succeeded"),
    ]
    assert listed["nextLink"] is None
    assert (await wire.get(started.headers["operation-location"])).json()["status"] == "notStarted"
    wire.clock.advance(2 * 86_400)
    page = (await wire.get("projects/A/train/jobs", params={"top": "1"})).json()
    assert [(job["result"]["modelLabel"], job["status"]) for job in page["value"]] == [("new", "succeeded")]
    assert len((await wire.get("projects/A/train/jobs")).json()["value"]) == 1


async def test_trainings_of_an_unknown_project_are_not_found(wire: Wire) -> None:
    """Contract 4.5."""
    for answer in (await wire.start_training("A"), await wire.get("projects/A/train/jobs")):
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "ProjectNotFound"


# --- one at a time -------------------------------------------------------------------------------------------------


async def test_no_other_job_starts_while_one_trains(slow: Wire) -> None:
    """Contract 4.5, 6.1: 409 Conflict; an export changes nothing and goes on."""
    await slow.train("A", "v0")
    await slow.start_training("A")
    refused = [
        await slow.start_training("A", "v2"),
        await slow.start_import("A", travel_file()),
        await slow.send("DELETE", "projects/A"),
        await slow.send("POST", "projects/A/models/v0/:load-snapshot"),
        await slow.send("POST", "projects/A/models/v0/:evaluate", json=SPLIT, version=PREVIEW),
        await slow.send("PUT", "projects/A/exported-models/x", json={"trainedModelLabel": "v0"}, version=PREVIEW),
    ]
    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in refused] == [(409, "Conflict")] * 6
    assert (await slow.start_export("A")).status_code == 202
    slow.clock.advance(10)
    assert (await slow.start_training("A", "v2")).status_code == 202


async def test_projects_train_beside_each_other(slow: Wire) -> None:
    """The limit is one a project."""
    await slow.put("B", travel_file())
    assert (await slow.start_training("A")).status_code == 202
    assert (await slow.start_training("B")).status_code == 202


async def test_a_training_learns_the_working_copy_of_its_start(slow: Wire) -> None:
    """What is imported later is not in the model's snapshot."""
    trained_on = await slow.export("A")
    started = await slow.start_training("A")
    slow.clock.advance(10)
    await slow.put("A", project_file(assets={"utterances": []}))
    assert (await slow.finish(started))["status"] == "succeeded"
    assert await slow.export("A", params={"trainedModelLabel": "v1"}) == trained_on


# --- failing -------------------------------------------------------------------------------------------------------


async def test_a_project_without_utterances_fails_to_train(slow: Wire) -> None:
    """Contract 6.2: it takes one at least; the job says so when it is due, and there is no model."""
    await slow.put("A", project_file(assets={"utterances": []}))
    job = await slow.train("A")
    assert job["status"] == "failed"
    assert job["errors"] == [{"code": "InvalidRequest", "message": "The project has no utterances to train with."}]
    assert job["result"]["trainingStatus"]["status"] == "failed"
    assert job["result"]["evaluationStatus"] == NOT_STARTED
    assert (await slow.get("projects/A/models")).json()["value"] == []


async def test_a_project_of_test_utterances_alone_fails_to_train(wire: Wire) -> None:
    """Contract 7.4: dataset Test never trains."""
    await wire.put("A", project_file(assets={"utterances": travels(dataset="Test")}))
    assert (await wire.train("A"))["status"] == "failed"


async def test_an_orchestration_trains_when_its_targets_are_there(wire: Wire) -> None:
    """Contract 8, 10.17: it learns from the projects that it leads to, so they must exist."""
    target = {"projectName": "Travel", "deploymentName": "production"}
    orchestration = {"targetProjectKind": "Conversation", "conversationOrchestration": target}
    luis = {
        "targetProjectKind": "Luis",
        "luisOrchestration": {"appId": "00000000-0000-0000-0000-000000000001"},
    }
    assets = {
        "intents": [
            {"category": "None"},
            {"category": "Book", "orchestration": orchestration},
            {"category": "Old", "orchestration": luis},
        ],
        "utterances": [without(utterance, "entities") for utterance in travels()],
    }
    await wire.put("Hub", project_file(name="Hub", kind="Orchestration", assets=assets))
    job = await wire.train("Hub")
    assert job["status"] == "failed"
    assert [error["message"] for error in job["errors"]] == [
        "The intent `Book` leads to the project `Travel`, which does not exist in the resource."
    ]
    await wire.put("Travel", travel_file())
    assert (await wire.train("Hub"))["status"] == "succeeded"


# --- refused at once -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body, target",
    [
        ({"modelLabel": None}, ""),
        ({"trainingMode": None}, ""),
        ({"trainingMode": "quick"}, "trainingMode"),
        ({"modelLabel": ""}, "modelLabel"),
        ({"modelLabel": "a b"}, "modelLabel"),
        ({"modelLabel": "x" * 51}, "modelLabel"),
        ({"trainingConfigVersion": "2019-01-01"}, "trainingConfigVersion"),
        ({"trainingConfigVersion": "2022-05-01"}, "trainingConfigVersion"),
        ({"evaluationOptions": SPLIT | {"kind": "random"}}, "evaluationOptions.kind"),
        ({"evaluationOptions": SPLIT | {"testingSplitPercentage": 30}}, "evaluationOptions.trainingSplitPercentage"),
        ({"evaluationOptions": {"testingSplitPercentage": 20}}, "evaluationOptions.trainingSplitPercentage"),
        (
            {"evaluationOptions": {"trainingSplitPercentage": 0, "testingSplitPercentage": 100}},
            "evaluationOptions.trainingSplitPercentage",
        ),
        (
            {"evaluationOptions": {"trainingSplitPercentage": 130, "testingSplitPercentage": -30}},
            "evaluationOptions.trainingSplitPercentage",
        ),
        ({"evaluationOptions": SPLIT | {"seed": 1}}, "evaluationOptions.seed"),
        ({"dataGenerationSettings": {"enableDataGeneration": False}}, "dataGenerationSettings"),
    ],
)
async def test_a_wrong_body_is_refused_at_once(wire: Wire, body: dict[str, Any], target: str) -> None:
    """Contract 3.4, 4.3, 6.2, 7.3: 400 InvalidArgument with the place, and no job."""
    await wire.put("A", travel_file())
    error = await refusal(wire, body=body, status=400)
    assert error["code"] == "InvalidArgument"
    assert (error.get("details") or [error])[0].get("target", "") == target


async def test_an_expired_training_config_says_when_it_expired(wire: Wire) -> None:
    """Contract 4.5, 7.3."""
    await wire.put("A", travel_file())
    error = await refusal(wire, body={"trainingConfigVersion": "2022-05-01"}, status=400)
    assert "expired on 2022-11-01" in error["message"]


@pytest.mark.parametrize(
    "given, resolved",
    [
        ("latest", "2022-09-01"),
        ("LATEST", "2022-09-01"),
        ("2023-04-15", "2023-04-15"),
        ("2025-05-15-preview-convlevel", "2025-05-15-preview-ConvLevel"),
    ],
)
async def test_the_job_shows_the_resolved_training_config(wire: Wire, given: str, resolved: str) -> None:
    """Contract 3.4: never `latest`."""
    await wire.put("A", travel_file())
    job = await wire.train("A", body={"trainingConfigVersion": given})
    assert job["result"]["trainingConfigVersion"] == resolved
    assert (await wire.get("projects/A/models/v1")).json()["modelTrainingConfigVersion"] == resolved


@pytest.mark.parametrize(
    "language, mode, status",
    [
        ("en-us", "standard", 202),
        ("en-GB", "Standard", 202),
        ("en", "standard", 202),
        ("de", "standard", 400),
        ("de", "advanced", 202),
        ("eo", "standard", 400),
    ],
)
async def test_standard_mode_is_for_english(wire: Wire, language: str, mode: str, status: int) -> None:
    """Contract 7.2: the primary language counts, the multilingual flag does not."""
    await wire.put("A", travel_file(metadata={"language": language, "multilingual": True}))
    answer = await wire.start_training("A", body={"trainingMode": mode})
    assert answer.status_code == status
    if status == 400:
        error = answer.json()["error"]
        assert (error["code"], error["target"]) == ("InvalidArgument", "trainingMode")


async def test_a_summarization_project_is_not_trained(wire: Wire) -> None:
    """The emulator learns from utterances, and such a project has none."""
    body = {"projectKind": "CustomConversationSummarization", "storageInputContainerName": "box"}
    body |= {"projectName": "A", "language": "en-us"}
    assert (await wire.send("PATCH", "projects/A", json=body, version=PREVIEW)).status_code == 201
    error = await refusal(wire, status=400)
    assert "CustomConversationSummarization" in error["message"]


async def test_generated_data_are_asked_for_in_previews_and_not_made(wire: Wire) -> None:
    """Contract 3.4: the settings are read; the emulator has no Azure OpenAI, and the job says so."""
    await wire.put("A", travel_file(40))
    connection = {"kind": "AzureOpenAI", "deploymentName": "gpt", "resourceId": "/subscriptions/1"}
    settings = {"enableDataGeneration": True, "dataGenerationConnectionInfo": connection}
    job = await wire.train("A", body={"dataGenerationSettings": settings}, version="2025-05-15-preview")
    assert job["status"] == "succeeded"
    assert [warning["message"].split(":")[0] for warning in job["warnings"]] == ["No data were generated"]


async def test_a_project_has_ten_models(make_wire: Callable[..., Wire]) -> None:
    """Contract 4.5, 6.1: 403 QuotaExceeded for another label; one that is there can be trained again."""
    wire = make_wire(limits=Limits(models=2))
    assert make_wire(limits="documented").emulator.limits.models == 10
    await wire.put("A", travel_file(2))
    await wire.train("A", "v1")
    await wire.train("A", "v2")
    answer = await wire.start_training("A", "v3")
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "QuotaExceeded"
    assert (await wire.train("A", "v2"))["status"] == "succeeded"
    await wire.send("DELETE", "projects/A/models/v1")
    assert (await wire.train("A", "v3"))["status"] == "succeeded"


# --- cancelling ----------------------------------------------------------------------------------------------------


async def test_a_training_is_cancelled_in_the_middle(slow: Wire) -> None:
    """Contract 2.2, 2.5, 3.4: 202 with the training's own URL, cancelling, cancelled; the project is free, no model."""
    started = await slow.start_training("A", body={"evaluationOptions": SPLIT}, version=PREVIEW)
    location = started.headers["operation-location"]
    path, _, query = location.partition("?")
    slow.clock.advance(5)
    cancel = await slow.send("POST", f"{path}/:cancel?{query}")
    assert (cancel.status_code, cancel.content) == (202, b"")
    assert cancel.headers["operation-location"] == location
    slow.clock.advance(1)
    cancelling = (await slow.get(location)).json()
    assert cancelling["status"] == "cancelling"
    assert cancelling["lastUpdatedDateTime"] == "2026-11-22T12:00:06Z"
    assert cancelling["result"]["trainingStatus"] == NOT_STARTED
    assert (await slow.start_training("A", "v2")).status_code == 409
    slow.clock.advance(1)
    cancelled = (await slow.get(location)).json()
    assert cancelled["status"] == "cancelled"
    assert cancelled["result"]["trainingStatus"] == {"percentComplete": 0, "status": "cancelled"}
    assert cancelled["result"]["evaluationStatus"] == NOT_STARTED
    slow.clock.advance(60)
    assert (await slow.get("projects/A/models")).json()["value"] == []
    assert (await slow.train("A", "v2"))["status"] == "succeeded"


async def test_to_cancel_twice_is_to_cancel_once(slow: Wire) -> None:
    """A client that repeats a request whose answer it lost gets the same answer."""
    path, _, query = (await slow.start_training("A")).headers["operation-location"].partition("?")
    first, second = [await slow.send("POST", f"{path}/:cancel?{query}") for _ in range(2)]
    assert first.headers["operation-location"] == second.headers["operation-location"]
    slow.clock.advance(2)
    assert (await slow.get(f"{path}?{query}")).json()["status"] == "cancelled"


@pytest.mark.parametrize("after", ["success", "cancellation"])
async def test_what_has_ended_cannot_be_cancelled(slow: Wire, after: str) -> None:
    """Contract 4.5: 400 InvalidRequest."""
    path, _, query = (await slow.start_training("A")).headers["operation-location"].partition("?")
    if after == "cancellation":
        await slow.send("POST", f"{path}/:cancel?{query}")
    slow.clock.advance(10)
    late = await slow.send("POST", f"{path}/:cancel?{query}")
    assert late.status_code == 400
    assert late.json()["error"]["code"] == "InvalidRequest"


async def test_the_first_poll_finds_even_a_short_cancellation_under_way(make_wire: Callable[..., Wire]) -> None:
    """Contract 2.5: cancelling is seen before cancelled."""
    wire = make_wire(training_seconds=10)
    await wire.put("A", travel_file())
    started = await wire.start_training("A")
    path, _, query = started.headers["operation-location"].partition("?")
    wire.emulator.training_duration *= 0
    await wire.send("POST", f"{path}/:cancel?{query}")
    assert [(await wire.get(f"{path}?{query}")).json()["status"] for _ in range(2)] == ["cancelling", "cancelled"]


async def test_an_unknown_training_cannot_be_cancelled(wire: Wire) -> None:
    """Contract 4.3: 404 NotFound."""
    await wire.create("A")
    answer = await wire.send("POST", "projects/A/train/jobs/no-such-job/:cancel")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "NotFound"
