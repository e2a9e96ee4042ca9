"""A credential appears in no log, repr, exception or traceback, whatever goes wrong."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING

import httpx
import pytest

from cluvault.errors import ServiceError
from cluvault.service.entra import EntraCredential
from tests.service.scripted import (
    KEY,
    Bench,
    FakeTime,
    ScriptedService,
    accepted,
    answer,
    error,
    job,
    job_url,
    key_credential,
    project,
)
from tests.service.test_auth import Authority
from tests.service.test_transport import TORN, WHOLE, client_of, listening

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from cluvault.service.signing import Credential

TOKEN = "t0k3n-numb3r-1"  # what the stand-in issues first


def told(err: BaseException) -> str:
    """All that anybody could print of an exception, local variables of the product's frames included."""
    shown = traceback.TracebackException.from_exception(err, capture_locals=True)
    frames = [frame for frame in shown.stack if "cluvault/service" in frame.filename]
    assert frames
    texts = [str(err), repr(err), repr(err.args), repr(vars(err)), *(repr(frame.locals) for frame in frames)]
    inner = err.__cause__ or err.__context__
    return "\n".join(texts) + (told(inner) if inner else "")


def quoting(status: int) -> Callable[[Request], Response]:
    """A gateway that quotes the credential, once where a message is cut off in its middle."""

    def answer(request: Request) -> Response:
        sent = request.headers.get("authorization") or request.headers["ocp-apim-subscription-key"]
        return error(status, sent, "x" * 280 + sent)

    return answer


@pytest.fixture(params=[KEY, TOKEN])
def secret(request: pytest.FixtureRequest) -> str:
    """A key and a token."""
    return request.param


@pytest.fixture
def credential(secret: str, time: FakeTime) -> Credential:
    """The way to sign in that sends the secret."""
    if secret == KEY:
        return key_credential()
    return EntraCredential("scope", open_source=Authority(time).open, now=time.clock)


async def test_nothing_that_goes_wrong_tells_the_credential(
    bench: Bench, credential: Credential, secret: str, service: ScriptedService, caplog: pytest.LogCaptureFixture
) -> None:
    """Refused, redirected, led astray, failed, broken: log and exception are free of key and token."""
    caplog.set_level(logging.DEBUG)
    evil = "https://evil.example/x"
    service.on("GET", "/Redirect", answer({}, 302, location=evil))
    service.on("GET", "/Refused", quoting(401))
    service.on("GET", "/Broken", quoting(500))
    service.on("POST", "/Astray/:export", accepted(evil))
    service.on("POST", "/Failed/:export", accepted(job_url("Failed", "export")))
    service.on("GET", "/Failed/export/jobs/job-1", job("failed"))
    told_texts: list[str] = []
    async with bench.client(credential=credential) as client:
        for call in (
            client.get_project("Redirect"),
            client.get_project("Refused"),
            client.get_project("Broken"),
            client.export_project("Astray"),
            client.export_project("Failed"),
        ):
            with pytest.raises(ServiceError) as caught:
                await call
            told_texts.append(told(caught.value))
        told_texts += [repr(client), repr(vars(client)), repr(credential), str(credential)]
    everything = "\n".join([*told_texts, caplog.text, *map(repr, caplog.records)])
    assert "cluvault.service" in caplog.text
    assert "numb3r" not in everything
    assert secret[:8] not in everything


async def test_http_libraries_do_not_log_it_either(caplog: pytest.LogCaptureFixture) -> None:
    """Over a real socket, with httpx and httpcore at DEBUG."""
    caplog.set_level(logging.DEBUG)
    async with listening(TORN, WHOLE) as server, client_of(server) as client:
        await client.get_project("A")
    assert {"httpx", "httpcore.connection", "cluvault.service"} <= {record.name for record in caplog.records}
    assert all(KEY not in record.getMessage() and KEY not in repr(record.args) for record in caplog.records)


async def test_a_broken_connection_tells_nothing(bench: Bench) -> None:
    """The layers below know the request; nothing of it comes up."""

    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError(f"could not send {dict(request.headers)}", request=request)

    async with bench.client(transport=httpx.MockTransport(fail)) as client:
        with pytest.raises(ServiceError) as caught:
            await client.get_project("A")
    assert KEY not in told(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_one_line_for_each_exchange(
    bench: Bench, service: ScriptedService, caplog: pytest.LogCaptureFixture
) -> None:
    """`-v` shows verb, path, status, time and request id: no query, no header, no body."""
    caplog.set_level(logging.DEBUG, logger="cluvault.service")
    service.on("POST", "/A/:export", error(503, "x"), accepted(job_url("A", "export"), request_id="r-1"))
    service.on("GET", "/A", answer(project("A", description="private words")))
    async with bench.client() as client:
        await client.begin_export("A", trained_model_label="my-label")
        await client.get_project("A")
    request_id = "00000000-0000-0000-0000-000000000007"
    path = "/language/authoring/analyze-conversations/projects/A"
    lines = [record.getMessage() for record in caplog.records if record.name == "cluvault.service"]
    assert lines == [
        f"POST {path}/:export -> 503 in 0 ms {request_id}",
        f"POST {path}/:export -> 202 in 0 ms r-1",
        f"GET {path} -> 200 in 0 ms {request_id}",
    ]
