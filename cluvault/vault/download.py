"""The body of an object on its way here: collected whole, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cluvault.errors import ObjectTooLarge, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHUNK_BYTES: Final = 2**20
"""What is read at once: between two chunks an interrupted command stops."""


@dataclass(frozen=True, slots=True)
class Download:
    """A body and the size that the store announced, if it did."""

    size: int | None
    chunks: AsyncIterator[bytes]


async def collect(download: Download, *, url: str, limit: int) -> bytes:
    """The whole body.

    Raises:
        ObjectTooLarge: it is, or claims to be, larger than `limit` bytes.
        StoreUnavailable: it is not as long as announced.
    """
    if (download.size or 0) > limit:
        raise ObjectTooLarge(f"{url}: has {download.size} bytes, at most {limit} are read")
    body = bytearray()
    async for chunk in download.chunks:
        body += chunk
        if len(body) > limit:
            raise ObjectTooLarge(f"{url}: has more than the {limit} bytes that are read at most")
    if download.size not in (None, len(body)):
        raise StoreUnavailable(f"{url}: {len(body)} of {download.size} bytes arrived", mend="try again")
    return bytes(body)
