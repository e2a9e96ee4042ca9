"""An object store in memory: for tests, rehearsals and the promises in their simplest form."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cluvault.errors import ObjectExists, ObjectNotFound
from cluvault.model.object_info import ObjectInfo
from cluvault.vault.store import check_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class MemoryStore:
    """Objects of one process; used from one event loop, where nothing runs between a check and a write.

    Args:
        now: The store's clock.
    """

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._objects: dict[str, tuple[bytes, datetime]] = {}

    @property
    def url(self) -> str:
        """Nothing but the scheme: no other process finds this store."""
        return "memory:"

    async def get(self, key: str) -> bytes:
        """The whole body."""
        try:
            return self._objects[check_key(key)][0]
        except KeyError:
            raise ObjectNotFound(f"{self.url} has no object {key}") from None

    async def put_new(self, key: str, body: bytes) -> None:
        """Keep a body under a key that is free."""
        if check_key(key) in self._objects:
            raise ObjectExists(f"{self.url} holds an object {key} already")
        self._objects[key] = bytes(body), self._now()

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """The objects as they were when the listing began, less those that were deleted since."""
        for key in sorted(key for key in self._objects if key.startswith(prefix)):
            if (found := self._objects.get(key)) is not None:
                body, modified = found
                yield ObjectInfo(key, len(body), modified)

    async def folders(self, prefix: str = "") -> AsyncIterator[str]:
        """The first steps of the ways to all objects below."""
        below = (key.removeprefix(prefix) for key in self._objects if key.startswith(prefix))
        for folder in sorted({rest.partition("/")[0] + "/" for rest in below if "/" in rest}):
            yield prefix + folder

    async def delete(self, key: str) -> None:
        """Forget an object."""
        self._objects.pop(check_key(key), None)

    async def aclose(self) -> None:
        """Keep everything: the same store can be opened as a vault again."""
