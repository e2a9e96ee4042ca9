"""A store whose verbs are spans."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cluvault.tracing import span

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cluvault.model.object_info import ObjectInfo
    from cluvault.tracing import Value
    from cluvault.vault.store import ObjectStore


class TracedStore:
    """An object store, and a span for each of its verbs that takes a key."""

    def __init__(self, inner: ObjectStore) -> None:
        self._inner = inner
        self._kind = urlsplit(inner.url).scheme or "file"

    @property
    def url(self) -> str:
        """Where the store is."""
        return self._inner.url

    async def get(self, key: str) -> bytes:
        """The whole body."""
        with span("vault get", self._about(key), kind="client") as found:
            body = await self._inner.get(key)
            found.note({"cluvault.vault.bytes": len(body)})
            return body

    async def put_new(self, key: str, body: bytes) -> None:
        """Write a body."""
        with span("vault put_new", self._about(key) | {"cluvault.vault.bytes": len(body)}, kind="client"):
            await self._inner.put_new(key, body)

    def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """Complete objects; not traced, for whoever reads them does other things in between."""
        return self._inner.list(prefix)

    def folders(self, prefix: str = "") -> AsyncIterator[str]:
        """What is directly below `prefix`; likewise."""
        return self._inner.folders(prefix)

    async def delete(self, key: str) -> None:
        """Remove an object."""
        with span("vault delete", self._about(key), kind="client"):
            await self._inner.delete(key)

    async def aclose(self) -> None:
        """Release connections."""
        await self._inner.aclose()

    def _about(self, key: str) -> dict[str, Value | None]:
        return {"cluvault.vault.kind": self._kind, "cluvault.vault.key": key}
