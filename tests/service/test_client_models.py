"""Trained models, their evaluation, their snapshots; exported models."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import Conflict, JobExpired, NotFound, ProjectNotFound, UnexpectedAnswer
from cluvault.service.evaluation_models import Evaluation, EvaluationSummary
from cluvault.service.models import label_of
from tests.service.operation_table import FIGURES
from tests.service.scripted import (
    Bench,
    FakeTime,
    ScriptedService,
    accepted,
    answer,
    error,
    gateway_error,
    job,
    job_url,
    settings,
)
from tests.support.near import approx

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from cluvault.service.client import CluClient

PREVIEW = settings(**{"api-version": "2025-11-15-preview"})
SCORE = {
    "f1": 0.8,
    "precision": 1.0,
    "recall": 0.6666667,
    "truePositiveCount": 2,
    "trueNegativeCount": 0,
    "falsePositiveCount": 0,
    "falseNegativeCount": 1,
}
SUMMARY: dict[str, Any] = {
    "entitiesEvaluation": {
        "confusionMatrix": {"City": {"$none": {"normalizedValue": 33.3, "rawValue": 0.5}}},
        "entities": {"City": SCORE},
        **FIGURES,
    },
    "intentsEvaluation": {"confusionMatrix": {}, "intents": {"Book": SCORE, "None": SCORE}, **FIGURES, "microF1": 0.9},
    "evaluationOptions": {"kind": "percentage", "trainingSplitPercentage": 80, "testingSplitPercentage": 20},
}


async def test_a_model_is_got_by_its_label(client: CluClient, service: ScriptedService) -> None:
    """The label is one segment of the path."""
    service.on("GET", "/A/models/v%201", answer({"label": "v 1", "modelExpirationDate": "2027-01-31"}))
    assert (await client.get_model("A", label="v 1")).expires_on == date(2027, 1, 31)


async def test_a_missing_model_is_not_a_missing_project(client: CluClient, service: ScriptedService) -> None:
    """`NotFound` below a project means the model; only ProjectNotFound means the project."""
    service.on("GET", "/A/models/m1", error(404, "NotFound", "no model m1"))
    with pytest.raises(NotFound, match=r"dev/A: get model 'm1': .*no model m1"):
        await client.get_model("A", label="m1")
    assert await client.model_exists("A", label="m1") is False
    service.on("GET", "/A/models/m1", error(404, "ProjectNotFound"))
    with pytest.raises(ProjectNotFound):
        await client.model_exists("A", label="m1")
    service.on("GET", "/A/models/m1", answer({"label": "m1"}))
    assert await client.model_exists("A", label="m1") is True


async def test_a_deleted_model_is_gone_at_once(client: CluClient, service: ScriptedService) -> None:
    """204 without a job; a second deletion finds nothing, which is success."""
    service.on("DELETE", "/A/models/m1", answer(None, 204), error(404, "NotFound"))
    await client.delete_model("A", label="m1")
    await client.delete_model("A", label="m1")
    assert len(service.requests) == 2


async def test_a_deletion_that_is_only_accepted_is_not_done(client: CluClient, service: ScriptedService) -> None:
    """What the contract does not know is never reported as done."""
    service.on("DELETE", "/A/models/m1", accepted(job_url("A", "x")))
    with pytest.raises(UnexpectedAnswer, match="dev/A: delete model 'm1': the service answered 202"):
        await client.delete_model("A", label="m1")


async def test_a_model_in_use(client: CluClient, service: ScriptedService) -> None:
    """Should the service refuse to delete a deployed model, that is passed on."""
    service.on("DELETE", "/A/models/m1", error(409, "Conflict", "deployed"))
    with pytest.raises(Conflict, match="deployed"):
        await client.delete_model("A", label="m1")


async def test_loading_a_snapshot(client: CluClient, service: ScriptedService) -> None:
    """The service's own URL is followed to the end."""
    service.on("POST", "/A/models/m1/:load-snapshot", accepted(job_url("A", "load-snapshot")))
    service.on("GET", "/A/load-snapshot/jobs/job-1", job("running"), job("succeeded"))
    handle = await client.begin_load_snapshot("A", label="m1")
    assert (await client.wait(handle, timeout=60)).status == "succeeded"


async def test_the_summary_is_typed(client: CluClient, service: ScriptedService) -> None:
    """Figures, counts, confusion and options."""
    service.on("GET", "/A/models/m1/evaluation/summary-result", answer(SUMMARY))
    summary = await client.get_evaluation_summary("A", label="m1")
    assert (summary.intents.micro_f1, summary.intents.macro_f1) == (0.9, 0.5)
    assert summary.intents.scores["Book"].recall == approx(2 / 3)
    assert summary.intents.scores["Book"].false_negatives == 1
    assert summary.entities is not None
    assert set(summary.entities.scores) == {"City"}
    assert summary.entities.confusion["City"]["$none"].raw == 0.5
    assert summary.options is not None
    assert summary.options.training_percent == 80


async def test_an_orchestration_has_no_entities(client: CluClient, service: ScriptedService) -> None:
    """Their part may be missing or null."""
    body = {"intentsEvaluation": SUMMARY["intentsEvaluation"], "entitiesEvaluation": None}
    service.on("GET", "/A/models/m1/evaluation/summary-result", answer(body))
    assert (await client.get_evaluation_summary("A", label="m1")).entities is None


@pytest.mark.parametrize("figure", sorted(FIGURES))
@pytest.mark.parametrize("value", [None, "NaN", "Infinity", "good", []])
async def test_a_figure_that_is_none(client: CluClient, service: ScriptedService, figure: str, value: object) -> None:
    """A gate decides by these: one that is missing or no number is an error, never 0 and never NaN."""
    body = {"intentsEvaluation": SUMMARY["intentsEvaluation"] | {figure: value}}
    service.on("GET", "/A/models/m1/evaluation/summary-result", answer(body))
    with pytest.raises(UnexpectedAnswer, match=f"no EvaluationSummary: at intentsEvaluation.{figure}"):
        await client.get_evaluation_summary("A", label="m1")


figures = st.floats(min_value=0, max_value=1)


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.tuples(figures, figures, figures), max_size=4), figures)
def test_what_the_service_says_is_what_is_read(scores: dict[str, tuple[float, float, float]], micro: float) -> None:
    """No figure is changed on the way, whatever the names of the intents."""
    intents = {name: {"f1": f1, "precision": p, "recall": r} for name, (f1, p, r) in scores.items()}
    part = Evaluation.model_validate({**FIGURES, "microF1": micro, "intents": intents})
    assert part.micro_f1 == micro
    assert {name: (each.f1, each.precision, each.recall) for name, each in part.scores.items()} == scores
    assert EvaluationSummary.model_validate({"intentsEvaluation": part}).intents == part


async def test_each_utterance_is_listed(client: CluClient, service: ScriptedService) -> None:
    """Equal utterances are all listed: they have no names."""
    item = {
        "text": "fly to Paris",
        "language": "en-us",
        "entitiesResult": {
            "expectedEntities": [{"category": "City", "offset": 7, "length": 5}],
            "predictedEntities": [],
        },
        "intentsResult": {"expectedIntent": "Book", "predictedIntent": "None"},
    }
    bare = {"text": "hi", "intentsResult": {"expectedIntent": "None", "predictedIntent": "None"}}
    service.on("GET", "/A/models/m1/evaluation/result", answer({"value": [item, item, bare]}))
    first, second, third = [each async for each in client.list_evaluation_results("A", label="m1")]
    assert first == second
    assert (first.intents.expected, first.intents.predicted) == ("Book", "None")
    (expected,) = first.entities.expected
    assert (expected.category, expected.offset, expected.length) == ("City", 7, 5)
    assert first.entities.predicted == third.entities.expected == ()


@given(st.text(max_size=20).filter(bool), st.from_regex(r"[0-9]{8}T[0-9]{6}", fullmatch=True), st.uuids())
def test_a_models_id_tells_its_label(label: str, moment: str, number: Any) -> None:
    """Whatever the label, dashes included."""
    assert label_of(f"{label}-{moment}-{number.hex}") == label


async def test_exported_models(bench: Bench, service: ScriptedService) -> None:
    """Their life: exported under a name, read, deleted, gone."""
    item = {
        "exportedModelName": "x1",
        "modelId": "m-1-20260102T030405-" + "a" * 32,
        "lastExportedModelDateTime": "2026-01-02T03:04:05Z",
        "modelExpirationDate": "2027-01-31",
    }
    service.on("PUT", "/A/exported-models/x1", accepted(job_url("A", "exported")))
    service.on("DELETE", "/A/exported-models/x1", accepted(job_url("A", "exported")), error(404, "NotFound"))
    service.on("GET", "/A/exported/jobs/job-1", job("succeeded"))
    service.on("GET", "/A/exported-models/x1", answer(item))
    async with bench.client(PREVIEW) as client:
        await client.wait(await client.begin_export_model("A", name="x1", label="m-1"), timeout=60)
        found = await client.get_exported_model("A", name="x1")
        assert (found.name, found.model_label, found.expires_on) == ("x1", "m-1", date(2027, 1, 31))
        assert await client.exported_model_exists("A", name="x1") is True
        await client.delete_exported_model("A", name="x1")
        await client.delete_exported_model("A", name="x1")


@pytest.mark.parametrize("still_there", [False, True])
async def test_an_expired_deletion_is_judged_by_the_exported_model(
    bench: Bench, service: ScriptedService, time: FakeTime, *, still_there: bool
) -> None:
    """When the job's record is gone, the model itself says whether the deletion was done."""

    def expire(_: Request) -> Response:
        time.now += 10
        return error(404, "NotFound")

    service.on("DELETE", "/A/exported-models/x1", accepted(job_url("A", "exported")))
    service.on("GET", "/A/exported/jobs/job-1", expire)
    there = answer({"exportedModelName": "x1"}) if still_there else error(404, "NotFound")
    service.on("GET", "/A/exported-models/x1", there)
    async with bench.client(PREVIEW) as client:
        if still_there:
            with pytest.raises(JobExpired):
                await client.delete_exported_model("A", name="x1")
        else:
            await client.delete_exported_model("A", name="x1")


async def test_an_unknown_project_is_no_deletion(bench: Bench, service: ScriptedService) -> None:
    """A mistyped project or a gateway's page is told, not taken for a model that is gone."""
    for path in ("/B/models/m1", "/B/exported-models/x1"):
        service.on("DELETE", path, error(404, "ProjectNotFound"))
    service.on("DELETE", "/A/exported-models/x1", gateway_error(404, "Resource not found"))
    service.on("GET", "/A/exported-models/x1", gateway_error(404, "Resource not found"))
    async with bench.client(PREVIEW) as client:
        for doubt in (client.delete_exported_model("A", name="x1"), client.exported_model_exists("A", name="x1")):
            with pytest.raises(NotFound, match="Resource not found"):
                await doubt
        with pytest.raises(ProjectNotFound):
            await client.delete_model("B", label="m1")
        with pytest.raises(ProjectNotFound):
            await client.delete_exported_model("B", name="x1")
