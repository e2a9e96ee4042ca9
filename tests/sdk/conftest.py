"""One emulator with two resources a flavour of the SDK, and the SDK's clients of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.server import EmulatorServer
from tests.sdk.driver import Flavour, Sdk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

CALLED: dict[str, set[str]] = {"sync": set(), "aio": set()}
"""The operations that were called in this process, by flavour."""


@pytest.fixture(params=["sync", "aio"])
def flavour(request: pytest.FixtureRequest) -> Flavour:
    """The blocking or the asyncio clients."""
    return request.param


@pytest.fixture
def server() -> Iterator[EmulatorServer]:
    """An emulator with the resources dev and prod."""
    with EmulatorServer(EmulatorConfig(resources=("dev", "prod"))) as running:
        yield running


@pytest.fixture
async def dev(server: EmulatorServer, flavour: Flavour) -> AsyncIterator[Sdk]:
    """The SDK at resource dev."""
    async with Sdk.with_key(flavour, server.resource_url("dev")) as sdk:
        yield sdk
    CALLED[flavour] |= sdk.called


@pytest.fixture
async def prod(server: EmulatorServer, flavour: Flavour) -> AsyncIterator[Sdk]:
    """The SDK at resource prod."""
    async with Sdk.with_key(flavour, server.resource_url("prod")) as sdk:
        yield sdk
    CALLED[flavour] |= sdk.called
