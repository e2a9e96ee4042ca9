"""The vault: snapshots that are whole or absent, and never believed before they are checked."""

from __future__ import annotations

import asyncio
from datetime import UTC
from typing import TYPE_CHECKING
from uuid import uuid4

from cluvault import __version__
from cluvault.errors import DamagedSnapshot, NotAVault, ObjectExists, ObjectNotFound
from cluvault.model.run import read_run
from cluvault.plan.capture import build_manifest
from cluvault.plan.keys import RUNS, SnapshotKey, run_key
from cluvault.vault.catalogue import Catalogue
from cluvault.vault.content import check_content_key, damaged, pack, unpack
from cluvault.vault.identity import read_identity, write_identity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from cluvault.model.manifest import Content, Manifest
    from cluvault.model.run import RunRecord
    from cluvault.plan.capture import Capture
    from cluvault.vault.store import ObjectStore


class Vault(Catalogue):
    """Snapshots and run records in one store; `open` is how to get one."""

    def __init__(self, store: ObjectStore, vault_id: str) -> None:
        super().__init__(store)
        self.vault_id = vault_id

    @classmethod
    async def open(
        cls, store: ObjectStore, *, create: bool = False, new_id: Callable[[], str] = lambda: uuid4().hex
    ) -> Vault:
        """Open the vault in a store; with `create`, an empty place becomes one.

        Raises:
            NotAVault: there is none, it is malformed, or the place holds other things.
            VaultTooNew: a newer format wrote it.
        """
        vault_id = await read_identity(store)
        if vault_id is None and create:
            await write_identity(store, new_id())
            vault_id = await read_identity(store)
        if vault_id is None:
            raise NotAVault(f"{store.url}: no vault here", mend="check vault.url; the first backup makes the vault")
        return cls(store, vault_id)

    # --- snapshots -------------------------------------------------------------------------------------------------

    async def read(self, manifest: Manifest) -> bytes:
        """The bytes that the service gave, checked against every size and digest of the manifest.

        Raises:
            DamagedSnapshot: they are missing, not what the manifest says, or not where a snapshot's content may lie.
        """
        check_content_key(manifest)
        return await self._fetch(manifest.content, reference=manifest.reference)

    async def store(
        self,
        capture: Capture,
        *,
        snapshot_id: str,
        parent: Manifest | None,
        reuse_content: bool,
    ) -> Manifest:
        """Store a snapshot, and return it only after it was read back from the store and proved.

        Content comes first and is proved before the manifest is written: a snapshot that is listed is whole. The same
        call again, after a lost reply or a crash, completes the first. With `reuse_content`, content that means the
        same as the parent's is not written: the manifest points to the parent's, unless that is damaged.

        Raises:
            DamagedSnapshot: the store gave back other bytes than it was given.
            ObjectExists: the id is taken by another snapshot.
            ValueError: the id tells another time than the capture.
        """
        key = SnapshotKey(capture.resource, capture.project, snapshot_id)
        content = await self._content_for(capture, key, parent=parent if reuse_content else None)
        manifest = build_manifest(
            capture,
            snapshot_id=snapshot_id,
            vault_id=self.vault_id,
            stored=content,
            parent_id=parent.snapshot_id if parent else None,
            tool_version=__version__,
        )
        await self._put_once(key.manifest, manifest.to_bytes())
        stored = await self.manifest(key)
        if stored.to_bytes() != manifest.to_bytes():
            raise DamagedSnapshot(f"{key.manifest}: the store gave back other bytes than it was given")
        if content.key != key.content:
            await self.read(stored)  # a prune elsewhere may have removed it after our look and before our manifest
        return stored

    async def _content_for(self, capture: Capture, key: SnapshotKey, *, parent: Manifest | None) -> Content:
        """Content that is in the store and proved: the parent's where it means the same, or the capture's own."""
        if parent is not None and await self._stands_for(capture, parent):
            return parent.content
        content, body = await asyncio.to_thread(
            pack, capture.raw, key=key.content, canonical_sha256=capture.canonical_sha256
        )
        await self._put_once(content.key, body)
        await self._fetch(content, reference=key.reference)
        return content

    async def _stands_for(self, capture: Capture, parent: Manifest) -> bool:
        if (parent.resource, parent.project) != (capture.resource, capture.project):
            return False
        if parent.content.canonical_sha256 != capture.canonical_sha256:
            return False
        try:
            await self.read(parent)
        except DamagedSnapshot:
            return False
        return True

    async def _fetch(self, content: Content, *, reference: str) -> bytes:
        try:
            stored = await self._store.get(content.key)
        except ObjectNotFound as err:
            raise damaged(content, "is missing", reference=reference) from err
        return await asyncio.to_thread(unpack, stored, content, reference=reference)

    async def _put_once(self, key: str, body: bytes) -> None:
        """Write an object, or find it written already: a reply can be lost after the deed was done."""
        try:
            await self._store.put_new(key, body)
        except ObjectExists:
            if await self._store.get(key) != body:
                raise

    # --- run records -----------------------------------------------------------------------------------------------

    async def record_run(self, record: RunRecord) -> str:
        """Store the record of a run and return its key; the same record again is success.

        Raises:
            ObjectExists: another run has this id.
        """
        key = run_key(f"{record.started_at.astimezone(UTC):%Y-%m-%d}", record.run_id)
        await self._put_once(key, record.to_bytes())
        return key

    async def runs(self) -> AsyncIterator[RunRecord]:
        """Every run record, by day.

        Raises:
            DamagedRecord: one cannot be understood.
            VaultTooNew: a newer format wrote it.
        """
        async for found in self._store.list(RUNS):
            if found.key.endswith(".json"):
                yield read_run(await self._store.get(found.key), key=found.key)
