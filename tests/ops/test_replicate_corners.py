"""Corners of a replication: what the service cannot tell, what is full, what is under way, what others do meanwhile."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cluvault.emulator.state import Change
from cluvault.model.run import Outcome
from cluvault.ops.replicate import ReplicateOptions, replicate
from tests.ops.test_replicate import CANCEL, DEAD, NEW, REFUND, answer, deployed, of_desk, replica_world, serve
from tests.support.faulty_store import StopPoint
from tests.support.promoting import Death, desk, promoted, promoting_world
from tests.support.world import once_before

if TYPE_CHECKING:
    from cluvault.emulator.records import Project
    from tests.support.world import Hook, Send, World


@pytest.fixture
async def world() -> World:
    """A project that serves at the source."""
    found = replica_world()
    await found.put("dev", "Desk", desk())
    await serve(found)
    return found


def desk_of(world: World, resource: str = "prod") -> Project:
    """What the emulator has."""
    return world.emulator.state(resource, datetime.now(UTC)).projects["Desk"]


def without_snapshots(part: str) -> Hook:
    """A service that keeps no snapshots of the models whose address has this in it."""

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        answer = await send(request)
        if part not in request.url.path or "/models" not in request.url.path or request.method != "GET":
            return answer
        body = json.loads(await answer.aread())
        for one in body.get("value", [body]):
            one["hasSnapshot"] = False
        return httpx.Response(answer.status_code, json=body)

    return hook


async def test_a_model_whose_content_nobody_can_tell(world: World) -> None:
    """A model of the draft takes its place, and that is noted, once and in the record."""
    world.hook = without_snapshots("/dev/")
    await world.put("dev", "Desk", NEW)
    found = await of_desk(world)
    note = "what v1 was trained on cannot be exported; a model of the draft takes its place"
    assert (found.outcome, found.notes) == (Outcome.REPLICATED, (note,))
    assert await answer(world, REFUND) == "Refund"
    assert (await of_desk(world)).notes == (note,)


async def test_a_replica_without_snapshots_proves_its_models_by_the_draft(world: World) -> None:
    """And trains anew what it cannot prove."""
    world.hook = without_snapshots("/prod/")
    assert (await of_desk(world)).outcome is Outcome.REPLICATED
    assert await answer(world, CANCEL) == "Cancel"


async def test_a_killed_training_is_waited_for_by_the_next(world: World) -> None:
    """The service admits no other job meanwhile, and no second training is started."""
    world.emulator.training_duration = timedelta(minutes=30)

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if "/train/jobs/" in request.url.path:
            world.moment += timedelta(minutes=1)
        return await send(request)

    death = Death(world, StopPoint(2, "after"), watched=())
    with death.haunting(), pytest.raises(DEAD):
        await of_desk(world)
    assert death.changes[1] == "POST Desk/:train"
    world.hook = hook
    found = await of_desk(world, patience=600)
    assert found.outcome is Outcome.REPLICATED
    assert not [one for one in world.changes if one.endswith("/:train")]


async def test_the_oldest_free_model_makes_room(world: World) -> None:
    """At ten models; and when each is needed, that is the failure, and the content is there all the same."""
    await world.put("prod", "Desk", desk())
    for number in range(10):
        then = world.moment - timedelta(days=number + 1)
        world.emulator.add_model("prod", "Desk", f"old-{number}", trained_at=then)
    assert (await of_desk(world)).outcome is Outcome.REPLICATED
    labels = {one.label for one in desk_of(world).models}
    assert (len(labels), "old-9" in labels) == (10, False)
    for number in range(9):
        world.emulator.add_deployment("prod", "Desk", f"d{number}", model_label=f"old-{number}")
    await world.put("dev", "Desk", NEW)
    await serve(world, label="v2")
    found = await of_desk(world)
    assert (found.outcome, "Desk has 10 models, and each is needed" in found.sentence) == (Outcome.FAILED, True)
    assert await world.digest("prod", "Desk") == await world.digest("dev", "Desk")


async def test_a_deployment_that_fails_is_named(world: World) -> None:
    """The model is there; the next run deploys it without another training."""
    world.hook = failing_deployment
    found = await of_desk(world)
    assert (found.outcome, "could not be deployed to production" in found.sentence) == (Outcome.FAILED, True)
    world.hook = None
    assert (await of_desk(world)).outcome is Outcome.REPLICATED
    assert not [one for one in world.changes if one.endswith("/:train")]


async def failing_deployment(request: httpx.Request, send: Send) -> httpx.Response:
    """The service refuses."""
    if request.method == "PUT" and "/deployments/" in request.url.path:
        error = {"error": {"code": "InvalidRequest", "message": "no room for it"}}
        return httpx.Response(400, json=error)
    return await send(request)


async def test_a_half_done_promotion_is_not_replicated_over() -> None:
    """It waits for a person, so that nobody has its lease; the replication refuses, and changes nothing."""
    world = promoting_world(gate={"approval": True})
    routes = world.settings.model_dump(by_alias=True)["routes"]
    routes["rep"] = {"source": "test", "target": "prod", "kind": "replica"}
    world.settings = type(world.settings).model_validate(world.settings.model_dump(by_alias=True) | {"routes": routes})
    await world.put("dev", "Desk", desk())
    await world.put("test", "Desk", NEW)
    assert (await promoted(world)).state == "awaiting-approval"
    found = await of_desk(world, route="rep")
    assert (found.outcome, "is under way: awaiting-approval" in found.sentence) == (Outcome.FAILED, True)
    assert world.changes == []


async def test_somebody_changes_the_replica_meanwhile(world: World) -> None:
    """Before the import, before the training, or takes the name of a new project: named, and put right by the next."""

    async def edit() -> None:
        async with world.workspace() as workspace:
            await (await workspace.client("prod")).import_project("Desk", NEW)

    world.hook = once_before("/prod/language/authoring/analyze-conversations/projects/Desk/:train", edit)
    found = await of_desk(world)
    assert (found.outcome, "was changed before replica-" in found.sentence) == (Outcome.FAILED, True)
    world.hook = None
    assert (await of_desk(world)).outcome is Outcome.REPLICATED
    assert await answer(world, REFUND) != "Refund"


async def test_an_import_that_is_not_carried_out(world: World) -> None:
    """Accepted, and the content is another: the proof names it."""

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if request.url.path.endswith("/prod/language/authoring/analyze-conversations/projects/Desk/:import"):
            request = httpx.Request(request.method, request.url, headers=_without_length(request), content=NEW)
        return await send(request)

    world.hook = hook
    found = await of_desk(world)
    assert (found.outcome, "differs from what was imported" in found.sentence) == (Outcome.FAILED, True)


def _without_length(request: httpx.Request) -> dict[str, Any]:
    return {name: value for name, value in request.headers.items() if name != "content-length"}


async def test_a_lease_that_is_lost_ends_the_work(world: World) -> None:
    """Nothing more is changed."""
    world.events.clear()
    async with world.workspace() as workspace:

        async def lose() -> None:
            for lease in workspace.held.values():
                await lease.release()

        world.hook = once_before("/prod/language/authoring/analyze-conversations/projects/Desk/models", lose)
        report = await replicate(workspace, ReplicateOptions(route="up", apply=True))
    (found,) = report.projects
    assert (found.outcome, "no longer ours" in found.sentence) == (Outcome.FAILED, True)
    assert not [one for one in world.changes if one.endswith("/:train")]


async def test_a_source_that_serves_nothing_or_what_nobody_can_name(world: World) -> None:
    """Without deployments there is nothing to train; one without a model that can be told fails, by name."""
    project = desk_of(world, "dev")
    world.emulator.commit({"dev": Change(projects=(replace(project, deployments=()),))})
    assert (await of_desk(world)).outcome is Outcome.REPLICATED
    assert await deployed(world) == {}
    world.emulator.commit({"dev": Change(projects=(project,))})

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        answer = await send(request)
        if not request.url.path.endswith("/dev/language/authoring/analyze-conversations/projects/Desk/deployments"):
            return answer
        body = json.loads(await answer.aread())
        for one in body["value"]:
            one["modelId"] = "odd"
        return httpx.Response(200, json=body)

    world.hook = hook
    found = await of_desk(world)
    assert (found.outcome, found.sentence) == (
        Outcome.FAILED, "which model production has at the source cannot be told",
    )  # fmt: skip
    assert (await of_desk(world, apply=False)).outcome is Outcome.BEHIND


async def test_a_source_that_goes_while_it_is_looked_at(world: World) -> None:
    """Named; nothing is changed."""

    async def delete() -> None:
        async with world.workspace() as workspace:
            await (await workspace.client("dev")).delete_project("Desk")

    world.hook = once_before("GET /dev/language/authoring/analyze-conversations/projects/Desk", delete)
    found = await of_desk(world)
    assert found.outcome is Outcome.FAILED
    assert not [one for one in world.changes if one.partition(" ")[2].startswith("prod")]
