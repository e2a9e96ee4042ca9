"""The contract of an object store: five verbs, each with a promise. Every store passes tests/vault/test_stores.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """A key and the size of its body in bytes."""

    key: str
    size: int


class ObjectStore(Protocol):
    """Whole objects under slash-separated keys.

    Every verb may raise StoreUnavailable (may pass), StorageDenied, or StorageFull (on writing).
    """

    @property
    def url(self) -> str:
        """Where the store is, for messages; never holds a credential."""
        ...

    async def get(self, key: str) -> bytes:
        """The whole body. Raises ObjectNotFound."""
        ...

    async def put_new(self, key: str, body: bytes) -> None:
        """Write a body that is complete and durable, or absent. Raises ObjectExists and leaves the first body."""
        ...

    def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """Complete objects whose key starts with `prefix`, sorted by key."""
        ...

    async def delete(self, key: str) -> None:
        """Remove an object; already gone is success."""
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...
