"""What is sent to stores that speak S3 in part: nothing that some of them take for content, and refusals are told."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from cluvault.errors import StorageUnsafe, StoreUnavailable
from cluvault.vault import s3
from cluvault.vault.s3_store import S3Options, S3Store

if TYPE_CHECKING:
    from collections.abc import Callable

ENDPOINT = "https://minio.example:9000"
BODY = b"a body"


class _Answer:
    """The raw part of an answer, as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: object, **__: object) -> list[bytes]:
        return [self._body]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every request that boto3 would send; the writes are answered by 412, as if the object was there."""
    return answered(monkeypatch, status=412, code="PreconditionFailed")


def answered(monkeypatch: pytest.MonkeyPatch, *, status: int, code: str) -> list[Any]:
    """Let a store answer every request so; returns the requests."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "key")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    requests: list[Any] = []
    connect: Callable[..., Any] = s3.connect

    def answer(request: Any, **_: object) -> AWSResponse:
        requests.append(request)
        body = _Answer(f"<Error><Code>{code}</Code></Error>".encode())
        return AWSResponse(request.url, status, HTTPHeaders(), body)

    def connect_and_watch(*arguments: Any, **options: Any) -> Any:
        client = connect(*arguments, **options)
        client.meta.events.register("before-send.s3.*", answer)
        return client

    monkeypatch.setattr("cluvault.vault.s3_store.connect", connect_and_watch)
    return requests


async def test_a_write_over_https_is_one_plain_body(sent: list[Any]) -> None:
    """Its SHA-256 stands in the head and under the signature: no chunks that an older store keeps as content."""
    store = S3Store("bucket", "vault", options=S3Options(endpoint=ENDPOINT), connections=1)
    await store.prove_condition()
    await store.aclose()
    (probe,) = sent
    probe.body.seek(0)
    digest = sha256(probe.body.read()).digest()
    assert probe.headers["x-amz-checksum-sha256"] == b64encode(digest)
    assert probe.headers["X-Amz-Content-SHA256"] == digest.hex().encode()
    assert probe.headers["If-None-Match"] == b"*"
    assert not {"Content-Encoding", "X-Amz-Trailer", "Transfer-Encoding"} & set(probe.headers.keys())


async def test_a_named_endpoint_is_asked_by_path_and_needs_no_region(sent: list[Any]) -> None:
    """`bucket.minio.example` resolves nowhere; and where no region is known, the usual one is signed."""
    store = S3Store("bucket", "vault", options=S3Options(endpoint=ENDPOINT), connections=1)
    await store.prove_condition()
    await store.aclose()
    (probe,) = sent
    assert probe.url == f"{ENDPOINT}/bucket/vault/.probe"
    assert b"/us-east-1/s3/aws4_request" in probe.headers["Authorization"]


@pytest.mark.parametrize("status", [400, 501])
async def test_a_store_without_conditional_writes_says_so(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """A refusal for good is no failure that may pass: it is asked once, and the error names what was asked for."""
    requests = answered(monkeypatch, status=status, code="NotImplemented")
    options = S3Options(endpoint=ENDPOINT, storage_class="STANDARD_IA")
    store = S3Store("bucket", options=options, connections=1)
    with pytest.raises(StorageUnsafe, match=r"does not know .* \(If-None-Match, StorageClass\); nothing was stored"):
        await store.put_new("a", BODY)
    await store.aclose()
    assert len(requests) == 1


@pytest.mark.parametrize("fault", [ConnectionClosedError, ReadTimeoutError])
async def test_a_write_that_breaks_off_is_a_store_that_is_away(
    monkeypatch: pytest.MonkeyPatch, fault: Callable[..., Exception]
) -> None:
    """Such errors of botocore have an answer that is None; the write may have arrived, and is tried again."""

    def break_off(*_: object) -> None:
        raise fault(endpoint_url=ENDPOINT)

    answered(monkeypatch, status=200, code="")
    monkeypatch.setattr("cluvault.vault.s3_store._TRIES", 1)
    store = S3Store("bucket", "vault", options=S3Options(endpoint=ENDPOINT), connections=1)
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", break_off)
    monkeypatch.setattr("cluvault.vault.s3_store.connect", s3.connect)
    with pytest.raises(StoreUnavailable, match="broke off"):
        await store.put_new("a/1", BODY)
    await store.aclose()
