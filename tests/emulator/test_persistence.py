"""The state file: what it keeps over a restart, a kill and a failure, and which files it refuses."""

from __future__ import annotations

import itertools
import json
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.core import Emulator
from cluvault.emulator.state import Change
from cluvault.errors import ConfigurationError
from tests.emulator.wire import KEY, KEY_HEADER, Wire, project_file

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from cluvault.emulator.records import Job


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    """Where the state is kept."""
    return tmp_path / "emulator.sqlite"


async def restart(make_wire: Callable[..., Wire], wire: Wire, **fields: Any) -> Wire:
    """The same emulator in another life, at the time when the first ended."""
    wire.emulator.close()
    again = make_wire(state=wire.emulator.config.state, job_seconds=wire.emulator.config.job_seconds, **fields)
    again.clock.now = wire.clock.now
    return again


async def everything(wire: Wire, *paths: str) -> list[bytes]:
    """What a client sees at these places."""
    return [(await wire.get(path)).content for path in ("projects", *paths)]


async def test_a_restart_changes_nothing_that_can_be_seen(make_wire: Callable[..., Wire], state_file: Path) -> None:
    """Projects, content, models with their snapshots, deployments, jobs with errors and results."""
    wire = make_wire(state=state_file)
    await wire.put("A", project_file(metadata={"settings": {"confidenceThreshold": 0.5}}))
    await wire.create("B", multilingual=True)
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
    wire.emulator.add_model("dev", "A", "v1", trained_at=moment)
    wire.emulator.add_deployment("dev", "A", "production", model_label="v1", deployed_at=moment)
    failing = await wire.start_import("B", project_file(assets={"utterances": [{"text": "", "intent": "x"}]}))
    await wire.put("A", project_file(metadata={"settings": {"confidenceThreshold": 0.50}}, assets={"utterances": []}))
    export = await wire.start_export("A")
    deletion = await wire.send("DELETE", "projects/B")
    assert deletion.status_code == 202
    assert (await wire.finish(export))["status"] == "succeeded"
    result = (await wire.finish(export))["resultUrl"]
    places = (
        "projects/A",
        "projects/A/models",
        "projects/A/deployments",
        failing.headers["operation-location"],
        deletion.headers["operation-location"],
        export.headers["operation-location"],
        result,
    )
    before = await everything(wire, *places)
    again = await restart(make_wire, wire)
    assert await everything(again, *places) == before
    by_model = json.loads(await again.export("A", params={"trainedModelLabel": "v1"}))
    assert len(by_model["assets"]["utterances"]) == 1


async def test_a_job_under_way_goes_on_after_a_restart(make_wire: Callable[..., Wire], state_file: Path) -> None:
    """The import that was accepted is done in its time; an export gives what it began with."""
    wire = make_wire(state=state_file, job_seconds=10)
    await wire.create("A")
    export = await wire.start_export("A")
    started = await wire.start_import("B", project_file())
    again = await restart(make_wire, wire)
    assert (await again.get(started.headers["operation-location"])).json()["status"] == "notStarted"
    assert (await again.start_import("B", project_file())).status_code == 409
    assert (await again.finish(started))["status"] == "succeeded"
    assert (await again.get("projects/B")).status_code == 200
    assert (await again.get((await again.finish(export))["resultUrl"])).status_code == 200


async def test_what_was_seen_done_stays_done(make_wire: Callable[..., Wire], state_file: Path) -> None:
    """After a restart no first poll hides the end of a job again."""
    wire = make_wire(state=state_file)
    started = await wire.start_import("A", project_file())
    await wire.finish(started)
    again = await restart(make_wire, wire)
    assert (await again.get(started.headers["operation-location"])).json()["status"] == "succeeded"


async def test_jobs_expire_in_order_after_a_restart(make_wire: Callable[..., Wire], state_file: Path) -> None:
    """Jobs are read back oldest first, though a finished one was written again."""
    wire = make_wire(state=state_file, job_seconds=5)
    await wire.start_import("A", project_file())
    wire.clock.advance(4)
    await wire.start_import("B", project_file())
    wire.clock.advance(2)
    await wire.get("projects")
    again = await restart(make_wire, wire)
    jobs = again.emulator.state("dev", again.clock()).jobs
    assert [job.project for job in jobs.values()] == ["A", "B"]


async def test_content_that_nobody_needs_is_forgotten(make_wire: Callable[..., Wire], state_file: Path) -> None:
    """Replaced content leaves the file when it is opened next; content of a model's snapshot stays."""
    wire = make_wire(state=state_file)
    for text in ("one", "two", "three"):
        await wire.put("A", project_file(assets={"utterances": [{"text": text, "intent": "Book"}]}))
        if text == "one":
            wire.emulator.add_model("dev", "A", "v1")
    again = await restart(make_wire, wire)
    again.emulator.close()
    with closing(sqlite3.connect(state_file)) as database:
        parts = [part for (part,) in database.execute("SELECT part FROM content WHERE name = 'utterances'")]
    assert sorted(json.loads(part)[0]["text"] for part in parts) == ["one", "three"]


async def test_each_resource_finds_its_own_state(make_wire: Callable[..., Wire], state_file: Path) -> None:
    """Resources that are not served this time keep theirs for another."""
    wire = make_wire(state=state_file)
    await wire.create("A")
    other = await restart(make_wire, wire, resources=("prod",))
    assert not other.emulator.state("prod", other.clock()).projects
    again = await restart(make_wire, other)
    assert list(again.emulator.state("dev", again.clock()).projects) == ["A"]


async def test_a_change_that_cannot_be_stored_is_not_made(
    make_wire: Callable[..., Wire], state_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Contract 4.2: 500 InternalServerError for the client, the traceback for the log, and the old state everywhere."""
    wire = make_wire(state=state_file)
    await wire.create("A")
    wire.emulator.close()
    answer = await wire.create("B")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "InternalServerError"
    assert "Traceback" in caplog.text
    assert [project["projectName"] for project in (await wire.get("projects")).json()["value"]] == ["A"]


async def test_a_change_is_stored_whole_or_not_at_all(make_wire: Callable[..., Wire], state_file: Path) -> None:
    """A record that cannot be written takes back those that were written before it."""
    wire = make_wire(state=state_file)
    await wire.create("A")
    gone = Change(removed_projects=("A",), jobs=(cast("Job", None),))
    with pytest.raises(AttributeError):
        wire.emulator.commit({"dev": gone})
    assert wire.emulator.project("dev", "A").name == "A"
    again = await restart(make_wire, wire)
    assert again.emulator.project("dev", "A").name == "A"


async def test_a_full_disk_changes_nothing(make_wire: Callable[..., Wire], state_file: Path) -> None:
    """A transaction that fails in the middle leaves neither a half record nor an open transaction."""
    wire = make_wire(state=state_file)
    await wire.create("A")
    database = cast("sqlite3.Connection", cast("Any", wire.emulator)._file._database)
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count={pages}").fetchone()
    big = project_file(assets={"utterances": [{"text": f"{n} {'x' * 400}", "intent": "Book"} for n in range(500)]})
    assert (await wire.start_import("B", big)).status_code == 500
    database.execute("PRAGMA max_page_count=1000000").fetchone()
    await wire.put("B", big)
    again = await restart(make_wire, wire)
    assert len(json.loads(await again.export("B"))["assets"]["utterances"]) == 500


# --- files that are refused ----------------------------------------------------------------------------------------


def refuse(path: Path, words: str) -> None:
    """Opening names the file and the reason."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        Emulator(EmulatorConfig(state=path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused(state_file: Path) -> None:
    """And left as it is."""
    state_file.write_bytes(b"important notes, " * 100)
    refuse(state_file, "not a database")
    assert state_file.read_bytes() == b"important notes, " * 100


def test_the_database_of_another_program_is_refused(state_file: Path) -> None:
    """A table of somebody else's is no place for a state."""
    with closing(sqlite3.connect(state_file)) as database:
        database.execute("CREATE TABLE customers (name)")
    refuse(state_file, "another program")


def test_a_newer_format_is_refused(state_file: Path) -> None:
    """An older emulator does not guess."""
    Emulator(EmulatorConfig(state=state_file)).close()
    with closing(sqlite3.connect(state_file)) as database:
        database.execute("PRAGMA user_version=2")
    refuse(state_file, "newer version")


def test_a_damaged_record_is_refused(state_file: Path) -> None:
    """A record that cannot be read, or whose content is gone, is named as damage."""
    emulator = Emulator(EmulatorConfig(state=state_file))
    emulator.close()
    with closing(sqlite3.connect(state_file)) as database:
        database.execute("INSERT INTO project VALUES ('emulator', 'A', '{}')")
        database.commit()
    refuse(state_file, "damaged")


@pytest.mark.parametrize("name", ["", "missing/emulator.sqlite"])
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    """A folder, or a file in a folder that is not there."""
    refuse(tmp_path / name, "cannot be")


def test_a_state_belongs_to_one_emulator_at_a_time(state_file: Path) -> None:
    """The second is told; when the first has closed, the next may have it."""
    first = Emulator(EmulatorConfig(state=state_file))
    refuse(state_file, "locked")
    first.close()
    Emulator(EmulatorConfig(state=state_file)).close()


# --- kill -9 -------------------------------------------------------------------------------------------------------

PROGRAM = """
import pathlib, sys
from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.server import EmulatorServer

config = EmulatorConfig(resources=("dev",), state=pathlib.Path(sys.argv[1]), job_seconds=0.2)
server = EmulatorServer(config)
print(server.url, flush=True)
server.run()
"""


@contextmanager
def process(state: Path) -> Generator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """An emulator in a process of its own, which ends by kill -9."""
    command = [sys.executable, "-c", PROGRAM, str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603  # our own program
        assert child.stdout is not None
        base = f"{child.stdout.readline().strip()}/dev/language/authoring/analyze-conversations"
        with httpx.Client(base_url=base, headers={KEY_HEADER: KEY}, params={"api-version": "2023-04-01"}) as client:
            yield client, child
            child.kill()


def create(client: httpx.Client, name: str) -> int:
    """Create a project."""
    body = {"projectKind": "Conversation", "projectName": name, "language": "en-us"}
    return client.patch(f"projects/{name}", json=body).status_code


def names(client: httpx.Client) -> set[str]:
    """The projects that there are, from all pages."""
    found: set[str] = set()
    link: str | None = str(client.base_url.join("projects"))
    while link is not None:
        page = client.get(link).json()
        found |= {project["projectName"] for project in page["value"]}
        link = page["nextLink"]
    return found


def test_what_was_answered_survives_a_kill(state_file: Path) -> None:
    """A kill -9 right after a creation, a deletion and an accepted import: all three hold, the import gets done."""
    with process(state_file) as (client, _):
        assert create(client, "A") == 201
        assert create(client, "C") == 201
        assert client.delete("projects/A").status_code == 202
        started = client.post("projects/B/:import", json=project_file())
    job = httpx.URL(started.headers["operation-location"]).path.partition("analyze-conversations/")[2]
    with process(state_file) as (client, _):
        while client.get(job).json()["status"] in ("notStarted", "running"):
            time.sleep(0.01)
        assert client.get(job).json()["status"] == "succeeded"
        assert names(client) == {"B", "C"}


def test_a_kill_in_the_middle_of_traffic_loses_no_answer(state_file: Path) -> None:
    """Whatever was answered before the kill is there after it, and the state opens again without help."""
    answered: set[str] = set()

    def create_until_dead(client: httpx.Client) -> None:
        with suppress(httpx.TransportError):
            for number in itertools.count():
                assert create(client, f"p{number}") == 201
                answered.add(f"p{number}")

    with process(state_file) as (client, child):
        thread = threading.Thread(target=create_until_dead, args=(client,))
        thread.start()
        while len(answered) < 25:
            time.sleep(0.001)
        child.kill()
        thread.join()
    with process(state_file) as (client, _):
        found = names(client)
    assert answered <= found
    assert len(found - answered) <= 1
