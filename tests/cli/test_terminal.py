"""What reaches the terminal: nothing that it obeys, no secret; and what Ctrl-C, pipes and full disks do."""

# ruff: noqa: S603  # it starts its own processes

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.cli.app import COMMANDS
from cluvault.cli.render import progress, remark
from cluvault.cli.text import clean, clean_json, clean_lines, size
from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.server import EmulatorServer
from cluvault.errors import StoreUnavailable
from cluvault.vault.folder import FolderStore
from tests.support.desk import CONFIGURATION, KEY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.desk import Desk

HOSTILE = "\x1b[31mred\x07 [bold]x[/bold] \u202eevil\u202c \x9b2J \u2028end\ttab\U000e0001"
OBEYED = ("\x1b", "\x07", "\u202e", "\u202c", "\x9b", "\u2028", "\U000e0001")


@pytest.fixture
def hostile(desk: Desk, sample: Callable[[str], bytes]) -> Desk:
    """Files whose every text is hostile."""
    document: Any = json.loads(sample("pizza-small"))
    (desk.folder / "plain.json").write_text(json.dumps(document), "utf-8")
    document["metadata"]["description"] = HOSTILE
    document["assets"]["intents"][0]["category"] = HOSTILE[:40]
    document["assets"]["entities"][0]["category"] = HOSTILE[:40]
    for utterance in document["assets"]["utterances"]:
        utterance["text"] += HOSTILE
    (desk.folder / "evil.json").write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    return desk


@pytest.mark.parametrize(
    "command",
    [
        ("diff", "./plain.json", "./evil.json"),
        ("diff", "./plain.json", "./evil.json", "--markdown"),
        ("diff", "./plain.json", "./evil.json", "--json"),
        ("validate", "./evil.json"),
        ("validate", "./evil.json", "--json"),
        ("restore", "./evil.json", "--to", "prod/Evil"),
        ("create", "prod/Evil", "--seed", "./evil.json"),
        ("create", "prod/Evil", "--seed", "./evil.json", "--json", "-v"),
    ],
    ids=" ".join,
)
def test_hostile_content_is_shown_harmless(hostile: Desk, command: tuple[str, ...]) -> None:
    """No escape sequence, no reordering, no extra line reaches the terminal; markup is text."""
    outcome = hostile(*command)
    shown = outcome.out + outcome.stderr
    assert shown
    assert not [char for char in OBEYED if char in shown]


def test_a_difference_shows_markup_as_it_is(hostile: Desk) -> None:
    """Rich does not interpret it."""
    assert "[bold]x[/bold]" in hostile("diff", "./plain.json", "./evil.json").out


def test_json_means_the_same(hostile: Desk) -> None:
    """The escapes are JSON's own: a program reads the very text."""
    found = hostile("diff", "./plain.json", "./evil.json", "--json").json
    (change,) = found["settings"]
    assert change["after"] == HOSTILE


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain", "plain"),
        ("é 日本 \N{GRINNING FACE}", "é 日本 \N{GRINNING FACE}"),
        ("a\nb\tc", "a⏎b→c"),
        ("\x1b[0m", "\\u001b[0m"),
        ("\udc80", "\\udc80"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_clean(text: str, shown: str) -> None:
    """One printable line."""
    assert clean(text) == shown


def test_clean_keeps_lines_and_json_where_they_matter() -> None:
    """Markdown keeps its lines; JSON keeps its meaning."""
    assert clean_lines("a\nb\u202e") == "a\nb\\u202e"
    text = json.dumps({"k": "\x9b\u202e\U000e0001 é"}, ensure_ascii=False, indent=1)
    assert json.loads(clean_json(text)) == json.loads(text)
    assert clean_json(text).replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "number, shown", [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2_000_000, "2.0 MB"), (3_100_000_000, "3.1 GB")]
)
def test_size(number: int, shown: str) -> None:
    """Decimal units."""
    assert size(number) == shown


@pytest.mark.parametrize(
    "command",
    [
        ("projects", "dev"),
        ("backup", "dev"),
        ("restore", "dev/Pizza", "--to", "prod"),
        ("create", "prod/New", "--language", "de"),
        ("cleanup", "dev", "--apply"),
        ("cat", "live:dev/Pizza", "-o", "out.json"),
    ],
    ids=" ".join,
)
def test_verbose_shows_the_calls(backed_up: Desk, command: tuple[str, ...]) -> None:
    """Method, path and status of each, one line a call; `desk` looks for the key in every output."""
    lines = backed_up(*command, "-v").stderr.splitlines()
    calls = [line for line in lines if " cluvault.service " in line]
    assert calls
    assert all(" -> 20" in line or " -> 404" in line for line in calls)
    assert any("GET " in line for line in calls)


@pytest.mark.parametrize("command", [(), ("--help",), ("-h",), *((name, "--help") for name in COMMANDS)], ids=" ".join)
def test_help(desk: Desk, command: tuple[str, ...]) -> None:
    """Every command has it, and so has the program that is called without any."""
    outcome = desk(*command)
    assert outcome.code == (0 if command else 2)
    text = outcome.out if command else outcome.stderr
    assert text.startswith("Usage: cluvault")
    if not command or len(command) == 1:
        assert all(f"  {name} " in text for name in COMMANDS)


def test_version(desk: Desk) -> None:
    """The version that manifests name."""
    assert desk.done("--version").out.startswith("cluvault, version 0.")


def test_shells_can_complete(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Click's protocol: the script of the shell, then the words that fit."""
    monkeypatch.setenv("_CLUVAULT_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "cluvault snap")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert desk.done().out == "plain,snapshots\n"


# --- in a process of its own ---------------------------------------------------------------------------------------


def _cluvault(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cluvault", *arguments]


def _unread(*arguments: str) -> tuple[int, str]:
    """Run a command whose output nobody reads; its exit code and standard error."""
    read, write = os.pipe()
    os.close(read)
    with subprocess.Popen(_cluvault(*arguments), stdout=write, stderr=subprocess.PIPE, text=True) as process:
        os.close(write)
        _, stderr = process.communicate(timeout=60)
    return process.returncode, stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["cat dev/Mail", "snapshots", "snapshots --json", "show dev/Mail", "verify"])
def test_a_closed_pipe_is_no_error(
    backed_up: Desk, monkeypatch: pytest.MonkeyPatch, unbuffered: str, command: str
) -> None:
    """`cluvault cat … | head -c 1`: exit code 0 and not a word."""
    assert backed_up.vault.is_dir()
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    assert _unread(*command.split()) == (0, "")


def test_who_closes_the_pipe_stops_nothing(backed_up: Desk) -> None:
    """`cluvault restore … | head -1`: the plan is read, and carried out."""
    assert _unread("restore", "dev/Pizza", "--to", "prod/Pizza") == (0, "")
    assert "no difference" in backed_up.done("diff", "dev/Pizza", "live:prod/Pizza").out


def test_a_failure_behind_a_closed_pipe_is_a_failure(backed_up: Desk) -> None:
    """`cluvault backup … | head -1` in cron: standard error and the exit code are all that is left."""
    assert backed_up.vault.is_dir()
    code, stderr = _unread("backup", "dev", "--project", "Nobody")
    assert code == 1
    assert len(stderr.splitlines()) == 1


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_standard_output(backed_up: Desk, monkeypatch: pytest.MonkeyPatch, unbuffered: str) -> None:
    """Exit code 1 and a line: what was cut is not taken for whole."""
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with open("/dev/full", "wb") as full:  # noqa: PTH123  # a device
        done = subprocess.run(_cluvault("snapshots"), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert backed_up.vault.is_dir()
    assert (done.returncode, done.stderr) == (1, "cluvault: standard output: No space left on device\n")


_LIMITED = """
import resource, sys
from cluvault.cli.app import run
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
sys.exit(run({arguments!r}))
"""


def _with_little_room(limit: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command whose files cannot grow beyond a limit: the error of a full disk, for one process only."""
    code = _LIMITED.format(limit=limit, arguments=list(arguments))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_a_full_disk_while_storing(desk: Desk) -> None:
    """What fits is stored, what does not is named; nothing half is listed; with room the next run completes."""
    done = _with_little_room(7000, "backup", "dev", "--json")
    assert done.returncode == 3, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "dev/Mail" in done.stderr
    assert desk.done("verify", "--read-data").out == "1 snapshot, 1 content, every byte read: 0 missing, 0 damaged\n"
    assert "1 stored, 1 unchanged" in desk.done("backup", "dev").out
    assert desk.done("verify", "--read-data").out == "2 snapshots, 2 contents, every byte read: 0 missing, 0 damaged\n"


def test_a_full_disk_while_writing_a_file(backed_up: Desk) -> None:
    """The part that was written is taken away again."""
    done = _with_little_room(1000, "cat", "dev/Mail", "-o", "out.json")
    assert done.returncode == 1
    assert done.stderr == "cluvault: out.json: file too large; nothing was left there\n"
    assert not (backed_up.folder / "out.json").exists()


def test_ctrl_c(desk: Desk, tmp_path: Path, sample: Callable[[str], bytes]) -> None:
    """Exit code 130, one line, no half snapshot; the next run completes."""
    seed = tmp_path / "slow" / "dev"
    seed.mkdir(parents=True)
    for number in range(4):
        (seed / f"Pizza{number}.json").write_bytes(sample("pizza-small"))
    config = EmulatorConfig(resources=("dev", "prod"), keys=(KEY,), seed=seed.parent, job_seconds=2)
    with EmulatorServer(config) as slow:
        desk.configure(CONFIGURATION.format(url=slow.url))
        with subprocess.Popen(
            _cluvault("backup", "dev"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            deadline = time.monotonic() + 60
            while not slow.emulator.state("dev", slow.emulator.clock()).jobs and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "cluvault: interrupted; nothing half-written is listed, run the command again\n"
    desk.configure(CONFIGURATION.format(url=desk.server.url))
    assert desk.done("snapshots", "--json").json == []
    assert "2 stored" in desk.done("backup", "dev").out


_IMPORTS = """
import sys
from cluvault.cli.app import run
code = run({arguments!r})
sys.stdout.flush()
found = sorted({{name.partition(".")[0] for name in sys.modules}} & set({forbidden!r}))
print("imported:", *found, file=sys.stderr)
sys.exit(code)
"""
_SERVERS = ("prefect", "azure", "boto3", "botocore", "starlette", "uvicorn", "aiohttp", "fastapi")


@pytest.mark.parametrize(
    "arguments, forbidden",
    [
        (("--help",), (*_SERVERS, "httpx", "pydantic", "rich", "asyncio")),
        (("snapshots",), (*_SERVERS, "httpx")),
        (("snapshots", "--json"), (*_SERVERS, "httpx", "rich")),
        (("show", "dev/Pizza"), (*_SERVERS, "httpx")),
        (("cat", "dev/Pizza"), (*_SERVERS, "httpx", "rich")),
        (("diff", "dev/Pizza", "dev/Mail"), (*_SERVERS, "httpx")),
        (("validate", "file.json"), (*_SERVERS, "httpx")),
        (("projects", "dev"), _SERVERS),
    ],
    ids=lambda value: " ".join(value) if "-" in value[0] or value[0] in COMMANDS else "",
)
def test_reading_commands_start_without(
    backed_up: Desk, sample: Callable[[str], bytes], arguments: tuple[str, ...], forbidden: tuple[str, ...]
) -> None:
    """What a command does not need is not imported: it answers in a fraction of a second."""
    (backed_up.folder / "file.json").write_bytes(sample("pizza-small"))
    code = _IMPORTS.format(arguments=list(arguments), forbidden=list(forbidden))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "imported:\n")


def test_what_a_store_is_waited_for_is_told(backed_up: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, on standard error, and not within the answer for programs."""
    get, calls = FolderStore.get, itertools.count()

    async def get_later(self: FolderStore, key: str) -> bytes:
        if next(calls) == 1:
            raise StoreUnavailable("the share is away")
        return await get(self, key)

    monkeypatch.setattr(FolderStore, "get", get_later)
    done = backed_up("snapshots", "--json")
    assert (done.code, len(done.json)) == (0, 2)
    waiting, back = done.stderr.splitlines()
    assert waiting == "warning: the share is away; waiting for it, for 120 s at most"
    assert back.endswith(("the store answers again, after 0 s", "after 1 s"))


def test_a_remark_above_the_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal it stands above the progress bar, which goes on; anywhere else it is a line alone."""
    with progress("backup"):
        remark("dev: calls wait\x1b")
    assert capsys.readouterr().err == "dev: calls wait\\u001b\n"
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress("backup") as (start, _):
        start(3)
        remark("dev: calls wait")
    shown = capsys.readouterr().err
    assert "0/3" in shown
    assert "dev: calls wait" in shown
