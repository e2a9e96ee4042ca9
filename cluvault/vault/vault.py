"""The vault: snapshots that are whole or absent, and never believed before they are checked."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING
from uuid import uuid4

from cluvault import __version__
from cluvault.errors import (
    ContentMissing,
    DamagedSnapshot,
    NotAVault,
    ObjectNotFound,
    SnapshotNotFound,
    StoreUnavailable,
)
from cluvault.model.manifest import TrainedOn, read_manifest
from cluvault.plan.capture import build_manifest
from cluvault.plan.history import key_of
from cluvault.plan.keys import SnapshotKey
from cluvault.plan.prune import COMMIT_LIMIT
from cluvault.vault.cache import ManifestCache
from cluvault.vault.catalogue import Catalogue
from cluvault.vault.content import (
    PLAIN,
    check_content_key,
    check_stored,
    content_missing,
    pack,
    recorded,
    unpack,
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
from cluvault.vault.writing import put_once

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from cluvault.errors import VaultError
    from cluvault.model.manifest import Content, Counts, Manifest
    from cluvault.plan.capture import Capture
    from cluvault.vault.sealing import Sealing
    from cluvault.vault.store import ObjectStore


@dataclass(frozen=True, slots=True)
class _Placed:
    """A content that is in the store and proved, its bytes, and whether they were written now."""

    content: Content
    body: bytes
    is_new: bool


@dataclass(frozen=True, slots=True)
class _PlacedModel:
    """What a model was trained on, placed."""

    placed: _Placed
    counts: Counts
    api_version: str

    @property
    def trained_on(self) -> TrainedOn:
        return TrainedOn(content=self.placed.content, counts=self.counts, api_version=self.api_version)


def _is_of(manifest: Manifest, capture: Capture) -> bool:
    return (manifest.resource, manifest.project) == (capture.resource, capture.project)


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
        self._clock = clock
        self.holds = Holds(self, store)
        self.promotions = Promotions(store)
        self.intakes = Intakes(store)
        self.replicas = Replicas(store)
        self.runs = Runs(store)
        self.started = StartedJobs(store)
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
            stored = await self._fetch_stored(manifest.content, reference=manifest.reference)
            return await self._unpack(stored, manifest.content, reference=manifest.reference)

    async def read_stored(self, manifest: Manifest) -> bytes:
        """A snapshot's content as it is stored, checked against the manifest's `sha256`; encrypted, if it is.

        Raises:
            DamagedSnapshot, SnapshotNotFound: as `read`.
        """
        check_content_key(manifest)
        async with self._unless_pruned(manifest):
            return await self._fetch_stored(manifest.content, reference=manifest.reference)

    async def prove(self, manifest: Manifest) -> bytes:
        """The same, checked as far as can be: plain bytes, too, unless they are encrypted to somebody else.

        Raises:
            DamagedSnapshot, SnapshotNotFound: as `read`.
        """
        check_content_key(manifest)
        async with self._unless_pruned(manifest):
            return await self._fetch_proved(manifest.content, reference=manifest.reference)

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
        call again, after a lost reply or a crash, completes the first; if the vault encrypts, which is never twice the
        same, it is refused, and a new id is the way. With `reuse_content`, content that means the same as the parent's
        is not written: the manifest points to the parent's, unless that is damaged or sealed otherwise.

        Raises:
            DamagedSnapshot: the store gave back other bytes than it was given.
            ObjectExists: the id is taken by another snapshot.
            ConfigurationError: a recipient or the digest key is none; nothing was written.
            ValueError: the id tells another time than the capture.
        """
        key = SnapshotKey(capture.resource, capture.project, snapshot_id)
        began = self._clock()
        draft = await self._content_for(capture, key, parent=parent if reuse_content else None)
        models = await self._model_contents(capture, key, draft, parent=parent if reuse_content else None)
        manifest = build_manifest(
            capture,
            snapshot_id=snapshot_id,
            vault_id=self.vault_id,
            stored=draft.content,
            trained_on={label: one.trained_on for label, one in models.items()},
            parent_id=parent.snapshot_id if parent else None,
            tool_version=__version__,
        )
        placed = [draft, *(one.placed for one in models.values())]
        await self._commit(manifest, manifest.to_bytes(), placed, began=began)
        return read_manifest(manifest.to_bytes(), key=key.manifest)

    async def adopt(
        self,
        snapshots: Sequence[tuple[Manifest, bytes]],
        body: bytes,
        *,
        others: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        """Make snapshots of another vault exist here, byte for byte.

        Args:
            snapshots: What is to be listed: manifests of projects with one content, each with its bytes.
            body: That content as it is stored.
            others: Their other contents, what models were trained on, by key.

        Raises:
            DamagedSnapshot: the store gave back other bytes than it was given.
            ObjectExists: the content's or a manifest's key is taken by something else.
            SnapshotNotFound: a prune removed one at once.
        """
        began = self._clock()
        bodies = {**others, snapshots[0][0].content.key: body}
        wanted: dict[str, tuple[Content, str]] = {}
        for manifest, _ in snapshots:
            check_content_key(manifest)
            for content in manifest.contents:
                found = bodies[content.key]
                await asyncio.to_thread(check_stored, found, content, reference=manifest.reference)
                wanted.setdefault(content.key, (content, manifest.reference))
        placed: list[_Placed] = []
        for key, (content, reference) in wanted.items():
            is_new = await self._place(content, bodies[key], reference=reference)
            placed.append(_Placed(content, bodies[key], is_new=is_new))
        for manifest, written in snapshots:
            await self._write_manifest(manifest, written, began=began)
        await self._look_again(placed, snapshots[0][0].reference, began=began)

    async def _commit(self, manifest: Manifest, written: bytes, placed: Sequence[_Placed], *, began: float) -> None:
        """Write the manifest of contents proved since `began`; look again at those that were not written since then.

        A prune elsewhere removes contents that no manifest refers to, after a look at all manifests, and looks at them
        again behind itself; so whoever of the two comes last sees what the other did, and puts the content back.
        That neither dies in between is made unlikely by time: `COMMIT_LIMIT` here, a grace period there.
        """
        await self._write_manifest(manifest, written, began=began)
        await self._look_again(placed, manifest.reference, began=began)

    async def _write_manifest(self, manifest: Manifest, written: bytes, *, began: float) -> None:
        key = key_of(manifest)
        if self._is_late(began):
            raise StoreUnavailable(f"{self.url}: storing {key.reference} took too long to be safe", mend="try again")
        await put_once(self._store, key.manifest, written)
        try:
            found = await self._store.get(key.manifest)
        except ObjectNotFound:
            raise SnapshotNotFound(f"{key.reference} was pruned in the moment in which it was stored") from None
        if found != written:
            raise DamagedSnapshot(f"{key.manifest}: the store gave back other bytes than it was given")

    async def _look_again(self, placed: Sequence[_Placed], reference: str, *, began: float) -> None:
        for one in {one.content.key: one for one in placed}.values():
            if not one.is_new or self._is_late(began):
                await self._keep_content(one.content, one.body, reference=reference)

    def _is_late(self, began: float) -> bool:
        return self._clock() - began > COMMIT_LIMIT.total_seconds()

    async def _keep_content(self, content: Content, body: bytes, *, reference: str) -> None:
        """Prove that the content is there; put it back if it is not."""
        try:
            await self._fetch_stored(content, reference=reference)
        except ContentMissing:
            await self._place(content, body, reference=reference)

    async def _place(self, content: Content, body: bytes, *, reference: str) -> bool:
        """Have content in the store, and prove it; whether it was written now, and not found."""
        is_new = await put_once(self._store, content.key, body)
        try:
            await self._fetch_stored(content, reference=reference)
        except ContentMissing:  # it was found, and a prune took it just then
            await put_once(self._store, content.key, body)
            await self._fetch_stored(content, reference=reference)
        return is_new

    async def _content_for(self, capture: Capture, key: SnapshotKey, *, parent: Manifest | None) -> _Placed:
        """Content that is in the store and proved: the parent's, or else new."""
        if parent is not None and (found := await self._in_parent(capture, parent, capture.canonical_sha256)):
            return found
        return await self._new_content(capture.raw, capture.canonical_sha256, key, part=0)

    async def _model_contents(
        self, capture: Capture, key: SnapshotKey, draft: _Placed, *, parent: Manifest | None
    ) -> dict[str, _PlacedModel]:
        """What the capture's models were trained on, in the store and proved, by label; what means the same once.

        Raises:
            StoreUnavailable: what the vault knew of a model is gone since.
        """
        models: dict[str, _PlacedModel] = {}
        for label, view in capture.known.items():
            found = await self._relied_on(view) if _is_of(view, capture) else None
            if found is None:
                message = f"{view.reference}: what {label} was trained on cannot be read any more"
                raise StoreUnavailable(message, mend="try again")
            models[label] = _PlacedModel(found, view.counts, view.api_version)
        stored = {capture.canonical_sha256: draft}
        for part, one in enumerate(capture.exports, start=1):
            digest = one.canonical_sha256
            if (
                digest not in stored
                and parent is not None
                and (found := await self._in_parent(capture, parent, digest))
            ):
                stored[digest] = found
            if digest not in stored:
                stored[digest] = await self._new_content(one.raw, digest, key, part=part)
            models[one.label] = _PlacedModel(stored[digest], one.counts, one.api_version)
        return models

    async def _new_content(self, raw: bytes, canonical_sha256: str, key: SnapshotKey, *, part: int) -> _Placed:
        content, body = await asyncio.to_thread(
            pack, raw, key=key, canonical_sha256=canonical_sha256, sealing=self._sealing, part=part
        )
        is_new = await self._place(content, body, reference=key.reference)
        await self._check_opens(body, content, reference=key.reference)
        return _Placed(content, body, is_new=is_new)

    async def _in_parent(self, capture: Capture, parent: Manifest, canonical_sha256: str) -> _Placed | None:
        """A content of the parent that means this and can be relied on; None when there is none."""
        if not _is_of(parent, capture):
            return None
        for view in parent.views:
            if await self.stands_for(view, canonical_sha256) and (found := await self._relied_on(view)) is not None:
                return found
        return None

    async def _relied_on(self, view: Manifest) -> _Placed | None:
        """The content of a snapshot as it is stored, if it can be relied on from now on.

        Its manifest is looked at again, for it may have been read long ago: only content to which a snapshot refers
        at this moment stays for a grace period, counted from a later moment.
        """
        try:
            body = await self.prove(view)
            await self.manifest(key_of(view))
        except (DamagedSnapshot, SnapshotNotFound):
            return None
        return _Placed(view.content, body, is_new=False)

    async def _unpack(self, stored: bytes, content: Content, *, reference: str) -> bytes:
        return await asyncio.to_thread(unpack, stored, content, reference=reference, sealing=self._sealing)

    async def _fetch_proved(self, content: Content, *, reference: str) -> bytes:
        """Stored bytes that unpack to what the manifest says, as far as this machine can open them."""
        stored = await self._fetch_stored(content, reference=reference)
        await self._check_opens(stored, content, reference=reference)
        return stored

    async def _check_opens(self, stored: bytes, content: Content, *, reference: str) -> None:
        if content.seal is None or await asyncio.to_thread(self._sealing.can_open, content.seal):
            await self._unpack(stored, content, reference=reference)

    async def _fetch_stored(self, content: Content, *, reference: str) -> bytes:
        try:
            stored = await self._store.get(content.key)
        except ObjectNotFound as err:
            raise content_missing(content, reference=reference) from err
        await asyncio.to_thread(check_stored, stored, content, reference=reference)
        return stored

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
