"""Keys are regenerated while the client works: the emulator refuses the old one from then on."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cluvault.emulator.app import create_app
from cluvault.emulator.config import DEFAULT_KEYS, EmulatorConfig
from cluvault.errors import SignInRefused
from cluvault.service.auth import credential_for
from cluvault.service.budget import Budget
from cluvault.service.client import CluClient
from cluvault.settings import ResourceSettings
from tests.service.scripted import FakeTime

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from cluvault.emulator.core import Emulator

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
METADATA = {"projectKind": "Conversation", "language": "en-us", "multilingual": False}


@asynccontextmanager
async def rotating() -> AsyncGenerator[tuple[CluClient, Emulator]]:
    """A client with both keys of an emulator's resource; exports take half a minute of its time."""
    time = FakeTime()
    app = create_app(
        EmulatorConfig(resources=("dev",), job_seconds=30), clock=lambda: START + timedelta(seconds=time.now)
    )
    settings = ResourceSettings.model_validate(
        {"endpoint": "http://127.0.0.1:8080/dev", "key": {"env": "KEY_1"}, "key2": {"env": "KEY_2"}}
    )
    environment: dict[str, str] = dict(zip(("KEY_1", "KEY_2"), DEFAULT_KEYS, strict=True))
    client = CluClient(
        settings,
        credential_for(settings, name="dev", environment=environment),
        name="dev",
        budget=Budget("off"),
        transport=httpx.ASGITransport(app),
        clock=time.clock,
        sleep=time.sleep,
        jitter=lambda: 0.0,
    )
    async with client:
        yield client, app.state.emulator
    app.state.emulator.close()


@pytest.mark.parametrize("which", [1, 2])
async def test_a_key_is_regenerated_in_the_middle_of_a_poll(which: Any) -> None:
    """The job goes on, its result is fetched, and no try is counted as a failure."""
    async with rotating() as (client, emulator):
        await client.create_project("A", METADATA)
        handle = await client.begin_export("A")
        polls: list[str] = []

        def on_status(job: Any) -> None:
            polls.append(job.status)
            if len(polls) == 2:
                emulator.regenerate_key("dev", which)

        job = await client.wait(handle, timeout=60, on_status=on_status)
        assert job.status == "succeeded"
        assert len(polls) > 3
        assert (await client.get_project("A")).name == "A"
        assert client.statistics.retries == 0


async def test_when_both_are_regenerated_the_settings_are_to_blame() -> None:
    """One line names where both keys come from."""
    async with rotating() as (client, emulator):
        await client.create_project("A", METADATA)
        emulator.regenerate_key("dev", 1)
        emulator.regenerate_key("dev", 2)
        with pytest.raises(SignInRefused, match="check environment variable KEY_1 and environment variable KEY_2"):
            await client.get_project("A")
