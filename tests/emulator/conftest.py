"""Emulators to test against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluvault.emulator.config import EmulatorConfig
from tests.emulator.wire import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable


@pytest.fixture
async def make_wire() -> AsyncGenerator[Callable[..., Wire]]:
    """Makes emulators with resources `dev` and `prod`; takes the fields of EmulatorConfig."""
    made: list[Wire] = []

    def make(**fields: Any) -> Wire:
        config: dict[str, Any] = {"resources": ("dev", "prod")} | fields
        made.append(Wire(EmulatorConfig(**config)))
        return made[-1]

    yield make
    for wire in made:
        await wire.client.aclose()
        wire.emulator.close()


@pytest.fixture
def wire(make_wire: Callable[..., Wire]) -> Wire:
    """An emulator without limits whose jobs take no time."""
    return make_wire()
