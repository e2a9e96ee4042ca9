"""The seed folder: which projects an emulator begins with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.core import Emulator
from cluvault.emulator.seed import seed_resources
from cluvault.errors import ConfigurationError
from tests.emulator.wire import Wire, project_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A seed folder with the resource dev."""
    (tmp_path / "seed" / "dev").mkdir(parents=True)
    return tmp_path / "seed"


def write(folder: Path, name: str, text: str | None = None) -> None:
    """Put a file into the folder of the resource dev."""
    (folder / "dev" / name).write_text(json.dumps(project_file()) if text is None else text, "utf-8")


async def test_every_sample_can_be_a_seed(
    make_wire: Callable[..., Wire], folder: Path, sample: Callable[[str], bytes], sample_name: str
) -> None:
    """Files of any version, upgraded on the way, named after the file; content as an import would leave it."""
    (folder / "dev" / f"{sample_name}.json").write_bytes(sample(sample_name))
    wire = make_wire(seed=folder)
    page = (await wire.get("projects")).json()
    assert [project["projectName"] for project in page["value"]] == [sample_name]
    assert page["value"][0]["createdDateTime"] == "2026-11-22T12:00:00Z"
    exported = await wire.export(sample_name)
    await wire.put("again", exported)
    assert json.loads(await wire.export("again"))["assets"] == json.loads(exported)["assets"]


async def test_other_files_are_left_alone(make_wire: Callable[..., Wire], folder: Path) -> None:
    """Only RESOURCE/PROJECT.json counts."""
    write(folder, "A.json")
    write(folder, "README.md", "no project")
    (folder / "notes.json").write_text("no project either", "utf-8")
    (folder / ".git").mkdir()
    wire = make_wire(seed=folder)
    assert list(wire.emulator.state("dev", wire.clock()).projects) == ["A"]
    assert seed_resources(folder) == ("dev",)


async def test_a_state_that_exists_is_not_seeded_again(make_wire: Callable[..., Wire], folder: Path) -> None:
    """What was deleted does not come back with a restart."""
    write(folder, "A.json")
    write(folder, "B.json")
    state = folder.parent / "state.sqlite"
    wire = make_wire(seed=folder, state=state)
    await wire.send("DELETE", "projects/A")
    wire.emulator.close()
    again = make_wire(seed=folder, state=state)
    assert list(again.emulator.state("dev", again.clock()).projects) == ["B"]


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("A.json", "{", "truncated"),
        ("A.json", '{"luis_schema_version": "7.0.0"}', "LUIS"),
        ("A.json", json.dumps(project_file() | {"x": 1}), "at x: Could not find member 'x'"),
        ("A.json", json.dumps(project_file(assets={"utterances": [{"text": "", "intent": "Book"}]})), "1 to 500"),
        ("A.json", json.dumps(project_file(assets={"projectKind": "Orchestration"})), "must match"),
        ("A B.json", None, "no project can have the name 'A B'"),
    ],
)
def test_a_seed_that_cannot_be_imported_is_named(folder: Path, name: str, text: str | None, words: str) -> None:
    """One line with the file, the place and the fault; nothing is seeded, no state file is begun."""
    write(folder, "0.json")
    write(folder, name, text)
    state = folder.parent / "state.sqlite"
    with pytest.raises(ConfigurationError, match=words) as caught:
        Emulator(EmulatorConfig(resources=("dev",), seed=folder, state=state))
    assert str(folder / "dev" / name) in str(caught.value)
    assert "\n" not in str(caught.value)
    Emulator(EmulatorConfig(resources=("dev",), state=state)).close()


def test_a_seed_that_cannot_be_read_is_named(folder: Path) -> None:
    """A folder with a file's name, say."""
    (folder / "dev" / "A.json").mkdir()
    with pytest.raises(ConfigurationError, match=r"A\.json: cannot be read"):
        Emulator(EmulatorConfig(resources=("dev",), seed=folder))


def test_a_folder_that_is_no_resource_is_named(folder: Path) -> None:
    """A misspelt resource would otherwise be seeded into nothing."""
    with pytest.raises(ConfigurationError, match=r"dev: is no resource of the emulator \(it has prod\)"):
        Emulator(EmulatorConfig(resources=("prod",), seed=folder))


def test_a_seed_folder_has_to_be_there(folder: Path) -> None:
    """One line."""
    with pytest.raises(ConfigurationError, match="is no seed folder"):
        Emulator(EmulatorConfig(seed=folder / "missing"))
