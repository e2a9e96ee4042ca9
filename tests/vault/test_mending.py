"""Putting bytes back: proven before, proven after, and beside others who do the same."""

from __future__ import annotations

import pytest

from cluvault.errors import DamagedSnapshot, ObjectExists
from cluvault.plan.keys import SnapshotKey
from cluvault.vault.content import pack
from cluvault.vault.memory import MemoryStore
from cluvault.vault.mending import Mending

SNAPSHOT = SnapshotKey("prod", "EmailApp", "20261101T020000Z-000b2c3d")
KEY = SNAPSHOT.content
ASIDE = SnapshotKey("prod", "EmailApp", "20261101T020000Z-ffffffff").content
CONTENT, BODY = pack(b'{"some": "project"}', key=SNAPSHOT, canonical_sha256="0" * 64)


async def put_in_place(store: MemoryStore) -> None:
    """Mend the one content."""
    await Mending(store).put_in_place(CONTENT, BODY, needed=(), aside=ASIDE, places={})


@pytest.mark.parametrize("before", [None, b"rubbish", BODY], ids=["missing", "damaged", "whole"])
async def test_whatever_lay_there(before: bytes | None) -> None:
    """The bytes are in place, and nothing else is written."""
    store = MemoryStore()
    if before is not None:
        await store.put_new(KEY, before)
    await put_in_place(store)
    assert [(one.key, await store.get(one.key)) async for one in store.list()] == [(KEY, BODY)]


class Taken(MemoryStore):
    """Somebody else is quicker with a body of their own."""

    theirs = BODY

    async def put_new(self, key: str, body: bytes) -> None:
        await super().put_new(key, self.theirs)
        await super().put_new(key, body)


async def test_a_backup_that_is_quicker() -> None:
    """With the same bytes, that is as good."""
    store = Taken()
    await put_in_place(store)
    assert await store.get(KEY) == BODY


async def test_somebody_who_writes_something_else() -> None:
    """It is an error, and not overwritten."""
    store = Taken()
    store.theirs = b"other"
    with pytest.raises(ObjectExists):
        await put_in_place(store)
    assert await store.get(KEY) == b"other"


async def test_a_store_that_gives_back_something_else() -> None:
    """What cannot be read back is no repair."""

    class Forgetful(MemoryStore):
        async def put_new(self, key: str, body: bytes) -> None:
            await super().put_new(key, body[:-1])

    with pytest.raises(DamagedSnapshot, match="gave back other bytes"):
        await put_in_place(Forgetful())


async def test_only_what_has_the_size_is_read() -> None:
    """And only what has the digest is taken; never from the content's own place, nor from a place that is gone."""
    store = MemoryStore()
    await store.put_new(KEY, BODY)
    await store.put_new("a.bak", BODY[:-1] + b"?")
    await store.put_new("b.bak", BODY[:-1])
    mending = Mending(store)
    places = await mending.places()
    assert await mending.find(CONTENT, places) is None
    await store.put_new("c.bak", BODY)
    assert await mending.find(CONTENT, await mending.places()) == BODY
    await store.delete("c.bak")
    assert await mending.find(CONTENT, {len(BODY): ["c.bak"]}) is None
