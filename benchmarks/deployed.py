"""What capturing environments costs a resource's budget: requests of backups, counted, beside the least there can be.

    uv run python benchmarks/deployed.py [PROJECTS] [DEPLOYMENTS]

Real client, real vault, the emulator in this process; each project has so many deployments, each of a model of its own.
The least number of POST calls is one for each content that the vault does not have: of a draft that changed, of a model
that is new in a deployment. Nothing here takes time, so only requests are told.
"""

# it prints a table

from __future__ import annotations

import asyncio
import itertools
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import httpx
from pydantic import SecretStr

from benchmarks.fleet_parts import KEY, RESOURCE, project
from cluvault.emulator.app import create_app
from cluvault.emulator.config import EmulatorConfig
from cluvault.ops.backup import BackupOptions, backup
from cluvault.ops.workspace import Workspace
from cluvault.service.auth import KeyCredential
from cluvault.service.client import CluClient
from cluvault.settings import Settings
from cluvault.vault.memory import MemoryStore

if TYPE_CHECKING:
    from cluvault.settings import ResourceSettings

_ROW: Final = "{:44} {:>6} {:>10} {:>6} {:>8}"


@dataclass
class Bench:
    """A fleet, its vault, and the requests since they were last asked for."""

    projects: int
    deployments: int
    moment: datetime = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    requests: Counter[str] = field(default_factory=Counter[str])
    numbers: itertools.count[int] = field(default_factory=itertools.count)
    store: MemoryStore = field(default_factory=MemoryStore)

    def __post_init__(self) -> None:
        self.app: Any = create_app(EmulatorConfig(resources=(RESOURCE,)), clock=lambda: self.moment)
        limits = {"key": {"env": "KEY"}, "limits": "off", "capture": "environment"}
        endpoint = f"http://127.0.0.1:9/{RESOURCE}"
        self.settings = Settings.model_validate({"resources": {RESOURCE: {"endpoint": endpoint, **limits}}})

    def now(self) -> datetime:
        """A clock that moves a little at every look."""
        self.moment += timedelta(milliseconds=1)
        return self.moment

    def connect(self, name: str, settings: ResourceSettings) -> CluClient:
        """A client whose requests are counted and end in the emulator."""
        credential = KeyCredential(SecretStr(KEY), source="benchmark")
        return CluClient(settings, credential, name=name, transport=Counted(self), sleep=_no_time)

    def workspace(self) -> Workspace:
        """A workspace, as a new process would have it."""
        return Workspace(
            self.settings,
            environment={"CLUVAULT_ACTOR": "benchmark"},
            connect=self.connect,
            open_vault_store=lambda _url: self.store,
            now=self.now,
            entropy=lambda: f"{next(self.numbers):08x}",
        )

    async def put(self, number: int, *, edition: int) -> None:
        """Give a project other content."""
        async with self.workspace() as workspace:
            client = await workspace.client(RESOURCE)
            await client.import_project(_name(number), project(number, edition=edition))

    def serve(self, number: int, deployment: int, label: str) -> None:
        """Put a model of the draft into a deployment."""
        emulator = self.app.state.emulator
        emulator.add_model(RESOURCE, _name(number), label)
        emulator.add_deployment(RESOURCE, _name(number), f"d{deployment}", model_label=label)

    async def backup(self, what: str, *, least: int, hours: float = 25, **options: Any) -> None:
        """Back up some time later, and print what that asked for."""
        self.moment += timedelta(hours=hours)
        self.requests.clear()
        async with self.workspace() as workspace:
            report = await backup(workspace, BackupOptions(**options))
        assert not report.failed, report.summary
        contents = sum([one.key.endswith(".gz") async for one in self.store.list("snapshots/")])
        posts, gets = self.requests["POST"], self.requests["GET"]
        print(_ROW.format(what, posts, least, gets, contents))


class Counted(httpx.ASGITransport):
    """Counts requests by their verb."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench.app)
        self._bench = bench

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Count, and send on."""
        self._bench.requests[request.method] += 1
        return await super().handle_async_request(request)


def _name(number: int) -> str:
    return f"P{number:05}"


async def _no_time(_seconds: float) -> None:
    await asyncio.sleep(0)


async def run(projects: int, deployments: int) -> None:
    """Back up a fleet in several states."""
    bench = Bench(projects, deployments)
    for number in range(projects):
        for deployment in range(deployments):
            await bench.put(number, edition=deployment)
            bench.serve(number, deployment, f"m{deployment}")
        await bench.put(number, edition=deployments)
    some = range(max(1, projects // 20))
    print(f"{projects} projects, {deployments} deployments each, every model of other content than the draft")
    print(_ROW.format("backup", "POST", "least POST", "GET", "contents"))
    everything = projects * (1 + deployments)
    await bench.backup("first", least=everything)
    await bench.backup("unchanged, within a day", least=0, hours=1)
    await bench.backup("unchanged, a day later: models are listed", least=0)
    for number in some:
        bench.serve(number, 0, "next")
    await bench.backup(f"{len(some)} deployments moved to a model of the draft", least=len(some))
    for number in some:
        bench.app.state.emulator.add_deployment(RESOURCE, _name(number), "d0", model_label="m0")
    await bench.backup(f"{len(some)} deployments moved back", least=0)
    for number in some:
        await bench.put(number, edition=deployments + 1)
    await bench.backup(f"{len(some)} drafts changed", least=len(some))
    await bench.backup("full", least=projects, full=True)


if __name__ == "__main__":
    asyncio.run(run(int(next(iter(sys.argv[1:]), "100")), int(next(iter(sys.argv[2:]), "2"))))
