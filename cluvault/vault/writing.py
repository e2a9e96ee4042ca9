"""Writing an object once, whoever else writes or removes it in the same moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluvault.errors import ObjectExists, ObjectNotFound, StoreUnavailable

if TYPE_CHECKING:
    from cluvault.vault.store import ObjectStore

_TRIES: Final = 4


async def put_once(store: ObjectStore, key: str, body: bytes) -> bool:
    """Write an object, or find it written already; whether it was written now.

    Found is success: a reply can be lost after the deed was done.

    Raises:
        ObjectExists: other bytes have this key.
    """
    for _ in range(_TRIES):
        try:
            await store.put_new(key, body)
        except ObjectExists:
            try:
                if await store.get(key) != body:
                    raise
            except ObjectNotFound:
                continue  # a prune removed it in between
            return False
        return True
    raise StoreUnavailable(f"{store.url}: somebody else keeps writing and removing {key}", mend="try again")
