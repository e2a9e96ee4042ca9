"""Operations run against the real client, the real vault and the emulator; only the socket is left out."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from pydantic import SecretStr

from cluvault.emulator.app import create_app
from cluvault.emulator.config import EmulatorConfig
from cluvault.ops.workspace import Workspace
from cluvault.service.auth import KeyCredential
from cluvault.service.client import CluClient
from cluvault.settings import ResourceSettings, Settings
from cluvault.vault.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from cluvault.vault.store import ObjectStore


@dataclass
class World:
    """An emulator with two resources, a store, and workspaces over them."""

    settings: Settings
    store: ObjectStore
    app: Any
    moment: datetime = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    counter: itertools.count[int] = field(default_factory=itertools.count)
    requests: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def now(self) -> datetime:
        """A clock that moves a second at every look."""
        self.moment += timedelta(seconds=1)
        return self.moment

    def connect(self, name: str, settings: ResourceSettings) -> CluClient:
        """A client whose requests end in the emulator."""
        credential = KeyCredential(SecretStr("emulator-key-1"), source="test")
        transport = _Recorded(self.app, self.requests)
        return CluClient(settings, credential, name=name, transport=transport, sleep=_no_time)

    @asynccontextmanager
    async def workspace(self) -> AsyncGenerator[Workspace]:
        """A fresh workspace, as a new process would have it."""
        async with Workspace(
            self.settings,
            connect=self.connect,
            open_vault_store=lambda _url: self.store,
            now=self.now,
            entropy=lambda: f"{next(self.counter):08x}",
        ) as workspace:
            yield workspace

    async def put(self, resource: str, project: str, data: bytes) -> None:
        """Import a project file as somebody else would, under its own bytes."""
        async with self.workspace() as workspace:
            await (await workspace.client(resource)).import_project(project, data)

    async def export(self, resource: str, project: str) -> bytes:
        """What the service exports now."""
        async with self.workspace() as workspace:
            return (await (await workspace.client(resource)).export_project(project)).data

    async def projects(self, resource: str) -> list[str]:
        """The names of the projects that exist."""
        async with self.workspace() as workspace:
            return sorted([one.name async for one in (await workspace.client(resource)).list_projects()])


async def _no_time(_seconds: float) -> None:
    """Jobs of this emulator end at once; waiting for them takes no time either."""
    await asyncio.sleep(0)


class _Recorded(httpx.ASGITransport):
    def __init__(self, app: Any, requests: list[tuple[str, str]]) -> None:
        super().__init__(app)
        self._requests = requests

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._requests.append((request.method, request.url.path))
        return await super().handle_async_request(request)


@pytest.fixture
def settings() -> Settings:
    """Two resources without call limits."""
    return Settings.model_validate(
        {
            "resources": {
                name: {"endpoint": f"http://127.0.0.1:9/{name}", "key": {"env": "KEY"}, "limits": "off"}
                for name in ("dev", "prod")
            }
        }
    )


@pytest.fixture
def world(settings: Settings) -> World:
    """A world without projects and snapshots."""
    app = create_app(EmulatorConfig(resources=("dev", "prod"), first_poll_running=False))
    return World(settings, MemoryStore(), app)
