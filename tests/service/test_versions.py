"""Which api-version is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluvault.errors import NotFound, PermissionDenied, SignInRefused
from cluvault.service.features import GENERAL_VERSIONS
from cluvault.service.versions import TRANSFER_VERSIONS
from tests.service.scripted import (
    Bench,
    ScriptedService,
    accepted,
    answer,
    error,
    gateway_error,
    job_url,
    project,
    settings,
)

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

AUTO = settings(**{"api-version": "auto"})


def offer(service: ScriptedService, *versions: str, refusal: Response | None = None) -> None:
    """Let the service answer these versions only."""

    def projects(request: Request) -> Response:
        known = request.query_params["api-version"] in versions
        return answer({"value": []}) if known else refusal or gateway_error(404, "Resource not found")

    service.on("GET", "", projects)
    service.on("GET", "/A", answer(project("A")))
    service.on("POST", "/A/:export", accepted(job_url("A", "export")))


@pytest.mark.parametrize("refusal", [gateway_error(404, "Resource not found"), error(400, "InvalidArgument")])
@pytest.mark.parametrize("offered", TRANSFER_VERSIONS)
async def test_exports_use_the_newest_version_that_is_answered(
    bench: Bench, service: ScriptedService, offered: str, refusal: Response
) -> None:
    """Previews count: an older version would drop what it does not know."""
    offer(service, offered, TRANSFER_VERSIONS[-1], refusal=refusal)
    async with bench.client(AUTO) as client:
        assert await client.transfer_version() == offered
        await client.begin_export("A")
    assert service.sent("POST", "/A/:export")[0].query["api-version"] == offered


@pytest.mark.parametrize("offered", GENERAL_VERSIONS)
async def test_all_else_uses_the_newest_generally_available_version(
    bench: Bench, service: ScriptedService, offered: str
) -> None:
    """Previews do not count for reading a project."""
    offer(service, "2025-11-15-preview", offered)
    async with bench.client(AUTO) as client:
        await client.get_project("A")
    assert service.sent("GET", "/A")[0].query["api-version"] == offered


async def test_each_version_is_asked_for_once(bench: Bench, service: ScriptedService) -> None:
    """What is known is not asked again, whoever asks."""
    offer(service, "2025-11-01")
    async with bench.client(AUTO) as client:
        for _ in range(3):
            await client.begin_export("A")
            await client.get_project("A")
        assert await client.answers_version("2025-11-01")
        assert not await client.answers_version("2025-05-15-preview")
    assert [seen.query for seen in service.sent("GET")] == [
        {"api-version": version, "top": "1"} for version in TRANSFER_VERSIONS[:3]
    ]


async def test_a_configured_version_is_used_without_asking(bench: Bench, service: ScriptedService) -> None:
    """What the user wrote is what is sent."""
    offer(service)
    async with bench.client(settings(**{"api-version": "2022-05-01"})) as client:
        await client.begin_export("A")
        assert await client.transfer_version() == "2022-05-01"
    assert [seen.query["api-version"] for seen in service.requests] == ["2022-05-01"]


async def test_the_callers_version_wins(bench: Bench, service: ScriptedService) -> None:
    """A restore uses the version of its snapshot."""
    offer(service)
    async with bench.client(AUTO) as client:
        handle = await client.begin_export("A", api_version="2022-10-01-preview")
    assert handle.api_version == "2022-10-01-preview"
    assert len(service.requests) == 1


async def test_an_endpoint_that_answers_none(bench: Bench, service: ScriptedService) -> None:
    """A wrong endpoint is said to be one."""
    offer(service)
    async with bench.client(AUTO) as client:
        with pytest.raises(NotFound, match=r"dev: .*answers none of the known api-versions; check that the endpoint"):
            await client.get_project("A")


@pytest.mark.parametrize("status, kind", [(401, SignInRefused), (403, PermissionDenied)])
async def test_a_refusal_is_not_taken_for_a_missing_version(
    bench: Bench, service: ScriptedService, status: int, kind: type[Exception]
) -> None:
    """A wrong key is reported as such at the first question."""
    offer(service, refusal=gateway_error(status, "no"))
    async with bench.client(AUTO) as client:
        with pytest.raises(kind):
            await client.transfer_version()
    assert len(service.requests) == 1


async def test_other_refusals_are_not_taken_for_a_missing_version(bench: Bench, service: ScriptedService) -> None:
    """Only 400 and 404 say that a version is not offered."""
    offer(service, refusal=error(403, "QuotaExceeded"))
    async with bench.client(AUTO) as client:
        with pytest.raises(Exception, match="QuotaExceeded"):
            await client.transfer_version()
    assert len(service.requests) == 1
