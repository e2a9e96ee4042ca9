"""An inbox in a container of Azure Blob Storage: every request names the content it means by its ETag."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cluvault.errors import ObjectNotFound, ObjectTooLarge, StoreUnavailable
from cluvault.plan.inbox import Standing
from cluvault.vault.blob import is_changed, only_if
from cluvault.vault.blob_store import BlobStore
from cluvault.vault.store import check_key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")
_COPY_LOOKS: Final = 120
_COPY_PAUSE: Final = 0.5


class BlobInbox(BlobStore):
    """Blobs of one container below a prefix."""

    async def look(self, key: str) -> Standing:
        """What Azure says of the newest version."""

        async def ask(blob: Any) -> Standing:
            known: Any = await blob.get_blob_properties()
            return Standing(key, known.size, known.last_modified, known.etag, known.get("version_id") or "")

        return await self._ask(key, ask)

    async def read(self, standing: Standing, *, limit: int) -> bytes:
        """The body; every part of it under the condition."""
        if standing.size > limit:
            message = f"{self.url}/{standing.key}: has {standing.size} bytes, at most {limit} are read"
            raise ObjectTooLarge(message)

        async def download(blob: Any) -> bytes:
            stream: Any = await blob.download_blob(decompress=False, **only_if(standing.etag))
            return await stream.readall()

        return await self._ask(standing.key, download)

    async def copy(self, standing: Standing, key: str) -> None:
        """A copy inside the container, which the account's key or a token may ask for."""
        check_key(key)
        container = await self._open()
        target: Any = container.get_blob_client(self._prefix + key)

        async def copy(blob: Any) -> None:
            await target.start_copy_from_url(blob.url, **_source_condition(standing.etag))
            for _ in range(_COPY_LOOKS):
                known: Any = await target.get_blob_properties()
                if known.copy.status != "pending":
                    return
                await asyncio.sleep(_COPY_PAUSE)
            raise StoreUnavailable(f"{self.url}/{standing.key}: copying it takes very long", mend="try again later")

        await self._ask(standing.key, copy)

    async def remove(self, standing: Standing) -> bool:
        """A deletion under the condition."""

        async def delete(blob: Any) -> bool:
            try:
                await blob.delete_blob(delete_snapshots="include", **only_if(standing.etag))
            except Exception as err:
                if not is_changed(err):
                    raise
                return not await blob.exists()  # that it is gone may be told in the same words
            return True

        try:
            return await self._ask(standing.key, delete)
        except ObjectNotFound:
            return True

    async def _ask(self, key: str, work: Callable[[Any], Awaitable[T]]) -> T:
        """Do something with a blob; that it changed meanwhile means that it is not there any more."""
        place = self._prefix + check_key(key)
        container = await self._open()
        try:
            async with self._places:
                with self._translated(key):
                    try:
                        return await work(container.get_blob_client(place))
                    except Exception as err:
                        if is_changed(err):
                            raise ObjectNotFound("") from None
                        raise
        except ObjectNotFound:
            raise ObjectNotFound(f"{self.url} has no object {key} any more") from None


def _source_condition(etag: str) -> dict[str, Any]:
    return {f"source_{name}": value for name, value in only_if(etag).items()}
