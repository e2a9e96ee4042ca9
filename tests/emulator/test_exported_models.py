"""Exported models on the wire: made ready for a container, read, replaced, deleted (contract 2.2, 3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.emulator.wire import BASE, Wire, project_file

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

PREVIEW = "2025-11-15-preview"
BOX = "projects/A/exported-models/box"


@pytest.fixture
async def trained(wire: Wire) -> Wire:
    """A project `A` with a model `v1`."""
    await wire.put("A", project_file())
    await wire.train("A")
    return wire


async def put(wire: Wire, path: str = BOX, *, label: str = "v1") -> httpx.Response:
    """PUT an exported model."""
    return await wire.send("PUT", path, json={"trainedModelLabel": label}, version=PREVIEW)


async def test_an_exported_model_is_there_when_its_job_has_succeeded(trained: Wire) -> None:
    """Contract 2.2, 3.5, 9.3: 202, the job under its name, then GET answers with what the model is."""
    model = (await trained.get("projects/A/models/v1")).json()
    trained.clock.advance(60)
    started = await put(trained)
    location = started.headers["operation-location"]
    assert location.startswith(f"{BASE}/projects/A/exported-models/box/jobs/")
    assert (await trained.get(location)).json()["status"] == "notStarted"
    assert (await trained.finish(started))["status"] == "succeeded"
    assert (await trained.get(BOX, version=PREVIEW)).json() == {
        "exportedModelName": "box",
        "modelId": model["modelId"],
        "lastTrainedDateTime": model["lastTrainedDateTime"],
        "lastExportedModelDateTime": "2026-11-22T12:01:02Z",
        "modelExpirationDate": model["modelExpirationDate"],
        "modelTrainingConfigVersion": "2022-09-01",
    }


async def test_it_is_not_there_before(make_wire: Callable[..., Wire]) -> None:
    """404 while the job runs."""
    wire = make_wire(job_seconds=5, training_seconds=0)
    await wire.put("A", project_file())
    await wire.train("A")
    started = await put(wire)
    wire.clock.advance(4)
    assert (await wire.get(BOX, version=PREVIEW)).status_code == 404
    assert (await wire.finish(started))["status"] == "succeeded"
    assert (await wire.get(BOX, version=PREVIEW)).status_code == 200


async def test_exported_models_are_listed_newest_first(trained: Wire) -> None:
    """Contract 2.4."""
    for name in ("first", "second", "third"):
        await trained.finish(await put(trained, f"projects/A/exported-models/{name}"))
        trained.clock.advance(1)
    page = (await trained.get("projects/A/exported-models", params={"maxpagesize": "2"}, version=PREVIEW)).json()
    rest = (await trained.get(page["nextLink"])).json()
    names = [one["exportedModelName"] for one in (*page["value"], *rest["value"])]
    assert names == ["third", "second", "first"]
    assert rest["nextLink"] is None
    found = (await trained.get("projects/A/exported-models/second", version=PREVIEW)).json()
    assert found["exportedModelName"] == "second"


async def test_a_second_put_replaces_the_first(trained: Wire) -> None:
    """Contract 2.2: create or replace."""
    await trained.finish(await put(trained))
    first = (await trained.get(BOX, version=PREVIEW)).json()
    await trained.train("A", "v2")
    await trained.finish(await put(trained, label="v2"))
    listed = (await trained.get("projects/A/exported-models", version=PREVIEW)).json()["value"]
    assert len(listed) == 1
    assert listed[0]["modelId"] != first["modelId"]


async def test_an_exported_model_outlives_its_model(trained: Wire) -> None:
    """What was made ready needs the trained model no longer."""
    await trained.finish(await put(trained))
    await trained.send("DELETE", "projects/A/models/v1")
    assert (await trained.get(BOX, version=PREVIEW)).status_code == 200


async def test_a_deleted_one_is_gone_and_its_job_stays(trained: Wire) -> None:
    """Contract 2.2: 202, then 404; the job still answers."""
    await trained.finish(await put(trained))
    deletion = await trained.send("DELETE", BOX, version=PREVIEW)
    assert (await trained.finish(deletion))["status"] == "succeeded"
    assert (await trained.get(BOX, version=PREVIEW)).json()["error"]["code"] == "NotFound"
    assert (await trained.send("DELETE", BOX, version=PREVIEW)).status_code == 404
    assert (await trained.get(deletion.headers["operation-location"])).json()["status"] == "succeeded"


@pytest.mark.parametrize(
    "path, label, status, code",
    [
        (BOX, "v9", 404, "NotFound"),
        ("projects/B/exported-models/box", "v1", 404, "ProjectNotFound"),
        ("projects/A/exported-models/a%20b", "v1", 400, "InvalidArgument"),
        (f"projects/A/exported-models/{'x' * 51}", "v1", 400, "InvalidArgument"),
    ],
)
async def test_what_cannot_be_exported_is_refused(trained: Wire, path: str, label: str, status: int, code: str) -> None:
    """Contract 4.5, 6.2: at the call, and nothing is there afterwards."""
    answer = await put(trained, path, label=label)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert (await trained.get("projects/A/exported-models", version=PREVIEW)).json()["value"] == []


@pytest.mark.parametrize("body", [{}, {"trainedModelLabel": "v1", "more": 1}, {"trainedModelLabel": 1}])
async def test_a_wrong_body_is_refused(trained: Wire, body: dict[str, object]) -> None:
    """Contract 4.3."""
    answer = await trained.send("PUT", BOX, json=body, version=PREVIEW)
    assert answer.status_code == 400


async def test_a_capital_letter_does_no_harm(trained: Wire) -> None:
    """Contract 3.1: the container page sends TrainedModelLabel."""
    answer = await trained.send("PUT", BOX, json={"TrainedModelLabel": "v1"}, version=PREVIEW)
    assert answer.status_code == 202


@pytest.mark.parametrize(
    "version, status",
    [("2023-04-01", 404), ("2023-11-15-preview", 404), ("2024-11-15-preview", 200), ("2025-11-01", 404)],
)
async def test_exported_models_are_in_later_previews(trained: Wire, version: str, status: int) -> None:
    """Contract 1: from 2024-11-15-preview, and in no GA version."""
    assert (await trained.get("projects/A/exported-models", version=version)).status_code == status
