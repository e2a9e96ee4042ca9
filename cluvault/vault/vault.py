"""The vault: snapshots that are whole or absent, and never believed before they are checked."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from cluvault.errors import (
    DamagedSnapshot,
    NotAVault,
)
from cluvault.plan.history import key_of
from cluvault.vault.cache import ManifestCache
from cluvault.vault.catalogue import Catalogue
from cluvault.vault.commits import Commits
from cluvault.vault.content import (
    PLAIN,
    check_content_key,
    recorded,
)
from cluvault.vault.holds import Holds
from cluvault.vault.identity import read_identity, write_identity
from cluvault.vault.intakes import Intakes
from cluvault.vault.leases import Leases
from cluvault.vault.mending import Mending
from cluvault.vault.promotions import Promotions
from cluvault.vault.records import copy_missing, copy_series, fault_of
from cluvault.vault.removal import Removal
from cluvault.vault.replicas import Replicas
from cluvault.vault.runs import Runs
from cluvault.vault.started import StartedJobs
from cluvault.vault.steady import steady_seconds
from cluvault.vault.stored_contents import StoredContents

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from datetime import datetime
    from pathlib import Path

    from cluvault.errors import VaultError
    from cluvault.model.manifest import Content, Manifest
    from cluvault.vault.sealing import Sealing
    from cluvault.vault.store import ObjectStore


class Vault(Catalogue):
    """Snapshots and run records in one store; `open` is how to get one.

    Args:
        store: Where they lie.
        vault_id: The vault's own id.
        clock: Seconds that go on in sleep.
        sealing: What encrypts new content and opens what is encrypted; a vault may hold both kinds.
        cache: Manifests that were read before, on this machine.
    """

    def __init__(
        self,
        store: ObjectStore,
        vault_id: str,
        *,
        clock: Callable[[], float] = steady_seconds,
        sealing: Sealing = PLAIN,
        cache: ManifestCache | None = None,
    ) -> None:
        super().__init__(store, cache=cache)
        self.vault_id = vault_id
        self._sealing = sealing
        self._contents = StoredContents(store, sealing)
        self.holds = Holds(self, store)
        self.promotions = Promotions(store)
        self.intakes = Intakes(store)
        self.replicas = Replicas(store)
        self.runs = Runs(store)
        self.started = StartedJobs(store)
        self.commits = Commits(self, store, self._contents, clock=clock)
        self.removal = Removal(self, store, self.holds, clock=clock)
        self.mending = Mending(store)

    @classmethod
    async def open(
        cls,
        store: ObjectStore,
        *,
        create: bool = False,
        new_id: Callable[[], str] = lambda: uuid4().hex,
        sealing: Sealing = PLAIN,
        cache_folder: Path | None = None,
    ) -> Vault:
        """Open the vault in a store; with `create`, an empty place becomes one.

        Args:
            store: The place.
            create: Whether to make a vault where there is none.
            new_id: Its id then.
            sealing: What encrypts new content and opens what is encrypted.
            cache_folder: Where manifests may be kept on this machine.

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
        cache = ManifestCache(cache_folder, vault_id) if cache_folder else None
        return cls(store, vault_id, sealing=sealing, cache=cache)

    def leases(
        self,
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float] = steady_seconds,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> Leases:
        """The leases of the vault, by these clocks."""
        return Leases(self._store, now=now, clock=clock, sleep=sleep)

    # --- snapshots -------------------------------------------------------------------------------------------------

    async def read(self, manifest: Manifest) -> bytes:
        """The bytes that the service gave, checked against every size and digest of the manifest.

        Raises:
            DamagedSnapshot: they are missing, not what the manifest says, or not where a snapshot's content may lie.
            SnapshotNotFound: the snapshot was pruned since its manifest was read.
            SnapshotSealed: they are encrypted, and no identity at hand opens them.
        """
        check_content_key(manifest)
        async with self._unless_pruned(manifest):
            return await self._contents.plain(manifest.content, reference=manifest.reference)

    async def read_stored(self, manifest: Manifest) -> bytes:
        """A snapshot's content as it is stored, checked against the manifest's `sha256`; encrypted, if it is.

        Raises:
            DamagedSnapshot, SnapshotNotFound: as `read`.
        """
        check_content_key(manifest)
        async with self._unless_pruned(manifest):
            return await self._contents.stored(manifest.content, reference=manifest.reference)

    async def prove(self, manifest: Manifest) -> bytes:
        """The same, checked as far as can be: plain bytes, too, unless they are encrypted to somebody else.

        Raises:
            DamagedSnapshot, SnapshotNotFound: as `read`.
        """
        check_content_key(manifest)
        async with self._unless_pruned(manifest):
            return await self._contents.proved(manifest.content, reference=manifest.reference)

    @asynccontextmanager
    async def _unless_pruned(self, manifest: Manifest) -> AsyncGenerator[None]:
        try:
            yield
        except DamagedSnapshot:
            await self.manifest(key_of(manifest))  # a prune takes the manifest first, and the content long after
            raise

    def is_closed(self, content: Content) -> bool:
        """Whether content is encrypted and no identity is named that could open it."""
        return content.seal is not None and not self._sealing.has_identity

    async def stands_for(self, manifest: Manifest, canonical_sha256: str) -> bool:
        """Whether a snapshot means what this digest says, and lies there as new content would: plain, or sealed alike.

        Where encryption has no digest key nothing can be told, and the answer is no.
        """
        return await asyncio.to_thread(self._sealing.stands_for, manifest.content, canonical_sha256)

    async def recorded(self, manifest: Manifest, digest: str) -> str:
        """What a snapshot's manifest would say of this digest of plain content: itself, or its keyed form.

        Raises:
            DamagedSnapshot: the key in the manifest is none.
            SnapshotSealed: the content is encrypted, and no identity at hand opens it.
        """
        return await asyncio.to_thread(
            recorded, manifest.content, digest, sealing=self._sealing, reference=manifest.reference
        )

    async def copy_records(
        self, source: Vault, prefix: str, *, check: Callable[[str, bytes], object]
    ) -> list[VaultError]:
        """Bring the records below a prefix that another vault has and this one lacks, byte for byte and read back.

        Args:
            source: The other vault.
            prefix: Below which they lie.
            check: Raises for the key and bytes of a record that is not to be brought.

        Returns:
            What was wrong with those that were not brought.
        """
        return await copy_missing(source._store, self._store, prefix, check=check)

    async def copy_series(self, source: Vault, prefix: str) -> list[VaultError]:
        """Bring the promotions or intakes that another vault has and this one lacks, those of each in order.

        Returns:
            What was wrong with those that were not brought.
        """
        return await copy_series(source._store, self._store, prefix)

    async def fault_of_record(self, key: str) -> VaultError | None:
        """What is wrong with a record that is kept for years; None when nothing is, or when it is gone."""
        return await fault_of(self._store, key)
