"""verify --repair: put damaged or missing contents back where the very same bytes are known; nothing is guessed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cluvault.errors import CluvaultError, NotAVault, ObjectLocked, SnapshotNotFound, SnapshotSealed
from cluvault.model.manifest import Reason
from cluvault.model.run import Outcome
from cluvault.ops.capture import export_capture, store_if_changed
from cluvault.ops.examine import examine_content
from cluvault.plan.keys import SnapshotKey
from cluvault.plan.verify import claims
from cluvault.vault.content import pack
from cluvault.vault.identity import read_identity
from cluvault.vault.mending import read_identical

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluvault.model.json_text import JsonObject
    from cluvault.model.manifest import Content, Manifest
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.capture import Capture
    from cluvault.plan.verify import Finding
    from cluvault.vault.mending import Places
    from cluvault.vault.store import ObjectStore
    from cluvault.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Repair:
    """What became of one damaged content.

    Attributes:
        key: The content.
        outcome: `repaired`: it is whole; `stored`: its meaning was stored anew, it stays damaged; `skipped`: its
            snapshots are gone; `locked` or `failed`: it stays damaged.
        detail: Where the bytes came from, or why there are none.
    """

    key: str
    outcome: Outcome
    detail: str

    @property
    def is_settled(self) -> bool:
        """Whether the content is damaged no more."""
        return self.outcome in (Outcome.REPAIRED, Outcome.SKIPPED)

    def to_json(self) -> JsonObject:
        """For programs."""
        return {"key": self.key, "outcome": self.outcome.value, "detail": self.detail}


async def repair_contents(workspace: Workspace, findings: Sequence[Finding], *, source: str = "") -> tuple[Repair, ...]:
    """Try to mend what was found, one content after the other; a content that cannot be mended is no error.

    Bytes come from another place of the vault, from the vault at `source`, or from the live project's export, and only
    if they have the digest of the manifest. When the live project has no more than the same meaning, a new snapshot of
    it is stored.

    Raises:
        NotAVault: there is no vault at `source`.
    """
    vault = await workspace.vault()
    copy = await _second_copy(workspace, source)
    needed = frozenset(one.content.sha256 for one in findings if one.content is not None)
    mender = _Mender(workspace, vault, copy, needed, await vault.mending.places())
    return tuple([await mender.mend(one, one.content) for one in findings if one.content is not None])


async def _second_copy(workspace: Workspace, url: str) -> ObjectStore | None:
    if not url:
        return None
    store = workspace.store_at(url)
    if await read_identity(store) is None:
        raise NotAVault(f"{store.url}: no vault here", mend="--from names a second copy of this vault")
    return store


@dataclass(slots=True)
class _Mender:
    """One repair; exports each live project once.

    Attributes:
        copy: The second copy of the vault, which is only read.
        needed: The stored digests of all that is to be mended.
        places: Where in the vault their bytes may lie.
        exports: What is live, or why that is not known.
    """

    workspace: Workspace
    vault: Vault
    copy: ObjectStore | None
    needed: frozenset[str]
    places: Places
    exports: dict[tuple[str, str], Capture | str] = field(default_factory=dict[tuple[str, str], "Capture | str"])

    async def mend(self, finding: Finding, content: Content) -> Repair:
        manifests = await self._manifests(finding, content)
        if not manifests:
            return Repair(content.key, Outcome.SKIPPED, "was pruned meanwhile")
        if await self.vault.mending.fits(content.key, {content.sha256}):
            if await examine_content(self.vault, manifests) is None:
                return Repair(content.key, Outcome.REPAIRED, "by somebody else meanwhile")
            return await self._store_anew(
                finding, manifests, "its bytes are as they were stored, its manifest is wrong"
            )
        try:
            return await self._put_back(finding, content, manifests)
        except ObjectLocked as err:
            return Repair(content.key, Outcome.LOCKED, str(err))

    async def _put_back(self, finding: Finding, content: Content, manifests: Sequence[Manifest]) -> Repair:
        """Put the very bytes in place, unless nobody has them or another snapshot needs those that lie there."""
        where, body = await self._bytes(finding, content)
        if body is None:
            return await self._store_anew(finding, manifests, "the same bytes are nowhere to be found")
        history = await self.vault.history(finding.resource, finding.project)
        if await self.vault.mending.fits(content.key, claims(history, content.key)):
            return await self._store_anew(finding, manifests, "another snapshot needs the bytes that lie there")
        fresh = self.workspace.new_snapshot_id(self.workspace.now())
        await self.vault.mending.put_in_place(
            content,
            body,
            needed=self.needed - {content.sha256},
            aside=SnapshotKey(finding.resource, finding.project, fresh).content,
            places=self.places,
        )
        if (fault := await examine_content(self.vault, manifests)) is not None:
            return Repair(content.key, Outcome.FAILED, f"has its bytes again, but: {fault.problem}")
        return Repair(content.key, Outcome.REPAIRED, f"with the same bytes from {where}")

    async def _manifests(self, finding: Finding, content: Content) -> list[Manifest]:
        """The snapshots that need the content now."""
        found: list[Manifest] = []
        for key in finding.snapshots:
            try:
                found.append(await self.vault.manifest(key))
            except SnapshotNotFound:
                continue
        return [view for one in found for view in one.views if view.content == content]

    async def _bytes(self, finding: Finding, content: Content) -> tuple[str, bytes | None]:
        if (body := await self.vault.mending.find(content, self.places)) is not None:
            return "elsewhere in the vault", body
        if self.copy is not None and (body := await read_identical(self.copy, content.key, content)) is not None:
            return self.copy.url, body
        capture = await self._live(finding)
        if not isinstance(capture, str) and content.seal is None:  # nothing is encrypted twice in the same way
            place = SnapshotKey(finding.resource, finding.project, finding.snapshots[0].snapshot_id)
            packed, body = await asyncio.to_thread(
                pack, capture.raw, key=place, canonical_sha256=capture.canonical_sha256
            )
            if packed.sha256 == content.sha256:
                return "the live project", body
        return "", None

    async def _store_anew(self, finding: Finding, manifests: Sequence[Manifest], why: str) -> Repair:
        """Store a snapshot of the live project if that still means the same; `why` it comes to that, for the report."""
        content = manifests[0].content
        capture = await self._live(finding)
        if isinstance(capture, str):
            return Repair(content.key, Outcome.FAILED, f"{why}; {capture}")
        try:
            meaning = await self.vault.recorded(manifests[0], capture.canonical_sha256)
        except SnapshotSealed as err:
            return Repair(content.key, Outcome.FAILED, f"{why}; {err}")
        if meaning != content.canonical_sha256:
            return Repair(content.key, Outcome.FAILED, f"{why}; the live project means something else by now")
        manifest, stored = await store_if_changed(self.workspace, capture)
        how = "was stored anew as" if stored else "is kept as"
        return Repair(content.key, Outcome.STORED, f"stays damaged; what it meant {how} {manifest.reference}")

    async def _live(self, finding: Finding) -> Capture | str:
        """What the project's resource holds now, or a sentence that says why that is not known."""
        place = finding.resource, finding.project
        if place not in self.exports:
            try:
                self.exports[place] = await export_capture(self.workspace, *place, reason=Reason.MANUAL)
            except CluvaultError as err:
                self.exports[place] = f"the live project cannot be read: {err}"
        return self.exports[place]
