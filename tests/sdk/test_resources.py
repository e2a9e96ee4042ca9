"""Deployment resources, through the official SDK over TLS, signed in by azure-identity: assigning takes a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.language.conversations.authoring import models
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.identity.aio import ClientSecretCredential as AioClientSecretCredential

from cluvault.emulator.arm import arm_id
from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.server import EmulatorServer
from cluvault.emulator.tls import throw_away_tls
from tests.sdk.conftest import CALLED
from tests.sdk.driver import Sdk
from tests.sdk.test_deployments import trained
from tests.sdk.test_training import PROJECT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.sdk.driver import Flavour

pytestmark = pytest.mark.xdist_group("sdk")


@pytest.fixture
async def signed_in(tmp_path: Path, flavour: Flavour) -> AsyncIterator[tuple[Sdk, Sdk]]:
    """Resources dev and prod of one emulator, each by an owner's token."""
    ca_file = tmp_path / "ca.pem"
    with EmulatorServer(EmulatorConfig(resources=("dev", "prod")), tls=throw_away_tls(ca_file)) as server:
        trust: dict[str, Any] = {"connection_verify": str(ca_file)}
        kind: Any = AioClientSecretCredential if flavour == "aio" else ClientSecretCredential
        credential = kind(
            "tenant",
            "owner",
            "emulator-key-1",
            authority=server.url,
            disable_instance_discovery=True,
            **trust,
        )
        dev, prod = (Sdk(flavour, server.resource_url(name), credential, **trust) for name in ("dev", "prod"))
        async with dev, prod:
            yield dev, prod
        if flavour == "aio":
            await credential.close()
        else:
            credential.close()
        CALLED[flavour] |= dev.called | prod.called


async def test_a_deployment_is_placed_on_another_resource(
    signed_in: tuple[Sdk, Sdk], sample: Callable[[str], bytes]
) -> None:
    """Assigned, deployed there, seen from there, taken away, unassigned."""
    dev, prod = signed_in
    await trained(dev, sample("pizza-small"), "v1")
    other = models.ResourceMetadata(azure_resource_id=arm_id("prod"), custom_domain="prod", region="eastus")
    details = models.AssignProjectResourcesDetails(metadata=[other])
    assert await dev.finish("project.begin_assign_project_resources", details, project=PROJECT) is None
    (assigned,) = await dev.items("project.list_project_resources", project=PROJECT)
    assert isinstance(assigned, models.AssignedProjectResource)
    assert assigned.resource_id == arm_id("prod")
    job_id = await dev.start("project.begin_assign_project_resources", details, project=PROJECT)
    state = await dev.call("project.get_assign_project_resources_status", job_id, project=PROJECT)
    assert isinstance(state, models.ProjectResourcesState)

    placed = models.CreateDeploymentDetails(
        trained_model_label="v1",
        azure_resource_ids=[models.AssignedProjectResource(resource_id=arm_id("prod"), region="eastus")],
    )
    await dev.finish("deployment.begin_deploy_project", "everywhere", placed, project=PROJECT)
    deployment = await dev.call("deployment.get_deployment", "everywhere", project=PROJECT)
    assert [one.resource_id for one in deployment.assigned_resources] == [arm_id("prod")]
    (seen,) = await prod.items("client.list_assigned_resource_deployments")
    assert isinstance(seen, models.AssignedProjectDeploymentsMetadata)
    assert seen.project_name == PROJECT
    assert [one.deployment_name for one in seen.deployments_metadata] == ["everywhere"]

    ids = models.ProjectResourceIds(azure_resource_ids=[arm_id("prod")])
    operation = "deployment.begin_delete_deployment_from_resources"
    assert await dev.finish(operation, "everywhere", ids, project=PROJECT) is None
    assert await prod.items("client.list_assigned_resource_deployments") == []
    job_id = await dev.start("project.begin_unassign_project_resources", ids, project=PROJECT)
    state = await dev.call("project.get_unassign_project_resources_status", job_id, project=PROJECT)
    assert isinstance(state, models.ProjectResourcesState)
    await dev.finish("project.begin_assign_project_resources", details, project=PROJECT)
    assert await dev.finish("project.begin_unassign_project_resources", ids, project=PROJECT) is None
    assert await dev.items("project.list_project_resources", project=PROJECT) == []


async def test_taking_a_deployment_away_is_a_job_with_a_status(
    signed_in: tuple[Sdk, Sdk], sample: Callable[[str], bytes]
) -> None:
    """It is readable after the deployment has gone."""
    dev, _ = signed_in
    await trained(dev, sample("pizza-small"), "v1")
    details = models.CreateDeploymentDetails(trained_model_label="v1")
    await dev.finish("deployment.begin_deploy_project", "home", details, project=PROJECT)
    job_id = await dev.start(
        "deployment.begin_delete_deployment_from_resources", "home", models.ProjectResourceIds(), project=PROJECT
    )
    operation = "deployment.get_deployment_delete_from_resources_status"
    while (state := await dev.call(operation, "home", job_id, project=PROJECT)).status != "succeeded":
        assert state.status in ("notStarted", "running")
    assert isinstance(state, models.DeploymentDeleteFromResourcesState)


async def test_a_key_cannot_assign(dev: Sdk, sample: Callable[[str], bytes]) -> None:
    """The one operation that takes a token only."""
    await trained(dev, sample("pizza-small"))
    other = models.ResourceMetadata(azure_resource_id=arm_id("prod"), custom_domain="prod", region="eastus")
    with pytest.raises(HttpResponseError) as refused:
        await dev.call(
            "project.begin_assign_project_resources",
            models.AssignProjectResourcesDetails(metadata=[other]),
            project=PROJECT,
        )
    assert refused.value.status_code == 403
