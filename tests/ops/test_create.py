"""create: a project from its definition and seeds; running it again changes nothing, and nothing is overwritten."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.errors import CluvaultError, InvalidSeed, NotAVault, ProjectExists, UsageError
from cluvault.model.project_file import read_project_file
from cluvault.model.run import Outcome
from cluvault.ops.create import CreateOptions, CreatePlan, NotImportable, create
from tests.support.faulty_store import FaultyStore, Killed
from tests.support.world import World, failing_job, project_file

if TYPE_CHECKING:
    from pathlib import Path

CSV = "marked,intent\nbook a [flight](Service) to [Rome](City),Book\n"
JSONL = '{"text": "call it off", "intent": "Cancel", "dataset": "test"}\n'
SCHEMA = """
intents: {Book: Reserves a seat, Cancel: }
entities:
  City: {list: {Rome: [rome, roma]}}
  Service:
"""


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Seeds and a schema, by name."""
    contents = {
        "rows.csv": CSV,
        "rows.jsonl": JSONL,
        "schema.yaml": SCHEMA,
        "project.json": project_file("Seed", "seeded").decode(),
        "second.json": project_file("Other", "other").decode(),
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    return {name: str(tmp_path / name) for name in contents}


async def exported(world: World, project: str = "Travel") -> dict[str, Any]:
    """What the service holds."""
    return json.loads(await world.export("dev", project))


async def test_a_definition_alone(world: World) -> None:
    """Kind, language, settings: an empty project that says what its definition says."""
    report = await world.create(
        "dev/Travel",
        kind="Orchestration",
        language="de",
        multilingual=True,
        description="Trips",
        confidence_threshold=0.25,
    )
    metadata = (await exported(world))["metadata"]
    assert (metadata["projectKind"], metadata["language"], metadata["multilingual"]) == ("Orchestration", "de", True)
    assert (metadata["description"], metadata["settings"]["confidenceThreshold"]) == ("Trips", 0.25)
    assert (report.outcome, report.digest) == (Outcome.CREATED, await world.digest("dev", "Travel"))


async def test_rows_and_schema_together(world: World, files: dict[str, str]) -> None:
    """CSV with marked text and JSONL make the utterances, the schema intents and entities."""
    await world.create(
        "dev/Travel",
        language="en-us",
        seeds=(files["rows.csv"], files["rows.jsonl"]),
        schema_file=files["schema.yaml"],
    )
    assets = (await exported(world))["assets"]
    assert [(one["text"], one["intent"], one["dataset"]) for one in assets["utterances"]] == [
        ("book a flight to Rome", "Book", "Train"),
        ("call it off", "Cancel", "Test"),
    ]
    assert assets["utterances"][0]["entities"] == [
        {"category": "Service", "offset": 7, "length": 6},
        {"category": "City", "offset": 17, "length": 4},
    ]
    assert {one["category"]: one.get("description", "") for one in assets["intents"]} == {
        "None": "",
        "Book": "Reserves a seat",
        "Cancel": "",
    }


async def test_a_project_file_and_rows(world: World, files: dict[str, str]) -> None:
    """Rows are added to the project file's; the project has the name that the user gave."""
    report = await world.create("dev/Travel", seeds=(files["rows.jsonl"], files["project.json"]))
    document = await exported(world)
    assert document["metadata"]["projectName"] == "Travel"
    assert [one["text"] for one in document["assets"]["utterances"]] == ["seeded", "call it off"]
    assert report.plan.notes != ()


async def test_running_it_again_changes_nothing(world: World, files: dict[str, str]) -> None:
    """The second run sends no import, writes no record, and says so with the same digest."""
    first = await world.create("dev/Travel", seeds=(files["project.json"],))
    world.events.clear()
    plans: list[CreatePlan] = []
    async with world.workspace() as workspace:
        again = await create(
            workspace, CreateOptions(target="dev/Travel", seeds=(files["project.json"],)), on_plan=plans.append
        )
    assert (again.outcome, again.digest, again.record_key) == (Outcome.UNCHANGED, first.digest, "")
    assert [plan.sentence for plan in plans] == ["dev/Travel has this content already; nothing to do"]
    assert world.changes == []
    assert len(await world.runs()) == 1


async def test_another_project_of_that_name_is_left_alone(world: World, files: dict[str, str]) -> None:
    """Other content is an error that says what differs and what to do; nothing is sent."""
    await world.put("dev", "Travel", project_file("Travel", "precious", "seeded"))
    with pytest.raises(ProjectExists, match="nothing was changed: utterances: 1 removed; choose another name"):
        await world.create("dev/Travel", seeds=(files["project.json"],))
    assert world.changes == []
    assert len(read_project_file(await world.export("dev", "Travel")).utterances) == 2


async def test_every_finding_of_seeds_that_the_service_refuses(world: World, tmp_path: Path) -> None:
    """The message has the first and their number, the error all; nothing is sent."""
    document = json.loads(project_file("X", "a", "b"))
    for utterance in document["assets"]["utterances"]:
        utterance["intent"] = "Nowhere"
    (tmp_path / "x.json").write_text(json.dumps(document))
    with pytest.raises(NotImportable, match=r"dev/Travel: at /assets/utterances/0/.* \(and 1 more\); ") as caught:
        await world.create("dev/Travel", seeds=(str(tmp_path / "x.json"),))
    assert len(caught.value.findings) == 2
    assert world.changes == []


async def test_a_single_finding_is_not_counted(world: World, tmp_path: Path) -> None:
    """One finding is one sentence."""
    (tmp_path / "x.json").write_text(project_file("X", "a").decode().replace('"intent": "Book"', '"intent": "No"'))
    with pytest.raises(NotImportable) as caught:
        await world.create("dev/Travel", seeds=(str(tmp_path / "x.json"),))
    assert "more)" not in str(caught.value)


@pytest.mark.parametrize(
    "target, options, error, message",
    [
        ("dev", {"language": "en"}, UsageError, "'dev' names no project"),
        ("dev/..", {"language": "en"}, UsageError, "dots only"),
        ("qa/Travel", {"language": "en"}, CluvaultError, "'qa' is not configured"),
        ("dev/Travel", {}, UsageError, "no seed says its language"),
        ("dev/Travel", {"seeds": ("project.json", "second.json")}, UsageError, "second.json: a second project file"),
        ("dev/Travel", {"seeds": ("missing.csv",)}, UsageError, "no such file"),
        ("dev/Travel", {"seeds": ("project.json",), "kind": "Orchestration"}, UsageError, "is a project file of kind"),
        ("dev/Travel", {"seeds": ("schema.yaml",), "language": "en"}, CluvaultError, "schema.yaml"),
    ],
)
async def test_what_cannot_be_created(  # noqa: PLR0917  # parametrised
    world: World,
    files: dict[str, str],
    tmp_path: Path,
    target: str,
    options: dict[str, Any],
    error: type[CluvaultError],
    message: str,
) -> None:
    """One line; nothing is sent that changes anything, and no vault is made."""
    assert files
    named = options | {"seeds": tuple(str(tmp_path / name) for name in options.get("seeds", ()))}
    with pytest.raises(error, match=message) as caught:
        await world.create(target, **named)
    assert "\n" not in str(caught.value)
    assert world.changes == []
    assert [found async for found in world.store.list()] == []


async def test_a_faulty_row_names_its_file_and_line(world: World, tmp_path: Path) -> None:
    """Seeds are read before the service is asked to change anything."""
    (tmp_path / "rows.csv").write_text("text,intent\nhello,Book\nhello\n")
    with pytest.raises(InvalidSeed, match=r"rows\.csv: line 3"):
        await world.create("dev/Travel", language="en-us", seeds=(str(tmp_path / "rows.csv"),))
    assert world.changes == []


async def test_a_place_that_is_no_vault(world: World) -> None:
    """A creation that could not be recorded does not happen."""
    await world.store.put_new("holiday.jpg", b"")
    with pytest.raises(NotAVault):
        await world.create("dev/Travel", language="en-us")
    assert world.changes == []


async def test_a_failed_import_is_recorded(world: World) -> None:
    """The service's reason is the error and in the record."""
    world.hook = failing_job("Travel", "import")
    with pytest.raises(CluvaultError, match="out of luck"):
        await world.create("dev/Travel", language="en-us")
    [record] = await world.runs()
    assert (record.kind, record.items[0].outcome) == ("create", "failed")
    assert "out of luck" in (record.items[0].detail or "")


async def test_the_record_and_the_report(world: World, files: dict[str, str]) -> None:
    """What it was made from; the same for programs, with warnings of the check."""
    report = await world.create("dev/Travel", seeds=(files["project.json"],))
    [record] = await world.runs()
    assert record.items[0].detail == f"from {files['project.json']}"
    found = report.to_json()
    assert (found["outcome"], found["resource"], found["project"]) == ("created", "dev", "Travel")
    assert (found["digest"], found["record"], found["notes"]) == (report.digest, report.record_key, [])
    assert [one["severity"] for one in found["findings"]] == ["warning"] * len(report.plan.findings)
    assert report.plan.sentence == "create dev/Travel"
    other = await world.create("dev/Empty", language="en-us")
    assert [run.items[0].detail for run in await world.runs() if run.run_id in other.record_key] == [
        "from its definition"
    ]


async def test_killed_between_import_and_record(world: World, files: dict[str, str]) -> None:
    """The second run finds the project as it should be and says that it is unchanged."""

    class DiesAtTheRecord(FaultyStore):
        async def put_new(self, key: str, body: bytes) -> None:
            if key.startswith("runs/"):
                raise Killed
            await super().put_new(key, body)

    inner = world.store
    world.store = DiesAtTheRecord(inner)
    with pytest.raises(Killed):
        await world.create("dev/Travel", seeds=(files["project.json"],))
    world.store = inner
    assert (await world.create("dev/Travel", seeds=(files["project.json"],))).outcome is Outcome.UNCHANGED
