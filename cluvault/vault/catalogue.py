"""The catalogue: which snapshots there are, and which one a reference means; known from the store alone."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from cluvault.errors import DamagedSnapshot, ObjectNotFound, SnapshotNotFound, VaultError, VaultTooNew
from cluvault.model.manifest import read_manifest, snapshot_second
from cluvault.plan.history import History, key_of, sort_objects
from cluvault.plan.keys import (
    SNAPSHOTS,
    SnapshotKey,
    decode_name,
    encode_name,
    parse_manifest_key,
    project_prefix,
    resource_prefix,
)
from cluvault.vault.ahead import read_ahead
from cluvault.vault.choosing import nearest_ids, newest, newest_first, similar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from cluvault.model.manifest import Manifest
    from cluvault.model.object_info import ObjectInfo
    from cluvault.model.reference import SnapshotReference
    from cluvault.plan.history import ProjectObjects
    from cluvault.vault.cache import ManifestCache
    from cluvault.vault.store import ObjectStore

_READS_AT_ONCE: Final = 32
_LISTINGS_AHEAD: Final = 16
_BATCH: Final = 128
"""Manifests that are read together; so many batches as there are reads at once are under way or wait to be taken."""


@dataclass(frozen=True, slots=True)
class ReadManifests:
    """Some manifests of one project.

    Attributes:
        manifests: Sorted by id.
        faults: Those that cannot be used, and why.
    """

    manifests: tuple[Manifest, ...] = ()
    faults: Mapping[SnapshotKey, VaultError] = field(default_factory=dict["SnapshotKey", "VaultError"])


@dataclass(frozen=True, slots=True)
class _Listed:
    """A part of a project's listing, sorted, and the key behind which it begins."""

    after: str
    manifests: Mapping[SnapshotKey, ObjectInfo]


class Catalogue:
    """The reading side of a vault.

    Args:
        store: Where the vault lies.
        cache: Manifests that were read before, for what reads very many of them.
    """

    def __init__(self, store: ObjectStore, *, cache: ManifestCache | None = None) -> None:
        self._store = store
        self._cache = cache

    @property
    def url(self) -> str:
        """Where the vault is, for messages."""
        return self._store.url

    def close(self) -> None:
        """Let go of the cache's file."""
        if self._cache is not None:
            self._cache.close()

    async def keys(self, *, resource: str | None = None, project: str | None = None) -> AsyncIterator[SnapshotKey]:
        """Snapshots that exist, by resource, project and time; projects are listed several at once."""
        async with aclosing(self._parts(resource, project)) as parts:
            async for part in parts:
                for key in part.manifests:
                    yield key

    async def batches(
        self,
        *,
        resource: str | None = None,
        project: str | None = None,
        on_fault: Callable[[SnapshotKey, VaultError], None] | None = None,
    ) -> AsyncGenerator[tuple[Manifest, ...]]:
        """The manifests of all snapshots by resource, project and time, a few of one project in a batch.

        However many there are, only some of them are in memory; the next are read while the first are looked at.

        Args:
            resource: Only snapshots of this resource.
            project: Only snapshots of projects of this name.
            on_fault: Told of each manifest that cannot be used; without it the first one ends the reading.

        Raises:
            DamagedSnapshot: a manifest is malformed, and nobody is there to be told.
            VaultTooNew: likewise for one of a newer format.
        """
        places = asyncio.Semaphore(_READS_AT_ONCE)
        parts = self._parts(resource, project)
        reading = read_ahead(parts, partial(self._read_part, places=places), ahead=_READS_AT_ONCE)
        async with aclosing(parts), aclosing(reading):
            async for found in reading:
                for key, fault in found.faults.items():
                    if on_fault is None:
                        raise fault
                    on_fault(key, fault)
                if found.manifests:
                    yield found.manifests

    async def snapshots(
        self,
        *,
        resource: str | None = None,
        project: str | None = None,
        on_fault: Callable[[SnapshotKey, VaultError], None] | None = None,
    ) -> list[Manifest]:
        """All of `batches` at once, for few snapshots."""
        async with aclosing(self.batches(resource=resource, project=project, on_fault=on_fault)) as batches:
            return [manifest async for batch in batches for manifest in batch]

    async def _parts(self, resource: str | None, project: str | None) -> AsyncGenerator[_Listed]:
        listings = read_ahead(self._chosen(resource, project), self._list_project, ahead=_LISTINGS_AHEAD)
        async with aclosing(listings):
            async for prefix, found in listings:
                after = prefix
                for start in range(0, len(found), _BATCH):
                    part = dict(found[start : start + _BATCH])
                    yield _Listed(after, part)
                    after = next(reversed(part)).manifest

    async def _chosen(self, resource: str | None, project: str | None) -> AsyncIterator[tuple[str, str]]:
        for one in await self.resources() if resource is None else [resource]:
            for another in await self.projects(one) if project is None else [project]:
                yield one, another

    async def _list_project(self, names: tuple[str, str]) -> tuple[str, list[tuple[SnapshotKey, ObjectInfo]]]:
        prefix = project_prefix(*names)
        return prefix, [
            (key, one) async for one in self._store.list(prefix) if (key := parse_manifest_key(one.key)) is not None
        ]

    async def _read_part(self, part: _Listed, *, places: asyncio.Semaphore) -> ReadManifests:
        known = await self._remembered(part)
        missing = {key: one for key, one in part.manifests.items() if one.key not in known}
        results = await asyncio.gather(
            *(self._get_if_there(one.key, places) for one in missing.values()), return_exceptions=True
        )
        read: dict[SnapshotKey, bytes] = {}
        for key, result in zip(missing, results, strict=True):
            if isinstance(result, BaseException):
                raise result
            if result is not None:
                read[key] = result
        if self._cache is not None and read:
            await asyncio.to_thread(self._cache.keep, [(missing[key], body) for key, body in read.items()])
        bodies = {key: read.get(key, known.get(one.key)) for key, one in part.manifests.items()}
        return _understood({key: body for key, body in bodies.items() if body is not None})

    async def _get_if_there(self, key: str, places: asyncio.Semaphore) -> bytes | None:
        async with places:
            try:
                return await self._store.get(key)
            except ObjectNotFound:
                return None  # pruned since it was listed

    async def _remembered(self, part: _Listed) -> Mapping[str, bytes]:
        if self._cache is None:
            return {}
        return await asyncio.to_thread(self._cache.find, list(part.manifests.values()), after=part.after)

    def objects(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """What lies in the vault's place, or below a prefix of it, sorted by key; nothing is read."""
        return self._store.list(prefix)

    async def resources(self) -> list[str]:
        """The resources of which there is, or was, a snapshot."""
        return await self._names(SNAPSHOTS)

    async def projects(self, resource: str) -> list[str]:
        """The projects of a resource of which there is, or was, a snapshot."""
        return await self._names(resource_prefix(resource))

    async def _names(self, prefix: str) -> list[str]:
        segments = [folder.removeprefix(prefix).rstrip("/") async for folder in self._store.folders(prefix)]
        return sorted(name for segment in segments if encode_name(name := decode_name(segment)) == segment)

    async def history(self, resource: str, project: str) -> History:
        """Everything that the vault holds of a project; manifests that cannot be used are named, not raised."""
        found = await self.objects_of(resource, project)
        faults: dict[SnapshotKey, VaultError] = {}
        snapshots = await self._manifests(
            sorted(found.manifests), on_fault=lambda key, error: faults.update({key: error})
        )
        return History(
            resource=resource,
            project=project,
            snapshots=tuple(snapshots),
            unreadable={key: str(error) for key, error in faults.items()},
            newer=frozenset(key for key, error in faults.items() if isinstance(error, VaultTooNew)),
            contents=found.contents,
            foreign=found.foreign,
        )

    async def objects_of(self, resource: str, project: str) -> ProjectObjects:
        """What the store lists below a project."""
        return sort_objects([one async for one in self._store.list(project_prefix(resource, project))])

    async def history_of(self, resource: str, project: str, found: ProjectObjects) -> History:
        """A project's history by a listing of it, whose manifests may come from the cache.

        It is for plans whose every step looks again; whoever removes something goes by `history`.
        """
        part = _Listed(project_prefix(resource, project), dict(sorted(found.manifests.items())))
        read = await self._read_part(part, places=asyncio.Semaphore(_READS_AT_ONCE))
        return History(
            resource=resource,
            project=project,
            snapshots=read.manifests,
            unreadable={key: str(fault) for key, fault in read.faults.items()},
            contents=found.contents,
            foreign=found.foreign,
        )

    async def manifest_bytes(self, key: SnapshotKey) -> tuple[Manifest, bytes]:
        """Read one manifest, and give the bytes as they are stored, too. Raises what `manifest` does."""
        try:
            data = await self._store.get(key.manifest)
        except ObjectNotFound:
            raise SnapshotNotFound(f"{key.reference} is not in {self.url}") from None
        return manifest_at(key, data), data

    async def manifest(self, key: SnapshotKey) -> Manifest:
        """Read one manifest.

        Raises:
            SnapshotNotFound: there is none.
            DamagedSnapshot: it is malformed, or another snapshot's.
            VaultTooNew: a newer format wrote it.
        """
        manifest, _ = await self.manifest_bytes(key)
        return manifest

    async def latest(self, resource: str, project: str, *, as_of: datetime | None = None) -> Manifest | None:
        """The newest snapshot of a project, or the newest that was captured at or before an instant.

        Raises:
            DamagedSnapshot: its manifest cannot be used; no older snapshot is passed off as the newest.
            VaultTooNew: a newer format wrote it.
        """
        keys = [key async for key in self.keys(resource=resource, project=project)]
        return await self.newest_of(keys, as_of=as_of)

    async def newest_of(self, keys: Sequence[SnapshotKey], *, as_of: datetime | None = None) -> Manifest | None:
        """The newest of some snapshots of a project. Raises what `latest` does."""
        for group in newest_first(keys, as_of=as_of):
            if found := newest(await self._manifests(group), as_of=as_of):
                return found
        return None

    async def resolve(self, reference: SnapshotReference) -> Manifest:
        """The snapshot that a reference means; of a deployment, seen as its model's (`Manifest.of_deployment`).

        Raises:
            SnapshotNotFound: none; the error names what there is instead.
            DamagedSnapshot: its manifest cannot be used.
            VaultTooNew: a newer format wrote it.
        """
        resource, project = reference.resource, reference.project
        if reference.snapshot_id is None:
            found = await self.latest(resource, project, as_of=reference.as_of)
        else:
            found = await self._manifest_or_none(SnapshotKey(resource, project, reference.snapshot_id))
        if found is None:
            raise SnapshotNotFound(f"{reference} is not in {self.url}", mend=await self._what_exists(reference))
        return found if reference.deployment is None else found.of_deployment(reference.deployment)

    async def _manifest_or_none(self, key: SnapshotKey) -> Manifest | None:
        try:
            return await self.manifest(key)
        except SnapshotNotFound:
            return None

    async def _manifests(
        self,
        keys: Sequence[SnapshotKey],
        *,
        on_fault: Callable[[SnapshotKey, VaultError], None] | None = None,
    ) -> list[Manifest]:
        """Read some manifests, a bounded number at once; those that were pruned since they were listed are left out."""
        manifests: list[Manifest] = []
        for start in range(0, len(keys), _READS_AT_ONCE):
            batch = keys[start : start + _READS_AT_ONCE]
            results = await asyncio.gather(*map(self._manifest_or_none, batch), return_exceptions=True)
            for key, result in zip(batch, results, strict=True):
                if isinstance(result, DamagedSnapshot | VaultTooNew) and on_fault is not None:
                    on_fault(key, result)
                elif isinstance(result, BaseException):
                    raise result
                elif result is not None:
                    manifests.append(result)
        return manifests

    async def _what_exists(self, reference: SnapshotReference) -> str:
        """What somebody may have meant with a reference to no snapshot."""
        resource, project = reference.resource, reference.project
        if keys := [key async for key in self.keys(resource=resource, project=project)]:
            wanted = reference.snapshot_id or (snapshot_second(reference.as_of) if reference.as_of else "")
            return f"the nearest: {_join(nearest_ids(keys, wanted))}"
        if projects := {key.project async for key in self.keys(resource=resource)}:
            return f"{resource} has snapshots of {len(projects)} projects, e.g. {_join(similar(project, projects))}"
        if resources := {key.resource async for key in self.keys()}:
            return f"the vault has snapshots of these resources: {_join(similar(resource, resources))}"
        return "the vault has no snapshot yet; `cluvault backup` takes the first"


def manifest_at(key: SnapshotKey, data: bytes) -> Manifest:
    """The manifest that the object at a snapshot's place holds.

    Raises:
        DamagedSnapshot: it is malformed, or another snapshot's.
        VaultTooNew: a newer format wrote it.
    """
    manifest = read_manifest(data, key=key.manifest)
    if key_of(manifest) != key:
        raise DamagedSnapshot(
            f"{key.manifest}: describes another snapshot, {manifest.reference}",
            mend="this snapshot cannot be used; restore another",
        )
    return manifest


def _understood(bodies: Mapping[SnapshotKey, bytes]) -> ReadManifests:
    manifests: list[Manifest] = []
    faults: dict[SnapshotKey, VaultError] = {}
    for key, body in bodies.items():
        try:
            manifests.append(manifest_at(key, body))
        except (DamagedSnapshot, VaultTooNew) as err:
            faults[key] = err
    return ReadManifests(tuple(manifests), faults)


def _join(names: Iterable[str]) -> str:
    return ", ".join(names)
