"""Looking at a vault project by project: what is there by the listing, and what the bytes of contents are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cluvault.errors import ContentMissing, DamagedSnapshot, InvalidProjectFile, SnapshotNotFound, VaultTooNew
from cluvault.model.project_file import read_project_file
from cluvault.ops.catalogue import find_snapshot, snapshot_reference
from cluvault.ops.fanout import at_once
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.history import key_of
from cluvault.plan.key_kinds import KeyKind, kind_of
from cluvault.plan.keys import SnapshotKey, snapshot_of
from cluvault.plan.verify import (
    Fault,
    Finding,
    FindingKind,
    classify,
    contents_of,
    foreign,
    lost_records,
    suspects,
    unreadable_record,
)
from cluvault.vault.content import subject
from cluvault.vault.records import RECORDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cluvault.model.manifest import Content, Manifest
    from cluvault.ops.workspace import Workspace
    from cluvault.vault.vault import Vault

_READS_AT_ONCE: Final = 8
"""Contents in memory at once, of all projects together, as long as they are small: `Room` bounds their bytes."""
_RECORDS_AT_ONCE: Final = 32


@dataclass(frozen=True, slots=True)
class ProjectScope:
    """What to look at in one project: the chosen snapshots, or everything when None."""

    resource: str
    project: str
    chosen: frozenset[SnapshotKey] | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """What to look at, and what was found beside the snapshots: foreign objects, records that say nothing."""

    projects: tuple[ProjectScope, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class ProjectCheck:
    """What the look at one project gave.

    Attributes:
        snapshots: How many were judged.
        contents: How many contents they have.
        bytes_read: The size of those that were read.
        sealed: How many of those are encrypted, and no identity is named: only their stored bytes were checked.
    """

    resource: str
    project: str
    snapshots: int
    contents: int
    bytes_read: int
    findings: tuple[Finding, ...]
    sealed: int = 0


async def survey_vault(workspace: Workspace, references: Sequence[str]) -> Survey:
    """Which projects to look at: those of the references, or all, by one listing that also shows what is foreign.

    Of the whole vault every record is read, too: they are small.

    Raises:
        UsageError, SnapshotNotFound: a reference names no snapshot.
    """
    if references:
        return await _named(workspace, references)
    vault = await workspace.vault()
    projects: set[tuple[str, str]] = set()
    strangers: list[str] = []
    records: list[str] = []
    async for one in vault.objects():
        kind = kind_of(one.key)
        if kind is KeyKind.FOREIGN:
            strangers.append(one.key)
        elif kind in (KeyKind.MANIFEST, KeyKind.CONTENT) and (key := snapshot_of(one.key)) is not None:
            projects.add((key.resource, key.project))
        elif kind in RECORDS:
            records.append(one.key)
    found = [*await _unreadable(vault, records), *lost_records(records), *foreign(strangers)]
    return Survey(tuple(ProjectScope(*project) for project in sorted(projects)), tuple(found))


async def _unreadable(vault: Vault, records: Sequence[str]) -> list[Finding]:
    faults = await at_once(records, vault.fault_of_record, concurrency=_RECORDS_AT_ONCE)
    return [unreadable_record(key, fault) for key, fault in zip(records, faults, strict=True) if fault is not None]


async def _named(workspace: Workspace, references: Sequence[str]) -> Survey:
    chosen: dict[tuple[str, str], frozenset[SnapshotKey]] = {}
    for reference in references:
        parsed = snapshot_reference(reference)
        place = parsed.resource, parsed.project
        chosen[place] = chosen.get(place, frozenset()) | await _meant(workspace, reference)
    return Survey(tuple(ProjectScope(*place, keys) for place, keys in chosen.items()))


async def _meant(workspace: Workspace, reference: str) -> frozenset[SnapshotKey]:
    """The snapshot that a reference means; or those whose manifests do not let one tell."""
    try:
        return frozenset({key_of(await find_snapshot(workspace, reference))})
    except (DamagedSnapshot, VaultTooNew):
        parsed = snapshot_reference(reference)
        if parsed.snapshot_id is not None:
            return frozenset({SnapshotKey(parsed.resource, parsed.project, parsed.snapshot_id)})
        vault = await workspace.vault()
        return frozenset((await vault.history(parsed.resource, parsed.project)).unreadable)


async def check_project(workspace: Workspace, scope: ProjectScope, *, read_data: bool) -> ProjectCheck:
    """Judge the snapshots of one project; without `read_data` only contents are read that the listing makes suspect.

    What is pruned between the listing and the look is left out.

    Raises:
        StoreUnavailable, StorageDenied: something cannot be judged; that is not called damage.
    """
    vault = await workspace.vault()
    history = await vault.history(scope.resource, scope.project)
    contents = contents_of(history, chosen=scope.chosen)
    to_read = list(contents) if read_data else suspects(history, contents)
    faults = await _read_all(workspace, {content: contents[content] for content in to_read})
    missing = {content: contents[content] for content, fault in faults.items() if fault.kind is FindingKind.MISSING}
    still = await _read_all(workspace, missing)  # a prune elsewhere may have been about to put it back
    faults = {content: fault for content, fault in faults.items() if content not in missing} | still
    known = {key_of(one) for one in history.snapshots} | set(history.unreadable)
    return ProjectCheck(
        scope.resource,
        scope.project,
        snapshots=len(known if scope.chosen is None else known & scope.chosen),
        contents=len(contents),
        bytes_read=sum(content.bytes for content in to_read if content not in faults),
        findings=classify(history, faults, chosen=scope.chosen),
        sealed=sum(map(vault.is_closed, to_read)),
    )


async def _read_all(workspace: Workspace, contents: Mapping[Content, Sequence[Manifest]]) -> dict[Content, Fault]:
    vault = await workspace.vault()

    async def one(content: Content) -> Fault | None:
        async with workspace.places(_READS_AT_ONCE), workspace.room.of(content.raw_bytes):
            return await examine_content(vault, contents[content])

    found = await at_once(list(contents), one, concurrency=_READS_AT_ONCE)
    return {content: fault for content, fault in zip(contents, found, strict=True) if fault is not None}


async def examine_content(vault: Vault, manifests: Sequence[Manifest]) -> Fault | None:
    """What is wrong with the content that some manifests share: sizes, digests, parse, meaning.

    A snapshot that was pruned meanwhile says nothing; when all were, there is nothing to judge.

    Raises:
        StoreUnavailable, StorageDenied: it cannot be judged; that is not called damage.
    """
    for manifest in manifests:
        try:
            return await _examine(vault, manifest)
        except SnapshotNotFound:
            continue
    return None


async def _examine(vault: Vault, manifest: Manifest) -> Fault | None:
    """All that can be proved of one snapshot's bytes: what `Vault.read` holds them to, and what they mean.

    Of what is encrypted, and no identity is named, that is the digest of the stored bytes.
    """
    try:
        if vault.is_closed(manifest.content):
            await vault.read_stored(manifest)
            return None
        data = await vault.read(manifest)
    except DamagedSnapshot as err:
        kind = FindingKind.MISSING if isinstance(err, ContentMissing) else FindingKind.DAMAGED
        return Fault(kind, err.message.removeprefix(subject(manifest.content, reference=manifest.reference)))
    return await meaning_fault(vault, data, manifest)


async def meaning_fault(vault: Vault, data: bytes, manifest: Manifest) -> Fault | None:
    """What is wrong with bytes that are those of a manifest: they are no project file, or mean something else."""
    try:
        digest = await vault.recorded(manifest, await asyncio.to_thread(_digest, data))
    except InvalidProjectFile as err:
        return Fault(FindingKind.DAMAGED, str(err))
    if digest != (said := manifest.content.canonical_sha256):
        return Fault(FindingKind.DAMAGED, f"canonical digest is {digest}, the manifest says {said}")
    return None


def _digest(data: bytes) -> str:
    return canonical_digest(read_project_file(data, source="the content"))
