"""Service deployments and the resources they are on, in the words of each api-version."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import JobExpired, NotFound, OperationNotInVersion, ProjectNotFound, UsageError
from cluvault.service.calls.deployments import DeploymentResource, deployment_body
from cluvault.service.calls.resources import ProjectResource, ids_body
from cluvault.service.calls.training import OpenAIConnection
from cluvault.service.features import OPENAI, RESOURCES
from tests.service.operation_table import RESOURCE_ID
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

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from cluvault.service.client import CluClient

WEU = DeploymentResource(RESOURCE_ID, "westeurope")
OLD_PREVIEWS = ["2022-10-01-preview", "2023-04-15-preview", "2023-11-15-preview", "2024-11-15-preview"]
IDS = {"assignedResourceIds": [RESOURCE_ID]}
BODIES: dict[str, dict[str, Any]] = dict.fromkeys(OLD_PREVIEWS, IDS) | {
    "2025-05-15-preview": {"assignedResources": [{"resourceId": RESOURCE_ID, "region": "westeurope"}]},
    "2025-11-01": {"azureResourceIds": [RESOURCE_ID]},
    "2025-11-15-preview": {"azureResourceIds": [{"azureResourceId": RESOURCE_ID, "region": "westeurope"}]},
}


def at(version: str) -> Any:
    """The settings of a resource with a fixed api-version."""
    return settings(**{"api-version": version})


def test_every_version_with_resources_is_known() -> None:
    """The table below is whole."""
    assert set(BODIES) == set(RESOURCES.versions)


@pytest.mark.parametrize("version", sorted(BODIES))
async def test_deploying_to_resources(bench: Bench, service: ScriptedService, version: str) -> None:
    """Each version has its own member and shape for the resources."""
    service.on("PUT", "/A/deployments/prod", accepted(job_url("A", "x")))
    async with bench.client(at(version)) as client:
        await client.begin_deploy("A", deployment="prod", label="m1", resources=[WEU])
        await client.begin_deploy("A", deployment="prod", label="m1")
    several, home = service.sent("PUT", "/A/deployments/prod")
    assert json.loads(several.body) == {"trainedModelLabel": "m1", **BODIES[version]}
    assert json.loads(home.body) == {"trainedModelLabel": "m1"}


@pytest.mark.parametrize("version", ["2025-05-15-preview", "2025-11-15-preview", "2030-01-01-preview"])
def test_objects_carry_region_and_connection(version: str) -> None:
    """Previews since 2025-05-15 take the Azure OpenAI connection of each resource."""
    resource = DeploymentResource(RESOURCE_ID, "westeurope", OpenAIConnection("gpt", "r"))
    ((_, found),) = [
        item for item in deployment_body("m", [resource], version).items() if item[0] != "trainedModelLabel"
    ]
    connection = {"kind": "AzureOpenAI", "deploymentName": "gpt", "resourceId": "r"}
    assert found[0]["assignedAoaiResource"] == connection
    assert found[0]["region"] == "westeurope"
    with pytest.raises(UsageError, match=f"has no region, which api-version {version} asks for"):
        deployment_body("m", [DeploymentResource(RESOURCE_ID)], version)


@given(
    st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=5),
    st.sampled_from([*RESOURCES.versions, "2030-01-01", "2030-01-01-preview"]),
)
def test_no_resource_is_lost_in_any_shape(ids: list[str], version: str) -> None:
    """Whatever the version calls them, all resources are sent, in order, under one member."""
    body = deployment_body("m", [DeploymentResource(each, "weu") for each in ids], version)
    (member,) = set(body) - {"trainedModelLabel"}
    sent = [
        each if isinstance(each, str) else each.get("azureResourceId", each.get("resourceId")) for each in body[member]
    ]
    assert sent == ids
    assert list(ids_body(ids, version).values()) == [ids]


@pytest.mark.parametrize("version", ["2022-05-01", "2023-04-01"])
async def test_versions_without_resources(bench: Bench, service: ScriptedService, version: str) -> None:
    """Resources are never dropped in silence: the deployment would serve elsewhere than was meant."""
    service.on("PUT", "/A/deployments/prod", accepted(job_url("A", "x")))
    async with bench.client(at(version)) as client:
        with pytest.raises(OperationNotInVersion, match="deployments on several resources"):
            await client.begin_deploy("A", deployment="prod", label="m1", resources=[WEU])
        assert service.requests == []
        await client.begin_deploy("A", deployment="prod", label="m1")


async def test_versions_without_azure_openai(bench: Bench, service: ScriptedService) -> None:
    """A connection is never dropped in silence either."""
    resource = DeploymentResource(RESOURCE_ID, "westeurope", OpenAIConnection("gpt"))
    for version in set(RESOURCES.versions) - set(OPENAI.versions):
        async with bench.client(at(version)) as client:
            with pytest.raises(OperationNotInVersion, match="Azure OpenAI"):
                await client.begin_deploy("A", deployment="prod", label="m1", resources=[resource])
    assert service.requests == []


@pytest.mark.parametrize("version", sorted(BODIES))
async def test_resources_by_their_ids(bench: Bench, service: ScriptedService, version: str) -> None:
    """Unassigning and deleting from resources share the version's word; assigning has its own."""
    is_new = version in ("2025-11-01", "2025-11-15-preview")
    ids = {"azureResourceIds" if is_new else "assignedResourceIds": [RESOURCE_ID]}
    metadata = [{"azureResourceId": RESOURCE_ID, "customDomain": "weu", "region": "westeurope"}]
    paths = ["/A/resources/:assign", "/A/resources/:unassign", "/A/deployments/prod/:delete-from-resources"]
    for path in paths:
        service.on("POST", path, accepted(job_url("A", "x")))
    resource = ProjectResource(resource_id=RESOURCE_ID, custom_domain="weu", region="westeurope")
    async with bench.client(at(version)) as client:
        await client.begin_assign_resources("A", [resource])
        await client.begin_unassign_resources("A", [RESOURCE_ID])
        await client.begin_delete_deployment_from_resources("A", deployment="prod", resource_ids=[RESOURCE_ID])
    sent = [json.loads(service.sent("POST", path)[0].body) for path in paths]
    assert sent == [{"projectResources" if is_new else "resourcesMetadata": metadata}, ids, ids]


async def test_an_empty_list_never_means_all(bench: Bench, service: ScriptedService) -> None:
    """All has to be said: None."""
    async with bench.client(at("2025-11-01")) as client:
        for call in (
            client.begin_delete_deployment_from_resources("A", deployment="prod", resource_ids=[]),
            client.begin_unassign_resources("A", []),
            client.begin_assign_resources("A", []),
        ):
            with pytest.raises(UsageError, match="list of resources is empty"):
                await call
    assert service.requests == []


@pytest.mark.parametrize(
    "assigned, expected",
    [
        ([{"azureResourceId": "r1", "region": "weu"}], [("r1", "weu")]),
        ([{"resourceId": "r1", "region": "weu"}], [("r1", "weu")]),
        (["r1", "r2"], [("r1", ""), ("r2", "")]),
        ([], []),
        (None, []),
        ([{"region": "weu", "new": 1}], [("", "weu")]),
    ],
)
async def test_a_deployments_resources_in_every_spelling(
    client: CluClient, service: ScriptedService, assigned: object, expected: list[tuple[str, str]]
) -> None:
    """Objects with the old and the new key, and bare ids."""
    body = {"deploymentName": "prod", "lastDeployedDateTime": "2026-01-02T03:04:05Z", "assignedResources": assigned}
    service.on("GET", "/A/deployments/prod", answer(body))
    found = await client.get_deployment("A", deployment="prod")
    assert [(each.resource_id, each.region) for each in found.resources] == expected
    assert found.last_deployed_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def test_deploying_to_the_end(client: CluClient, service: ScriptedService) -> None:
    """A model that the service does not know is no missing project."""
    service.on("PUT", "/A/deployments/prod", accepted(job_url("A", "deploy")), error(404, "NotFound", "no model m9"))
    service.on("GET", "/A/deploy/jobs/job-1", job("notStarted"), job("succeeded"))
    await client.wait(await client.begin_deploy("A", deployment="prod", label="m1"), timeout=60)
    with pytest.raises(NotFound, match=r"dev/A: deploy model 'm9' to 'prod': .*no model m9"):
        await client.begin_deploy("A", deployment="prod", label="m9")
    with pytest.raises(UsageError, match="label is empty"):
        await client.begin_deploy("A", deployment="prod", label="")


async def test_deleting_a_deployment(client: CluClient, service: ScriptedService) -> None:
    """It waits for the job; already gone is success; the gateway's 404 and an unknown project are not."""
    service.on("DELETE", "/A/deployments/prod", accepted(job_url("A", "x")), error(404, "NotFound"))
    service.on("GET", "/A/x/jobs/job-1", job("running"), job("succeeded"))
    await client.delete_deployment("A", deployment="prod")
    await client.delete_deployment("A", deployment="prod")
    for doubt, kind in [(gateway_error(404, "x"), NotFound), (error(404, "ProjectNotFound"), ProjectNotFound)]:
        service.on("DELETE", "/A/deployments/prod", doubt)
        with pytest.raises(kind):
            await client.delete_deployment("A", deployment="prod")


@pytest.mark.parametrize("still_there", [False, True])
async def test_an_expired_deletion_is_judged_by_the_deployment(
    client: CluClient, service: ScriptedService, time: FakeTime, *, still_there: bool
) -> None:
    """When the job's record is gone, the deployment itself says whether the deletion was done."""

    def expire(_: Request) -> Response:
        time.now += 10
        return error(404, "NotFound")

    service.on("DELETE", "/A/deployments/prod", accepted(job_url("A", "x")))
    service.on("GET", "/A/x/jobs/job-1", expire)
    there = answer({"deploymentName": "prod"}) if still_there else error(404, "NotFound")
    service.on("GET", "/A/deployments/prod", there)
    if still_there:
        with pytest.raises(JobExpired):
            await client.delete_deployment("A", deployment="prod")
    else:
        await client.delete_deployment("A", deployment="prod")


async def test_what_others_deploy_here(bench: Bench, service: ScriptedService) -> None:
    """Projects of other resources with their deployments on this one."""
    item = {
        "projectName": "Theirs",
        "deploymentsMetadata": [{"deploymentName": "prod", "deploymentExpirationDate": "2027-02-03"}],
    }
    service.on("GET", "/global/deployments/resources", answer({"value": [item, {"projectName": "Bare"}]}))
    async with bench.client(at("2025-11-01")) as client:
        theirs, bare = [each async for each in client.list_assigned_resource_deployments()]
    assert (theirs.name, [each.name for each in theirs.deployments]) == ("Theirs", ["prod"])
    assert bare.deployments == ()


async def test_assigned_resources_are_typed(bench: Bench, service: ScriptedService) -> None:
    """Id, region and connection."""
    connection = {"kind": "AzureOpenAI", "deploymentName": "gpt"}
    items = [{"azureResourceId": "r1", "region": "weu", "assignedAoaiResource": connection}, {"resourceId": "r2"}]
    service.on("GET", "/A/resources", answer({"value": items}))
    async with bench.client(at("2025-11-01")) as client:
        first, second = [each async for each in client.list_project_resources("A")]
    assert (first.resource_id, first.region, first.azure_openai) == ("r1", "weu", connection)
    assert (second.resource_id, second.region, second.azure_openai) == ("r2", "", {})
