"""Deployment resources on the wire: assign, deploy to them, take away, and what they serve (contract 1, 2.2, 3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluvault.emulator.arm import account_of, arm_id, region_name
from tests.emulator.deploying import (
    NEWEST,
    PROD,
    ask,
    assign,
    at,
    deploy,
    deploy_to_prod,
    problem,
    start_assignment,
    start_deployment,
    with_models,
)
from tests.emulator.wire import Wire, project_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ELSEWHERE = "/subscriptions/1234/resourceGroups/live/providers/microsoft.cognitiveservices/accounts/PROD"
GLOBAL = "projects/global/deployments/resources"


@pytest.fixture
async def travel(wire: Wire) -> Wire:
    """An emulator whose `dev` has a project `Travel` with models v1 and v2, to which `prod` is assigned."""
    await with_models(wire, "Travel", "v1", "v2")
    assert (await assign(wire))["status"] == "succeeded"
    return wire


async def resources(wire: Wire) -> list[dict[str, Any]]:
    """The resources of `Travel`."""
    return (await wire.get("projects/Travel/resources", version=NEWEST)).json()["value"]


async def unassign(wire: Wire, *azure_ids: str) -> Any:
    """POST an unassignment."""
    body = {"azureResourceIds": list(azure_ids)}
    return await wire.send("POST", "projects/Travel/resources/:unassign", version=NEWEST, json=body)


async def remove(wire: Wire, *, version: str = NEWEST, **options: Any) -> Any:
    """POST a removal of `production` from resources."""
    return await wire.send(
        "POST", "projects/Travel/deployments/production/:delete-from-resources", version=version, **options
    )


async def shown(wire: Wire, *, version: str = NEWEST) -> dict[str, Any]:
    """The deployment `production`."""
    return (await wire.get("projects/Travel/deployments/production", version=version)).json()


# --- ids -----------------------------------------------------------------------------------------------------------


def test_an_arm_id_is_a_resource_by_its_account() -> None:
    """The emulator has no subscriptions; ARM ids have no letter case; what is no such id names nothing."""
    assert account_of(arm_id("prod")) == account_of(ELSEWHERE) == "prod"
    assert account_of("prod") == account_of("/subscriptions/1/resourceGroups/2") == ""
    assert region_name("East US 2") == "eastus2"


# --- assign and unassign -------------------------------------------------------------------------------------------


async def test_an_assigned_resource_is_listed(wire: Wire) -> None:
    """Contract 3.5: with its id and region, and nothing else."""
    await with_models(wire)
    assert await resources(wire) == []
    started = await start_assignment(wire, PROD)
    assert "/projects/Travel/resources/assign/jobs/" in started.headers["operation-location"]
    assert (await wire.finish(started))["status"] == "succeeded"
    assert await resources(wire) == [{"azureResourceId": arm_id("prod"), "region": "eastus"}]


async def test_assigning_again_changes_what_is_known_of_the_resource(travel: Wire) -> None:
    """The same account under another id is the same resource."""
    await assign(travel, {"azureResourceId": ELSEWHERE, "customDomain": "prod", "region": "westeurope"})
    assert await resources(travel) == [{"azureResourceId": ELSEWHERE, "region": "westeurope"}]


@pytest.mark.parametrize(
    "azure_id",
    [arm_id("nope"), "prod", arm_id("dev"), ""],
)
async def test_what_cannot_be_assigned_is_refused_at_the_call(wire: Wire, azure_id: str) -> None:
    """An unknown resource, no ARM id, the project's own."""
    await with_models(wire)
    answer = await start_assignment(wire, PROD | {"azureResourceId": azure_id})
    assert problem(answer) == (400, "InvalidArgument")


async def test_an_assignment_names_a_project_and_a_resource(wire: Wire) -> None:
    """404 for an unknown project, 400 for an empty list."""
    assert problem(await start_assignment(wire, PROD, name="Nope")) == (404, "ProjectNotFound")
    await with_models(wire)
    assert problem(await start_assignment(wire)) == (400, "InvalidArgument")


async def test_a_project_name_is_unique_on_each_resource(make_wire: Callable[..., Wire]) -> None:
    """Contract 4.5: neither beside a project of the resource's own, nor beside another's that is assigned to it."""
    wire = make_wire(resources=("dev", "prod", "test"))
    for resource in ("dev", "test"):
        await with_models(at(wire, resource))
        await with_models(at(wire, resource), "Own")
    await at(wire, "prod").create("Own")
    assert problem(await start_assignment(wire, PROD, name="Own")) == (400, "InvalidRequest")
    assert (await assign(wire))["status"] == "succeeded"
    assert problem(await start_assignment(at(wire, "test"), PROD)) == (400, "InvalidRequest")
    await at(wire, "prod").create("Travel")
    body = {"azureResourceIds": [{"azureResourceId": arm_id("prod"), "region": "eastus"}]}
    assert problem(await start_deployment(wire, body=body, version=NEWEST)) == (400, "InvalidRequest")


async def test_unassigning_takes_the_deployments_along(travel: Wire) -> None:
    """Contract 8.2: the deployment stays at home."""
    await deploy_to_prod(travel)
    started = await unassign(travel, ELSEWHERE)
    assert "/projects/Travel/resources/unassign/jobs/" in started.headers["operation-location"]
    assert (await travel.finish(started))["status"] == "succeeded"
    assert await resources(travel) == []
    assert "assignedResources" not in await shown(travel)
    assert (await at(travel, "prod").get(GLOBAL, version=NEWEST)).json()["value"] == []


@pytest.mark.parametrize("azure_id", [arm_id("nope"), arm_id("dev")])
async def test_only_what_is_assigned_can_be_unassigned(travel: Wire, azure_id: str) -> None:
    """400, and nothing changes."""
    assert problem(await unassign(travel, azure_id)) == (400, "InvalidArgument")
    assert len(await resources(travel)) == 1


async def test_unassigning_needs_a_list(travel: Wire) -> None:
    """An absent list means all elsewhere; here it is a mistake."""
    answer = await travel.send("POST", "projects/Travel/resources/:unassign", version=NEWEST, json={})
    assert problem(answer) == (400, "InvalidArgument")


# --- deploy to resources -------------------------------------------------------------------------------------------


async def test_a_deployment_shows_its_resources_beside_the_home_resource(travel: Wire) -> None:
    """Contract 3.5: the member is left out for the home resource alone; its items go by the version."""
    await deploy(travel)
    assert "assignedResources" not in await shown(travel)
    await deploy_to_prod(travel)
    assert (await shown(travel))["assignedResources"] == [{"azureResourceId": arm_id("prod"), "region": "eastus"}]
    old = await shown(travel, version="2025-11-01")
    assert old["assignedResources"] == [{"resourceId": arm_id("prod"), "region": "eastus"}]
    assert "assignedResources" not in await shown(travel, version="2023-04-01")


async def test_deploying_again_without_resources_takes_it_home(travel: Wire) -> None:
    """PUT replaces the whole."""
    await deploy_to_prod(travel)
    await deploy(travel)
    assert "assignedResources" not in await shown(travel)


AOAI = {"kind": "AzureOpenAI", "deploymentName": "gpt", "resourceId": "/x"}


@pytest.mark.parametrize(
    "version, body",
    [
        ("2022-10-01-preview", {"assignedResourceIds": [ELSEWHERE]}),
        ("2024-11-15-preview", {"assignedResourceIds": [ELSEWHERE]}),
        ("2025-05-15-preview", {"assignedResources": [{"resourceId": ELSEWHERE, "region": "x"}]}),
        ("2025-11-01", {"azureResourceIds": [ELSEWHERE]}),
        ("2025-11-01", {"assignedResourceIds": [ELSEWHERE]}),
        (NEWEST, {"azureResourceIds": [{"azureResourceId": ELSEWHERE, "region": "x", "assignedAoaiResource": AOAI}]}),
        (NEWEST, {"azureResourceIds": [{"azureResourceId": arm_id("dev")}, {"azureResourceId": ELSEWHERE}]}),
    ],
)
async def test_each_version_spells_the_resources_of_a_deployment_its_own_way(
    travel: Wire, version: str, body: dict[str, Any]
) -> None:
    """Contract 1: ids or objects, under three names; the resource is shown as it was assigned."""
    await deploy(travel, version=version, body=body)
    (item,) = (await shown(travel))["assignedResources"]
    generation = {"assignedAoaiResource": AOAI} if "Aoai" in str(body) else {}
    assert item == {"azureResourceId": arm_id("prod"), "region": "eastus"} | generation


@pytest.mark.parametrize(
    "version, body",
    [
        ("2023-04-01", {"assignedResourceIds": [ELSEWHERE]}),
        ("2022-05-01", {"assignedResourceIds": [ELSEWHERE]}),
        ("2025-05-15-preview", {"assignedResourceIds": [ELSEWHERE]}),
        ("2025-11-01", {"azureResourceIds": [{"azureResourceId": ELSEWHERE}]}),
        (NEWEST, {"azureResourceIds": [ELSEWHERE]}),
        (NEWEST, {"azureResourceIds": [{"region": "eastus"}]}),
        (NEWEST, {"azureResourceIds": [{"azureResourceId": arm_id("nope")}]}),
    ],
)
async def test_other_spellings_and_unassigned_resources_are_refused(
    travel: Wire, version: str, body: dict[str, Any]
) -> None:
    """Contract 4.3: a version knows its own members only; and a resource must be assigned first."""
    assert problem(await start_deployment(travel, version=version, body=body)) == (400, "InvalidArgument")


async def test_a_resource_that_is_unassigned_meanwhile_gets_nothing(make_wire: Callable[..., Wire]) -> None:
    """A deployment that ends after an unassignment is at home only."""
    wire = make_wire(job_seconds=10)
    await with_models(wire)
    await assign(wire)
    await unassign(wire, arm_id("prod"))
    wire.clock.advance(5)
    body = {"azureResourceIds": [{"azureResourceId": arm_id("prod")}]}
    assert (await start_deployment(wire, body=body, version=NEWEST)).status_code == 202
    wire.clock.advance(10)
    assert "assignedResources" not in await shown(wire)


# --- what a resource serves for others -----------------------------------------------------------------------------


async def test_a_resource_serves_what_another_has_placed_on_it(travel: Wire) -> None:
    """Contract 8.2: on its own endpoint, with its own keys; what is at home only is unknown there."""
    prod = at(travel, "prod")
    await deploy_to_prod(travel)
    await deploy(travel, "staging")
    assert (await ask(prod, "fly to Rome")).json() == (await ask(travel, "fly to Rome")).json()
    assert problem(await ask(prod, "fly to Rome", deployment="staging")) == (404, "NotFound")


async def test_a_resource_lists_what_others_have_placed_on_it(travel: Wire) -> None:
    """Contract 2.2, 3.5: own projects excluded."""
    prod = at(travel, "prod")
    await with_models(prod, "Own")
    await deploy(prod, name="Own")
    assert (await prod.get(GLOBAL, version=NEWEST)).json() == {"value": [], "nextLink": None}
    await deploy_to_prod(travel)
    deployment = await shown(travel)
    metadata = {
        name: deployment[name] for name in ("deploymentName", "lastDeployedDateTime", "deploymentExpirationDate")
    }
    placed = (await prod.get(GLOBAL, version=NEWEST)).json()["value"]
    assert placed == [{"projectName": "Travel", "deploymentsMetadata": [metadata]}]
    assert (await travel.get(GLOBAL, version=NEWEST)).json()["value"] == []


async def test_a_project_that_is_deleted_takes_its_placements_along(travel: Wire) -> None:
    """Nothing of it is left on other resources."""
    await deploy_to_prod(travel)
    await travel.send("DELETE", "projects/Travel")
    assert (await at(travel, "prod").get(GLOBAL, version=NEWEST)).json()["value"] == []
    assert problem(await ask(at(travel, "prod"), "fly to Rome")) == (404, "NotFound")


async def test_deploying_reaches_other_resources_in_time(make_wire: Callable[..., Wire]) -> None:
    """Whoever looks at the other resource sees the end of the job there, although the job is not its own."""
    wire = make_wire(job_seconds=10)
    await with_models(wire)
    await assign(wire)
    body = {"azureResourceIds": [{"azureResourceId": arm_id("prod")}]}
    await start_deployment(wire, body=body, version=NEWEST)
    wire.clock.advance(10)
    assert len((await at(wire, "prod").get(GLOBAL, version=NEWEST)).json()["value"]) == 1


# --- delete from resources -----------------------------------------------------------------------------------------


async def test_a_deployment_is_taken_away_from_a_resource_and_stays_at_home(travel: Wire) -> None:
    """Contract 2.2: its job lives under the deployment."""
    await deploy_to_prod(travel)
    started = await remove(travel, json={"azureResourceIds": [ELSEWHERE]})
    assert "/deployments/production/delete-from-resources/jobs/" in started.headers["operation-location"]
    assert (await travel.finish(started))["status"] == "succeeded"
    assert "assignedResources" not in await shown(travel)
    assert len(await resources(travel)) == 1


@pytest.mark.parametrize("options", [{}, {"json": {}}], ids=["no body", "no list"])
async def test_without_a_list_a_deployment_is_taken_away_everywhere(travel: Wire, options: dict[str, Any]) -> None:
    """Contract 3.5: an absent list means all, the home resource with them."""
    await deploy_to_prod(travel)
    assert (await travel.finish(await remove(travel, **options)))["status"] == "succeeded"
    assert (await travel.get("projects/Travel/deployments", version=NEWEST)).json()["value"] == []


@pytest.mark.parametrize("azure_id", [arm_id("dev"), arm_id("nope")])
async def test_a_deployment_is_only_taken_away_from_where_it_is(travel: Wire, azure_id: str) -> None:
    """400 for others, the home resource included: that is what deleting is for."""
    await deploy_to_prod(travel)
    assert problem(await remove(travel, json={"azureResourceIds": [azure_id]})) == (400, "InvalidArgument")


async def test_an_unknown_member_is_named(travel: Wire) -> None:
    """Contract 4.3, as recorded for this operation."""
    await deploy_to_prod(travel)
    answer = await remove(travel, json={"assignedResourceIds": [ELSEWHERE]})
    assert answer.json()["error"]["details"][0]["target"] == "assignedResourceIds"
    assert (await remove(travel, version="2025-11-01", json={"assignedResourceIds": [ELSEWHERE]})).status_code == 202


async def test_a_job_in_another_place_is_unknown(travel: Wire) -> None:
    """Contract 4.3: as recorded, 404 NotFound."""
    for path in ("resources/assign", "resources/unassign", "deployments/production/delete-from-resources"):
        answer = await travel.get(f"projects/Travel/{path}/jobs/nope", version=NEWEST)
        assert problem(answer) == (404, "NotFound")


# --- swap ----------------------------------------------------------------------------------------------------------


async def test_a_swap_fails_when_the_resources_differ(travel: Wire) -> None:
    """Contract 3.5: both must be in the same regions; the job tells, nothing changes."""
    await deploy_to_prod(travel, "production", label="v1")
    await deploy(travel, "staging", label="v2")
    before = await shown(travel)
    body = {"firstDeploymentName": "production", "secondDeploymentName": "staging"}
    job = await travel.finish(await travel.send("POST", "projects/Travel/deployments/:swap", json=body))
    assert (job["status"], job["errors"][0]["code"]) == ("failed", "InvalidRequest")
    assert await shown(travel) == before


async def test_a_swap_keeps_the_places(travel: Wire) -> None:
    """Only the models change sides."""
    await deploy_to_prod(travel, "production", label="v1")
    await deploy_to_prod(travel, "staging", label="v2")
    body = {"firstDeploymentName": "production", "secondDeploymentName": "staging"}
    job = await travel.finish(await travel.send("POST", "projects/Travel/deployments/:swap", json=body))
    assert job["status"] == "succeeded"
    after = await shown(travel)
    assert after["modelId"].startswith("v2-")
    assert len(after["assignedResources"]) == 1


# --- restarts ------------------------------------------------------------------------------------------------------


async def test_resources_and_placements_survive_a_restart(make_wire: Callable[..., Wire], tmp_path: Path) -> None:
    """The state file has them all."""
    state = tmp_path / "emulator.sqlite"
    wire = make_wire(state=state)
    await with_models(wire)
    await assign(wire)
    await deploy_to_prod(wire)
    before = [await resources(wire), await shown(wire)]
    answer = (await ask(at(wire, "prod"), "fly to Rome")).json()
    wire.emulator.close()
    again = make_wire(state=state)
    assert [await resources(again), await shown(again)] == before
    assert (await ask(at(again, "prod"), "fly to Rome")).json() == answer


async def test_a_project_elsewhere_with_the_same_name_does_not_disturb(travel: Wire) -> None:
    """What `prod` has under another name is its own affair."""
    prod = at(travel, "prod")
    await prod.put("Other", project_file(name="Other"))
    await deploy_to_prod(travel)
    assert (await ask(prod, "fly to Rome")).status_code == 200
