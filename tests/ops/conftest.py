"""Worlds for operations; `tests.support.world` says what is in them."""

from __future__ import annotations

import pytest

from cluvault.emulator.config import EmulatorConfig
from cluvault.settings import Settings
from tests.support.world import World, new_world


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
    return new_world(settings, EmulatorConfig(resources=("dev", "prod"), first_poll_running=False))


@pytest.fixture
def strict_world(settings: Settings) -> World:
    """A world whose service checks what it imports, as the real one does."""
    config = EmulatorConfig(
        resources=("dev", "prod"),
        first_poll_running=False,
        limits="documented",
        posts_per_minute=100_000,
        gets_per_minute=100_000,
    )
    return new_world(settings, config)
