"""Putting proven bytes in the place of a content that is damaged or gone. Nothing goes that cannot be replaced."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from hashlib import sha256
from typing import TYPE_CHECKING

from cluvault.errors import DamagedSnapshot, ObjectExists, ObjectNotFound
from cluvault.plan.key_kinds import KeyKind, kind_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from cluvault.model.manifest import Content
    from cluvault.vault.store import ObjectStore

Places = dict[int, list[str]]
"""Keys of objects that may hold a content, by their size."""


class Mending:
    """Mends one vault."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def places(self) -> Places:
        """Where bytes of contents may lie in this vault: in contents, and in what somebody put beside them."""
        found: defaultdict[int, list[str]] = defaultdict(list)
        async for one in self._store.list():
            if kind_of(one.key) in (KeyKind.CONTENT, KeyKind.FOREIGN):
                found[one.size].append(one.key)
        return dict(found)

    async def find(self, content: Content, places: Mapping[int, Sequence[str]]) -> bytes | None:
        """The very bytes of a content, from another place than its own; only what has its size is read."""
        for key in places.get(content.bytes, ()):
            if key != content.key and (body := await read_identical(self._store, key, content)) is not None:
                return body
        return None

    async def put_in_place(
        self, content: Content, body: bytes, *, needed: Collection[str], aside: str, places: Places
    ) -> None:
        """Write a content's own bytes under its key, and read them back.

        A damaged body goes just before, after it was looked at once more. When other contents need exactly that body
        (two were swapped), it is kept aside first, as a content that no snapshot refers to.

        Args:
            content: What should lie there.
            body: Its bytes, proved.
            needed: Stored digests that somebody still looks for.
            aside: A fresh key for what has to be kept.
            places: Learns of what was kept aside.

        Raises:
            ObjectLocked: the store keeps the damaged body immutable; nothing was changed.
            DamagedSnapshot: the store gave back other bytes than it was given.
        """
        present = await self._present(content.key)
        if present is not None and present != body:
            if await _digest(present) in needed:
                await self._store.put_new(aside, present)
                places.setdefault(len(present), []).append(aside)
            await self._store.delete(content.key)
        if present != body:
            await self._put(content.key, body)
        if await self._store.get(content.key) != body:
            raise DamagedSnapshot(f"{content.key}: the store gave back other bytes than it was given")

    async def fits(self, key: str, digests: Collection[str]) -> bool:
        """Whether what lies at a key has one of these digests."""
        present = await self._present(key)
        return present is not None and await _digest(present) in digests

    async def _present(self, key: str) -> bytes | None:
        try:
            return await self._store.get(key)
        except ObjectNotFound:
            return None

    async def _put(self, key: str, body: bytes) -> None:
        try:
            await self._store.put_new(key, body)
        except ObjectExists:  # a backup that refers to it was quicker
            if await self._store.get(key) != body:
                raise


async def read_identical(store: ObjectStore, key: str, content: Content) -> bytes | None:
    """What a store holds at a key, if it is the very bytes that a manifest describes."""
    try:
        body = await store.get(key)
    except ObjectNotFound:
        return None
    return body if len(body) == content.bytes and await _digest(body) == content.sha256 else None


async def _digest(body: bytes) -> str:
    return await asyncio.to_thread(lambda: sha256(body).hexdigest())
