"""Reading one object by its URL, wherever it lies."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, Final

from cluvault.model.object_url import BlobObject, ObjectUrl, S3Object, parse_object_url
from cluvault.vault import blob, s3
from cluvault.vault.download import Download, collect

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

DEFAULT_LIMIT: Final = 2**30
DEFAULT_TRIES: Final = 4
_log: Final = logging.getLogger("cluvault.vault")


async def read_object(
    url: str, *, environment: Mapping[str, str], limit: int = DEFAULT_LIMIT, tries: int = DEFAULT_TRIES
) -> bytes:
    """The bytes of an object as they are stored: what is compressed stays compressed, whatever its headers say.

    Args:
        url: `s3://bucket/key` or `az://account/container/path`.
        environment: Where the names of a storage account's sign-in are found; boto3 reads the process's own.
        limit: The most bytes that are read.
        tries: How often one request is tried.

    Raises:
        UsageError: it is no such URL.
        ObjectNotFound: no such object.
        ObjectTooLarge: more bytes than `limit`.
        StorageDenied: no such bucket or container, or no right to it.
        ConfigurationError: no way to sign in.
        StoreUnavailable: the store cannot be reached, fails, or the body broke off.
    """
    place = parse_object_url(url)
    started = monotonic()
    async with _download(place, environment=environment, tries=tries) as download:
        body = await collect(download, url=str(place), limit=limit)
    _log.debug("GET %s -> %d bytes in %.0f ms", place, len(body), (monotonic() - started) * 1000)
    return body


def _download(place: ObjectUrl, *, environment: Mapping[str, str], tries: int) -> AbstractAsyncContextManager[Download]:
    match place:
        case S3Object():
            return s3.download(place, tries=tries)
        case BlobObject():
            return blob.download(place, environment=environment, tries=tries)
