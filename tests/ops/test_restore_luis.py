"""restore of a LUIS application: the service migrates it, cluvault lists the losses and checks what came of it."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cluvault.errors import InvalidProjectFile, JobFailed, ProjectExists, UsageError
from cluvault.model.manifest import Reason
from cluvault.model.project_file import read_project_file
from cluvault.ops.imports import NotWhatWasMeant
from cluvault.ops.restore import RestoreOptions, preview_restore
from cluvault.plan.canonical import canonical_digest
from tests.conftest import SAMPLES_FOLDER
from tests.support.world import Send, World, project_file

if TYPE_CHECKING:
    from pathlib import Path

PIZZA = str(SAMPLES_FOLDER / "luis-pizza.json")
HUMAN_RESOURCES = str(SAMPLES_FOLDER / "luis-human-resources-patterns.json")


def luis_file(folder: Path, **members: Any) -> str:
    """The path of a small application."""
    app = {
        "luis_schema_version": "7.0.0",
        "culture": "en-us",
        "name": "My app (1)",
        "intents": [{"name": "Book"}],
        "entities": [{"name": "City"}],
        "utterances": [
            {"text": "to Rome", "intent": "Book", "entities": [{"entity": "City", "startPos": 3, "endPos": 6}]}
        ],
    }
    (folder / "luis.json").write_bytes(json.dumps(app | members).encode())
    return str(folder / "luis.json")


@pytest.mark.parametrize(
    "path, name, utterances", [(PIZZA, "MicrosoftPizzaSmall", 123), (HUMAN_RESOURCES, "HumanResources", 164)]
)
async def test_real_applications_are_restored(world: World, path: str, name: str, utterances: int) -> None:
    """Under the name that a migration gives them, proven; the plan's losses and the service's warnings agree."""
    report = await world.restore(path, "prod")
    assert await world.projects("prod") == [name]
    found = read_project_file(await world.export("prod", name))
    assert report.digest == canonical_digest(found)
    assert len(found.utterances) == utterances
    assert report.plan.losses
    assert report.warnings
    assert not any(loss.needs_leave for loss in report.plan.losses)
    assert report.plan.notes[0] == "a LUIS app: the service migrates it"
    [item] = (await world.runs())[-1].items
    assert (item.outcome, item.detail) == ("restored", f"from {path}, without {len(report.plan.losses)} parts of it")


async def test_the_service_gets_the_application_itself(world: World, tmp_path: Path) -> None:
    """Byte for byte, with format=luis, compressed on disk or not."""
    seen: list[tuple[str | None, bytes]] = []

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if request.url.path.endswith("/:import"):
            seen.append((request.url.params.get("format"), request.content))
        return await send(request)

    data = (tmp_path / luis_file(tmp_path)).read_bytes()
    (tmp_path / "luis.json.gz").write_bytes(gzip.compress(data))
    world.hook = hook
    report = await world.restore(str(tmp_path / "luis.json.gz"), "prod/Travel")
    assert seen == [("luis", data)]
    assert report.plan.losses == ()
    assert await world.projects("prod") == ["Travel"]


async def test_the_name_comes_from_the_application(world: World, tmp_path: Path) -> None:
    """Without special characters, as the portal's migration names it."""
    await world.restore(luis_file(tmp_path), "prod")
    assert await world.projects("prod") == ["Myapp1"]


async def test_a_preview_lists_the_losses(world: World) -> None:
    """Before anything is changed."""
    async with world.workspace() as workspace:
        plan = await preview_restore(workspace, RestoreOptions(reference=PIZZA, to="prod/Pizza"))
    assert plan.sentence == f"create prod/Pizza from {PIZZA}"
    assert plan.losses[0].sentence == "9 phrase lists"
    assert world.changes == []


async def test_an_existing_project_is_kept_first(world: World, tmp_path: Path) -> None:
    """Refused by default; replaced only after a safety snapshot; and of the same kind."""
    await world.put("prod", "Travel", project_file("Travel", "old"))
    path = luis_file(tmp_path)
    with pytest.raises(ProjectExists):
        await world.restore(path, "prod/Travel")
    report = await world.restore(path, "prod/Travel", "replace")
    [safety] = await world.snapshots("prod", "Travel")
    assert (safety.reason, report.safety) == (Reason.SAFETY, safety.reference)
    assert [one["text"] for one in read_project_file(await world.export("prod", "Travel")).utterances] == ["to Rome"]
    await world.put("prod", "Flow", project_file("Flow", kind="Orchestration"))
    with pytest.raises(UsageError, match="of kind Orchestration"):
        await world.restore(path, "prod/Flow", "replace")


async def test_regular_expressions_are_expected_where_the_version_knows_them(world: World, tmp_path: Path) -> None:
    """The newest version that is answered imports it."""
    report = await world.restore(luis_file(tmp_path, regex_entities=[{"name": "F", "regexPattern": "x"}]), "prod/A")
    assert (report.plan.api_version, report.plan.losses) == ("2025-11-15-preview", ())


async def test_a_migration_that_is_not_what_is_documented(world: World, tmp_path: Path) -> None:
    """A service that loses an utterance does not pass for one that migrated: the difference is named."""
    await world.put("prod", "Travel", project_file("Travel", "old"))

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        answer = await send(request)
        if request.url.path.endswith("/result"):
            document = json.loads(await answer.aread())
            document["assets"]["utterances"] = []
            return httpx.Response(200, json=document)
        return answer

    world.hook = hook
    with pytest.raises(NotWhatWasMeant, match=r"differs from what was imported: .*utterance") as caught:
        await world.restore(luis_file(tmp_path), "prod/Other")
    assert caught.value.difference
    [item] = (await world.runs())[-1].items
    assert item.outcome == "failed"


async def test_an_application_that_the_service_refuses(world: World, tmp_path: Path) -> None:
    """The job's first error is the message; no project is left."""
    path = luis_file(tmp_path, intents=[{"name": "a:b"}], utterances=[])
    with pytest.raises(JobFailed, match="The intent name `a:b` contains `:`"):
        await world.restore(path, "prod/A")
    assert await world.projects("prod") == []


async def test_an_application_that_is_none(world: World, tmp_path: Path) -> None:
    """A fault of its shape is told with its place before the target is looked at."""
    with pytest.raises(InvalidProjectFile, match=r"luis\.json: no LUIS app, at /entities/0/name: is missing"):
        await world.restore(luis_file(tmp_path, entities=[{}]), "prod")
    assert world.requests == []
