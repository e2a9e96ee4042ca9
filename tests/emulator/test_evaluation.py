"""Evaluations on the wire: figures, results of single utterances, evaluating again (contract 2.2, 3.6, 7.4)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.wire import BASE, Wire, project_file, travels

if TYPE_CHECKING:
    from collections.abc import Callable

PREVIEW = "2025-11-15-preview"
SUMMARY = "projects/A/models/v1/evaluation/summary-result"
RESULTS = "projects/A/models/v1/evaluation/result"
EVALUATE = "projects/A/models/v1/:evaluate"
UTF16 = {"stringIndexType": "Utf16CodeUnit"}


def split(training: int) -> dict[str, Any]:
    """A percentage split."""
    return {"kind": "percentage", "trainingSplitPercentage": training, "testingSplitPercentage": 100 - training}


@pytest.fixture
async def trained(wire: Wire) -> Wire:
    """A project `A` with a model `v1` of forty utterances, eight of which tested it."""
    await wire.put("A", project_file(assets={"utterances": travels(40)}))
    await wire.train("A")
    return wire


# --- summary and results -------------------------------------------------------------------------------------------


async def test_the_summary_has_the_figures_of_the_test_set(trained: Wire) -> None:
    """Contract 3.6: every member, and matrices whose cells sum to the test set."""
    answer = await trained.get(SUMMARY)
    assert answer.status_code == 200
    summary = answer.json()
    assert summary["evaluationOptions"] == split(80)
    intents, entities = summary["intentsEvaluation"], summary["entitiesEvaluation"]
    assert sum(cell["rawValue"] for row in intents["confusionMatrix"].values() for cell in row.values()) == 8
    assert set(intents["intents"]) == {"None", "Book"}
    assert set(entities["entities"]) == {"City"}
    assert set(intents["intents"]["Book"]) == {
        "f1", "precision", "recall",
        "truePositiveCount", "trueNegativeCount", "falsePositiveCount", "falseNegativeCount",
    }  # fmt: skip
    for evaluation in (intents, entities):
        averages = {f"{average}{figure}" for average in ("micro", "macro") for figure in ("F1", "Precision", "Recall")}
        assert averages <= evaluation.keys()
    assert intents["microF1"] == 1.0


async def test_the_results_agree_with_the_summary(trained: Wire) -> None:
    """Contract 3.6: the utterances of the test set, each with what was expected and what was predicted."""
    results = (await trained.get(RESULTS, params=UTF16)).json()
    assert results["nextLink"] is None
    assert len(results["value"]) == 8
    texts = {utterance["text"] for utterance in travels(40)}
    assert {result["text"] for result in results["value"]} < texts
    right = [result["intentsResult"] for result in results["value"]]
    recall = (await trained.get(SUMMARY)).json()["intentsEvaluation"]["microRecall"]
    assert sum(one["expectedIntent"] == one["predictedIntent"] for one in right) / 8 == recall
    assert [*results["value"][0]] == ["text", "language", "entitiesResult", "intentsResult"]


async def test_results_come_in_pages(trained: Wire) -> None:
    """Contract 2.4: the links lead through all of them, and keep the string index type."""
    whole = (await trained.get(RESULTS, params=UTF16)).json()["value"]
    found: list[dict[str, Any]] = []
    page = (await trained.get(RESULTS, params=UTF16 | {"maxpagesize": "3"})).json()
    while True:
        found += page["value"]
        if page["nextLink"] is None:
            break
        assert page["nextLink"].startswith(f"{BASE}/{RESULTS}?")
        page = (await trained.get(page["nextLink"])).json()
    assert found == whole


@pytest.mark.parametrize("index_type", [None, "", "Utf8", "Utf8CodeUnit"])
async def test_results_need_a_string_index_type_that_the_version_knows(trained: Wire, index_type: str | None) -> None:
    """Contract 2.2, 2.3: required; 2023-04-01 knows UTF-16 alone."""
    params = {} if index_type is None else {"stringIndexType": index_type}
    answer = await trained.get(RESULTS, params=params)
    assert answer.status_code == 400
    assert answer.json()["error"]["target"] == "stringIndexType"


@pytest.mark.parametrize(
    "index_type, offset, length",
    [("Utf16CodeUnit", 10, 6), ("Utf8CodeUnit", 12, 9), ("Utf32CodeUnit", 9, 5)],
)
async def test_offsets_count_in_the_units_that_were_asked_for(
    wire: Wire, index_type: str, offset: int, length: int
) -> None:
    """Contract 3.3, 3.6: of a text with characters beyond the first plane, labelled in UTF-16."""
    text = "\N{AIRPLANE DEPARTURE} fly to Z\N{LATIN SMALL LETTER U WITH DIAERESIS}r\N{DESERT ISLAND}h"
    label = {"category": "City", "offset": 10, "length": 6}
    tested = {"text": text, "intent": "Book", "entities": [label], "language": "en-us", "dataset": "Test"}
    await wire.put("A", project_file(assets={"utterances": [*travels(), tested]}))
    await wire.train("A", body={"evaluationOptions": {"kind": "manual"}})
    results = (await wire.get(RESULTS, params={"stringIndexType": index_type}, version=PREVIEW)).json()["value"]
    assert len(results) == 1
    assert results[0]["entitiesResult"]["expectedEntities"] == [
        {"category": "City", "offset": offset, "length": length}
    ]


async def test_a_manual_evaluation_goes_by_the_datasets(wire: Wire) -> None:
    """Contract 7.4: Train trains, Test tests; the summary says that the split was manual."""
    tests = [utterance | {"text": f"and {number}"} for number, utterance in enumerate(travels(6, dataset="Test"))]
    for utterance in tests:
        utterance["entities"] = []
    await wire.put("A", project_file(assets={"utterances": [*travels(), *tests]}))
    await wire.train("A", body={"evaluationOptions": {"kind": "manual", "trainingSplitPercentage": 1}})
    assert (await wire.get(SUMMARY)).json()["evaluationOptions"] == {"kind": "manual"}
    results = (await wire.get(RESULTS, params=UTF16)).json()["value"]
    assert [result["text"] for result in results] == [utterance["text"] for utterance in tests]


# --- without figures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [SUMMARY, RESULTS])
async def test_a_model_without_a_test_set_has_no_evaluation(wire: Wire, path: str) -> None:
    """404 with the reason, rather than figures of nothing."""
    await wire.put("A", project_file(assets={"utterances": travels()}))
    await wire.train("A", body={"evaluationOptions": split(100)})
    answer = await wire.get(path, params=UTF16)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "NotFound"
    assert "no utterances to test with" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", [SUMMARY, RESULTS])
async def test_a_model_that_was_put_in_place_bare_has_no_evaluation(wire: Wire, path: str) -> None:
    """What it was trained on is not known, and nothing is made up."""
    await wire.create("A")
    wire.emulator.add_model("dev", "A", "v1", has_snapshot=False)
    answer = await wire.get(path, params=UTF16)
    assert answer.status_code == 404
    assert "what it was trained on is not known" in answer.json()["error"]["message"]


async def test_a_model_that_was_put_in_place_with_its_snapshot_has_figures(wire: Wire) -> None:
    """It is fitted when somebody asks."""
    await wire.put("A", project_file(assets={"utterances": travels()}))
    wire.emulator.add_model("dev", "A", "v1")
    assert (await wire.get(SUMMARY)).json()["intentsEvaluation"]["microF1"] > 0


@pytest.mark.parametrize("path", [SUMMARY, RESULTS])
@pytest.mark.parametrize("project", ["A", "B"])
async def test_the_evaluation_of_an_unknown_model_is_not_found(wire: Wire, path: str, project: str) -> None:
    """Contract 4.5."""
    await wire.create("A")
    answer = await wire.get(path.replace("projects/A", f"projects/{project}"), params=UTF16)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == ("NotFound" if project == "A" else "ProjectNotFound")


# --- evaluating again ----------------------------------------------------------------------------------------------


async def test_an_evaluation_job_gives_the_model_other_figures(trained: Wire) -> None:
    """Contract 2.2, 3.4: result first, with the options; then summary and results are those of the new split."""
    before = await trained.get(SUMMARY)
    started = await trained.send("POST", EVALUATE, json=split(60), version=PREVIEW)
    location = started.headers["operation-location"]
    assert location.startswith(f"{BASE}/projects/A/models/v1/evaluate/jobs/")
    first = (await trained.get(location)).json()
    assert first["status"] == "notStarted"
    result = {"evaluationOptions": split(60), "modelLabel": "v1", "trainingConfigVersion": "2022-09-01"}
    assert first["result"] == result | {"percentComplete": 0}
    job = await trained.finish(started)
    assert [*job][:2] == ["result", "jobId"]
    assert (job["status"], job["result"]) == ("succeeded", result | {"percentComplete": 100})
    assert (await trained.get(SUMMARY)).json()["evaluationOptions"] == split(60)
    assert len((await trained.get(RESULTS, params=UTF16)).json()["value"]) == 16
    model = (await trained.get("projects/A/models/v1")).json()
    await trained.finish(await trained.send("POST", EVALUATE, json={}, version=PREVIEW))
    assert (await trained.get(SUMMARY)).json() == before.json()
    assert (await trained.get("projects/A/models/v1")).json() == model


async def test_an_evaluation_job_tells_how_far_it_is(make_wire: Callable[..., Wire]) -> None:
    """Contract 3.4: percentComplete follows the clock."""
    wire = make_wire(job_seconds=10, training_seconds=0)
    await wire.put("A", project_file(assets={"utterances": travels(40)}))
    await wire.train("A")
    started = await wire.send("POST", EVALUATE, json={"kind": "percentage"}, version=PREVIEW)
    wire.clock.advance(6)
    job = (await wire.get(started.headers["operation-location"])).json()
    assert (job["status"], job["result"]["percentComplete"]) == ("running", 50)


async def test_an_evaluation_with_nothing_to_test_fails(trained: Wire) -> None:
    """The job says why, and the figures stay."""
    before = (await trained.get(SUMMARY)).json()
    job = await trained.finish(await trained.send("POST", EVALUATE, json={"kind": "manual"}, version=PREVIEW))
    assert job["status"] == "failed"
    assert job["result"]["percentComplete"] == 0
    assert [error["code"] for error in job["errors"]] == ["InvalidRequest"]
    assert (await trained.get(SUMMARY)).json() == before


async def test_an_evaluation_of_a_model_that_goes_meanwhile_fails(make_wire: Callable[..., Wire]) -> None:
    """Another model of its label does not get the figures."""
    wire = make_wire(job_seconds=10, training_seconds=0)
    await wire.put("A", project_file(assets={"utterances": travels(40)}))
    await wire.train("A")
    started = await wire.send("POST", EVALUATE, json=split(50), version=PREVIEW)
    await wire.train("A")
    assert (await wire.finish(started))["status"] == "failed"
    assert (await wire.get(SUMMARY)).json()["evaluationOptions"] == split(80)


@pytest.mark.parametrize(
    "body, target",
    [
        (split(80) | {"testingSplitPercentage": 30}, "trainingSplitPercentage"),
        ({"kind": "random"}, "kind"),
        ({"evaluationOptions": {}}, "evaluationOptions"),
    ],
)
async def test_a_wrong_evaluation_is_refused(trained: Wire, body: dict[str, Any], target: str) -> None:
    """Contract 3.4, 4.3."""
    answer = await trained.send("POST", EVALUATE, json=body, version=PREVIEW)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error.get("details") or [error])[0]["target"] == target


@pytest.mark.parametrize("label, status, code", [("v9", 404, "NotFound"), ("bare", 400, "InvalidRequest")])
async def test_an_evaluation_needs_a_model_with_snapshot(trained: Wire, label: str, status: int, code: str) -> None:
    """Contract 4.5."""
    trained.emulator.add_model("dev", "A", "bare", has_snapshot=False)
    answer = await trained.send("POST", f"projects/A/models/{label}/:evaluate", json={}, version=PREVIEW)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    "version, status",
    [("2023-04-01", 404), ("2025-11-01", 404), ("2023-04-15-preview", 202), ("2025-05-15-preview", 202)],
)
async def test_evaluation_jobs_are_in_previews(trained: Wire, version: str, status: int) -> None:
    """Contract 1: from 2023-04-15-preview; to the others the gateway knows no such route."""
    answer = await trained.send("POST", EVALUATE, json={}, version=version)
    assert answer.status_code == status
    if status == 404:
        assert answer.json()["error"]["code"] == "404"


# --- figures follow the data ---------------------------------------------------------------------------------------


@pytest.fixture
def real_project(sample: Callable[[str], bytes]) -> dict[str, Any]:
    """A public project of 607 utterances, every fifth of which tests."""
    project: dict[str, Any] = json.loads(sample("emailapp-demo"))
    for number, utterance in enumerate(project["assets"]["utterances"]):
        utterance["dataset"] = "Train" if number % 5 else "Test"
    return project


async def figures(wire: Wire, name: str, file: dict[str, Any]) -> tuple[float, float]:
    """Micro F1 of intents and entities of a project that is imported, trained and tested by its datasets."""
    assert (await wire.put(name, file, version=PREVIEW))["status"] == "succeeded"
    assert (await wire.train(name, body={"evaluationOptions": {"kind": "manual"}}))["status"] == "succeeded"
    summary = (await wire.get(f"projects/{name}/models/v1/evaluation/summary-result")).json()
    return summary["intentsEvaluation"]["microF1"], summary["entitiesEvaluation"]["microF1"]


async def test_a_mislabelled_and_a_shrunken_project_score_worse(wire: Wire, real_project: dict[str, Any]) -> None:
    """A real project; the same utterances test it each time, so that what it learned makes the difference."""
    utterances = real_project["assets"]["utterances"]
    training = [utterance for utterance in utterances if utterance["dataset"] == "Train"]
    tests = [utterance for utterance in utterances if utterance["dataset"] == "Test"]
    intents = sorted({utterance["intent"] for utterance in training})
    mixed_up = [
        utterance | {"intent": intents[number % len(intents)], "entities": []} if number % 2 else utterance
        for number, utterance in enumerate(training)
    ]

    def with_training(some: list[dict[str, Any]]) -> dict[str, Any]:
        return real_project | {"assets": real_project["assets"] | {"utterances": [*some, *tests]}}

    good = await figures(wire, "good", with_training(training))
    mislabelled = await figures(wire, "mislabelled", with_training(mixed_up))
    shrunken = await figures(wire, "shrunken", with_training(training[::12]))
    assert good[0] > 0.8
    assert good[1] > 0.6
    assert mislabelled[0] < good[0] - 0.1
    assert mislabelled[1] < good[1] - 0.05
    assert shrunken[0] < good[0] - 0.1
    assert shrunken[1] < good[1] - 0.1
