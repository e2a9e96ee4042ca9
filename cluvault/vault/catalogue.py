"""The catalogue: which snapshots there are, and which one a reference means; known from the store alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from cluvault.errors import DamagedSnapshot, ObjectNotFound, SnapshotNotFound, VaultError, VaultTooNew
from cluvault.model.manifest import read_manifest, snapshot_second
from cluvault.plan.history import History, sort_objects
from cluvault.plan.keys import (
    SNAPSHOTS,
    SnapshotKey,
    decode_name,
    encode_name,
    parse_manifest_key,
    project_prefix,
    resource_prefix,
)
from cluvault.vault.choosing import nearest_ids, newest, newest_first, similar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from datetime import datetime

    from cluvault.model.manifest import Manifest
    from cluvault.model.object_info import ObjectInfo
    from cluvault.model.reference import SnapshotReference
    from cluvault.vault.store import ObjectStore

_READS_AT_ONCE: Final = 32


class Catalogue:
    """The reading side of a vault."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @property
    def url(self) -> str:
        """Where the vault is, for messages."""
        return self._store.url

    async def keys(self, *, resource: str | None = None, project: str | None = None) -> AsyncIterator[SnapshotKey]:
        """Snapshots that exist, in the store's order: a project's come together, the oldest first."""
        async for found in self._store.list(_prefix(resource, project)):
            key = parse_manifest_key(found.key)
            if key is not None and project in (None, key.project):
                yield key

    async def snapshots(
        self,
        *,
        resource: str | None = None,
        project: str | None = None,
        on_fault: Callable[[SnapshotKey, VaultError], None] | None = None,
    ) -> list[Manifest]:
        """The manifests of all snapshots, sorted by resource, project and id.

        Args:
            resource: Only snapshots of this resource.
            project: Only snapshots of projects of this name.
            on_fault: Told of each manifest that cannot be used; without it the first one ends the reading.

        Raises:
            DamagedSnapshot: a manifest is malformed, and nobody is there to be told.
            VaultTooNew: likewise for one of a newer format.
        """
        keys = [key async for key in self.keys(resource=resource, project=project)]
        return await self._manifests(sorted(keys), on_fault=on_fault)

    def objects(self) -> AsyncIterator[ObjectInfo]:
        """Everything that lies in the vault's place, sorted by key; nothing is read."""
        return self._store.list()

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
        found = sort_objects([one async for one in self._store.list(project_prefix(resource, project))])
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

    async def manifest(self, key: SnapshotKey) -> Manifest:
        """Read one manifest.

        Raises:
            SnapshotNotFound: there is none.
            DamagedSnapshot: it is malformed, or another snapshot's.
            VaultTooNew: a newer format wrote it.
        """
        try:
            data = await self._store.get(key.manifest)
        except ObjectNotFound:
            raise SnapshotNotFound(f"{key.reference} is not in {self.url}") from None
        manifest = read_manifest(data, key=key.manifest)
        if (manifest.resource, manifest.project, manifest.snapshot_id) != (key.resource, key.project, key.snapshot_id):
            raise DamagedSnapshot(
                f"{key.manifest}: describes another snapshot, {manifest.reference}",
                mend="this snapshot cannot be used; restore another",
            )
        return manifest

    async def latest(self, resource: str, project: str, *, as_of: datetime | None = None) -> Manifest | None:
        """The newest snapshot of a project, or the newest that was captured at or before an instant.

        Raises:
            DamagedSnapshot: its manifest cannot be used; no older snapshot is passed off as the newest.
            VaultTooNew: a newer format wrote it.
        """
        keys = [key async for key in self.keys(resource=resource, project=project)]
        for group in newest_first(keys, as_of=as_of):
            if found := newest(await self._manifests(group), as_of=as_of):
                return found
        return None

    async def resolve(self, reference: SnapshotReference) -> Manifest:
        """The snapshot that a reference means.

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
        return found

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


def _prefix(resource: str | None, project: str | None) -> str:
    if resource is None:
        return SNAPSHOTS
    return resource_prefix(resource) if project is None else project_prefix(resource, project)


def _join(names: Iterable[str]) -> str:
    return ", ".join(names)
