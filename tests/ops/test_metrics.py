"""/metrics: who is answered, and how often anybody is asked for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from cluvault.ops.metrics import Metrics, metrics_route
from cluvault.ops.status import StatusOptions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from tests.support.world import World


@pytest.fixture
async def scraped(world: World) -> AsyncGenerator[httpx.AsyncClient]:
    """A scraper of a world with one project."""
    await world.put("dev", "Mail")
    await world.backup()
    world.events.clear()
    async with world.workspace() as workspace:

        async def admits(headers: Mapping[str, str], _query: Mapping[str, str]) -> bool:
            return headers.get("authorization") == "Bearer scrape-me"

        transport = httpx.ASGITransport(Starlette(routes=[metrics_route(Metrics(workspace), admits=admits)]))
        headers = {"Authorization": "Bearer scrape-me"}
        async with httpx.AsyncClient(transport=transport, base_url="http://here", headers=headers) as client:
            yield client


async def test_figures(scraped: httpx.AsyncClient) -> None:
    """In the format and with the type that Prometheus expects."""
    answer = await scraped.get("/metrics")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    families = {one.name for one in text_string_to_metric_families(answer.text)}
    assert "cluvault_project_last_good_timestamp_seconds" in families


async def test_scrapes_do_not_hammer_the_service(scraped: httpx.AsyncClient, world: World) -> None:
    """A hundred at once are one look; a minute later it is looked again."""
    answers = await asyncio.gather(*(scraped.get("/metrics") for _ in range(100)))
    assert len({answer.text for answer in answers}) == 1
    asked = len(world.requests)
    world.seconds += 59
    await scraped.get("/metrics")
    assert len(world.requests) == asked
    world.seconds += 1
    await scraped.get("/metrics")
    assert len(world.requests) > asked


async def test_only_for_those_who_may(scraped: httpx.AsyncClient, world: World) -> None:
    """Without the token nobody is told a name, and nobody is asked; nothing but reading is offered."""
    for headers in ({"Authorization": "Bearer wrong"}, {"Authorization": ""}):
        answer = await scraped.get("/metrics", headers=headers)
        assert (answer.status_code, "Mail" in answer.text) == (401, False)
    assert (await scraped.post("/metrics")).status_code == 405
    assert world.requests == []


async def test_a_status_that_cannot_be_made(world: World) -> None:
    """503 without a reason for strangers: Prometheus then knows that it knows nothing."""
    async with world.workspace() as workspace:
        route = metrics_route(Metrics(workspace, StatusOptions(offline=True)))
        transport = httpx.ASGITransport(Starlette(routes=[route]))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            answer = await client.get("/metrics")
    assert (answer.status_code, answer.text) == (503, "the status cannot be made; the log says why\n")
