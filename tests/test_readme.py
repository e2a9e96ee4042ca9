"""README.md is true: its tour runs, its configuration loads, its commands exist."""

# ruff: noqa: S603  # it starts its own processes

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from cluvault.cli.app import COMMANDS
from cluvault.settings import load_settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
FRESH = {"pip install uv && uv run cluvault demo", "pip install uv && uv run pytest"}


def _blocks(language: str) -> list[str]:
    return [body for found, body in BLOCKS if found == language]


def _tour() -> list[tuple[str, int]]:
    """The commands of the tour in order, each with the exit code that it should have."""
    lines = [line[2:] for block in _blocks("console") for line in block.splitlines() if line.startswith("$ ")]
    parts = [re.fullmatch(r"(.*?)(?:\s+# exit (\d+))?", line) for line in lines]
    return [(part[1], int(part[2] or 0)) for part in parts if part]


def test_a_fresh_machine_needs_two_commands() -> None:
    """One for the demo, one for the tests."""
    lines = {line.strip() for block in _blocks("bash") for line in block.splitlines()}
    assert lines >= FRESH


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    """`cluvault NAME` is written somewhere in a block or in the text."""
    assert re.search(rf"\bcluvault {name}\b|`{name}`", README)


@pytest.mark.parametrize("block", _blocks("toml"))
def test_every_configuration_loads(tmp_path: Path, block: str) -> None:
    """Strictly: unknown keys are refused."""
    file = tmp_path / "cluvault.toml"
    file.write_text(block, "utf-8")
    assert load_settings(file, environment={}).resources


def test_nothing_names_this_machine() -> None:
    """Shown output was taken somewhere; where does not matter to the reader."""
    assert not re.search(r"/(?:home|root|work|tmp|Users)/", README)


@pytest.mark.slow
def test_the_tour(tmp_path: Path) -> None:
    """Every command, in one shell, in an empty folder; each exits as it says."""
    commands = _tour()
    assert len(commands) > 10
    script = tmp_path / "tour.sh"
    script.write_text("".join(_checked(*command) for command in commands), "utf-8")
    folder = tmp_path / "tour"
    folder.mkdir()
    with subprocess.Popen(
        ["bash", "--noprofile", "--norc", str(script)],  # noqa: S607  # any bash
        cwd=folder,
        env=_environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as shell:
        try:
            out, _ = shell.communicate(timeout=180)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)  # the emulator that the tour leaves running
    assert shell.returncode == 0, out[-3000:]
    assert "Traceback" not in out


def _checked(command: str, expected: int) -> str:
    """The command as written; a background job is only started. Standard input is nobody's."""
    complaint = shlex.quote(f"exit code $? of: {command}")
    check = f'code=$?; [ $code -eq {expected} ] || {{ echo {complaint} "was $code"; kill $(jobs -p); exit 1; }}'
    return f"{command}\n{check}\n"


def _environment(folder: Path) -> dict[str, str]:
    """`cluvault` and `uv run cluvault` are this checkout's; a home without anybody's settings."""
    shims = folder / "shims"
    shims.mkdir()
    python = shlex.quote(sys.executable)
    _shim(shims / "cluvault", f'exec {python} -m cluvault "$@"')
    _shim(shims / "uv", f'[ "$1 $2" = "run cluvault" ] || exit 99; shift 2; exec {python} -m cluvault "$@"')
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("CLUVAULT_", "PREFECT_"))}
    return kept | {
        "PATH": f"{shims}{os.pathsep}{os.environ['PATH']}",
        "PORT": port,
        "CHECKOUT": str(ROOT),
        "PREFECT_HOME": str(folder / "prefect"),
    }


def _shim(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    path.chmod(0o755)
