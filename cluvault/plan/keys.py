"""Keys of the vault, built and parsed in one place: no name can leave its folder, and `parse(build(x)) == x`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from cluvault.model.reference import SNAPSHOT_ID, SnapshotReference

ROOT_KEY: Final = "cluvault.json"
SNAPSHOTS: Final = "snapshots/"
RUNS: Final = "runs/"
_MANIFEST: Final = "manifest.json"
_CONTENT: Final = "config.json.gz"
_PARTS: Final = 5


@dataclass(frozen=True, slots=True, order=True)
class SnapshotKey:
    """A snapshot's place in the vault; orders by resource, project, time."""

    resource: str
    project: str
    snapshot_id: str

    @property
    def reference(self) -> str:
        """The reference that names exactly this snapshot."""
        return str(SnapshotReference(self.resource, self.project, self.snapshot_id))

    @property
    def folder(self) -> str:
        """The folder that holds the snapshot, with its slash."""
        return f"{project_prefix(self.resource, self.project)}{self.snapshot_id}/"

    @property
    def manifest(self) -> str:
        """The key whose presence makes the snapshot exist."""
        return self.folder + _MANIFEST

    @property
    def content(self) -> str:
        """The key of the bytes, unless the manifest points to an earlier snapshot's."""
        return self.folder + _CONTENT


def encode_name(name: str) -> str:
    """Percent-encode a name into one path segment that is neither empty nor a dot segment."""
    encoded = quote(name, safe="")
    if not encoded.strip("."):
        return encoded.replace(".", "%2E") or "%"
    return encoded


def decode_name(segment: str) -> str:
    """The name that `encode_name` made `segment` from."""
    return "" if segment == "%" else unquote(segment)


def resource_prefix(resource: str) -> str:
    """The prefix of all snapshots of a resource."""
    return f"{SNAPSHOTS}{encode_name(resource)}/"


def project_prefix(resource: str, project: str) -> str:
    """The prefix of all snapshots of a project."""
    return f"{resource_prefix(resource)}{encode_name(project)}/"


def run_key(date: str, run_id: str) -> str:
    """The key of a run record; `date` is YYYY-MM-DD."""
    return f"{RUNS}{date}/{encode_name(run_id)}.json"


def parse_manifest_key(key: str) -> SnapshotKey | None:
    """The snapshot whose manifest has this key, or None for any other key."""
    parts = key.split("/")
    if len(parts) != _PARTS or parts[0] + "/" != SNAPSHOTS or parts[4] != _MANIFEST:
        return None
    if SNAPSHOT_ID.fullmatch(parts[3]) is None:
        return None
    found = SnapshotKey(decode_name(parts[1]), decode_name(parts[2]), parts[3])
    return found if found.manifest == key else None


def is_content_key(key: str) -> bool:
    """Whether a key can be a snapshot's content: a manifest that names another key is not believed."""
    folder, _, name = key.rpartition("/")
    return name == _CONTENT and parse_manifest_key(f"{folder}/{_MANIFEST}") is not None
