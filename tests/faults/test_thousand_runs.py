"""Exports and imports through an emulator in which a fifth of all calls goes wrong, in every way it knows.

Seeded; a small number of runs here, the whole thousand of each by `FAULT_RUNS=1000 uv run pytest tests/faults`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.faults import FaultPlan
from cluvault.emulator.server import EmulatorServer
from cluvault.errors import ServiceError
from cluvault.model.project_file import read_project_file
from cluvault.plan.canonical import canonical_digest
from cluvault.service.auth import KeyCredential
from cluvault.service.client import CluClient
from cluvault.settings import ResourceSettings
from tests.support.world import project_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.faults

RUNS = int(os.environ.get("FAULT_RUNS", "60"))
AT_ONCE = 16
SPEED = 50.0
"""The client's clock runs so many times faster than the wall's: its waits and time limits are the real ones."""

JOB_SECONDS = 120.0
"""The client's limit for one job, on its clock."""

WALL_SECONDS = 60.0
"""A run that takes longer hangs."""

SHARES: tuple[tuple[float, dict[str, Any]], ...] = (
    (0.02, {"kind": "status", "status": 429, "retry-after": 1}),
    (0.01, {"kind": "status", "status": 429}),
    (0.01, {"kind": "status", "status": 500}),
    (0.01, {"kind": "status", "status": 502}),
    (0.01, {"kind": "status", "status": 503}),
    (0.02, {"kind": "reset", "when": "before"}),
    (0.02, {"kind": "reset", "when": "after"}),
    (0.02, {"kind": "slow", "seconds": 0.05}),
    (0.02, {"kind": "torn"}),
    (0.01, {"kind": "job-fails"}),
    (0.01, {"kind": "job-runs-on"}),
    (0.01, {"kind": "job-partially-completed"}),
    (0.01, {"kind": "job-cancelled"}),
    (0.01, {"kind": "job-lost"}),
    (0.01, {"kind": "expired"}),
    (0.01, {"kind": "content-type"}),
    (0.01, {"kind": "skew", "seconds": -7200}),
)


def fault_plan(foreign_origin: str) -> FaultPlan:
    """A fifth of all calls: each kind of fault with its share, links to another origin with the rest."""
    kinds = (*SHARES, (0.01, {"kind": "other-origin", "origin": foreign_origin}))
    return FaultPlan.model_validate(
        {"seed": 20261122, "rules": [{"probability": share, "effect": effect} for share, effect in kinds]}
    )


@pytest.fixture
def foreign() -> Iterator[socket.socket]:
    """Another origin, which nobody may ever speak to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)  # noqa: FBT003  # its own signature
        yield listener


@pytest.fixture
def server(foreign: socket.socket) -> Iterator[EmulatorServer]:
    """An emulator that goes wrong."""
    plan = fault_plan(f"http://127.0.0.1:{foreign.getsockname()[1]}")
    with EmulatorServer(EmulatorConfig(resources=("dev",), job_seconds=0.01, faults=plan)) as running:
        yield running


@pytest.fixture
async def client(server: EmulatorServer) -> AsyncIterator[CluClient]:
    """The real client over real sockets, on a fast clock."""
    settings = ResourceSettings.model_validate(
        {"endpoint": server.resource_url("dev"), "key": {"env": "KEY"}, "limits": "off", "api-version": "2025-11-01"}
    )
    async with CluClient(
        settings,
        KeyCredential(SecretStr("emulator-key-1"), source="test"),
        name="dev",
        clock=lambda: time.monotonic() * SPEED,
        sleep=lambda seconds: asyncio.sleep(seconds / SPEED),
    ) as client:
        yield client


async def outcomes(runs: list[Any]) -> Counter[str]:
    """What became of each run, some at a time; `done` or the name of its typed error. A run that hangs fails."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(run: Any) -> str:
        async with places, asyncio.timeout(WALL_SECONDS):
            try:
                await run()
            except ServiceError as err:
                return type(err).__name__ if "\n" not in str(err) else "an error of several lines"
            return "done"

    return Counter(await asyncio.gather(*map(one, runs)))


def nobody_came(listener: socket.socket) -> bool:
    """Whether no connection was ever made."""
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return True
    return False


async def test_imports_end_right_or_with_a_typed_error(
    server: EmulatorServer, client: CluClient, foreign: socket.socket
) -> None:
    """What the client calls imported is in the service, whole."""

    async def run(number: int) -> None:
        name, text = f"P{number}", f"utterance {number}"
        await client.import_project(name, project_file(name, text), timeout=JOB_SECONDS)
        stored = dict(server.emulator.project("dev", name).content.parts)
        assert text.encode() in stored["utterances"], f"{name} was reported as imported and is not"

    found = await outcomes([lambda number=number: run(number) for number in range(RUNS)])
    assert found["done"] > RUNS * 0.5, found
    assert len(found) > 1, "no fault was seen"
    assert not found["an error of several lines"]
    assert nobody_came(foreign)


async def test_exports_end_right_or_with_a_typed_error(client: CluClient, foreign: socket.socket) -> None:
    """What the client gives means what the service holds, whole."""
    meant: dict[str, str] = {}
    for number in range(10):
        name = f"P{number}"
        data = project_file(name, *(f"utterance {number} {part}" for part in range(50)))
        meant[name] = canonical_digest(read_project_file(data))
        for _ in range(20):
            try:
                await client.import_project(name, data, timeout=JOB_SECONDS)
            except ServiceError:
                continue
            break

    async def run(number: int) -> None:
        name = f"P{number % 10}"
        exported = await client.export_project(name, timeout=JOB_SECONDS)
        assert canonical_digest(read_project_file(exported.data)) == meant[name]

    found = await outcomes([lambda number=number: run(number) for number in range(RUNS)])
    assert found["done"] > RUNS * 0.5, found
    assert len(found) > 1, "no fault was seen"
    assert not found["an error of several lines"]
    assert nobody_came(foreign)
