"""The contract of an inbox: an object store in which an object can be looked at, read and removed as it stood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cluvault.vault.store import ObjectStore

if TYPE_CHECKING:
    from cluvault.plan.inbox import Standing


class Inbox(ObjectStore, Protocol):
    """Whoever puts a new object while an old one is worked on loses nothing: only the old one is removed."""

    async def look(self, key: str) -> Standing:
        """An object as it stands. Raises ObjectNotFound."""
        ...

    async def read(self, standing: Standing, *, limit: int) -> bytes:
        """The body of exactly this object.

        Raises:
            ObjectNotFound: it is gone, or another one stands there now.
            ObjectTooLarge: more than `limit` bytes.
        """
        ...

    async def copy(self, standing: Standing, key: str) -> None:
        """Have the store copy exactly this object. Raises ObjectNotFound as `read` does."""
        ...

    async def remove(self, standing: Standing) -> bool:
        """Remove exactly this object; False when another one stands there now. Already gone is success."""
        ...
