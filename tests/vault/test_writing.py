"""Writing once, while others write and remove the same object."""

from __future__ import annotations

import pytest

from cluvault.errors import ObjectExists, ObjectNotFound, StoreUnavailable
from cluvault.vault.memory import MemoryStore
from cluvault.vault.writing import put_once


class Flickering(MemoryStore):
    """Somebody removes an object between the refusal to overwrite it and the look at it, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def get(self, key: str) -> bytes:
        if self.times:
            self.times -= 1
            await self.delete(key)
            if self.times:
                await self.put_new(key, b"body")
            raise ObjectNotFound(key)
        return await super().get(key)


async def test_written_or_found() -> None:
    """What is there already is success, and told apart."""
    store = MemoryStore()
    assert await put_once(store, "key", b"body")
    assert not await put_once(store, "key", b"body")
    with pytest.raises(ObjectExists):
        await put_once(store, "key", b"other")
    assert await store.get("key") == b"body"


async def test_removed_in_between() -> None:
    """An object that a prune removes while it is looked at is written again."""
    store = Flickering(times=1)
    await store.put_new("key", b"body")
    assert await put_once(store, "key", b"body")
    assert await store.get("key") == b"body"


async def test_removed_again_and_again() -> None:
    """Somebody who writes and removes for ever is named instead of waited for."""
    store = Flickering(times=100)
    await store.put_new("key", b"body")
    with pytest.raises(StoreUnavailable, match="somebody else keeps writing and removing key"):
        await put_once(store, "key", b"body")
