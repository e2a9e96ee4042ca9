"""Two backups of one resource share its calls a minute, are killed, and a third goes on: real processes and clocks."""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.server import EmulatorServer
from cluvault.model.run import Outcome
from cluvault.ops.backup import BackupOptions, backup
from cluvault.ops.verify import VerifyOptions, look
from cluvault.ops.workspace import Workspace
from cluvault.settings import find_config, load_settings
from cluvault.vault.vault import Vault
from tests.support.processes import running, until
from tests.support.world import project_file

if TYPE_CHECKING:
    from pathlib import Path

    from cluvault.ops.report import Report

KEY = "key-that-nobody-may-ever-see-1"
NAMES = [f"{group}{number}" for group in "ab" for number in range(7)]
CONFIGURATION = """\
[vault]
url = "{folder}/vault"

[backup]
concurrency = 8

[resources.dev]
endpoint = "{url}/dev"
key = {{ env = "CLU_TEST_KEY" }}
"""


def exports(server: EmulatorServer) -> list[str]:
    """The projects of which an export was asked for."""
    return [one.path.split("/")[-2] for one in tuple(server.emulator.requests.last) if one.path.endswith("/:export")]


async def whole(folder: Path) -> Report:
    """A backup of everything, without limits; what it stored is whole."""
    environment = {**os.environ, "CLU_TEST_KEY": KEY, "CLUVAULT_RESOURCES__DEV__LIMITS": "off"}
    path = find_config(str(folder / "cluvault.toml"), environment=environment, directory=folder)
    async with Workspace(load_settings(path, environment=environment), environment=environment) as workspace:
        report = await backup(workspace, BackupOptions())
        assert not (await look(workspace, VerifyOptions(read_data=True))).findings
        vault = await workspace.vault()
        assert isinstance(vault, Vault)
        assert sorted([one.project for one in await vault.snapshots()]) == NAMES
    return report


@pytest.mark.long
async def test_two_that_share_are_killed_and_a_third_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten exports in the first minute, not fourteen; of these none is started again, and all is there once."""
    seed = tmp_path / "seed" / "dev"
    seed.mkdir(parents=True)
    for name in NAMES:
        (seed / f"{name}.json").write_bytes(project_file(name, f"to {name}"))
    config = EmulatorConfig(
        resources=("dev",), keys=(KEY,), seed=tmp_path / "seed", job_seconds=5, strict_members=False
    )
    monkeypatch.setenv("CLU_TEST_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    with EmulatorServer(config) as server:
        (tmp_path / "cluvault.toml").write_text(CONFIGURATION.format(folder=tmp_path, url=server.url), "utf-8")
        logs = [tmp_path / f"{group}.log" for group in "ab"]
        with ExitStack() as stack:
            processes = [
                stack.enter_context(running("cluvault", "backup", "dev", "--project", f"{group}*", log=log))
                for group, log in zip("ab", logs, strict=True)
            ]
            until(lambda: len(exports(server)) >= 10, seconds=60, log=logs[0])
            await asyncio.sleep(1.5)
            for process in processes:
                process.kill()
                process.wait()
        started = exports(server)
        assert len(started) == 10, started
        assert {name[0] for name in started} == {"a", "b"}
        report = await whole(tmp_path)
        assert sorted(exports(server)) == NAMES
    assert [one.outcome for one in report.items] == [Outcome.STORED] * len(NAMES)
    assert {one.project for one in report.items if one.taken_up is not None} == set(started)
    assert not list((tmp_path / "vault" / "jobs").glob("*/*/*"))
