"""Objects in S3 and what speaks like it (MinIO, Ceph, R2): the one module that imports boto3, and late, for it is slow.

Endpoint, region, profile, role and web identity are what boto3 finds in this process's environment (AWS_PROFILE,
AWS_ENDPOINT_URL_S3, …) and in ~/.aws. Plain http is allowed, since SigV4 shows nothing of the key; a session token,
which is sent as it is, goes over https or to loopback only.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager, closing, contextmanager
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from cluvault.errors import CluvaultError, ConfigurationError, VaultError
from cluvault.vault.download import CHUNK_BYTES, Download
from cluvault.vault.refusals import (
    Refusal,
    Vocabulary,
    broken_off,
    in_clear,
    origin,
    refused,
    travels_in_clear,
    unreachable,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping

    from botocore.exceptions import BotoCoreError, ClientError

    from cluvault.model.object_url import S3Object

_CONNECT_SECONDS: Final = 10
_READ_SECONDS: Final = 30
_SIGN_IN: Final = (
    "sign in as somebody with s3:GetObject (and s3:ListBucket, without which S3 refuses what does not exist, too): "
    "AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role; and check this machine's clock"
)
_KEY_NAMES: Final = {
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "aws_session_token": "AWS_SESSION_TOKEN",
}
WORDS: Final = Vocabulary(
    no_object={"NoSuchKey", "NoSuchVersion"},
    no_container={"NoSuchBucket", "InvalidBucketName"},
    denied={"ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired"},
    archived={"InvalidObjectState"},
    other_key=(),
    container="bucket",
    sign_in=_SIGN_IN,
)


class S3Client(Protocol):
    """The part of boto3's generated client that is used."""

    @property
    def meta(self) -> Any:
        """Its endpoint, among others."""
        ...

    def get_object(self, **arguments: str) -> dict[str, Any]:
        """Begin to read an object."""
        ...

    def put_object(self, **arguments: Any) -> dict[str, Any]:
        """Write an object."""
        ...

    def list_objects_v2(self, **arguments: str) -> dict[str, Any]:
        """A page of a listing."""
        ...

    def head_object(self, **arguments: str) -> dict[str, Any]:
        """What is known of an object."""
        ...

    def copy_object(self, **arguments: Any) -> dict[str, Any]:
        """Copy an object inside the store."""
        ...

    def delete_object(self, **arguments: str) -> dict[str, Any]:
        """Remove an object."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...


@asynccontextmanager
async def download(place: S3Object, *, tries: int) -> AsyncGenerator[Download]:
    """Begin to read an object; boto3 works in a thread. Raises what `translated` does."""
    url = str(place)
    client = await asyncio.to_thread(connect, url, tries=tries)
    wanted = {"Bucket": place.bucket, "Key": place.key} | ({"VersionId": place.version} if place.version else {})
    with closing(client), translated(url, endpoint=client.meta.endpoint_url):
        answer = await asyncio.to_thread(client.get_object, **wanted)
        with closing(answer["Body"]) as body:
            yield Download(answer.get("ContentLength"), _chunks(body))


def connect(
    url: str,
    *,
    tries: int,
    connections: int = 10,
    endpoint: str = "",
    region: str = "",
    profile: str = "",
    service: str = "s3",
    environment: Mapping[str, str] | None = None,
) -> S3Client:
    """A client with the credentials that boto3 finds; thread-safe, as every client of boto3 is.

    Args:
        url: For messages.
        tries: How often one request is tried.
        connections: How many are kept open.
        endpoint: In place of the one that boto3 finds.
        region: Likewise.
        profile: Likewise.
        service: Another of Amazon's services than S3; whoever names one knows the client's type.
        environment: Where AWS_ACCESS_KEY_ID and its like may be; a profile goes before them.

    Raises:
        ConfigurationError: what boto3 finds is incomplete, or a session token would travel in clear.
    """
    import boto3  # noqa: PLC0415  # importing it costs more than most commands take
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": tries},
        max_pool_connections=connections,
    )
    with translated(url):
        try:
            session: Any = boto3.Session(
                botocore_session=_session(),
                profile_name=profile or None,
                region_name=region or None,
                **({} if profile else _keys(environment or {})),
            )
            client = cast("S3Client", session.client(service, config=config, endpoint_url=endpoint or None))
        except ValueError as err:  # how botocore says that an endpoint is no URL, or that ~/.aws holds nonsense
            raise _misconfigured(url, err) from None
        goal: str = client.meta.endpoint_url
        if travels_in_clear(goal) and (found := session.get_credentials()) and found.get_frozen_credentials().token:
            client.close()
            raise in_clear(url, endpoint=goal, secret="the session token")  # noqa: S106  # what it is called
        return client


def _keys(environment: Mapping[str, str]) -> dict[str, str]:
    """The arguments for keys that the environment holds; none unless it has both halves."""
    found = {argument: text for argument, name in _KEY_NAMES.items() if (text := environment.get(name))}
    return found if {"aws_access_key_id", "aws_secret_access_key"} <= found.keys() else {}


def _session() -> Any:
    """A session that finds credentials anew, but shares the descriptions of AWS, whose reading takes 0.2 s a client."""
    from botocore.session import get_session  # noqa: PLC0415  # as above

    session = get_session()
    session.register_component("data_loader", _descriptions())
    return session


@cache
def _descriptions() -> Any:
    from botocore.loaders import create_loader  # noqa: PLC0415  # as above

    return create_loader(os.environ.get("AWS_DATA_PATH"))


@contextmanager
def translated(url: str, *, endpoint: str = "", words: Vocabulary = WORDS) -> Generator[None]:
    """Turn what boto3 raises into errors of the vault; the chain is cut, as its texts may quote what was signed.

    Raises:
        ObjectNotFound: no such object.
        StorageDenied: no such bucket, or no right to it.
        ConfigurationError: no credentials.
        StoreUnavailable: not reached, or failing, or an answer that broke off.
        VaultError: any other refusal.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # as above

    try:
        yield
    except ClientError as err:
        raise refused(url, _refusal(err), words) from None
    except BotoCoreError as err:
        raise _failure(url, err, endpoint=endpoint) from None
    except RecursionError:  # boto3 asks who redirects for the bucket's region, is redirected again, and so on
        raise VaultError(
            f"{url}: {origin(endpoint)} redirects every request", mend="set the endpoint to where it leads (https?)"
        ) from None


def is_taken(err: Exception) -> bool:
    """Whether a write was refused because there is an object already."""
    return _status_of(err) == HTTPStatus.PRECONDITION_FAILED


def is_conflict(err: Exception) -> bool:
    """Whether a write was refused because another one of the same key was under way; who asks again will know."""
    return _status_of(err) == HTTPStatus.CONFLICT


def is_unsupported(err: Exception) -> bool:
    """Whether a request was refused because the store lacks what it asks for."""
    return _status_of(err) == HTTPStatus.NOT_IMPLEMENTED or _code_of(err) == "NotImplemented"


def _status_of(err: Exception) -> int:
    return _answer(err).get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _code_of(err: Exception) -> str:
    return str(_answer(err).get("Error", {}).get("Code", ""))


def _answer(err: Exception) -> dict[str, Any]:
    """What the store answered; a connection that broke off has an attribute for it, too, which is None."""
    return getattr(err, "response", None) or {}


async def _chunks(body: Any) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(body.read, CHUNK_BYTES):
        yield chunk


def _refusal(err: ClientError) -> Refusal:
    answer: dict[str, Any] = {**err.response}
    meta: dict[str, Any] = answer.get("ResponseMetadata", {})
    return Refusal(
        status=meta.get("HTTPStatusCode", 0),
        code=_code_of(err),
        request_id=str(meta.get("RequestId", "")),
    )


def _failure(url: str, err: BotoCoreError, *, endpoint: str) -> CluvaultError:
    from botocore import exceptions as boto  # noqa: PLC0415  # as above

    name = type(err).__name__
    match err:
        case boto.IncompleteReadError() | boto.ResponseStreamingError() | boto.FlexibleChecksumError():
            return broken_off(url, reason=name)
        case boto.ReadTimeoutError() | boto.ConnectionClosedError():
            return broken_off(url, reason=name)
        case boto.ConnectionError() | boto.HTTPClientError():
            return unreachable(url, endpoint=endpoint, reason=name)
        case _:
            return _misconfigured(url, err)


def _misconfigured(url: str, err: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"{url}: boto3 finds no usable credentials or configuration ({type(err).__name__})",
        mend="set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role",
    )
