"""What every test of the client may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.service.scripted import Bench, FakeTime, ScriptedService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cluvault.service.client import CluClient


@pytest.fixture
def bench() -> Bench:
    """A scripted service, a fake clock, and clients on demand."""
    return Bench()


@pytest.fixture
def service(bench: Bench) -> ScriptedService:
    """The scripted service that `client` talks to."""
    return bench.service


@pytest.fixture
def time(bench: Bench) -> FakeTime:
    """The clock of `client`."""
    return bench.time


@pytest.fixture
async def client(bench: Bench) -> AsyncIterator[CluClient]:
    """A client called `dev`, signed in by key, without limits."""
    async with bench.client() as opened:
        yield opened
