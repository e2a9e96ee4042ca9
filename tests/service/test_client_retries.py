"""One request: which faults are tried again, when, how often, and what is said in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.responses import HTMLResponse, Response

from cluvault.errors import (
    NotFound,
    OriginRefused,
    PermissionDenied,
    RequestRefused,
    ServiceError,
    ServiceUnavailable,
    SignInRefused,
    Throttled,
    UnexpectedAnswer,
    Unreachable,
)
from cluvault.settings import RateLimits
from tests.service.scripted import (
    PROJECTS,
    Bench,
    FakeTime,
    ScriptedService,
    accepted,
    answer,
    error,
    gateway_error,
    job,
    job_url,
    project,
)
from tests.support.near import approx

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cluvault.service.client import CluClient

GOOD = answer(project("A"))


def torn() -> Response:
    """An answer of which half arrived."""
    response = answer(project("A"))
    response.body = bytes(response.body)[:40]
    return response


@pytest.mark.parametrize(
    "passing",
    [
        error(500, "InternalServerError"),
        error(502, "x"),
        error(503, "ServiceUnavailable"),
        error(504, "Timeout"),
        error(408, "Timeout"),
        HTMLResponse("<html>please wait</html>", 200),
        Response(b"", 200),
        torn(),
    ],
)
async def test_what_can_pass_is_tried_again(client: CluClient, service: ScriptedService, passing: Response) -> None:
    """A read survives three bad answers of any passing kind, and counts them."""
    service.on("GET", "/A", passing, passing, passing, GOOD)
    assert (await client.get_project("A")).name == "A"
    assert client.statistics.requests == {"GET": 4}
    assert client.statistics.retries == 3


async def test_four_tries_are_enough(client: CluClient, service: ScriptedService, time: FakeTime) -> None:
    """After the fourth try the error says what happened and how often it was tried."""
    service.on("GET", "/A", error(503, "ServiceUnavailable", "down"))
    with pytest.raises(ServiceUnavailable, match=r"dev/A: get project: the service answered 503: .*tried 4 times"):
        await client.get_project("A")
    assert len(service.requests) == 4
    assert time.sleeps == approx([0.5, 1.0, 2.0])


@pytest.mark.parametrize(
    "status, code, kind",
    [
        (400, "InvalidArgument", RequestRefused),
        (413, "TooLarge", RequestRefused),
        (403, "QuotaExceeded", RequestRefused),
        (403, "Forbidden", PermissionDenied),
        (401, "401", SignInRefused),
        (404, "404", NotFound),
        (418, "Teapot", RequestRefused),
    ],
)
async def test_what_is_final_is_not_tried_again(
    client: CluClient, service: ScriptedService, status: int, code: str, kind: type[ServiceError]
) -> None:
    """Final refusals keep the service's code, words and request id, and cost one request."""
    service.on("GET", "/A", error(status, code, "because"))
    with pytest.raises(kind, match=r"dev/A: get project: .*because") as caught:
        await client.get_project("A")
    assert (caught.value.status, caught.value.code) == (status, code)
    assert caught.value.request_id.endswith("7")
    assert len(service.requests) == 1


async def test_a_wrong_key_says_where_it_comes_from(client: CluClient, service: ScriptedService) -> None:
    """A 401 names the resource, where the key was named and for which endpoint it should be."""
    service.on("GET", "", gateway_error(401, "Access denied due to invalid subscription key"))
    with pytest.raises(SignInRefused) as caught:
        [_ async for _ in client.list_projects()]
    text = str(caught.value)
    assert text.startswith("dev: list projects: the service answered 401")
    assert "check environment variable CLU_DEV_KEY" in text
    assert "https://contoso-dev.cognitiveservices.azure.com" in text
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "verb, role",
    [
        ("begin_export", "Reader"),
        ("create_project", "Writer"),
        ("begin_import", "Writer"),
        ("begin_delete_project", "Owner"),
    ],
)
async def test_a_denied_call_names_the_role(client: CluClient, service: ScriptedService, verb: str, role: str) -> None:
    """403 says which role the operation needs."""
    arguments: dict[str, tuple[object, ...]] = {"create_project": ({},), "begin_import": (b"{}",)}
    for method, path in [("POST", "/A/:export"), ("POST", "/A/:import"), ("PATCH", "/A"), ("DELETE", "/A")]:
        service.on(method, path, error(403, "Forbidden"))
    with pytest.raises(PermissionDenied, match=f"Cognitive Services Language {role}"):
        await getattr(client, verb)("A", *arguments.get(verb, ()))


async def test_retry_after_in_seconds_is_believed(client: CluClient, service: ScriptedService, time: FakeTime) -> None:
    """The client comes back when the service said, not before and not much later."""
    service.on("GET", "/A", gateway_error(429, "slow down", retry_after="7"), GOOD)
    await client.get_project("A")
    assert sum(time.sleeps) == approx(7)
    assert client.statistics.throttled == 1


async def test_retry_after_as_a_date_is_believed(client: CluClient, service: ScriptedService, time: FakeTime) -> None:
    """A date is measured against the answer's own date, whatever this machine's clock says."""
    date, until = "Fri, 02 Jan 2026 03:04:05 GMT", "Fri, 02 Jan 2026 03:04:20 GMT"
    service.on("GET", "/A", gateway_error(429, "slow down", retry_after=until, date=date), GOOD)
    await client.get_project("A")
    assert sum(time.sleeps) == approx(15)


@pytest.mark.parametrize("status, kind", [(429, Throttled), (503, ServiceUnavailable)])
async def test_a_retry_after_beyond_the_cap_gives_up_and_says_when_to_come_back(
    client: CluClient, service: ScriptedService, status: int, kind: type[ServiceError]
) -> None:
    """Nobody waits an hour inside one request."""
    service.on("GET", "/A", error(status, str(status), retry_after="3600"))
    with pytest.raises(kind, match="it asks to come back after 3600 s"):
        await client.get_project("A")
    assert len(service.requests) == 1


async def test_while_held_back_for_long_nothing_is_sent(
    client: CluClient, service: ScriptedService, time: FakeTime
) -> None:
    """After such an answer further calls of the class fail at once, until the time is over; other classes go on."""
    service.on("POST", "/A/:export", gateway_error(429, "slow", retry_after="3600"), accepted(job_url("A", "export")))
    service.on("GET", "/A", GOOD)
    with pytest.raises(Throttled):
        await client.begin_export("A")
    with pytest.raises(Throttled, match="dev/A: export: the service refuses more calls for another 3600 s"):
        await client.begin_export("A")
    assert len(service.requests) == 1
    await client.get_project("A")
    time.now += 3600
    assert (await client.begin_export("A")).job_id == "job-1"


async def test_a_429_without_retry_after_backs_off_from_six_seconds(
    client: CluClient, service: ScriptedService, time: FakeTime
) -> None:
    """Ten POSTs a minute are one every six seconds: coming back earlier makes no sense."""
    service.on("GET", "/A", gateway_error(429, "slow down"), gateway_error(429, "slow down"), GOOD)
    await client.get_project("A")
    assert time.sleeps == approx([6, 12])


async def test_two_minutes_are_enough(client: CluClient, service: ScriptedService, time: FakeTime) -> None:
    """Three times fifty seconds would be more than the two minutes that one request may take."""
    service.on("GET", "/A", gateway_error(429, "slow down", retry_after="50"))
    with pytest.raises(Throttled, match="come back after 50 s"):
        await client.get_project("A")
    assert time.now - 1000 <= 120
    assert len(service.requests) == 3


class Broken(httpx.AsyncBaseTransport):
    """Breaks the connection before or after the service has seen the request, then works."""

    def __init__(self, inner: httpx.AsyncBaseTransport, failures: list[tuple[type[httpx.RequestError], bool]]) -> None:
        self._inner = inner
        self._failures = failures

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self._failures:
            return await self._inner.handle_async_request(request)
        failure, processed = self._failures.pop(0)
        if processed:
            await self._inner.handle_async_request(request)
        raise failure("broken", request=request)


def repeatable(service: ScriptedService, client: CluClient) -> dict[str, Callable[[], Awaitable[object]]]:
    """Operations that may be repeated whatever became of the first request."""
    service.on("GET", "/A", GOOD)
    service.on("PATCH", "/A", GOOD)
    service.on("DELETE", "/A", accepted(job_url("A", "x")))
    service.on("POST", "/A/:export", accepted(job_url("A", "export")))
    return {
        "GET": lambda: client.get_project("A"),
        "PATCH": lambda: client.create_project("A", {}),
        "DELETE": lambda: client.begin_delete_project("A"),
        "POST": lambda: client.begin_export("A"),
    }


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE", "POST"])
async def test_what_may_be_repeated_survives_a_torn_connection(
    bench: Bench, service: ScriptedService, method: str
) -> None:
    """Reading, deleting, setting absolute values and exporting do no harm a second time."""
    broken = Broken(httpx.ASGITransport(service.app), [(httpx.ReadError, True)])
    async with bench.client(transport=broken) as client:
        await repeatable(service, client)[method]()
    assert len([seen for seen in service.requests if seen.method == method]) == 2


@pytest.mark.parametrize("failure", [httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.WriteError])
async def test_an_import_that_may_be_running_is_not_started_again(
    bench: Bench, service: ScriptedService, failure: type[httpx.RequestError]
) -> None:
    """An import replaces a project: when its fate is unknown the caller has to look, and is told so."""
    service.on("POST", "/A/:import", accepted(job_url("A", "import")))
    broken = Broken(httpx.ASGITransport(service.app), [(failure, True)])
    async with bench.client(transport=broken) as client:
        with pytest.raises(Unreachable, match=r"dev/A: import: .*may have been processed.*look at the project"):
            await client.begin_import("A", b"{}")
    assert len(service.sent("POST", "/A/:import")) == 1


@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
async def test_an_import_that_was_provably_not_seen_is_sent_again(
    bench: Bench, service: ScriptedService, failure: type[httpx.RequestError]
) -> None:
    """Without a connection there was no request."""
    service.on("POST", "/A/:import", accepted(job_url("A", "import")))
    broken = Broken(httpx.ASGITransport(service.app), [(failure, False)] * 3)
    async with bench.client(transport=broken) as client:
        await client.begin_import("A", b"{}")
        assert client.statistics.requests == {"POST": 4}
    assert len(service.sent("POST", "/A/:import")) == 1


@pytest.mark.parametrize(
    "refused",
    [gateway_error(429, "slow"), gateway_error(429, "slow", retry_after="1"), error(503, "x", retry_after="1")],
)
async def test_an_import_refused_at_the_door_is_sent_again(
    client: CluClient, service: ScriptedService, refused: Response
) -> None:
    """429, and 503 with Retry-After, say that nothing was done."""
    service.on("POST", "/A/:import", refused, accepted(job_url("A", "import")))
    await client.begin_import("A", b"{}")
    assert len(service.requests) == 2


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
async def test_an_import_whose_answer_was_lost_behind_a_gateway_is_not_sent_again(
    client: CluClient, service: ScriptedService, status: int
) -> None:
    """Other server errors leave open what was done."""
    service.on("POST", "/A/:import", error(status, "x"))
    with pytest.raises(ServiceUnavailable, match="look at the project before you try again"):
        await client.begin_import("A", b"{}")
    assert len(service.requests) == 1


async def test_no_connection_at_all(bench: Bench, service: ScriptedService) -> None:
    """An unreachable endpoint is one line that says so."""
    broken = Broken(httpx.ASGITransport(service.app), [(httpx.ConnectError, False)] * 4)
    async with bench.client(transport=broken) as client:
        with pytest.raises(Unreachable) as caught:
            await client.get_project("A")
    assert str(caught.value) == (
        "dev/A: get project: no connection: broken (tried 4 times); check the endpoint and the network"
    )
    assert caught.value.retryable


async def test_a_redirect_is_not_followed(client: CluClient, service: ScriptedService) -> None:
    """A redirect could lead the credential away; not even one to the own origin is followed."""
    service.on("GET", "/A", Response(status_code=307, headers={"location": "https://evil.example/A"}))
    with pytest.raises(OriginRefused, match=r"dev/A: .*redirects to https://evil\.example; .*not followed"):
        await client.get_project("A")
    service.on("GET", "/A", Response(status_code=302, headers={"location": "/elsewhere"}))
    with pytest.raises(OriginRefused, match="redirects to another address"):
        await client.get_project("A")
    assert len(service.requests) == 2


@pytest.mark.parametrize("page", [HTMLResponse("<html></html>"), Response(b'{"half": ', media_type="application/json")])
async def test_a_result_that_is_no_json_is_fetched_again(
    client: CluClient, service: ScriptedService, page: Response
) -> None:
    """HTML or half a file never becomes a backup."""
    service.on("POST", "/A/:export", accepted(job_url("A", "export")))
    result = f"{job_url('A', 'export').partition('?')[0]}/result"
    service.on("GET", "/A/export/jobs/job-1", job("succeeded", resultUrl=result))
    service.on("GET", "/A/export/jobs/job-1/result", page, answer({"good": True}))
    assert (await client.export_project("A")).data == b'{"good":true}'
    service.on("GET", "/A/export/jobs/job-1/result", page)
    with pytest.raises(UnexpectedAnswer, match=r"dev/A: export result: the answer is not the JSON object .*tried 4"):
        await client.export_project("A")


async def test_the_budget_makes_calls_wait_and_not_fail(
    bench: Bench, service: ScriptedService, time: FakeTime, caplog: pytest.LogCaptureFixture
) -> None:
    """With ten POSTs a minute, the eleventh export starts in the next minute; whoever watches the calls is told."""
    caplog.set_level("DEBUG", "cluvault.service")
    service.on("POST", "/A/:export", accepted(job_url("A", "export")))
    async with bench.client(limits=RateLimits()) as client:
        for _ in range(10):
            await client.begin_export("A")
        assert time.now == 1000
        await client.begin_export("A")
        assert 1060 <= time.now <= 1062
        assert client.statistics.retries == 0
    assert [line for line in caplog.messages if "its turn" in line] == [
        "dev/A: export: waits 61 s for its turn: so many calls a minute are allowed"
    ]
    assert PROJECTS in service.requests[0].path
