"""A whole world for operations: the real client, the real vault and the emulator; only the socket is left out.

async def test_something(world: World) -> None:
    await world.put("dev", "Travel", project_file("Travel", "to Rome"))
    report = await world.backup()
    assert world.changes == []      # of the service; world.events has all requests and store operations in order
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import SecretStr

from cluvault.emulator.app import create_app
from cluvault.model.project_file import read_project_file
from cluvault.ops.backup import BackupOptions, backup
from cluvault.ops.cleanup import CleanupOptions, CleanupReport, cleanup
from cluvault.ops.copy import CopyOptions, copy
from cluvault.ops.create import CreateOptions, CreateReport, create
from cluvault.ops.hold import hold_snapshot, release_snapshot
from cluvault.ops.prune import PruneOptions, PruneReport, prune
from cluvault.ops.restore import RestoreOptions, RestoreReport, restore
from cluvault.ops.status import StatusOptions, status
from cluvault.ops.verify import VerifyOptions, VerifyReport, look, verify
from cluvault.ops.workspace import Workspace
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.restore import IfExists
from cluvault.service.auth import KeyCredential
from cluvault.service.client import CluClient
from cluvault.vault.memory import MemoryStore
from cluvault.vault.vault import Vault

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from cluvault.emulator.config import EmulatorConfig
    from cluvault.emulator.core import Emulator
    from cluvault.inbox.queue import Queue
    from cluvault.inbox.store import Inbox
    from cluvault.model.manifest import Manifest
    from cluvault.model.object_info import ObjectInfo
    from cluvault.model.run import RunRecord
    from cluvault.ops.report import Report
    from cluvault.plan.keys import HoldKey
    from cluvault.plan.status import Status
    from cluvault.settings import IntakeSettings, ResourceSettings, Settings
    from cluvault.vault.holds import PlacedHold
    from cluvault.vault.store import ObjectStore

Send = Callable[[httpx.Request], Awaitable[httpx.Response]]
Hook = Callable[[httpx.Request, Send], Awaitable[httpx.Response]]

_PREFIX = "/language/authoring/analyze-conversations/projects"


@dataclass
class World:
    """An emulator, a store, and workspaces over them.

    Attributes:
        key: What clients sign in with.
        events: Requests (`POST prod/Travel/:import`) and store operations (`put_new snapshots/…`), in order.
        hook: Stands between the clients and the emulator: answers itself, or sends on.
        seconds: The steady clock of all workers; it moves only when one of them waits.
    """

    settings: Settings
    store: ObjectStore
    app: Any
    key: str = "emulator-key-1"
    moment: datetime = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    counter: itertools.count[int] = field(default_factory=itertools.count)
    events: list[str] = field(default_factory=list[str])
    hook: Hook | None = None
    copies: dict[str, ObjectStore] = field(default_factory=dict[str, "ObjectStore"])
    open_inbox: Callable[[IntakeSettings], Inbox] | None = None
    open_queue: Callable[[IntakeSettings], Queue | None] | None = None
    seconds: float = 0.0

    @property
    def emulator(self) -> Emulator:
        """The emulator's Python API."""
        return self.app.state.emulator

    @property
    def requests(self) -> list[str]:
        """What was asked of the service."""
        return [event for event in self.events if event.partition(" ")[0].isupper()]

    @property
    def changes(self) -> list[str]:
        """What was asked of the service and can have changed a project; exports change none."""
        return [event for event in self.requests if not event.startswith("GET ") and not event.endswith("/:export")]

    def now(self) -> datetime:
        """A clock that moves a second at every look."""
        self.moment += timedelta(seconds=1)
        return self.moment

    def connect(self, name: str, settings: ResourceSettings) -> CluClient:
        """A client whose requests end in the emulator."""
        credential = KeyCredential(SecretStr(self.key), source="test")
        return CluClient(settings, credential, name=name, transport=_Watched(self), sleep=_no_time)

    def store_at(self, url: str) -> ObjectStore:
        """The vault's store, or another that begins empty."""
        return self.store if url == self.settings.vault.url else self.copies.setdefault(url, MemoryStore())

    @asynccontextmanager
    async def workspace(self, *, actor: str = "anna") -> AsyncGenerator[Workspace]:
        """A fresh workspace, as a new process of a person would have it."""
        async with Workspace(
            self.settings,
            environment={**os.environ, "CLUVAULT_ACTOR": actor},
            connect=self.connect,
            open_vault_store=lambda url: WatchedStore(self.store_at(url), self.events),
            open_inbox=self.open_inbox,
            open_queue=self.open_queue,
            now=self.now,
            entropy=lambda: f"{next(self.counter):08x}",
            steady=lambda: self.seconds,
            sleep=self.sleep,
        ) as workspace:
            yield workspace

    async def sleep(self, seconds: float) -> None:
        """Waiting takes no time, but it moves the steady clock."""
        self.seconds += seconds
        await asyncio.sleep(0)

    # --- operations ------------------------------------------------------------------------------------------------

    async def backup(self, **options: Any) -> Report:
        """Back up, by default everything."""
        async with self.workspace() as workspace:
            return await backup(workspace, BackupOptions(**options))

    async def restore(self, reference: str, to: str, if_exists: str = "fail", **options: Any) -> RestoreReport:
        """Restore a reference to a target."""
        options_ = RestoreOptions(reference=reference, to=to, if_exists=IfExists(if_exists), **options)
        async with self.workspace() as workspace:
            return await restore(workspace, options_)

    async def create(self, target: str, **options: Any) -> CreateReport:
        """Create and seed a project."""
        async with self.workspace() as workspace:
            return await create(workspace, CreateOptions(target=target, **options))

    async def cleanup(self, resource: str = "dev", **options: Any) -> CleanupReport:
        """Clean a resource up, by default only in thought."""
        async with self.workspace() as workspace:
            return await cleanup(workspace, CleanupOptions(resource=resource, **options))

    async def copy(self, to: str = "s3://bucket/copy", **options: Any) -> Report:
        """Copy the vault to another."""
        async with self.workspace() as workspace:
            return await copy(workspace, CopyOptions(to=to, **options))

    async def prune(self, *places: str, **options: Any) -> PruneReport:
        """Prune the vault or some places of it, by default only in thought."""
        async with self.workspace() as workspace:
            return await prune(workspace, PruneOptions(places=places, **options))

    async def hold(self, reference: str, reason: str = "for a test") -> HoldKey:
        """Hold a snapshot."""
        async with self.workspace() as workspace:
            return await hold_snapshot(workspace, reference, reason=reason)

    async def release(self, reference: str) -> Sequence[PlacedHold]:
        """Release every hold on a snapshot."""
        async with self.workspace() as workspace:
            return await release_snapshot(workspace, reference)

    async def damage(self, *references: str) -> dict[str, str | None]:
        """What a look at every byte says of each listed snapshot, or of those that are named; changes nothing."""
        async with self.workspace() as workspace:
            report = await look(workspace, VerifyOptions(references=references, read_data=True))
        found = {key.reference: one.problem for one in report.findings for key in one.snapshots}
        listed = references or [key.reference async for key in Vault(self.store, "any").keys()]  # noqa: SIM118
        return {reference: found.get(reference) for reference in listed}

    async def verify(self, **options: Any) -> VerifyReport:
        """Verify, by default the whole vault by names and sizes."""
        async with self.workspace() as workspace:
            return await verify(workspace, VerifyOptions(**options))

    async def status(self, **options: Any) -> Status:
        """The status, by default of everything."""
        async with self.workspace() as workspace:
            return await status(workspace, StatusOptions(**options))

    # --- what is there ---------------------------------------------------------------------------------------------

    async def put(self, resource: str, project: str, data: bytes | None = None) -> None:
        """Import a project file as somebody else would, under its own bytes."""
        async with self.workspace() as workspace:
            client = await workspace.client(resource)
            await client.import_project(project, data or project_file(project))
        self.events.clear()

    async def export(self, resource: str, project: str) -> bytes:
        """What the service exports now."""
        async with self.workspace() as workspace:
            return (await (await workspace.client(resource)).export_project(project)).data

    async def digest(self, resource: str, project: str) -> str:
        """The canonical digest of what the service exports now."""
        return canonical_digest(read_project_file(await self.export(resource, project)))

    async def projects(self, resource: str) -> list[str]:
        """The names of the projects that exist."""
        async with self.workspace() as workspace:
            return sorted([one.name async for one in (await workspace.client(resource)).list_projects()])

    async def vault(self) -> Vault:
        """The vault, opened by somebody else."""
        return await Vault.open(self.store)

    async def snapshots(self, resource: str | None = None, project: str | None = None) -> list[Manifest]:
        """The snapshots that are listed; none when there is no vault."""
        return await Vault(self.store, "any").snapshots(resource=resource, project=project)

    async def runs(self) -> list[RunRecord]:
        """The run records."""
        return [run async for run in (await self.vault()).runs.all()]

    def configure(self, section: str, **values: Any) -> None:
        """Change a section of the configuration: `configure("vault", retention={"keep-last": 1})`."""
        changed = getattr(self.settings, section).model_copy(update=values)
        self.settings = self.settings.model_copy(update={section: changed})

    def age(self, resource: str, project: str, *, days: int) -> None:
        """Make a project so old that it was last changed that many days ago."""
        then = self.moment - timedelta(days=days)
        self.emulator.backdate(resource, project, created_at=then, modified_at=then)


def new_world(settings: Settings, config: EmulatorConfig) -> World:
    """A world with an empty store; store and emulator go by its clock."""
    world = World(settings, MemoryStore(now=lambda: world.moment), None)
    world.app = create_app(config, clock=lambda: world.moment)
    return world


def project_file(name: str, *texts: str, kind: str = "Conversation") -> bytes:
    """A small project file."""
    utterances = [{"text": text, "intent": "Book", "language": "en-us", "dataset": "Train"} for text in texts]
    document = {
        "projectFileVersion": "2025-11-15-preview",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {"projectKind": kind, "projectName": name, "language": "en-us"},
        "assets": {
            "projectKind": kind,
            "intents": [{"category": "None"}, {"category": "Book"}],
            "utterances": utterances,
        },
    }
    return json.dumps(document).encode()


def failing_job(project: str, verb: str) -> Hook:
    """A hook: jobs of this kind (`export`, `import`) fail in this project, everything else is sent on."""
    job = f"/projects/{project}/{verb}/jobs/failed"

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if request.url.path.endswith(f"/projects/{project}/:{verb}"):
            location = str(request.url).replace(f"/projects/{project}/:{verb}", job)
            return httpx.Response(202, headers={"operation-location": location})
        if request.url.path.endswith(job):
            errors = [{"code": "InternalServerError", "message": "out of luck"}]
            return httpx.Response(200, json={"jobId": "failed", "status": "failed", "errors": errors})
        return await send(request)

    return hook


def once_before(end: str, deed: Callable[[], Awaitable[None]]) -> Hook:
    """A hook: do something just before the first request whose method and path end so (`/A/:export`)."""
    left = [deed]

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if left and f"{request.method} {request.url.path}".endswith(end):
            await left.pop()()
        return await send(request)

    return hook


async def _no_time(_seconds: float) -> None:
    """Jobs of this emulator end at once; waiting for them takes no time either."""
    await asyncio.sleep(0)


class _Watched(httpx.ASGITransport):
    def __init__(self, world: World) -> None:
        super().__init__(world.app)
        self._world = world

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._world.events.append(f"{request.method} {request.url.path.replace(_PREFIX, '').removeprefix('/')}")
        if self._world.hook is None:
            return await super().handle_async_request(request)
        return await self._world.hook(request, super().handle_async_request)


class WatchedStore:
    """Passes everything on to another store, and writes down what."""

    def __init__(self, inner: ObjectStore, events: list[str]) -> None:
        self._inner = inner
        self._events = events

    @property
    def url(self) -> str:
        return self._inner.url

    async def get(self, key: str) -> bytes:
        self._events.append(f"get {key}")
        return await self._inner.get(key)

    async def put_new(self, key: str, body: bytes) -> None:
        self._events.append(f"put_new {key}")
        await self._inner.put_new(key, body)

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        self._events.append(f"list {prefix}")
        async for found in self._inner.list(prefix):
            yield found

    async def folders(self, prefix: str = "") -> AsyncIterator[str]:
        self._events.append(f"folders {prefix}")
        async for found in self._inner.folders(prefix):
            yield found

    async def delete(self, key: str) -> None:
        self._events.append(f"delete {key}")
        await self._inner.delete(key)

    async def aclose(self) -> None:
        await self._inner.aclose()
