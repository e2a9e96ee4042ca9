"""Committing snapshots: content first and proved, then the manifest, then a second look (docs/vault.md says why)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from cluvault import __version__
from cluvault.errors import DamagedSnapshot, ObjectNotFound, SnapshotNotFound, StoreUnavailable
from cluvault.model.manifest import TrainedOn, read_manifest
from cluvault.plan.capture import build_manifest
from cluvault.plan.history import key_of
from cluvault.plan.keys import SnapshotKey
from cluvault.plan.prune import COMMIT_LIMIT
from cluvault.vault.content import check_content_key, check_stored
from cluvault.vault.stored_contents import Placed
from cluvault.vault.writing import put_once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cluvault.model.manifest import Content, Counts, Manifest
    from cluvault.plan.capture import Capture
    from cluvault.vault.store import ObjectStore
    from cluvault.vault.stored_contents import StoredContents
    from cluvault.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class _PlacedModel:
    """What a model was trained on, placed."""

    placed: Placed
    counts: Counts
    api_version: str

    @property
    def trained_on(self) -> TrainedOn:
        return TrainedOn(content=self.placed.content, counts=self.counts, api_version=self.api_version)


def _is_of(manifest: Manifest, capture: Capture) -> bool:
    return (manifest.resource, manifest.project) == (capture.resource, capture.project)


class Commits:
    """Makes snapshots exist: one that is listed is whole.

    Args:
        vault: Where manifests are read.
        store: Where they are written.
        contents: What they refer to.
        clock: Seconds that go on in sleep.
    """

    def __init__(
        self, vault: Vault, store: ObjectStore, contents: StoredContents, *, clock: Callable[[], float]
    ) -> None:
        self._vault = vault
        self._store = store
        self._contents = contents
        self._clock = clock

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
            vault_id=self._vault.vault_id,
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
        placed: list[Placed] = []
        for key, (content, reference) in wanted.items():
            is_new = await self._contents.place(content, bodies[key], reference=reference)
            placed.append(Placed(content, bodies[key], is_new=is_new))
        for manifest, written in snapshots:
            await self._write_manifest(manifest, written, began=began)
        await self._look_again(placed, snapshots[0][0].reference, began=began)

    async def _commit(self, manifest: Manifest, written: bytes, placed: Sequence[Placed], *, began: float) -> None:
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
            raise StoreUnavailable(
                f"{self._store.url}: storing {key.reference} took too long to be safe", mend="try again"
            )
        await put_once(self._store, key.manifest, written)
        try:
            found = await self._store.get(key.manifest)
        except ObjectNotFound:
            raise SnapshotNotFound(f"{key.reference} was pruned in the moment in which it was stored") from None
        if found != written:
            raise DamagedSnapshot(f"{key.manifest}: the store gave back other bytes than it was given")

    async def _look_again(self, placed: Sequence[Placed], reference: str, *, began: float) -> None:
        for one in {one.content.key: one for one in placed}.values():
            if not one.is_new or self._is_late(began):
                await self._contents.keep(one.content, one.body, reference=reference)

    def _is_late(self, began: float) -> bool:
        return self._clock() - began > COMMIT_LIMIT.total_seconds()

    async def _content_for(self, capture: Capture, key: SnapshotKey, *, parent: Manifest | None) -> Placed:
        """Content that is in the store and proved: the parent's, or else new."""
        if parent is not None and (found := await self._in_parent(capture, parent, capture.canonical_sha256)):
            return found
        return await self._contents.place_new(capture.raw, capture.canonical_sha256, key, part=0)

    async def _model_contents(
        self, capture: Capture, key: SnapshotKey, draft: Placed, *, parent: Manifest | None
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
                stored[digest] = await self._contents.place_new(one.raw, digest, key, part=part)
            models[one.label] = _PlacedModel(stored[digest], one.counts, one.api_version)
        return models

    async def _in_parent(self, capture: Capture, parent: Manifest, canonical_sha256: str) -> Placed | None:
        """A content of the parent that means this and can be relied on; None when there is none."""
        if not _is_of(parent, capture):
            return None
        for view in parent.views:
            if (
                await self._vault.stands_for(view, canonical_sha256)
                and (found := await self._relied_on(view)) is not None
            ):
                return found
        return None

    async def _relied_on(self, view: Manifest) -> Placed | None:
        """The content of a snapshot as it is stored, if it can be relied on from now on.

        Its manifest is looked at again, for it may have been read long ago: only content to which a snapshot refers
        at this moment stays for a grace period, counted from a later moment.
        """
        try:
            body = await self._vault.prove(view)
            await self._vault.manifest(key_of(view))
        except (DamagedSnapshot, SnapshotNotFound):
            return None
        return Placed(view.content, body, is_new=False)
