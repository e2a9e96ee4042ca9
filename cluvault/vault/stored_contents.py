"""The contents of a vault's snapshots in their store: never believed before they are checked, written once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluvault.errors import ContentMissing, ObjectNotFound
from cluvault.vault.content import check_stored, content_missing, pack, unpack
from cluvault.vault.writing import put_once

if TYPE_CHECKING:
    from cluvault.model.manifest import Content
    from cluvault.plan.keys import SnapshotKey
    from cluvault.vault.sealing import Sealing
    from cluvault.vault.store import ObjectStore


@dataclass(frozen=True, slots=True)
class Placed:
    """A content that is in the store and proved, its bytes, and whether they were written now."""

    content: Content
    body: bytes
    is_new: bool


class StoredContents:
    """Reads, proves and writes contents; who refers to them is others' business.

    Args:
        store: Where they lie.
        sealing: What encrypts new content and opens what is encrypted.
    """

    def __init__(self, store: ObjectStore, sealing: Sealing) -> None:
        self._store = store
        self._sealing = sealing

    # --- reading ---------------------------------------------------------------------------------------------------

    async def stored(self, content: Content, *, reference: str) -> bytes:
        """A content as it is stored, checked against the manifest's `sha256`.

        Raises:
            ContentMissing, DamagedSnapshot: it is not there, or not what the manifest says.
        """
        try:
            stored = await self._store.get(content.key)
        except ObjectNotFound as err:
            raise content_missing(content, reference=reference) from err
        await asyncio.to_thread(check_stored, stored, content, reference=reference)
        return stored

    async def plain(self, content: Content, *, reference: str) -> bytes:
        """The bytes that the service gave, checked against every size and digest.

        Raises:
            ContentMissing, DamagedSnapshot: they are not there, or not what the manifest says.
            SnapshotSealed: they are encrypted, and no identity at hand opens them.
        """
        stored = await self.stored(content, reference=reference)
        return await asyncio.to_thread(unpack, stored, content, reference=reference, sealing=self._sealing)

    async def proved(self, content: Content, *, reference: str) -> bytes:
        """A content as it is stored, that unpacks to what the manifest says, as far as this machine can open it."""
        stored = await self.stored(content, reference=reference)
        await self._check_opens(stored, content, reference=reference)
        return stored

    async def _check_opens(self, stored: bytes, content: Content, *, reference: str) -> None:
        if content.seal is None or await asyncio.to_thread(self._sealing.can_open, content.seal):
            await asyncio.to_thread(unpack, stored, content, reference=reference, sealing=self._sealing)

    # --- writing ---------------------------------------------------------------------------------------------------

    async def place(self, content: Content, body: bytes, *, reference: str) -> bool:
        """Have content in the store, and prove it; whether it was written now, and not found."""
        is_new = await put_once(self._store, content.key, body)
        try:
            await self.stored(content, reference=reference)
        except ContentMissing:  # it was found, and a prune took it just then
            await put_once(self._store, content.key, body)
            await self.stored(content, reference=reference)
        return is_new

    async def keep(self, content: Content, body: bytes, *, reference: str) -> None:
        """Prove that the content is there; put it back if it is not."""
        try:
            await self.stored(content, reference=reference)
        except ContentMissing:
            await self.place(content, body, reference=reference)

    async def place_new(self, raw: bytes, canonical_sha256: str, key: SnapshotKey, *, part: int) -> Placed:
        """Have the bytes of a project file in the store, packed for a snapshot of this key, and proved."""
        content, body = await asyncio.to_thread(
            pack, raw, key=key, canonical_sha256=canonical_sha256, sealing=self._sealing, part=part
        )
        is_new = await self.place(content, body, reference=key.reference)
        await self._check_opens(body, content, reference=key.reference)
        return Placed(content, body, is_new=is_new)
