"""Deployments on the wire: deploy, list, get, delete, swap (contract 2.2, 3.5, 4.5, 6)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.emulator.deploying import deploy, problem, start_deployment, with_models
from tests.emulator.wire import BASE, Wire, project_file

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
async def travel(wire: Wire) -> Wire:
    """An emulator with a project `Travel` that has the models v1 and v2."""
    await with_models(wire, "Travel", "v1", "v2")
    return wire


async def model_of(wire: Wire, deployment: str) -> str:
    """The label of what a deployment serves, from its model's id."""
    answer = await wire.get(f"projects/Travel/deployments/{deployment}")
    return answer.json()["modelId"].rsplit("-", 2)[0]


# --- deploy --------------------------------------------------------------------------------------------------------


async def test_a_deployment_is_there_when_its_job_has_succeeded(travel: Wire) -> None:
    """Contract 2.5, 3.5, 9.3: 202, a job under the deployment, then the deployment itself."""
    started = await start_deployment(travel)
    assert (started.status_code, started.content) == (202, b"")
    pattern = re.escape(f"{BASE}/projects/Travel/deployments/production/jobs/") + r"[^/]+\?api-version=2023-04-01"
    assert re.fullmatch(pattern, started.headers["operation-location"])
    job = await travel.finish(started)
    assert job["status"] == "succeeded"
    answer = await travel.get("projects/Travel/deployments/production")
    assert answer.status_code == 200
    model = travel.emulator.project("dev", "Travel").models[0]
    assert answer.json() == {
        "deploymentName": "production",
        "modelId": model.model_id,
        "lastTrainedDateTime": "2026-11-22T12:00:01.2500000Z",
        "lastDeployedDateTime": "2026-11-22T12:00:01Z",
        "deploymentExpirationDate": "2028-05-20",
        "modelTrainingConfigVersion": "2022-09-01",
    }


async def test_a_deployment_is_not_there_before_its_time(make_wire: Callable[..., Wire]) -> None:
    """It appears with the end of the job, whoever looks."""
    wire = make_wire(job_seconds=10)
    await with_models(wire)
    await start_deployment(wire)
    wire.clock.advance(9)
    assert problem(await wire.get("projects/Travel/deployments/production")) == (404, "NotFound")
    wire.clock.advance(1)
    assert (await wire.get("projects/Travel/deployments/production")).status_code == 200


async def test_deploying_again_replaces_the_model(travel: Wire) -> None:
    """Contract 3.5: PUT on an existing deployment."""
    await deploy(travel, label="v1")
    await deploy(travel, label="v2")
    assert await model_of(travel, "production") == "v2"
    assert len((await travel.get("projects/Travel/deployments")).json()["value"]) == 1


async def test_a_deployment_serves_the_model_as_it_was_when_the_deployment_began(
    make_wire: Callable[..., Wire],
) -> None:
    """A model that is trained again meanwhile does not slip in."""
    wire = make_wire(job_seconds=10)
    await with_models(wire)
    before = wire.emulator.project("dev", "Travel").models[0]
    await start_deployment(wire)
    wire.clock.advance(5)
    wire.emulator.add_model("dev", "Travel", "v1")
    wire.clock.advance(5)
    assert (await wire.get("projects/Travel/deployments/production")).json()["modelId"] == before.model_id


async def test_deployments_are_listed_newest_first_in_pages(travel: Wire) -> None:
    """Contract 2.4."""
    for name in ("one", "two", "three"):
        await deploy(travel, name)
        travel.clock.advance(60)
    page = (await travel.get("projects/Travel/deployments", params={"maxpagesize": "2"})).json()
    assert [item["deploymentName"] for item in page["value"]] == ["three", "two"]
    rest = (await travel.get(page["nextLink"])).json()
    assert [item["deploymentName"] for item in rest["value"]] == ["one"]
    assert rest["nextLink"] is None


@pytest.mark.parametrize(
    "path, label, expected",
    [
        ("projects/Nope/deployments/production", "v1", (404, "ProjectNotFound")),
        ("projects/Travel/deployments/production", "v9", (404, "NotFound")),
        ("projects/Travel/deployments/pro duction", "v1", (400, "InvalidArgument")),
        (f"projects/Travel/deployments/{'x' * 51}", "v1", (400, "InvalidArgument")),
    ],
)
async def test_what_cannot_be_deployed_is_refused_at_the_call(
    travel: Wire, path: str, label: str, expected: tuple[int, str]
) -> None:
    """Contract 4.5, 6.2: unknown project and model 404, bad name 400; no job begins."""
    answer = await travel.send("PUT", path, json={"trainedModelLabel": label})
    assert problem(answer) == expected
    assert "operation-location" not in answer.headers


@pytest.mark.parametrize("body", [b"{}", b'{"trainedModelLabel": "v1", "more": 1}', b"[", b'{"trainedModelLabel": 1}'])
async def test_a_body_of_another_shape_is_refused(travel: Wire, body: bytes) -> None:
    """Contract 4.3."""
    answer = await travel.send("PUT", "projects/Travel/deployments/production", content=body)
    assert problem(answer) == (400, "InvalidArgument")


async def test_a_project_has_ten_deployments_at_most(make_wire: Callable[..., Wire]) -> None:
    """Contract 6.1: those that are on their way count; replacing one needs no room."""
    wire = make_wire(limits="documented", posts_per_minute=1000, gets_per_minute=1000, job_seconds=10)
    await with_models(wire)
    for number in range(9):
        await start_deployment(wire, f"d{number}")
        wire.clock.advance(10)
    assert (await start_deployment(wire, "d9")).status_code == 202
    assert problem(await start_deployment(wire, "d10")) == (403, "QuotaExceeded")
    assert (await start_deployment(wire, "d3")).status_code == 202


async def test_nothing_is_deployed_while_a_job_holds_the_project(make_wire: Callable[..., Wire]) -> None:
    """Contract 4.5: 409 for deploy, delete and swap, until the import has ended."""
    wire = make_wire(job_seconds=10)
    await with_models(wire)
    for name in ("production", "staging"):
        wire.emulator.add_deployment("dev", "Travel", name, model_label="v1")
    await wire.start_import("Travel", project_file())
    swap = {"firstDeploymentName": "production", "secondDeploymentName": "staging"}
    for answer in (
        await start_deployment(wire),
        await wire.send("DELETE", "projects/Travel/deployments/production"),
        await wire.send("POST", "projects/Travel/deployments/:swap", json=swap),
    ):
        assert problem(answer) == (409, "Conflict")
    wire.clock.advance(10)
    assert (await start_deployment(wire)).status_code == 202


# --- delete --------------------------------------------------------------------------------------------------------


async def test_the_job_of_a_deletion_outlives_the_deployment(travel: Wire) -> None:
    """Contract 2.2: its status still answers when the deployment is gone; deleting again is 404."""
    await deploy(travel)
    started = await travel.send("DELETE", "projects/Travel/deployments/production")
    assert "/deployments/production/jobs/" in started.headers["operation-location"]
    assert (await travel.finish(started))["status"] == "succeeded"
    assert problem(await travel.get("projects/Travel/deployments/production")) == (404, "NotFound")
    assert (await travel.get(started.headers["operation-location"])).json()["status"] == "succeeded"
    assert problem(await travel.send("DELETE", "projects/Travel/deployments/production")) == (404, "NotFound")


async def test_a_deployment_outlives_its_model(travel: Wire) -> None:
    """Contract 3.5: it has what it needs."""
    await deploy(travel, label="v2")
    assert (await travel.send("DELETE", "projects/Travel/models/v2")).status_code == 204
    assert await model_of(travel, "production") == "v2"


async def test_deployments_go_with_their_project(travel: Wire) -> None:
    """Contract 4.5: deleting a project deletes them."""
    await deploy(travel)
    await travel.send("DELETE", "projects/Travel")
    await travel.put("Travel", project_file())
    assert (await travel.get("projects/Travel/deployments")).json()["value"] == []


# --- swap ----------------------------------------------------------------------------------------------------------


async def test_a_swap_exchanges_models(travel: Wire) -> None:
    """Contract 8.2: blue and green; its job lives beside the deployments."""
    await deploy(travel, "production", label="v1")
    await deploy(travel, "staging", label="v2")
    travel.clock.advance(60)
    body = {"firstDeploymentName": "production", "secondDeploymentName": "staging"}
    started = await travel.send("POST", "projects/Travel/deployments/:swap", json=body)
    assert "/projects/Travel/deployments/swap/jobs/" in started.headers["operation-location"]
    assert (await travel.finish(started))["status"] == "succeeded"
    assert [await model_of(travel, name) for name in ("production", "staging")] == ["v2", "v1"]
    swapped = (await travel.get("projects/Travel/deployments/production")).json()
    assert swapped["lastDeployedDateTime"] > "2026-11-22T12:01:00Z"


@pytest.mark.parametrize(
    "first, second, expected",
    [
        ("production", "nope", (404, "NotFound")),
        ("nope", "production", (404, "NotFound")),
        ("production", "production", (400, "InvalidRequest")),
    ],
)
async def test_a_swap_needs_two_deployments(travel: Wire, first: str, second: str, expected: tuple[int, str]) -> None:
    """Contract 4.5: both must exist, and be two."""
    await deploy(travel)
    body = {"firstDeploymentName": first, "secondDeploymentName": second}
    assert problem(await travel.send("POST", "projects/Travel/deployments/:swap", json=body)) == expected


async def test_a_swap_fails_when_a_deployment_is_gone_at_its_end(make_wire: Callable[..., Wire]) -> None:
    """What could be done when the job began may have become impossible: it fails, and nothing has changed."""
    wire = make_wire(job_seconds=10)
    await with_models(wire, "Travel", "v1", "v2")
    for name, label in (("production", "v1"), ("staging", "v2")):
        wire.emulator.add_deployment("dev", "Travel", name, model_label=label)
    await wire.send("DELETE", "projects/Travel/deployments/staging")
    wire.clock.advance(5)
    body = {"firstDeploymentName": "production", "secondDeploymentName": "staging"}
    started = await wire.send("POST", "projects/Travel/deployments/:swap", json=body)
    wire.clock.advance(10)
    job = (await wire.get(started.headers["operation-location"])).json()
    assert (job["status"], job["errors"][0]["code"]) == ("failed", "NotFound")
    assert await model_of(wire, "production") == "v1"
