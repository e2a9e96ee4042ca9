"""The demo as a user runs it: a process of its own with a Prefect server and an emulator of its own."""

# ruff: noqa: S603  # it starts its own processes

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from cluvault.cli.demo import services
from cluvault.cli.demo.folder import prepare
from cluvault.cli.demo.services import ServiceFailed, running

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.support.desk import Desk


def _processes_that_name(folder: Path) -> list[str]:
    """The command lines of living processes that belong to the demo in a folder: their environment says so."""
    marker = f"CLUVAULT_CONFIG={folder / 'cluvault.toml'}".encode()
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if marker in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # gone meanwhile, or somebody else's
            continue
    return found


def _nobody_is_left(folder: Path) -> bool:
    deadline = time.monotonic() + 20
    while _processes_that_name(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not _processes_that_name(folder)


@contextmanager
def _demo(folder: Path, *options: str, story: str = "") -> Generator[subprocess.Popen[str]]:
    """The demo, with settings of its user that it must not take for its own."""
    environment = {**os.environ, "CLUVAULT_VAULT__URL": str(folder.parent / "real-vault"), "PREFECT_API_KEY": "real"}
    command = [sys.executable, "-m", "cluvault", "demo", *story.split(), "--directory", str(folder), *options]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # of no effect on a demo that has ended, as it should


def _read_until(process: subprocess.Popen[str], last: str) -> str:
    """What the demo prints up to a line that starts like this, or up to its end."""
    shown: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        shown.append(line)
        if line.startswith(last):
            break
    return "".join(shown)


def _ask(url: str, body: Any = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    request = Request(url, data=data, headers={"Content-Type": "application/json"})  # noqa: S310  # loopback
    with urlopen(request, timeout=10) as answer:  # noqa: S310
        return answer.read().decode()


@pytest.mark.slow
def test_the_demo(tmp_path: Path) -> None:
    """Every step shows its result; all stays up until Ctrl-C; a second run starts anew; kill -9 leaves nothing."""
    folder = tmp_path / "demo"
    with _demo(folder, "--keep-running") as process:
        shown = _read_until(process, "  cluvault backup dev")
        _every_step_is_told(shown, folder)
        prefect, emulator = (
            re.findall(rf"{name} .* (http://127\.0\.0\.1:\d+/)\n", shown)[0] for name in ("Prefect UI", "emulator")
        )
        _the_ui_has_everything(prefect)
        assert json.loads(_ask(f"{emulator}_emulator/health"))
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    assert _nobody_is_left(folder)
    for address in (prefect, emulator):
        with pytest.raises(URLError):
            _ask(address)
    assert _verifies(folder)
    assert not (tmp_path / "real-vault").exists()

    with _demo(folder) as process:
        assert re.search(r"stored +prod/EmailAppDemo", _read_until(process, "2/9"))
        process.kill()
        assert process.wait(timeout=20) == -signal.SIGKILL
    assert _nobody_is_left(folder)


def _every_step_is_told(out: str, folder: Path) -> None:
    steps = [line for line in out.splitlines() if re.match(r"\d/9  ", line)]
    assert [step[0] for step in steps] == list("123456789")
    for expected in (
        r"stored +dev/EmailAppDemo +15 intents",
        r"unchanged +dev/MicrosoftPizzaSmall",
        r"~ .*moved Cancel → Delete",
        r"dev/FlightBooking is gone from the service",
        r"restored from dev/FlightBooking@\S+; exported again, it means the same",
        r"created dev/SupportDesk",
        r"delete +FlightBooking-experiment",
        r"keep +EmailAppDemo",
        r"7 snapshots, \d contents, every byte read: 0 missing, 0 damaged",
    ):
        assert re.search(expected, out), expected
    assert f"The vault is {folder / 'vault'}" in out


def _verifies(folder: Path) -> bool:
    command = [sys.executable, "-m", "cluvault", "verify"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.startswith("7 snapshots, ")


def _the_ui_has_everything(prefect: str) -> None:
    assert "<html" in _ask(prefect)
    runs = json.loads(_ask(f"{prefect}api/flow_runs/filter", {}))
    assert {run["state_type"] for run in runs} == {"COMPLETED"}
    flows = {flow["id"]: flow["name"] for flow in json.loads(_ask(f"{prefect}api/flows/filter", {}))}
    assert {flows[run["flow_id"]] for run in runs} == {"backup", "restore", "create", "cleanup", "verify"}
    artifacts = json.loads(_ask(f"{prefect}api/artifacts/filter", {}))
    assert {one["key"] for one in artifacts} >= {"cluvault-backup", "cluvault-cleanup-plan"}


@pytest.mark.slow
def test_the_demo_of_promotion(tmp_path: Path) -> None:
    """The good one gives new answers; the bad one is refused with its intent named, and nothing has changed."""
    with _demo(tmp_path / "demo", story="promote") as process:
        shown, _ = process.communicate(timeout=180)
    assert process.returncode == 0, shown
    asked = r"archive the mail from tom +{} \(0\.\d\d\) +{} "
    for expected in (
        asked.format("Delete", "Archive"),
        r"promoted dev/MailDemo@\S+ to prod/MailDemo: cv-\S+ serves",
        r"refused +intents\.Cancel +Cancel +Cancel: f1 0\.\d+ < 0\.700",
        r"rolled back: .*Cancel: f1",
        asked.format("Archive", "Archive"),
        r"content before \S+, after \S+: the same",
        r"\npromoted +prod/MailDemo@.*\nrolled-back +prod/MailDemo@",
        r"cluvault demo promote --keep-running",
    ):
        assert re.search(expected, shown), expected
    assert _nobody_is_left(tmp_path / "demo")


@pytest.mark.slow
def test_a_demo_that_is_told_to_stop_while_it_starts(tmp_path: Path) -> None:
    """SIGTERM before server and emulator answer: they end all the same."""
    folder = tmp_path / "demo"
    with _demo(folder) as process:
        deadline = time.monotonic() + 60
        while len(_processes_that_name(folder)) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.terminate()
        assert process.wait(timeout=20) == -signal.SIGTERM
    assert _nobody_is_left(folder)


def test_a_folder_of_somebody_else_is_not_touched(desk: Desk) -> None:
    """Exit code 2, before anything is started."""
    photos = desk.folder / "cluvault-demo"
    photos.mkdir()
    (photos / "cat.jpg").write_bytes(b"meow")
    outcome = desk("demo")
    assert outcome.code == 2
    assert outcome.error.endswith("is not empty and no earlier demo made it; name another with --directory")
    assert [path.name for path in photos.iterdir()] == ["cat.jpg"]
    assert desk("demo", "--directory", "cluvault.toml").error.endswith("is no folder; name another with --directory")


def test_a_folder_of_an_earlier_demo_is_emptied(tmp_path: Path) -> None:
    """So that the demo can be run again and again."""
    prepare(tmp_path / "demo", port=1)
    (tmp_path / "demo" / "vault").mkdir()
    prepare(tmp_path / "demo", port=2)
    assert not (tmp_path / "demo" / "vault").exists()
    assert "127.0.0.1:2/" in (tmp_path / "demo" / "cluvault.toml").read_text("utf-8")


async def test_a_part_that_does_not_start_is_named(tmp_path: Path) -> None:
    """With its exit code and the last line of its log."""
    log = tmp_path / "emulator.log"
    service = running("cluvault", "emulator", "--seed", str(tmp_path / "nowhere"), port=1, path="/", log=log)
    with pytest.raises(ServiceFailed, match=r"cluvault ended with code 2 before it answered: .*nowhere"):
        async with service:
            pass


async def test_a_part_that_answers_too_late_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, and nothing of it is left."""
    monkeypatch.setattr(services, "STARTED_WITHIN", 0.3)
    with pytest.raises(ServiceFailed, match=r"http\.server did not answer within 0 s"):
        async with running("http.server", "0", "--bind", "127.0.0.1", port=1, path="/", log=tmp_path / "log"):
            pass
