"""restore --environment as a process of its own, killed (kill -9) at each of its changes, and started again."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

import pytest

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.server import EmulatorServer
from cluvault.ops.backup import BackupOptions, backup
from cluvault.ops.contents import present_content
from cluvault.ops.workspace import Workspace
from cluvault.service.calls.training import Training
from cluvault.settings import find_config, load_settings
from tests.support.processes import running
from tests.support.serving import DRAFT, NEW, OLD

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KEY = "key-that-nobody-may-ever-see-1"
CONFIGURATION = """\
[vault]
url = "{folder}/vault"

[promotions]
lease-seconds = 10

[resources.dev]
endpoint = "{url}/dev"
key = {{ env = "CLU_TEST_KEY" }}
limits = "off"
capture = "environment"

[resources.prod]
endpoint = "{url}/prod"
key = {{ env = "CLU_TEST_KEY" }}
limits = "off"
"""
SERVED = {"staging": "v2", "production": "v1"}


class Stage:
    """An emulator of two resources, a configuration and a vault in a folder."""

    def __init__(self, server: EmulatorServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        (folder / "cluvault.toml").write_text(CONFIGURATION.format(folder=folder, url=server.url), "utf-8")

    def workspace(self) -> Workspace:
        """As a process of this configuration has it."""
        path = find_config(None, environment={}, directory=self.folder)
        return Workspace(load_settings(path, environment={}), environment={**os.environ, "CLU_TEST_KEY": KEY})

    async def prepare(self) -> None:
        """`production` of dev serves v1, `staging` v2, the draft is further on; a backup has captured it all."""
        async with self.workspace() as workspace:
            client = await workspace.client("dev")
            for content, label, deployment in ((OLD, "v1", "production"), (NEW, "v2", "staging"), (DRAFT, "", "")):
                await client.import_project("Desk", content)
                if label:
                    await client.wait(await client.begin_train("Desk", Training(label=label)), timeout=60)
                    begun = await client.begin_deploy("Desk", deployment=deployment, label=label)
                    await client.wait(begun, timeout=60)
            assert (await backup(workspace, BackupOptions(resources=("dev",)))).exit_code == 0

    def changes(self, project: str) -> list[str]:
        """What was asked of a project that changes it, by all who asked."""
        begin = "/prod/language/authoring/analyze-conversations/projects/" + project
        return [
            f"{one.method} {one.path.removeprefix(begin)}"
            for one in tuple(self.server.emulator.requests.last)
            if one.path.startswith(begin) and one.method != "GET" and not one.path.endswith("/:export")
        ]

    async def found(self, project: str) -> tuple[dict[str, str], str]:
        """Deployment → label of its model; the digest of the draft."""
        async with self.workspace() as workspace:
            client = await workspace.client("prod")
            served = {one.name: one.model_label async for one in client.list_deployments(project)}
            return served, (await present_content(workspace, "prod", project, modified_at=None)).digest


@pytest.mark.long
async def test_a_rebuilding_that_is_killed_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each change but the last: the same command ends it, no model is trained twice, all is there."""
    monkeypatch.setenv("CLU_TEST_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    config = EmulatorConfig(resources=("dev", "prod"), keys=(KEY,), job_seconds=0.4, strict_members=False)
    with EmulatorServer(config) as server:
        stage = Stage(server, tmp_path)
        await stage.prepare()
        rebuild(stage, "Whole", die_after=None)
        whole = stage.changes("Whole")
        assert [one for one in whole if one.endswith("/:train")] == ["POST /:train"] * 2
        expected = await stage.found("Whole")
        assert expected[0] == SERVED
        projects = [f"Desk{number}" for number in range(1, len(whole))]
        await side_by_side(stage, projects, [*range(1, len(whole))])
        await side_by_side(stage, projects, [None] * len(projects))
        for project in projects:
            assert await stage.found(project) == expected, project
            changes = stage.changes(project)
            assert sum(one.endswith("/:train") for one in changes) == len(SERVED), (project, changes)
        await side_by_side(stage, projects, [None] * len(projects))
        for project in projects:
            assert "nothing to do" in (tmp_path / f"{project}.log").read_text("utf-8")


async def side_by_side(stage: Stage, projects: Sequence[str], deaths: Sequence[int | None]) -> None:
    """A process for each project."""
    pairs = zip(projects, deaths, strict=True)
    await asyncio.gather(*(asyncio.to_thread(rebuild, stage, one, die_after=death) for one, death in pairs))


def rebuild(stage: Stage, project: str, *, die_after: int | None) -> None:
    """The command, to its end, or until it is killed as soon as its change of this number has been answered."""
    log = stage.folder / f"{project}.log"
    before = len(stage.changes(project))
    arguments = ("restore", "dev/Desk", "--environment", "--to", f"prod/{project}", "--if-exists", "replace")
    with running("cluvault", *arguments, log=log) as process:
        deadline = time.monotonic() + 60
        while process.poll() is None:
            if die_after is not None and len(stage.changes(project)) - before >= die_after:
                process.kill()
            assert time.monotonic() < deadline, log.read_text("utf-8")
            time.sleep(0.01)
        assert process.returncode == (0 if die_after is None else -9), log.read_text("utf-8")
