"""The client and the emulator, which know nothing of each other, agree on the service's contract."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cluvault.emulator.app import create_app
from cluvault.emulator.config import EmulatorConfig
from cluvault.errors import ProjectNotFound, RequestRefused, SignInRefused, Throttled
from cluvault.model.json_text import write_json
from cluvault.model.project_file import read_project_file
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.pace import WINDOW
from cluvault.plan.upgrade import rename_project, upgrade_project_file
from cluvault.service.budget import Budget
from cluvault.service.client import CluClient
from cluvault.service.jobs import JobHandle
from cluvault.settings import RateLimits, ResourceSettings
from tests.service.scripted import Bench, FakeTime, key_credential

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
METADATA = {"projectKind": "Conversation", "language": "en-us", "multilingual": False}


@asynccontextmanager
async def emulated(
    *, key: str = "emulator-key-1", limits: RateLimits | None = None, time: FakeTime | None = None, **config: Any
) -> AsyncGenerator[CluClient]:
    """A client of an emulator that lives on the client's clock."""
    time = time or FakeTime()

    def now() -> datetime:
        return START + timedelta(seconds=time.now)

    app = create_app(EmulatorConfig(resources=("dev",), **config), clock=now)
    resource = ResourceSettings.model_validate(
        {"endpoint": "http://127.0.0.1:8080/dev", "key": {"env": "K"}, "limits": "off"}
    )
    client = CluClient(
        resource,
        key_credential(key),
        name="dev",
        budget=Budget(limits or "off"),
        transport=httpx.ASGITransport(app),
        clock=time.clock,
        sleep=time.sleep,
        jitter=lambda: 0.0,
    )
    async with client:
        yield client
    app.state.emulator.close()


async def test_a_real_project_makes_the_round_trip(sample: Any, sample_name: str) -> None:
    """Each real file, brought up to date, is imported and comes back meaning the same."""
    upgraded = upgrade_project_file(read_project_file(sample(sample_name)), source=sample_name)
    file = rename_project(upgraded.file, "Copy")
    async with emulated(job_seconds=0.2) as client:
        await client.import_project("Copy", file.to_bytes())
        exported = await client.export_project("Copy")
        assert exported.api_version == "2025-11-15-preview"
        assert canonical_digest(read_project_file(exported.data)) == canonical_digest(file)
        assert (await client.get_project("Copy")).language == file.metadata["language"].lower()


async def test_the_life_of_a_project() -> None:
    """Created, listed, updated, deleted, gone."""
    async with emulated() as client:
        assert [project async for project in client.list_projects()] == []
        made = await client.create_project("EmailApp", METADATA)
        assert (made.name, made.kind, made.language) == ("EmailApp", "Conversation", "en-us")
        assert made.created_at is not None
        again = await client.create_project("EmailApp", METADATA | {"description": "mail"})
        assert (again.description, again.created_at) == ("mail", made.created_at)
        assert [project.name async for project in client.list_projects()] == ["EmailApp"]
        assert [model async for model in client.list_models("EmailApp")] == []
        assert [one async for one in client.list_deployments("EmailApp")] == []
        await client.delete_project("EmailApp")
        await client.delete_project("EmailApp")
        assert await client.project_exists("EmailApp") is False
        with pytest.raises(ProjectNotFound, match="dev/EmailApp"):
            await client.export_project("EmailApp")


async def test_long_lists_come_in_pages() -> None:
    """Every project is listed, whatever the page size."""
    names = {f"P{number}" for number in range(7)}
    async with emulated(page_size=3) as client:
        for name in names:
            await client.create_project(name, METADATA)
        assert {project.name async for project in client.list_projects()} == names


async def test_a_wrong_key_is_refused() -> None:
    """The emulator's gateway refuses, the client says what to check."""
    async with emulated(key="wrong-key-entirely") as client:
        with pytest.raises(SignInRefused, match=r"dev: .*check environment variable CLU_DEV_KEY"):
            [_ async for _ in client.list_projects()]


@pytest.mark.parametrize("offered", ["2022-05-01", "2023-04-01", "2025-11-01", "2025-11-15-preview"])
async def test_the_newest_version_is_found(offered: str) -> None:
    """A resource that offers few versions is served with the newest of them."""
    async with emulated(api_versions=("2022-05-01", offered)) as client:
        assert await client.transfer_version() == offered


async def test_a_file_with_unknown_members_is_refused_in_the_services_words(sample: Any) -> None:
    """The strict parser's words reach the user."""
    document = json.loads(sample("pizza-small"))
    document["surprise"] = 1
    async with emulated() as client:
        with pytest.raises(
            RequestRefused, match=r"dev/Pizza: import: the service answered 400: InvalidArgument.*surprise"
        ):
            await client.import_project("Pizza", write_json(document))


async def test_jobs_take_their_time(sample: Any) -> None:
    """The client notices the end of a long job."""
    file = rename_project(read_project_file(sample("emailapp-demo")), "A")
    async with emulated(job_seconds=20) as client:
        seen: list[str] = []
        handle = await client.begin_import("A", file.to_bytes())
        await client.wait(handle, timeout=60, on_status=lambda job: seen.append(job.status))
        assert seen[-1] == "succeeded"
        assert len(seen) > 3


async def test_the_budget_keeps_the_documented_rate(bench: Bench) -> None:
    """Thirty exports at once against the documented limits meet no 429, because the budget waits instead."""
    waits: list[tuple[float, float]] = []
    async with emulated(time=bench.time, limits=RateLimits(), posts_per_minute=10, gets_per_minute=100) as client:
        client.tell_waits(lambda began, until: waits.append((began, until)))
        await client.create_project("A", METADATA)
        await asyncio.gather(*(client.export_project("A") for _ in range(30)))
        assert client.statistics.throttled == 0
        assert client.statistics.requests["POST"] == 30
    assert 180 <= bench.time.now - 1000 < 250
    assert max(until - began for began, until in waits) == pytest.approx(3 * WINDOW, abs=2)  # told beforehand


async def test_a_crowd_that_knows_no_limits_is_served_or_told(bench: Bench) -> None:
    """Without a budget the client learns from the 429s; who finds no place within two minutes is told so."""
    async with emulated(time=bench.time, posts_per_minute=3) as client:
        await client.create_project("A", METADATA)
        ends = await asyncio.gather(*(client.begin_export("A") for _ in range(12)), return_exceptions=True)
        assert client.statistics.throttled > 0
    served = [end for end in ends if isinstance(end, JobHandle)]
    told = [end for end in ends if isinstance(end, Throttled)]
    assert len(served) >= 3
    assert len(served) + len(told) == 12
    assert bench.time.now - 1000 < 200
