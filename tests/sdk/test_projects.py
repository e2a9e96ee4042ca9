"""Projects and project files, through the official SDK."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.language.conversations.authoring import models
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.core.rest import HttpRequest

from cluvault.model.project_file import read_project_file
from cluvault.plan.canonical import canonical_digest
from tests.sdk.driver import Sdk

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.emulator.server import EmulatorServer
    from tests.sdk.driver import Flavour

pytestmark = pytest.mark.xdist_group("sdk")


def options(name: str, **more: Any) -> models.CreateProjectOptions:
    """What a project is created with."""
    return models.CreateProjectOptions(
        project_kind=models.ProjectKind.CONVERSATION, project_name=name, language="en-us", **more
    )


async def download(sdk: Sdk, url: str) -> bytes:
    """The file behind an export's resultUrl, fetched with the SDK's credential."""
    answer = await sdk.call("client.send_request", HttpRequest("GET", url))
    return answer.content


async def test_a_project_is_created_read_listed_and_deleted(dev: Sdk) -> None:
    """Every answer is typed, times are true, and the list ends."""
    before = datetime.now(UTC) - timedelta(seconds=2)
    wanted = options("Travel", description="flights", multilingual=True)
    made = await dev.call("client.create_project", "Travel", wanted)
    assert isinstance(made, models.ProjectDetails)
    assert (made.project_name, made.project_kind, made.language) == ("Travel", "Conversation", "en-us")
    assert before <= made.created_on <= datetime.now(UTC)
    found = await dev.call("client.get_project", "Travel")
    assert (found.description, found.multilingual) == ("flights", True)
    assert await dev.call("project.get_project", project="Travel") == found
    await dev.call("client.create_project", "Hotels", options("Hotels"))
    listed = await dev.items("client.list_projects")
    assert {one.project_name for one in listed} == {"Travel", "Hotels"}
    assert [one.project_name for one in await dev.items("client.list_projects", top=1, skip=1)] == ["Travel"]
    job_id = await dev.start("client.begin_delete_project", "Travel")
    state = await dev.call("project.get_project_deletion_status", job_id, project="Travel")
    assert isinstance(state, models.ProjectDeletionState)
    assert (state.job_id, state.status) == (job_id, "succeeded")
    assert state.expires_on is not None
    assert state.expires_on - state.created_on == timedelta(days=7)
    with pytest.raises(ResourceNotFoundError) as missing:
        await dev.call("client.get_project", "Travel")
    assert missing.value.error is not None
    assert missing.value.error.code == "ProjectNotFound"
    assert await dev.finish("client.begin_delete_project", "Hotels") is None
    assert await dev.items("client.list_projects") == []


async def test_a_real_file_goes_in_and_comes_out_the_same(
    dev: Sdk, prod: Sdk, sample: Callable[[str], bytes], server: EmulatorServer
) -> None:
    """Import as bytes and as JSON, export by job id, download with the SDK's own credential."""
    data = sample("pizza-small")
    assert await dev.finish("project.begin_import", data, content_type="application/json", project="Pizza") is None
    job_id = await dev.start("project.begin_export", string_index_type="Utf16CodeUnit", project="Pizza")
    while (state := await dev.call("project.get_export_status", job_id, project="Pizza")).status != "succeeded":
        assert state.status in ("notStarted", "running")
    assert isinstance(state, models.ExportProjectState)
    assert state.result_uri is not None
    assert state.result_uri.startswith(server.resource_url("dev"))
    exported = await download(dev, state.result_uri)
    digest = canonical_digest(read_project_file(data, source="sample"))
    assert canonical_digest(read_project_file(exported, source="export")) == digest
    typed = models.ExportedProject(json.loads(exported))
    assert await prod.finish("project.begin_import", typed, project="Pizza") is None
    assert await prod.finish("project.begin_export", string_index_type="Utf16CodeUnit", project="Pizza") is None


async def test_an_import_that_fails_raises(dev: Sdk) -> None:
    """The job ends as failed, and the SDK tells so."""
    file: dict[str, Any] = {
        "projectFileVersion": "2025-11-15-preview",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {"projectKind": "Conversation", "projectName": "Bad", "language": "en-us"},
        "assets": {
            "projectKind": "Conversation",
            "intents": [{"category": "Book"}],
            "entities": [],
            "utterances": [{"text": "hi", "intent": "Nowhere", "entities": []}],
        },
    }
    with pytest.raises(HttpResponseError, match="Nowhere"):
        await dev.finish("project.begin_import", file, project="Bad")


async def test_unknown_members_are_refused_with_their_place(dev: Sdk) -> None:
    """The SDK's own model writes a list as `entities`, which the service does not know (contract 9.7)."""
    entity = models.ConversationExportedEntity(category="City", entities=models.ExportedEntityList(sublists=[]))
    file = models.ExportedProject(
        project_file_version="2025-11-15-preview",
        string_index_type="Utf16CodeUnit",
        metadata=options("Typed"),
        assets=models.ConversationExportedProjectAsset(intents=[], entities=[entity], utterances=[]),
    )
    with pytest.raises(HttpResponseError) as refused:
        await dev.call("project.begin_import", file, project="Typed")
    assert refused.value.status_code == 400
    assert refused.value.error is not None
    assert refused.value.error.code == "InvalidArgument"
    assert "entities" in str(refused.value.error.details[0])


async def test_a_wrong_key_is_told_as_such(server: EmulatorServer, flavour: Flavour) -> None:
    """401 becomes the SDK's own class."""
    async with Sdk.with_key(flavour, server.resource_url("dev"), "wrong") as sdk:
        with pytest.raises(ClientAuthenticationError):
            await sdk.items("client.list_projects")


async def test_both_keys_fit(server: EmulatorServer, flavour: Flavour) -> None:
    """So that one can be renewed while the other is in use."""
    async with Sdk.with_key(flavour, server.resource_url("dev"), "emulator-key-2") as sdk:
        assert await sdk.items("client.list_projects") == []


@pytest.mark.parametrize("version", ["2023-04-01", "2025-11-01"])
async def test_older_versions_answer_too(server: EmulatorServer, flavour: Flavour, version: str) -> None:
    """The client's api-version is the one that counts, on every poll and page."""
    async with Sdk.with_key(flavour, server.resource_url("dev"), api_version=version) as sdk:
        await sdk.call("client.create_project", "Travel", options("Travel"))
        assert await sdk.finish("project.begin_export", string_index_type="Utf16CodeUnit", project="Travel") is None
        assert [one.project_name for one in await sdk.items("client.list_projects")] == ["Travel"]
    async with Sdk.with_key(flavour, server.resource_url("dev"), api_version="2031-01-01") as sdk:
        with pytest.raises(ResourceNotFoundError):
            await sdk.items("client.list_projects")
