"""Copying between resources: the token goes to the source and nowhere else, and nothing tells it."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import JobFailed, OriginRefused, RequestRefused, ServiceError, UnexpectedAnswer, UsageError
from cluvault.service.models import CopyAuthorization
from tests.service.operation_table import AUTHORIZATION, RESOURCE_ID, TOKEN, authorization
from tests.service.scripted import (
    ENDPOINT,
    Bench,
    ScriptedService,
    accepted,
    answer,
    error,
    job,
    job_url,
    settings,
)

if TYPE_CHECKING:
    from cluvault.service.client import CluClient

PREVIEW = settings(**{"api-version": "2025-11-15-preview"})
ESCAPED = TOKEN.replace("+", "\\u002B")


@pytest.fixture
def source(bench: Bench) -> CluClient:
    """A client of the source."""
    return bench.client(PREVIEW)


def told(err: BaseException) -> str:
    """All that anybody could print of an exception, local variables of the product's frames included."""
    shown = traceback.TracebackException.from_exception(err, capture_locals=True)
    frames = [frame for frame in shown.stack if "cluvault/" in frame.filename and "tests/" not in frame.filename]
    texts = [str(err), repr(err), repr(vars(err)), *(repr(frame.locals) for frame in frames)]
    inner = err.__cause__ or err.__context__
    return "\n".join(texts) + (told(inner) if inner else "")


def tells(text: str) -> bool:
    """Whether the token or a good part of it is in a text."""
    return "t0k3n" in text or "numb3r" in text


async def test_the_whole_copy(bench: Bench, service: ScriptedService) -> None:
    """The target's answer is the body of the copy, byte for byte in its values, on the source."""
    service.on("POST", "/A/:authorize-copy", answer(AUTHORIZATION))
    service.on("POST", "/Source/:copy", accepted(job_url("Source", "copy")))
    service.on("GET", "/Source/copy/jobs/job-1", job("running"), job("succeeded"))
    async with bench.client(PREVIEW) as target, bench.client(PREVIEW) as source:
        allowed = await target.authorize_copy("A", allow_overwrite=True, storage_container="c", kind="Orchestration")
        assert allowed.expires_at == datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)
        assert (allowed.target_project, allowed.target_resource_id) == ("A", RESOURCE_ID)
        await source.wait(await source.begin_copy("Source", allowed), timeout=60)
    (asked,) = service.sent("POST", "/A/:authorize-copy")
    assert json.loads(asked.body) == {
        "projectKind": "Orchestration",
        "storageInputContainerName": "c",
        "allowOverwrite": True,
    }
    (sent,) = service.sent("POST", "/Source/:copy")
    assert json.loads(sent.body) == AUTHORIZATION


@given(
    st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=80),
    st.text(min_size=1),
)
def test_an_authorization_shows_no_token(token: str, other: str) -> None:
    """Neither repr, str nor JSON of an authorisation has it."""
    token = f"s3cr3t{token}"
    body = AUTHORIZATION | {"accessToken": token, "targetProjectName": other.replace("s3cr3t", "x")}
    found = CopyAuthorization.model_validate(body)
    for text in (repr(found), str(found), found.model_dump_json(), repr(found.model_dump()), repr(vars(found))):
        assert "s3cr3t" not in text
    assert found.access_token.get_secret_value() == token


def test_a_time_that_nobody_can_read() -> None:
    """It is sent back as it came all the same."""
    found = CopyAuthorization.model_validate(AUTHORIZATION | {"expiresAt": "soon"})
    assert (found.expires_at, found.expires_at_text) == (None, "soon")


BROKEN: list[Any] = [
    {**AUTHORIZATION, "targetResourceId": None},
    {**AUTHORIZATION, "targetProjectName": ""},
    {**AUTHORIZATION, "projectKind": {"accessToken": TOKEN}},
    {**AUTHORIZATION, "accessToken": [TOKEN]},
    {**AUTHORIZATION, "accessToken": f"{TOKEN}\n"},
    {**AUTHORIZATION, "accessToken": f"{TOKEN}\ud800"},
    {**AUTHORIZATION, "accessToken": ""},
    [AUTHORIZATION],
]


@pytest.mark.parametrize("body", BROKEN)
async def test_an_authorization_that_cannot_be_read_is_not_quoted(
    source: CluClient, service: ScriptedService, body: object
) -> None:
    """The error says what is missing; neither it nor the frames it passed have the token."""
    response = answer(None)
    response.body = json.dumps(body).encode()
    response.headers["content-length"] = str(len(response.body))
    service.on("POST", "/A/:authorize-copy", response)
    async with source:
        with pytest.raises(UnexpectedAnswer, match="dev/A: authorize copy: the answer") as caught:
            await source.authorize_copy("A")
    assert not tells(told(caught.value))


@pytest.mark.parametrize("tail", [b", nope}", b", \xff}", b'"x}'])
async def test_a_torn_authorization_is_not_quoted(source: CluClient, service: ScriptedService, tail: bytes) -> None:
    """The parser's own error, which holds the whole text, does not get out."""
    response = answer(None)
    response.body = json.dumps(AUTHORIZATION).encode()[:-1] + tail
    response.headers["content-length"] = str(len(response.body))
    service.on("POST", "/A/:authorize-copy", response)
    async with source:
        with pytest.raises(UnexpectedAnswer, match="cannot be read") as caught:
            await source.authorize_copy("A")
    assert not tells(told(caught.value))


@pytest.mark.parametrize("quoted", [TOKEN, ESCAPED, ESCAPED.replace("B", "b"), TOKEN.replace("/", "\\/")])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500])
async def test_a_refusal_that_quotes_the_token(
    source: CluClient, service: ScriptedService, caplog: pytest.LogCaptureFixture, status: int, quoted: str
) -> None:
    """Whatever spelling the service quotes it in, and wherever a message is cut."""
    caplog.set_level(logging.DEBUG)
    refusal = error(status, "X", "m")
    refusal.body = b'{"error": {"code": "X%s", "message": "%s %s"}}' % (quoted.encode(), b"x" * 285, quoted.encode())
    refusal.headers["content-length"] = str(len(refusal.body))
    service.on("POST", "/Source/:copy", refusal)
    async with source:
        with pytest.raises(ServiceError) as caught:
            await source.begin_copy("Source", authorization())
    assert not tells(told(caught.value))
    assert not tells(caplog.text)


async def test_a_failed_copy_that_quotes_the_token(source: CluClient, service: ScriptedService) -> None:
    """The job's own words are told without it, and so is its status."""
    service.on("POST", "/Source/:copy", accepted(job_url("Source", "copy")))
    errors = [{"code": "InvalidArgument", "message": f"token {TOKEN} has expired"}]
    service.on("GET", "/Source/copy/jobs/job-1", job("failed", errors=errors))
    async with source:
        handle = await source.begin_copy("Source", authorization())
        assert not tells(repr(handle))
        assert not tells(repr(await source.get_job(handle)))
        with pytest.raises(JobFailed, match=r"token \*\*\* has expired") as caught:
            await source.wait(handle, timeout=60)
    assert not tells(told(caught.value))


async def test_the_token_stays_on_the_sources_origin(
    source: CluClient, service: ScriptedService, caplog: pytest.LogCaptureFixture
) -> None:
    """No redirect and no job elsewhere takes it along; it is in one body, in no header and in no URL."""
    caplog.set_level(logging.DEBUG)
    evil = "https://evil.example/x"
    service.on("POST", "/Source/:copy", answer({}, 307, location=evil), accepted(evil))
    async with source:
        for _ in range(2):
            with pytest.raises(OriginRefused):
                await source.begin_copy("Source", authorization())
    assert {seen.url.partition("/language")[0] for seen in service.requests} == {ENDPOINT}
    assert not any(tells(seen.url) or tells(repr(seen.headers)) for seen in service.requests)
    assert not tells(caplog.text)


async def test_a_name_is_checked_before_the_token_is_revealed(source: CluClient) -> None:
    """A bad source name is refused without it."""
    async with source:
        with pytest.raises(UsageError) as caught:
            await source.begin_copy("a/b", authorization())
        with pytest.raises(UsageError, match="reserved"):
            await source.authorize_copy("global")
    assert not tells(told(caught.value))


async def test_a_target_that_is_there(source: CluClient, service: ScriptedService) -> None:
    """Without permission to overwrite the target refuses."""
    service.on("POST", "/A/:authorize-copy", error(400, "InvalidArgument", "the project exists"))
    async with source:
        with pytest.raises(RequestRefused, match="the project exists"):
            await source.authorize_copy("A", allow_overwrite=False)
    assert json.loads(service.requests[0].body) == {"projectKind": "Conversation", "allowOverwrite": False}


def test_authorizations_are_equal_by_value() -> None:
    """They may cross a process boundary, as a step's argument does."""
    assert pickle.loads(pickle.dumps(authorization())) == authorization()  # noqa: S301  # made here
