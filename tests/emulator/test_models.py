"""Trained models on the wire: what training leaves, ids, dates, deletion, loading (contract 2.2, 3.5, 6.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.emulator.wire import BASE, Wire, project_file, travels

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
async def trained(wire: Wire) -> Wire:
    """A project `A` with a model `v1`."""
    await wire.put("A", project_file(assets={"utterances": travels()}))
    await wire.train("A")
    return wire


async def test_training_leaves_a_model(make_wire: Callable[..., Wire]) -> None:
    """Contract 3.5: every member is there, and tells the truth of the training."""
    wire = make_wire(training_seconds=90)
    await wire.put("A", project_file(assets={"utterances": travels()}))
    await wire.train("A")
    model = (await wire.get("projects/A/models/v1")).json()
    assert re.fullmatch(r"v1-20261122T120131-[0-9a-f]{32}", model.pop("modelId"))
    assert model == {
        "label": "v1",
        "lastTrainedDateTime": "2026-11-22T12:01:31Z",
        "lastTrainingDurationInSeconds": 90,
        "modelExpirationDate": "2027-05-21",
        "modelTrainingConfigVersion": "2022-09-01",
        "hasSnapshot": True,
    }
    assert [one["label"] for one in (await wire.get("projects/A/models")).json()["value"]] == ["v1"]


@pytest.mark.parametrize(
    "hour, shown", [(0, "12"), (1, "01"), (11, "11"), (12, "12"), (13, "01"), (19, "07"), (23, "11")]
)
async def test_the_id_of_a_model_has_a_clock_of_twelve_hours(wire: Wire, hour: int, shown: str) -> None:
    """Contract 3.5: recorded: trained at 23:12:39, and the id says T111239."""
    await wire.put("A", project_file())
    wire.clock.now = datetime(2026, 11, 23, hour, 12, 39, tzinfo=UTC)
    await wire.train("A", "my-model")
    model = (await wire.get("projects/A/models/my-model")).json()
    assert model["modelId"].startswith(f"my-model-20261123T{shown}1239-")
    assert model["lastTrainedDateTime"] == f"2026-11-23T{hour:02}:12:39Z"


async def test_training_a_label_again_replaces_its_model(trained: Wire) -> None:
    """Contract 3.4: another id, another snapshot, still one model."""
    first = (await trained.get("projects/A/models/v1")).json()
    await trained.put("A", project_file(assets={"utterances": travels(4)}))
    await trained.train("A", "v1")
    models = (await trained.get("projects/A/models")).json()["value"]
    assert len(models) == 1
    assert models[0]["modelId"] != first["modelId"]
    assert models[0]["lastTrainedDateTime"] > first["lastTrainedDateTime"]


async def test_training_changes_no_date_of_the_project(trained: Wire) -> None:
    """Contract 10.15: only what changes the working copy does; nor does a project say when it was trained (3.2)."""
    before = (await trained.get("projects/A")).json()
    trained.clock.advance(60)
    await trained.train("A", "v2")
    assert (await trained.get("projects/A")).json() == before


async def test_labels_are_case_sensitive(trained: Wire) -> None:
    """Contract 2.1."""
    await trained.train("A", "V1")
    assert len((await trained.get("projects/A/models")).json()["value"]) == 2


@pytest.mark.parametrize(
    "method, path, code",
    [
        ("GET", "projects/A/models/v9", "NotFound"),
        ("DELETE", "projects/A/models/v9", "NotFound"),
        ("POST", "projects/A/models/v9/:load-snapshot", "NotFound"),
        ("GET", "projects/B/models/v1", "ProjectNotFound"),
        ("DELETE", "projects/B/models/v1", "ProjectNotFound"),
        ("POST", "projects/B/models/v1/:load-snapshot", "ProjectNotFound"),
    ],
)
async def test_an_unknown_model_is_not_found(trained: Wire, method: str, path: str, code: str) -> None:
    """Contract 4.5: 404, at once."""
    answer = await trained.send(method, path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == code


async def test_a_deleted_model_is_gone_at_once(trained: Wire) -> None:
    """Contract 2.2, 4.5: 204 without a body, then 404; what was deployed of it stays."""
    trained.emulator.add_deployment("dev", "A", "production", model_label="v1")
    answer = await trained.send("DELETE", "projects/A/models/v1")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-type" not in answer.headers
    assert (await trained.send("DELETE", "projects/A/models/v1")).status_code == 404
    assert (await trained.get("projects/A/models")).json()["value"] == []
    assert len((await trained.get("projects/A/deployments")).json()["value"]) == 1


# --- load snapshot -------------------------------------------------------------------------------------------------


async def test_loading_a_snapshot_replaces_the_working_copy(trained: Wire) -> None:
    """Contract 2.2, 8.2: utterances and settings are again those of the training; the project has changed now."""
    was = await trained.export("A")
    changed = project_file(metadata={"description": "second", "language": "en-gb"}, assets={"utterances": []})
    await trained.put("A", changed)
    trained.clock.advance(60)
    started = await trained.send("POST", "projects/A/models/v1/:load-snapshot")
    location = started.headers["operation-location"]
    assert location.startswith(f"{BASE}/projects/A/models/v1/load-snapshot/jobs/")
    assert (await trained.get(location)).json()["status"] == "running"
    assert (await trained.finish(started))["status"] == "succeeded"
    assert await trained.export("A") == was
    project = (await trained.get("projects/A")).json()
    assert project["lastModifiedDateTime"] > project["createdDateTime"]
    assert (await trained.get("projects/A/models/v1")).status_code == 200


async def test_a_path_without_the_slash_loads_too(trained: Wire) -> None:
    """Contract 2.1: one documentation page hangs the action on the model."""
    started = await trained.send("POST", "projects/A/models/v1:load-snapshot", params={"stringIndexType": "x"})
    assert (await trained.finish(started))["status"] == "succeeded"


async def test_a_model_without_snapshot_cannot_be_loaded(trained: Wire) -> None:
    """Contract 8.2: it needs hasSnapshot."""
    trained.emulator.add_model("dev", "A", "bare", has_snapshot=False)
    answer = await trained.send("POST", "projects/A/models/bare/:load-snapshot")
    assert answer.status_code == 400
    assert answer.json()["error"] == {"code": "InvalidRequest", "message": "The trained model `bare` has no snapshot."}


async def test_loading_holds_the_project(make_wire: Callable[..., Wire]) -> None:
    """Contract 4.5: an import meanwhile would be lost."""
    wire = make_wire(job_seconds=5, training_seconds=0)
    await wire.put("A", project_file())
    await wire.train("A")
    await wire.send("POST", "projects/A/models/v1/:load-snapshot")
    assert (await wire.start_import("A", project_file())).status_code == 409


@pytest.mark.parametrize(
    "version, status",
    [("2022-05-01", 404), ("2022-07-01-preview", 404), ("2022-10-01-preview", 202), ("2023-04-01", 202)],
)
async def test_the_first_versions_have_no_snapshots_to_load(trained: Wire, version: str, status: int) -> None:
    """Contract 1: it came with 2022-10-01-preview; before, the gateway knows no such route."""
    answer = await trained.send("POST", "projects/A/models/v1/:load-snapshot", version=version)
    assert answer.status_code == status
    if status == 404:
        assert answer.json()["error"]["code"] == "404"


async def test_what_a_model_was_trained_on_can_be_exported(trained: Wire) -> None:
    """Contract 2.3: trainedModelLabel of a model that was really trained."""
    was = await trained.export("A")
    await trained.put("A", project_file(assets={"utterances": []}))
    assert await trained.export("A", params={"trainedModelLabel": "v1"}) == was


# --- real projects -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, mode",
    [("wildlife-tours", "standard"), ("clinical-trials", "advanced"), ("flightbooking-2022-03", "standard")],
)
async def test_real_projects_train(wire: Wire, sample: Callable[[str], bytes], name: str, mode: str) -> None:
    """Public projects of three versions, with prebuilts, lists and regular expressions among their entities."""
    await wire.put("A", sample(name), version="2025-11-15-preview")
    job = await wire.train("A", body={"trainingMode": mode})
    assert job["status"] == "succeeded"
    assert job["result"]["evaluationStatus"]["status"] == "succeeded"
    assert (await wire.get("projects/A/models/v1")).json()["hasSnapshot"] is True
