"""From a reference to the bytes it names."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cluvault.errors import UsageError
from cluvault.model.compression import Packed, decompress
from cluvault.model.luis_app import LuisApp, is_luis_app, read_luis_app
from cluvault.model.project_file import ProjectFile, read_project_file
from cluvault.model.reference import (
    FileReference,
    LiveReference,
    Reference,
    SnapshotReference,
    UrlReference,
    parse_reference,
)

if TYPE_CHECKING:
    from cluvault.model.manifest import Manifest
    from cluvault.ops.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Source:
    """A project file that a reference named.

    Attributes:
        label: How messages name it: the exact snapshot, the file, or `live:…`.
        packed: Its bytes, as the service or the file gave them.
        project: The name of the project that it was taken from; the file's own name for a loose file.
        is_luis: Whether it is a LUIS application; only a loose file is.
        api_version: The version that exported it; empty when unknown.
        manifest: The snapshot's manifest, when it is one.
    """

    label: str
    packed: Packed
    project: str
    api_version: str = ""
    manifest: Manifest | None = None
    is_luis: bool = False

    @property
    def data(self) -> bytes:
        """Its bytes, unpacked anew each time."""
        return self.packed.unpack()

    def read(self) -> ProjectFile:
        """The project file. Raises InvalidProjectFile."""
        return read_project_file(self.data, source=self.label)

    def read_luis(self) -> LuisApp:
        """The LUIS application. Raises InvalidProjectFile."""
        return read_luis_app(self.data, source=self.label)


async def fetch_source(workspace: Workspace, reference: str) -> Source:
    """Get what a reference names; a snapshot's bytes are verified.

    Raises:
        UsageError: it is no reference, or the file does not exist.
        SnapshotNotFound: no snapshot fits.
        DamagedSnapshot: the snapshot's bytes are not what its manifest says.
        InvalidProjectFile: it is no project file.
        ObjectNotFound: no object has this URL.
        StorageDenied: there is no such bucket or container, or no right to it.
    """
    return named(await _fetch(workspace, parse_reference(reference)))


def named(source: Source) -> Source:
    """The same with the project's name, which a loose file holds itself.

    Raises:
        InvalidProjectFile: it is no project file.
    """
    if source.project:
        return source
    if is_luis_app(source.data, source=source.label):
        return replace(source, project=source.read_luis().project_name, is_luis=True)
    return replace(source, project=source.read().name)


async def _fetch(workspace: Workspace, reference: Reference) -> Source:
    match reference:
        case SnapshotReference():
            vault = await workspace.vault()
            manifest = await vault.resolve(reference)
            data = await vault.read(manifest)
            label = (
                manifest.reference if reference.deployment is None else f"{manifest.reference}#{reference.deployment}"
            )
            return Source(label, Packed.of(data), manifest.project, manifest.api_version, manifest)
        case LiveReference(resource, project):
            client = await workspace.client(resource)
            exported = await client.export_project(project, timeout=workspace.settings.backup.job_timeout)
            return Source(str(reference), Packed.of(exported.data), project, exported.api_version)
        case FileReference(path):
            return Source(path, Packed.of(await asyncio.to_thread(read_file, path)), "")
        case UrlReference(url):
            return Source(url, Packed.of(decompress(await workspace.read_object(url), source=url)), "")


def read_file(path: str) -> bytes:
    """The bytes of a file on this machine, decompressed.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        data = Path(path).expanduser().read_bytes()
    except OSError as err:
        raise UsageError(f"{path}: {(err.strerror or 'cannot be read').lower()}") from err
    except (ValueError, RuntimeError) as err:
        raise UsageError(f"{path!r}: {err}") from err
    return decompress(data, source=path)
