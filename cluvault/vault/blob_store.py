"""A store in a container of Azure Blob Storage: block blobs below a prefix, written once under a condition.

A write carries `If-None-Match: *` and the MD5 of its body, which the server checks and keeps.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from hashlib import md5
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from cluvault.errors import ObjectExists, ObjectLocked, ObjectNotFound, StoreUnavailable
from cluvault.model.object_info import ObjectInfo
from cluvault.vault.blob import (
    check_key_travels_safely,
    connected,
    endpoint_of,
    is_immutable,
    is_taken,
    key_options,
    translated,
    write_options,
)
from cluvault.vault.conditions import ProbedStore
from cluvault.vault.store import check_key, key_fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from azure.storage.blob.aio import BlobClient, BlobServiceClient, ContainerClient
    from pydantic import SecretStr

_TRIES: Final = 3
"""Of one request; whoever waits for a store that is away asks again and again."""
_ONE_REQUEST: Final = 256 * 2**20
"""Up to this size a body is one request, so that its condition holds for the whole of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobOptions:
    """How blobs are written.

    Attributes:
        tier: `Hot`, `Cool` or `Cold`; empty for the account's default. An archive tier cannot be read back.
        customer_key: 32 bytes in base64, with which Azure encrypts each blob and which it does not keep; without it
            no blob of the vault can be read.
    """

    tier: str = ""
    customer_key: SecretStr | None = None


class BlobStore(ProbedStore):
    """Blobs of one container below a prefix; nothing is asked of the account before the first call.

    Args:
        account: The storage account.
        container: The container, which exists.
        prefix: What every key starts with, without slashes at its ends; may be empty.
        environment: Where the sign-in is named.
        options: How to write.
        connections: Requests at once.
    """

    def __init__(
        self,
        account: str,
        container: str,
        prefix: str = "",
        *,
        environment: Mapping[str, str],
        options: BlobOptions | None = None,
        connections: int,
    ) -> None:
        super().__init__()
        self._account = account
        self._container = container
        self._prefix = f"{prefix}/" if prefix else ""
        self._environment = environment
        self._options = options or BlobOptions()
        self._key: dict[str, Any] = {}
        self._places = asyncio.Semaphore(connections)
        self._opening = asyncio.Lock()
        self._closing = AsyncExitStack()
        self._service: BlobServiceClient | None = None

    @property
    def url(self) -> str:
        """`az://account/container/prefix`."""
        return f"az://{self._account}/{self._container}/{self._prefix}".rstrip("/")

    async def get(self, key: str) -> bytes:
        """The whole body, checked against the MD5 of each answer."""
        place = self._prefix + check_key(key)
        container = await self._open()
        try:
            async with self._places:
                with self._translated(key):
                    blob: Any = container.get_blob_client(place)
                    stream: Any = await blob.download_blob(decompress=False, **self._key)
                    body: bytes = await stream.readall()
        except ObjectNotFound:
            raise ObjectNotFound(f"{self.url} has no object {key}") from None
        if len(body) != stream.size:
            raise StoreUnavailable(f"{self.url}/{key}: {len(body)} of {stream.size} bytes arrived", mend="try again")
        return body

    async def _put_if_absent(self, key: str, body: bytes) -> None:
        place = self._prefix + key
        container = await self._open()
        options = write_options(md5(body, usedforsecurity=False).digest(), tier=self._options.tier)
        async with self._places:
            with self._translated(key):
                try:
                    await container.get_blob_client(place).upload_blob(
                        BytesIO(body), length=len(body), overwrite=False, validate_content=True, **options, **self._key
                    )
                except Exception as err:
                    if is_taken(err):
                        raise ObjectExists(f"{self.url} holds an object {key} already") from None
                    raise

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """Blobs in the order of their keys; Azure's own order is another one for some letters, so all are in memory."""
        container = await self._open()
        found: list[ObjectInfo] = []
        with self._translated(""):
            pages = container.list_blobs(name_starts_with=self._prefix + prefix or None).by_page()
            while (page := await self._next(pages)) is not None:
                async for blob in page:
                    key = blob.name.removeprefix(self._prefix)
                    if key_fault(key) is None:
                        found.append(ObjectInfo(key, blob.size, blob.last_modified))
        for one in sorted(found, key=lambda one: one.key):
            yield one

    async def folders(self, prefix: str = "") -> AsyncIterator[str]:
        """What Azure calls prefixes, in the order of their names."""
        container = await self._open()
        found: list[str] = []
        with self._translated(""):
            pages = container.walk_blobs(name_starts_with=self._prefix + prefix or None, delimiter="/").by_page()
            while (page := await self._next(pages)) is not None:
                names = [item.name.removeprefix(self._prefix) async for item in page if item.name.endswith("/")]
                found += [name for name in names if key_fault(name.rstrip("/")) is None]
        for name in sorted(found):
            yield name

    async def _next(self, pages: Any) -> Any:
        async with self._places:
            return await anext(pages, None)

    async def delete(self, key: str) -> None:
        """Remove a blob with its snapshots; where soft delete is on, Azure keeps it for a while."""
        place = self._prefix + check_key(key)
        container = await self._open()
        try:
            async with self._places:
                with self._translated(key):
                    await self._remove(container.get_blob_client(place), key)
        except ObjectNotFound:
            return

    async def _remove(self, blob: BlobClient, key: str) -> None:
        try:
            await blob.delete_blob(delete_snapshots="include")
        except Exception as err:
            if not is_immutable(err):
                raise
            known: Any = await blob.get_blob_properties(**self._key)
            until = known.immutability_policy.expiry_time if known.immutability_policy else None
            when = (
                f"is locked until {until:%Y-%m-%d %H:%M} UTC" if until is not None else "is locked by a policy or hold"
            )
            raise ObjectLocked(f"{self.url}/{key} {when}", until=until) from None

    async def aclose(self) -> None:
        """Release connections; the next call opens them again."""
        async with self._opening:
            self._service = None
            await self._closing.aclose()

    def _translated(self, key: str) -> Any:
        endpoint = endpoint_of(self._service) if self._service is not None else ""
        return translated(f"{self.url}/{key}" if key else self.url, endpoint=endpoint)

    async def _open(self) -> ContainerClient:
        async with self._opening:
            if self._service is None:
                opening = connected(
                    self._account,
                    url=self.url,
                    environment=self._environment,
                    tries=_TRIES,
                    max_single_put_size=_ONE_REQUEST,
                )
                service = await self._closing.enter_async_context(opening)
                if self._options.customer_key is not None:
                    check_key_travels_safely(service, url=self.url)
                    self._key = key_options(self._options.customer_key)
                self._service = service
            return self._service.get_container_client(self._container)
