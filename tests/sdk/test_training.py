"""Training, trained models, evaluation and exported models, through the official SDK."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from azure.ai.language.conversations.authoring import models
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.server import EmulatorServer
from tests.sdk.conftest import CALLED
from tests.sdk.driver import Sdk
from tests.support.near import approx

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sdk.driver import Flavour

pytestmark = pytest.mark.xdist_group("sdk")

PROJECT = "Pizza"


def training(label: str, *, test_share: int = 20) -> models.TrainingJobDetails:
    """A standard training with a percentage split."""
    split = models.EvaluationDetails(
        kind=models.EvaluationKind.PERCENTAGE,
        training_split_percentage=100 - test_share,
        testing_split_percentage=test_share,
    )
    return models.TrainingJobDetails(
        model_label=label, training_mode=models.TrainingMode.STANDARD, evaluation_options=split
    )


async def import_sample(sdk: Sdk, data: bytes) -> None:
    """The project that the tests train."""
    await sdk.finish("project.begin_import", json.loads(data), project=PROJECT)


async def test_a_training_gives_a_model_with_figures(dev: Sdk, sample: Callable[[str], bytes]) -> None:
    """Start, watch, result; then the model, its evaluation and its list."""
    await import_sample(dev, sample("pizza-small"))
    result = await dev.finish("project.begin_train", training("v1"), project=PROJECT)
    assert isinstance(result, models.TrainingJobResult)
    assert (result.model_label, result.training_config_version) == ("v1", "2022-09-01")
    assert result.training_status.status == "succeeded"
    assert result.training_status.percent_complete == 100
    jobs = await dev.items("project.list_training_jobs", project=PROJECT)
    assert [(job.status, job.result.model_label) for job in jobs] == [("succeeded", "v1")]
    status = await dev.call("project.get_training_status", jobs[0].job_id, project=PROJECT)
    assert isinstance(status, models.TrainingState)
    assert status.result.evaluation_status is not None
    model = await dev.call("trained_model.get_trained_model", "v1", project=PROJECT)
    assert isinstance(model, models.ProjectTrainedModel)
    assert (model.label, model.has_snapshot, model.model_training_config_version) == ("v1", True, "2022-09-01")
    assert [one.label for one in await dev.items("project.list_trained_models", project=PROJECT)] == ["v1"]

    summary = await dev.call("trained_model.get_model_evaluation_summary", "v1", project=PROJECT)
    assert isinstance(summary, models.EvalSummary)
    intents = summary.intents_evaluation
    assert 0.3 < intents.micro_f1 <= 1
    assert set(intents.intents) >= {"CancelOrder", "ModifyOrder"}
    cells = [cell for row in intents.confusion_matrix.values() for cell in row.values()]
    results = await dev.items(
        "trained_model.get_model_evaluation_results", "v1", string_index_type="Utf16CodeUnit", project=PROJECT
    )
    assert len(results) > 1
    assert sum(cell["rawValue"] for cell in cells) == len(results)
    right = sum(one.intents_result.expected_intent == one.intents_result.predicted_intent for one in results)
    assert right / len(results) == approx(intents.micro_recall)


async def test_an_evaluation_is_done_again(dev: Sdk, sample: Callable[[str], bytes]) -> None:
    """With another split the figures are others, and the job says which split it was."""
    await import_sample(dev, sample("pizza-small"))
    await dev.finish("project.begin_train", training("v1"), project=PROJECT)
    before = await dev.items(
        "trained_model.get_model_evaluation_results", "v1", string_index_type="Utf16CodeUnit", project=PROJECT
    )
    options = models.EvaluationDetails(
        kind=models.EvaluationKind.PERCENTAGE, training_split_percentage=50, testing_split_percentage=50
    )
    result = await dev.finish("trained_model.begin_evaluate_model", "v1", options, project=PROJECT)
    assert isinstance(result, models.EvaluationJobResult)
    assert (result.model_label, result.percent_complete) == ("v1", 100)
    assert result.evaluation_details.testing_split_percentage == 50
    job_id = await dev.start("trained_model.begin_evaluate_model", "v1", options, project=PROJECT)
    state = await dev.call("trained_model.get_evaluation_status", "v1", job_id, project=PROJECT)
    assert isinstance(state, models.EvaluationState)
    assert state.job_id == job_id
    after = await dev.items(
        "trained_model.get_model_evaluation_results", "v1", string_index_type="Utf16CodeUnit", project=PROJECT
    )
    assert len(after) > len(before)


async def test_a_snapshot_is_loaded_back(dev: Sdk, sample: Callable[[str], bytes]) -> None:
    """The working copy is again what the model was trained on."""
    await import_sample(dev, sample("pizza-small"))
    await dev.finish("project.begin_train", training("v1", test_share=0), project=PROJECT)
    empty = json.loads(sample("pizza-small"))
    empty["assets"]["utterances"] = []
    await dev.finish("project.begin_import", empty, project=PROJECT)
    assert await dev.finish("trained_model.begin_load_snapshot", "v1", project=PROJECT) is None
    job_id = await dev.start("trained_model.begin_load_snapshot", "v1", project=PROJECT)
    state = await dev.call("trained_model.get_load_snapshot_status", "v1", job_id, project=PROJECT)
    assert isinstance(state, models.LoadSnapshotState)
    with pytest.raises(ResourceNotFoundError):
        await dev.call("trained_model.begin_load_snapshot", "v2", project=PROJECT)


async def test_a_model_is_deleted(dev: Sdk, sample: Callable[[str], bytes]) -> None:
    """204 and gone; a second deletion is told."""
    await import_sample(dev, sample("pizza-small"))
    await dev.finish("project.begin_train", training("v1", test_share=0), project=PROJECT)
    assert await dev.call("trained_model.delete_trained_model", "v1", project=PROJECT) is None
    with pytest.raises(ResourceNotFoundError) as missing:
        await dev.call("trained_model.get_trained_model", "v1", project=PROJECT)
    assert missing.value.error is not None
    assert missing.value.error.code == "NotFound"
    with pytest.raises(ResourceNotFoundError):
        await dev.call("trained_model.delete_trained_model", "v1", project=PROJECT)


async def test_a_training_is_cancelled(flavour: Flavour, sample: Callable[[str], bytes]) -> None:
    """The canceller gets the job's result; the project is free again; the model is not there."""
    with EmulatorServer(EmulatorConfig(resources=("dev",), training_seconds=10)) as server:
        async with Sdk.with_key(flavour, server.resource_url("dev")) as dev:
            await import_sample(dev, sample("pizza-small"))
            job_id = await dev.start("project.begin_train", training("v1"), project=PROJECT)
            with pytest.raises(ResourceExistsError) as busy:
                await dev.call("project.begin_train", training("v2"), project=PROJECT)
            assert busy.value.error is not None
            assert busy.value.error.code == "Conflict"
            result = await asyncio.wait_for(
                dev.finish("project.begin_cancel_training_job", job_id, project=PROJECT), 15
            )
            assert result.training_status.status == "cancelled"
            with pytest.raises(HttpResponseError) as late:
                await dev.call("project.begin_cancel_training_job", job_id, project=PROJECT)
            assert late.value.status_code == 400
            assert await dev.items("project.list_trained_models", project=PROJECT) == []
        CALLED[flavour] |= dev.called


async def test_a_model_is_exported_for_a_container(dev: Sdk, sample: Callable[[str], bytes]) -> None:
    """Made, read, listed, deleted."""
    await import_sample(dev, sample("pizza-small"))
    await dev.finish("project.begin_train", training("v1", test_share=0), project=PROJECT)
    details = models.ExportedModelDetails(trained_model_label="v1")
    assert (
        await dev.finish("exported_model.begin_create_or_update_exported_model", "box", details, project=PROJECT)
        is None
    )
    found = await dev.call("exported_model.get_exported_model", "box", project=PROJECT)
    assert isinstance(found, models.ExportedTrainedModel)
    assert found.exported_model_name == "box"
    assert [one.model_id for one in await dev.items("project.list_exported_models", project=PROJECT)] == [
        found.model_id
    ]
    job_id = await dev.start("exported_model.begin_delete_exported_model", "box", project=PROJECT)
    state = await dev.call("exported_model.get_exported_model_job_status", "box", job_id, project=PROJECT)
    assert isinstance(state, models.ExportedModelState)
    with pytest.raises(ResourceNotFoundError):
        await dev.call(
            "exported_model.begin_create_or_update_exported_model",
            "box",
            models.ExportedModelDetails(trained_model_label="v9"),
            project=PROJECT,
        )


async def test_figures_follow_the_data(dev: Sdk, sample: Callable[[str], bytes]) -> None:
    """A project whose intents were mixed up scores worse."""
    data = json.loads(sample("pizza-small"))
    await dev.finish("project.begin_import", data, project=PROJECT)
    await dev.finish("project.begin_train", training("good"), project=PROJECT)
    names = sorted({one["intent"] for one in data["assets"]["utterances"]})
    for place, one in enumerate(data["assets"]["utterances"]):
        one["intent"] = names[place % len(names)]
    await dev.finish("project.begin_import", data, project=PROJECT)
    await dev.finish("project.begin_train", training("mixed-up"), project=PROJECT)
    good = await dev.call("trained_model.get_model_evaluation_summary", "good", project=PROJECT)
    mixed = await dev.call("trained_model.get_model_evaluation_summary", "mixed-up", project=PROJECT)
    assert mixed.intents_evaluation.micro_f1 < good.intents_evaluation.micro_f1 - 0.1
