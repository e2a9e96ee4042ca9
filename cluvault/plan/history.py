"""The history of a project: everything that a vault holds of it, sorted by what it is; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cluvault.plan.keys import SnapshotKey, is_content_key, parse_manifest_key, project_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cluvault.model.manifest import Content, Manifest
    from cluvault.model.object_info import ObjectInfo


@dataclass(frozen=True, slots=True)
class ProjectObjects:
    """The objects below a project's prefix.

    Attributes:
        manifests: By the snapshot that each makes exist.
        contents: By key.
        foreign: What no vault writes there.
    """

    manifests: Mapping[SnapshotKey, ObjectInfo]
    contents: Mapping[str, ObjectInfo]
    foreign: tuple[ObjectInfo, ...]


@dataclass(frozen=True, slots=True)
class History:
    """A project's snapshots with their contents.

    Attributes:
        snapshots: Sorted by id.
        unreadable: Snapshots whose manifest cannot be used, with what is wrong with it. They exist: what such a
            manifest refers to is not known, so nothing of the project counts as unreferenced.
        newer: Those of them that a newer format wrote.
        contents: The contents that are there, by key.
        foreign: What no vault writes below a project.
    """

    resource: str
    project: str
    snapshots: tuple[Manifest, ...] = ()
    unreadable: Mapping[SnapshotKey, str] = field(default_factory=dict[SnapshotKey, str])
    contents: Mapping[str, ObjectInfo] = field(default_factory=dict[str, "ObjectInfo"])
    foreign: tuple[ObjectInfo, ...] = ()
    newer: frozenset[SnapshotKey] = frozenset()

    def is_whole(self, manifest: Manifest) -> bool:
        """Whether a snapshot's contents are there in the size that its manifest says; their bytes are not read."""
        return is_whole(manifest, self.contents)

    def unreferenced(self, *, without: Iterable[SnapshotKey] = ()) -> tuple[str, ...]:
        """The contents that no snapshot refers to, once those in `without` are gone.

        None where one is unreadable, or names what it may not: what such a one needs is not known.
        """
        if self.unreadable or not all(map(names_own_content, self.snapshots)):
            return ()
        gone = set(without)
        referred = {key for one in self.snapshots if not gone or key_of(one) not in gone for key in keys_of(one)}
        return tuple(key for key in sorted(self.contents) if key not in referred)


def is_whole(manifest: Manifest, contents: Mapping[str, ObjectInfo]) -> bool:
    """Whether a snapshot's contents are all among these, in the size that its manifest says."""
    return all(is_there(one, contents) for one in manifest.contents)


def is_there(content: Content, contents: Mapping[str, ObjectInfo]) -> bool:
    """Whether a content is among these, in the size that a manifest says."""
    found = contents.get(content.key)
    return found is not None and found.size == content.bytes


def keys_of(manifest: Manifest) -> tuple[str, ...]:
    """Where the contents of a snapshot lie, that of its project first."""
    return tuple(dict.fromkeys(one.key for one in manifest.contents))


def key_of(manifest: Manifest) -> SnapshotKey:
    """Where a snapshot lies."""
    return SnapshotKey(manifest.resource, manifest.project, manifest.snapshot_id)


def names_own_content(manifest: Manifest) -> bool:
    """Whether a manifest names contents of its own project: a manifest is data, and data may come from anybody."""
    own = project_prefix(manifest.resource, manifest.project)
    return all(is_content_key(one.key) and one.key.startswith(own) for one in manifest.contents)


def sort_objects(objects: Iterable[ObjectInfo]) -> ProjectObjects:
    """Tell manifests, contents and foreign objects of a project apart."""
    manifests: dict[SnapshotKey, ObjectInfo] = {}
    contents: dict[str, ObjectInfo] = {}
    foreign: list[ObjectInfo] = []
    for one in objects:
        if (key := parse_manifest_key(one.key)) is not None:
            manifests[key] = one
        elif is_content_key(one.key):
            contents[one.key] = one
        else:
            foreign.append(one)
    return ProjectObjects(manifests, contents, tuple(foreign))
