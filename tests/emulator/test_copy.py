"""Copies of projects between resources on the wire (contract 2.2, 3.5, 8.2)."""

from __future__ import annotations

import json
import logging
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.emulator.arm import arm_id
from tests.emulator.deploying import NEWEST, at, problem, with_models
from tests.emulator.wire import Wire, project_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx


async def authorize(wire: Wire, name: str = "Travel", **body: Any) -> httpx.Response:
    """POST an authorization at the target."""
    body = {"projectKind": "Conversation"} | body
    return await wire.send("POST", f"projects/{name}/:authorize-copy", version=NEWEST, json=body)


async def allowed(wire: Wire, name: str = "Travel", **body: Any) -> dict[str, Any]:
    """What an authorization answers."""
    answer = await authorize(wire, name, **body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def start_copy(wire: Wire, authorization: dict[str, Any], name: str = "Travel") -> httpx.Response:
    """POST a copy at the source."""
    return await wire.send("POST", f"projects/{name}/:copy", version=NEWEST, json=authorization)


async def exported(wire: Wire, name: str = "Travel") -> dict[str, Any]:
    """A project's file."""
    return json.loads(await wire.export(name, version=NEWEST))


@pytest.fixture
async def travel(wire: Wire) -> Wire:
    """An emulator whose `dev` has a project `Travel` with a model."""
    await with_models(wire)
    return wire


@pytest.fixture
def prod(travel: Wire) -> Wire:
    """Its resource `prod`."""
    return at(travel, "prod")


# --- authorize -----------------------------------------------------------------------------------------------------


async def test_an_authorization_is_the_body_of_a_copy(prod: Wire) -> None:
    """Contract 3.5: 200 with everything that the source needs."""
    answer = await allowed(prod)
    token = answer.pop("accessToken")
    assert len(token) > 40
    assert answer == {
        "projectKind": "Conversation",
        "targetProjectName": "Travel",
        "expiresAt": "2026-11-22T12:30:01Z",
        "targetResourceId": arm_id("prod"),
        "targetResourceRegion": "eastus",
    }
    assert (await allowed(prod))["accessToken"] != token


@pytest.mark.parametrize(
    "name, body, expected",
    [
        ("Travel", {"projectKind": "Nope"}, (400, "InvalidArgument")),
        ("Travel", {"more": 1}, (400, "InvalidArgument")),
        ("Tra vel", {}, (400, "InvalidArgument")),
        ("There", {}, (400, "InvalidRequest")),
        ("There", {"allowOverwrite": True, "projectKind": "Orchestration"}, (400, "InvalidArgument")),
    ],
)
async def test_what_cannot_be_put_in_place_is_not_authorized(
    prod: Wire, name: str, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    """A bad name, a project that is there and may not be overwritten, or is of another kind."""
    await prod.create("There")
    assert problem(await authorize(prod, name, **body)) == expected


async def test_a_full_resource_authorizes_nothing_new(make_wire: Callable[..., Wire]) -> None:
    """The quota of projects holds for copies."""
    wire = make_wire(limits="documented", posts_per_minute=10_000, gets_per_minute=10_000)
    for number in range(500):
        await wire.create(f"p{number}")
    assert problem(await authorize(wire)) == (403, "QuotaExceeded")
    assert (await authorize(wire, "p1", allowOverwrite=True)).status_code == 200


# --- copy ----------------------------------------------------------------------------------------------------------


async def test_a_copy_is_the_working_copy_under_the_target_name(travel: Wire, prod: Wire) -> None:
    """Contract 8.2: content and settings, no models; the job lives at the source."""
    started = await start_copy(travel, await allowed(prod, "Journey"))
    assert "/dev/" in started.headers["operation-location"]
    assert "/projects/Travel/copy/jobs/" in started.headers["operation-location"]
    assert (await travel.finish(started))["status"] == "succeeded"
    source, target = await exported(travel), await exported(prod, "Journey")
    assert target["assets"] == source["assets"]
    assert target["metadata"] == source["metadata"] | {"projectName": "Journey"}
    assert (await prod.get("projects/Journey/models")).json()["value"] == []


async def test_the_copy_is_seen_at_the_target_first(make_wire: Callable[..., Wire]) -> None:
    """Nobody has to look at the source for the job to end; what is copied is what there was at its start."""
    wire = make_wire(job_seconds=10)
    await with_models(wire)
    before = (await exported(wire))["assets"]
    await start_copy(wire, await allowed(at(wire, "prod")))
    await wire.start_import("Travel", project_file())
    wire.clock.advance(9)
    assert (await at(wire, "prod").get("projects/Travel")).status_code == 404
    wire.clock.advance(1)
    assert (await exported(at(wire, "prod")))["assets"] == before


async def test_an_existing_project_is_replaced_when_that_is_allowed(travel: Wire, prod: Wire) -> None:
    """Its working copy is; its models stay, as after an import."""
    await with_models(prod, "Travel", "old", assets={"utterances": []})
    created = (await prod.get("projects/Travel")).json()["createdDateTime"]
    travel.clock.advance(60)
    job = await travel.finish(await start_copy(travel, await allowed(prod, allowOverwrite=True)))
    assert job["status"] == "succeeded"
    assert (await exported(prod))["assets"] == (await exported(travel))["assets"]
    assert [model["label"] for model in (await prod.get("projects/Travel/models")).json()["value"]] == ["old"]
    project = (await prod.get("projects/Travel")).json()
    assert project["createdDateTime"] == created < project["lastModifiedDateTime"]


async def test_a_project_can_be_copied_within_its_resource(travel: Wire) -> None:
    """Under another name; onto itself it cannot."""
    assert (await travel.finish(await start_copy(travel, await allowed(travel, "Twin"))))["status"] == "succeeded"
    assert (await exported(travel, "Twin"))["assets"] == (await exported(travel))["assets"]
    itself = await allowed(travel, "Travel", allowOverwrite=True)
    assert problem(await start_copy(travel, itself)) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    "change, expected",
    [
        ({"accessToken": "guessed"}, (403, "Forbidden")),
        ({"targetProjectName": "Other"}, (403, "Forbidden")),
        ({"targetResourceId": arm_id("dev")}, (403, "Forbidden")),
        ({"targetResourceId": arm_id("nope")}, (400, "InvalidArgument")),
        ({"targetResourceId": "prod"}, (400, "InvalidArgument")),
        ({"projectKind": "Orchestration"}, (400, "InvalidArgument")),
        ({"more": 1}, (400, "InvalidArgument")),
    ],
)
async def test_a_token_is_for_one_place_and_one_kind(
    travel: Wire, prod: Wire, change: dict[str, Any], expected: tuple[int, str]
) -> None:
    """What does not fit is refused, and the token can still be used."""
    authorization = await allowed(prod)
    assert problem(await start_copy(travel, authorization | change)) == expected
    assert (await start_copy(travel, authorization)).status_code == 202


@pytest.mark.parametrize("member", ["accessToken", "expiresAt", "targetResourceId", "targetResourceRegion"])
async def test_a_copy_takes_the_whole_authorization(travel: Wire, prod: Wire, member: str) -> None:
    """Contract 3.5: all six members are required."""
    authorization = await allowed(prod)
    del authorization[member]
    assert problem(await start_copy(travel, authorization)) == (400, "InvalidArgument")


async def test_a_token_is_used_once(travel: Wire, prod: Wire) -> None:
    """Whatever becomes of the copy."""
    authorization = await allowed(prod)
    assert (await start_copy(travel, authorization)).status_code == 202
    assert problem(await start_copy(travel, authorization)) == (403, "Forbidden")


async def test_a_token_expires(travel: Wire, prod: Wire) -> None:
    """After half an hour; the next authorization sweeps the old ones out."""
    authorization = await allowed(prod)
    travel.clock.advance(30 * 60)
    assert problem(await start_copy(travel, authorization)) == (403, "Forbidden")
    await allowed(prod)
    assert len(travel.emulator.state("prod", travel.clock()).authorizations) == 1


async def test_a_project_of_another_kind_is_not_copied(travel: Wire, prod: Wire) -> None:
    """The source must be what the target expects."""
    authorization = await allowed(prod, projectKind="Orchestration")
    assert problem(await start_copy(travel, authorization)) == (400, "InvalidArgument")


async def test_an_unknown_project_is_not_copied(travel: Wire, prod: Wire) -> None:
    """404 at the call, and the token is not used up."""
    authorization = await allowed(prod)
    assert problem(await start_copy(travel, authorization, "Nope")) == (404, "ProjectNotFound")
    assert (await start_copy(travel, authorization)).status_code == 202


async def test_a_copy_waits_for_jobs_that_hold_either_project(make_wire: Callable[..., Wire]) -> None:
    """Contract 4.5: 409."""
    wire = make_wire(job_seconds=10)
    await with_models(wire)
    authorization = await allowed(at(wire, "prod"), allowOverwrite=True)
    await wire.start_import("Travel", project_file())
    assert problem(await start_copy(wire, authorization)) == (409, "Conflict")
    wire.clock.advance(10)
    await at(wire, "prod").start_import("Travel", project_file())
    assert problem(await start_copy(wire, authorization)) == (409, "Conflict")
    wire.clock.advance(10)
    assert (await start_copy(wire, authorization)).status_code == 202


async def test_a_copy_fails_when_the_place_is_taken_meanwhile(make_wire: Callable[..., Wire]) -> None:
    """The project that came first stays as it is."""
    wire = make_wire(job_seconds=10)
    await with_models(wire)
    started = await start_copy(wire, await allowed(at(wire, "prod")))
    await at(wire, "prod").create("Travel", description="first")
    wire.clock.advance(10)
    job = (await wire.get(started.headers["operation-location"])).json()
    assert (job["status"], job["errors"][0]["code"]) == ("failed", "InvalidRequest")
    assert (await at(wire, "prod").get("projects/Travel")).json()["description"] == "first"


async def test_a_summarization_project_gets_the_targets_container(wire: Wire) -> None:
    """Contract 3.5: the authorization names where its conversations will be."""
    kind = "CustomConversationSummarization"
    body = {"projectKind": kind, "projectName": "Calls", "language": "en", "storageInputContainerName": "here"}
    await wire.send("PATCH", "projects/Calls", version=NEWEST, json=body)
    authorization = await allowed(at(wire, "prod"), "Calls", projectKind=kind, storageInputContainerName="there")
    await wire.finish(await start_copy(wire, authorization, "Calls"))
    copied = (await at(wire, "prod").get("projects/Calls", version=NEWEST)).json()
    assert copied["storageInputContainerName"] == "there"


# --- restarts and secrets ------------------------------------------------------------------------------------------


async def test_authorizations_and_copies_survive_a_restart(make_wire: Callable[..., Wire], tmp_path: Path) -> None:
    """A token that was given holds in the next life, a used one does not; a copy that was begun ends."""
    state = tmp_path / "emulator.sqlite"
    wire = make_wire(state=state, job_seconds=10)
    await with_models(wire)
    used, unused = await allowed(at(wire, "prod")), await allowed(at(wire, "prod"), "Journey")
    started = await start_copy(wire, used)
    wire.emulator.close()
    again = make_wire(state=state, job_seconds=10)
    again.clock.now = wire.clock.now
    assert problem(await start_copy(again, used)) == (403, "Forbidden")
    assert (await start_copy(again, unused)).status_code == 202
    again.clock.advance(10)
    assert (await at(again, "prod").get("projects/Travel")).status_code == 200
    assert (await again.get(started.headers["operation-location"])).json()["status"] == "succeeded"
    again.emulator.close()
    assert unused["accessToken"].encode() not in state.read_bytes()


async def test_a_state_file_from_before_there_were_copies_is_used(
    make_wire: Callable[..., Wire], tmp_path: Path
) -> None:
    """It gets the table that it lacks."""
    state = tmp_path / "emulator.sqlite"
    wire = make_wire(state=state)
    await with_models(wire)
    wire.emulator.close()
    with closing(sqlite3.connect(state)) as database:
        database.execute("DROP TABLE authorization")
    again = make_wire(state=state)
    assert (await start_copy(again, await allowed(at(again, "prod")))).status_code == 202


async def test_a_token_is_in_no_log(travel: Wire, prod: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """Promise 7: nor in a repr of what the emulator keeps, nor in an error."""
    caplog.set_level(logging.DEBUG)
    authorization = await allowed(prod)
    token = authorization["accessToken"]
    refused = await start_copy(travel, authorization | {"targetProjectName": "Other"})
    kept = repr(travel.emulator.state("prod", travel.clock()).authorizations)
    await start_copy(travel, authorization)
    assert token not in caplog.text + refused.text + kept
