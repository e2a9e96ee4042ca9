"""Deployments, resources, copies and reference lists, through the official SDK."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from azure.ai.language.conversations.authoring import models
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.sdk.test_training import PROJECT, import_sample, training

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sdk.driver import Sdk

pytestmark = pytest.mark.xdist_group("sdk")


def deploying(label: str) -> models.CreateDeploymentDetails:
    """A deployment on the home resource."""
    return models.CreateDeploymentDetails(trained_model_label=label)


async def trained(sdk: Sdk, data: bytes, *labels: str) -> None:
    """A project with trained models."""
    await import_sample(sdk, data)
    for label in labels:
        await sdk.finish("project.begin_train", training(label, test_share=0), project=PROJECT)


async def test_a_model_is_deployed_swapped_and_taken_down(dev: Sdk, sample: Callable[[str], bytes]) -> None:
    """Each state is what the deployment says when its job has succeeded."""
    await trained(dev, sample("pizza-small"), "v1", "v2")
    assert await dev.finish("deployment.begin_deploy_project", "production", deploying("v1"), project=PROJECT) is None
    job_id = await dev.start("deployment.begin_deploy_project", "staging", deploying("v2"), project=PROJECT)
    state = await dev.call("deployment.get_deployment_status", "staging", job_id, project=PROJECT)
    assert isinstance(state, models.DeploymentState)
    await dev.finish("deployment.begin_deploy_project", "staging", deploying("v2"), project=PROJECT)
    production = await dev.call("deployment.get_deployment", "production", project=PROJECT)
    assert isinstance(production, models.ProjectDeployment)
    assert production.model_id.startswith("v1-")
    assert production.last_deployed_on is not None
    listed = await dev.items("project.list_deployments", project=PROJECT)
    assert {one.deployment_name for one in listed} == {"production", "staging"}
    swap = models.SwapDeploymentsDetails(first_deployment_name="production", second_deployment_name="staging")
    assert await dev.finish("project.begin_swap_deployments", swap, project=PROJECT) is None
    job_id = await dev.start("project.begin_swap_deployments", swap, project=PROJECT)
    state = await dev.call("project.get_swap_deployments_status", job_id, project=PROJECT)
    assert isinstance(state, models.SwapDeploymentsState)
    assert await dev.finish("project.begin_swap_deployments", swap, project=PROJECT) is None
    swapped = await dev.call("deployment.get_deployment", "production", project=PROJECT)
    assert swapped.model_id.startswith("v2-")
    assert await dev.finish("deployment.begin_delete_deployment", "staging", project=PROJECT) is None
    with pytest.raises(ResourceNotFoundError):
        await dev.call("deployment.get_deployment", "staging", project=PROJECT)
    with pytest.raises(ResourceNotFoundError):
        await dev.call("deployment.begin_deploy_project", "production", deploying("v9"), project=PROJECT)


async def test_a_project_is_copied_with_the_targets_permission(
    dev: Sdk, prod: Sdk, sample: Callable[[str], bytes]
) -> None:
    """Authorised on the target, started on the source, there when the job says so."""
    await import_sample(dev, sample("pizza-small"))
    permit = await prod.call("project.copy_project_authorization", project_kind="Conversation", project="Copied")
    assert isinstance(permit, models.CopyProjectDetails)
    assert permit.target_project_name == "Copied"
    assert await dev.finish("project.begin_copy_project", permit, project=PROJECT) is None
    found = await prod.call("client.get_project", "Copied")
    assert found.language == json.loads(sample("pizza-small"))["metadata"]["language"]
    second = await prod.call(
        "project.copy_project_authorization", project_kind="Conversation", allow_overwrite=True, project="Copied"
    )
    job_id = await dev.start("project.begin_copy_project", second, project=PROJECT)
    state = await dev.call("project.get_copy_project_status", job_id, project=PROJECT)
    assert isinstance(state, models.CopyProjectState)
    third = await prod.call(
        "project.copy_project_authorization", project_kind="Conversation", allow_overwrite=True, project="Copied"
    )
    third.access_token = "forged"
    with pytest.raises(HttpResponseError):
        await dev.call("project.begin_copy_project", third, project=PROJECT)


async def test_reference_lists_are_typed(dev: Sdk) -> None:
    """Languages, prebuilt entities and training configurations."""
    languages = await dev.items("client.list_supported_languages", project_kind="Conversation")
    assert all(isinstance(one, models.SupportedLanguage) for one in languages)
    assert {"en-us", "de", "zh-hans"} <= {one.language_code for one in languages}
    prebuilts = await dev.items("client.list_supported_prebuilt_entities", language="en")
    assert all(isinstance(one, models.PrebuiltEntity) for one in prebuilts)
    assert {"DateTime", "Quantity.Number"} <= {one.category for one in prebuilts}
    many = await dev.items("client.list_supported_prebuilt_entities", multilingual="true")
    assert {one.category for one in many} > {one.category for one in prebuilts}
    versions = await dev.items("client.list_training_config_versions", project_kind="Conversation")
    assert all(isinstance(one, models.TrainingConfigVersion) for one in versions)
    assert "2022-09-01" in {one.training_config_version for one in versions}
    with pytest.raises(HttpResponseError) as refused:
        await dev.items("client.list_supported_prebuilt_entities")
    assert refused.value.status_code == 400
