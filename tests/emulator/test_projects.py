"""List, get, create or update and delete projects on the wire (contract 2.2, 2.4, 3.2, 4.5)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.wire import BASE, Wire, project_file

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = {"confidenceThreshold": 0.7}


# --- create and update ---------------------------------------------------------------------------------------------


async def test_a_new_project_is_answered_201_with_real_times_and_an_odd_location(wire: Wire) -> None:
    """Contract 3.2: the location repeats the name and has no query; settings are absent when they were not sent."""
    answer = await wire.create("My.App_1-x", multilingual=True, description="")
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{BASE}/projects/My.App_1-x/My.App_1-x"
    assert answer.content == (
        b'{"createdDateTime":"2026-11-22T12:00:00Z","lastModifiedDateTime":"2026-11-22T12:00:00Z",'
        b'"projectKind":"Conversation","projectName":"My.App_1-x","multilingual":true,"description":"",'
        b'"language":"en-us"}'
    )


async def test_an_update_is_answered_200_with_year_1_and_get_tells_the_truth(wire: Wire) -> None:
    """Contract 3.2, 9.8.9: a client must not trust the times of the PATCH answer."""
    await wire.create("A")
    wire.clock.advance(90)
    answer = await wire.create("A", description="new", settings=SETTINGS)
    assert answer.status_code == 200
    assert "location" not in answer.headers
    assert answer.content == (
        b'{"createdDateTime":"0001-01-01T00:00:00Z","lastModifiedDateTime":"0001-01-01T00:00:00Z",'
        b'"projectKind":"Conversation",'
        b'"settings":{"confidenceThreshold":0.7,"normalizeCasing":false,"augmentDiacritics":false},'
        b'"projectName":"A","multilingual":false,"description":"new","language":"en-us"}'
    )
    truth = (await wire.get("projects/A")).json()
    assert truth["createdDateTime"] == "2026-11-22T12:00:00Z"
    assert truth["lastModifiedDateTime"] == "2026-11-22T12:01:30Z"


async def test_settings_are_answered_only_when_sent(wire: Wire) -> None:
    """Contract 3.2: absent from both PATCH answers when not sent, though GET has them."""
    await wire.create("A", settings=SETTINGS)
    answer = await wire.create("A")
    assert "settings" not in answer.json()
    assert (await wire.get("projects/A")).json()["settings"]["confidenceThreshold"] == 0.7


async def test_an_update_changes_what_it_names(wire: Wire) -> None:
    """Contract 2.1: merge-patch; null takes a member away."""
    await wire.create("A", description="old", multilingual=True, settings=SETTINGS | {"normalizeCasing": True})
    await wire.create("A", settings={"confidenceThreshold": 0.5})
    project = (await wire.get("projects/A")).json()
    assert project["description"] == "old"
    assert project["multilingual"] is True
    assert project["settings"] == {"confidenceThreshold": 0.5, "normalizeCasing": True, "augmentDiacritics": False}
    await wire.create("A", description=None, multilingual=None, settings=None)
    project = (await wire.get("projects/A")).json()
    assert project["multilingual"] is False
    assert "description" not in project
    assert "settings" not in project


async def test_an_update_leaves_the_content_alone(wire: Wire) -> None:
    """PATCH is about metadata."""
    await wire.put("A", project_file())
    before = await wire.export("A")
    await wire.create("A", description="")
    assert await wire.export("A") == before


@pytest.mark.parametrize("content_type", ["application/merge-patch+json", "application/json; charset=utf-8"])
async def test_the_content_type_of_a_patch_may_vary(wire: Wire, content_type: str) -> None:
    """Contract 2.1: merge-patch by specification; a charset is tolerated."""
    body = b'{"projectKind":"orchestration","projectName":"A","language":"de"}'
    answer = await wire.send("PATCH", "projects/A", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 201
    assert answer.json()["projectKind"] == "Orchestration"


@pytest.mark.parametrize(
    "changes, parameter, value",
    [
        ({"projectName": "B"}, "ProjectName", "B"),
        ({"language": "tlh"}, "Language", "tlh"),
        ({"projectKind": "CustomConversationSummarization"}, "ProjectKind", "CustomConversationSummarization"),
        ({"projectKind": 7}, "ProjectKind", "7"),
        ({"settings": {"confidenceThreshold": 1.01}}, "ConfidenceThreshold", "1.01"),
    ],
)
async def test_a_value_that_is_not_allowed_is_refused(
    wire: Wire, changes: dict[str, Any], parameter: str, value: str
) -> None:
    """Contract 4.5: 400 InvalidArgument; the sentence is the recorded one of gh#31363."""
    answer = await wire.create("A", **changes)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "InvalidArgument"
    assert error["message"] == f"The value `{value}` provided for the parameter `{parameter}` is invalid."
    assert (await wire.get("projects/A")).status_code == 404


@pytest.mark.parametrize("name", ["a b", "a*b", "é", "x" * 101, "..", "a%2Fb"])
async def test_a_bad_project_name_is_refused(wire: Wire, name: str) -> None:
    """Contract 4.5, 6.2: letters, digits and _ . - only."""
    path = name.replace(" ", "%20").replace("..", "%2E%2E")
    spelt = name.replace("%2F", "/")
    body = {"projectKind": "Conversation", "projectName": spelt, "language": "en-us"}
    answer = await wire.send("PATCH", f"projects/{path}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["target"] == "projectName"


async def test_the_kind_of_a_project_cannot_change(wire: Wire) -> None:
    """Contract 3.2, 4.5: by PATCH or by import, 400 InvalidArgument."""
    await wire.create("A")
    patched = await wire.create("A", projectKind="Orchestration")
    imported = await wire.start_import("A", project_file(kind="Orchestration"))
    for answer in (patched, imported):
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "InvalidArgument"
        assert answer.json()["error"]["target"] == "projectKind"


async def test_names_are_case_sensitive(wire: Wire) -> None:
    """Contract 2.1."""
    await wire.create("app")
    assert (await wire.get("projects/App")).status_code == 404
    assert (await wire.create("App")).status_code == 201


async def test_an_unknown_project_is_not_found(wire: Wire) -> None:
    """Contract 4.5: 404 ProjectNotFound, at the start call of a job too, and no job comes of it."""
    answers = [
        await wire.get("projects/A"),
        await wire.send("DELETE", "projects/A"),
        await wire.start_export("A"),
        await wire.get("projects/A/models"),
        await wire.get("projects/A/deployments"),
    ]
    for answer in answers:
        assert answer.status_code == 404
        assert answer.json() == {"error": {"code": "ProjectNotFound", "message": "The project `A` could not be found."}}
        assert "operation-location" not in answer.headers


# --- lists ---------------------------------------------------------------------------------------------------------


async def test_an_empty_list_ends_with_null(wire: Wire) -> None:
    """Contract 2.1, 2.4: nextLink is null, not absent."""
    assert (await wire.get("projects")).content == b'{"value":[],"nextLink":null}'


async def test_projects_are_listed_newest_first(wire: Wire) -> None:
    """Contract 2.4: the order in the one recording with two; of the same moment, by name."""
    for name in ("old", "b", "a"):
        await wire.create(name)
        if name == "old":
            wire.clock.advance(60)
    assert [project["projectName"] for project in (await wire.get("projects")).json()["value"]] == ["a", "b", "old"]
    wire.emulator.backdate(
        "dev", "a", created_at=datetime(2020, 1, 1, tzinfo=UTC), modified_at=datetime(2021, 1, 1, tzinfo=UTC)
    )
    assert [project["projectName"] for project in (await wire.get("projects")).json()["value"]] == ["b", "old", "a"]


@pytest.mark.parametrize(
    "query, pages",
    [
        ({}, [3, 3, 1]),
        ({"maxpagesize": 5}, [5, 2]),
        ({"top": 4}, [3, 1]),
        ({"top": 3}, [3]),
        ({"top": 0}, [0]),
        ({"skip": 5}, [2]),
        ({"skip": 9}, [0]),
        ({"top": 5, "skip": 1, "maxpagesize": 2}, [2, 2, 1]),
        ({"maxpagesize": 0}, [3, 3, 1]),
    ],
)
async def test_a_list_comes_in_pages(make_wire: Callable[..., Wire], query: dict[str, int], pages: list[int]) -> None:
    """Contract 2.3, 2.4: top caps the total, skip is the offset, maxpagesize caps the page; the link repeats them."""
    wire = make_wire(page_size=3)
    names = [f"p{number}" for number in range(7)]
    for name in names:
        await wire.create(name)
    seen: list[str] = []
    answer = await wire.get("projects", params=query)
    sizes: list[int] = []
    while True:
        page = answer.json()
        sizes.append(len(page["value"]))
        seen += [project["projectName"] for project in page["value"]]
        if page["nextLink"] is None:
            break
        assert page["nextLink"].startswith(f"{BASE}/projects?api-version=2023-04-01&")
        answer = await wire.get(page["nextLink"])
    assert sizes == pages
    skip = query.get("skip", 0)
    assert seen == names[skip : skip + query.get("top", len(names))]


@pytest.mark.parametrize("name", ["top", "skip", "maxpagesize"])
@pytest.mark.parametrize("value", ["-1", "x", "", "1.5", "2147483648", "²"])
async def test_a_bad_number_in_a_list_query_is_refused(wire: Wire, name: str, value: str) -> None:
    """Contract 2.3: int32 from 0."""
    answer = await wire.get("projects", params={name: value})
    assert answer.status_code == 400
    assert answer.json()["error"]["target"] == name


# --- models and deployments ----------------------------------------------------------------------------------------


async def test_models_are_listed_newest_first(wire: Wire) -> None:
    """Contract 3.5: every member, model ids with a 12-hour clock."""
    await wire.create("A")
    wire.emulator.add_model("dev", "A", "v1", trained_at=datetime(2026, 3, 1, 23, 12, 39, tzinfo=UTC))
    wire.emulator.add_model("dev", "A", "v2", trained_at=datetime(2026, 4, 1, 9, 5, 52, tzinfo=UTC), has_snapshot=False)
    answer = (await wire.get("projects/A/models")).json()
    assert answer["nextLink"] is None
    newest, oldest = answer["value"]
    assert newest["label"] == "v2"
    assert newest["hasSnapshot"] is False
    model_id = oldest.pop("modelId")
    assert model_id.startswith("v1-20260301T111239-")
    assert len(model_id) == len("v1-20260301T111239-") + 32
    assert oldest == {
        "label": "v1",
        "lastTrainedDateTime": "2026-03-01T23:12:39Z",
        "lastTrainingDurationInSeconds": 4,
        "modelExpirationDate": "2026-08-28",
        "modelTrainingConfigVersion": "2022-09-01",
        "hasSnapshot": True,
    }


async def test_deployments_are_listed_with_their_times(wire: Wire) -> None:
    """Contract 3.5: seven digits when trained, whole seconds when deployed; no assignedResources at home."""
    await wire.create("A")
    model = wire.emulator.add_model("dev", "A", "v1", trained_at=datetime(2026, 3, 1, 8, 0, 0, 123_456, tzinfo=UTC))
    wire.emulator.add_deployment("dev", "A", "production", model_label="v1")
    assert (await wire.get("projects/A/deployments")).json() == {
        "value": [
            {
                "deploymentName": "production",
                "modelId": model.model_id,
                "lastTrainedDateTime": "2026-03-01T08:00:00.1234560Z",
                "lastDeployedDateTime": "2026-11-22T12:00:00Z",
                "deploymentExpirationDate": "2027-08-28",
                "modelTrainingConfigVersion": "2022-09-01",
            }
        ],
        "nextLink": None,
    }


async def test_a_model_or_deployment_of_the_same_name_is_replaced(wire: Wire) -> None:
    """Contract 3.4, 3.5: an existing label is overwritten, a deployment gets another model."""
    await wire.create("A")
    for label in ("v1", "v1", "v2"):
        wire.emulator.add_model("dev", "A", label)
        wire.emulator.add_deployment("dev", "A", "production", model_label=label)
    assert len((await wire.get("projects/A/models")).json()["value"]) == 2
    deployments = (await wire.get("projects/A/deployments")).json()["value"]
    assert [deployment["modelId"][:2] for deployment in deployments] == ["v2"]


async def test_get_hides_when_a_project_was_trained_and_deployed(wire: Wire) -> None:
    """Contract 3.2: both members were absent on projects that had models and deployments."""
    await wire.create("A")
    wire.emulator.add_model("dev", "A", "v1")
    wire.emulator.add_deployment("dev", "A", "production", model_label="v1")
    assert list((await wire.get("projects/A")).json()) == [
        "createdDateTime",
        "lastModifiedDateTime",
        "projectKind",
        "projectName",
        "multilingual",
        "language",
    ]


# --- delete --------------------------------------------------------------------------------------------------------


async def test_a_deletion_is_done_at_the_first_poll(wire: Wire) -> None:
    """Contract 2.2, 2.5: the job lives under global because the project is gone; the name is free again."""
    await wire.put("A", project_file())
    wire.emulator.add_model("dev", "A", "v1")
    export = await wire.start_export("A")
    answer = await wire.send("DELETE", "projects/A")
    assert answer.status_code == 202
    assert answer.content == b""
    location = answer.headers["operation-location"]
    assert location.startswith(f"{BASE}/projects/global/deletion-jobs/")
    assert (await wire.get(location)).json()["status"] == "succeeded"
    assert (await wire.get("projects/A")).status_code == 404
    assert (await wire.get(export.headers["operation-location"])).json()["error"]["code"] == "NotFound"
    assert (await wire.create("A")).status_code == 201
    assert (await wire.get("projects/A/models")).json()["value"] == []
