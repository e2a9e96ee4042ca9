"""What live projects hold now: from the vault where a snapshot still is that, else exported."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cluvault.errors import DamagedSnapshot, SnapshotNotFound, SnapshotSealed, VaultTooNew
from cluvault.model.manifest import Reason
from cluvault.model.project_file import read_project_file
from cluvault.ops.capture import export_capture, store_if_changed
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.drift import is_present_content

if TYPE_CHECKING:
    from datetime import datetime

    from cluvault.model.manifest import Manifest
    from cluvault.model.project_file import ProjectFile
    from cluvault.ops.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Present:
    """What a project holds now.

    Attributes:
        label: How messages name it: the snapshot, or `live:…`.
        digest: Its canonical digest.
        api_version: The version that exported it.
        modified_at: When it was last changed, by the listing that was asked.
        data: Its bytes; None as long as they lie in the vault unread.
        manifest: The snapshot that holds it, when one does.
    """

    label: str
    resource: str
    project: str
    digest: str
    api_version: str
    modified_at: datetime | None
    data: bytes | None = None
    manifest: Manifest | None = None

    @property
    def was_exported(self) -> bool:
        """Whether the vault had no snapshot of it."""
        return self.manifest is None


async def present_content(
    workspace: Workspace,
    resource: str,
    project: str,
    *,
    modified_at: datetime | None,
    full: bool = False,
    keep: bool = False,
) -> Present:
    """The content of a live project.

    Args:
        workspace: The world.
        resource: The resource.
        project: The project.
        modified_at: What a listing of now says.
        full: Export it in any case.
        keep: Have it in the vault afterwards.

    Raises:
        ProjectNotFound: it is gone meanwhile.
        InvalidProjectFile: what came is no project file.
    """
    manifest = None if full else await _fresh_snapshot(workspace, resource, project, modified_at)
    if manifest is None and keep:
        return await _kept(workspace, resource, project, modified_at)
    if manifest is None:
        return await _exported(workspace, resource, project, modified_at)
    found = Present(
        label=manifest.reference,
        resource=resource,
        project=project,
        digest=manifest.content.canonical_sha256,
        api_version=manifest.api_version,
        modified_at=modified_at,
        manifest=manifest,
    )
    if manifest.content.seal is None:
        return found
    return await with_data(workspace, found)  # the digests of a sealed snapshot compare with nothing


async def with_data(workspace: Workspace, present: Present) -> Present:
    """The same with its bytes; exported now where the snapshot cannot be read."""
    if present.data is not None or present.manifest is None:
        return present
    manifest = present.manifest
    try:
        data = await (await workspace.vault()).read(manifest)
    except (DamagedSnapshot, SnapshotNotFound, SnapshotSealed):
        return await _exported(workspace, present.resource, present.project, present.modified_at)
    if manifest.content.seal is None:
        return replace(present, data=data)
    return replace(present, data=data, digest=await _digest(workspace, data, manifest.reference))


def file_of(present: Present) -> ProjectFile:
    """The project file of what `with_data` gave. Raises InvalidProjectFile."""
    return read_project_file(present.data or b"", source=present.label)


async def _fresh_snapshot(
    workspace: Workspace, resource: str, project: str, modified_at: datetime | None
) -> Manifest | None:
    if not await workspace.has_vault():
        return None
    try:
        latest = await (await workspace.vault()).latest(resource, project)
    except (DamagedSnapshot, VaultTooNew):
        return None  # the live project tells
    endpoint = workspace.settings.resource(resource).endpoint
    return latest if latest is not None and is_present_content(latest, modified_at, endpoint=endpoint) else None


async def _exported(workspace: Workspace, resource: str, project: str, modified_at: datetime | None) -> Present:
    client = await workspace.client(resource)
    async with workspace.places(workspace.settings.backup.files_at_once):
        exported = await client.export_project(project, timeout=workspace.settings.backup.job_timeout)
    label = f"live:{resource}/{project}"
    return Present(
        label=label,
        resource=resource,
        project=project,
        digest=await _digest(workspace, exported.data, label),
        api_version=exported.api_version,
        modified_at=modified_at,
        data=exported.data,
    )


async def _kept(workspace: Workspace, resource: str, project: str, modified_at: datetime | None) -> Present:
    async with workspace.places(workspace.settings.backup.files_at_once):
        capture = await export_capture(workspace, resource, project, reason=Reason.MANUAL, last_modified=modified_at)
    manifest, _ = await store_if_changed(workspace, capture)
    return Present(
        label=manifest.reference,
        resource=resource,
        project=project,
        digest=capture.canonical_sha256,
        api_version=capture.api_version,
        modified_at=modified_at,
        data=capture.raw,
        manifest=manifest,
    )


async def _digest(workspace: Workspace, data: bytes, label: str) -> str:
    async with workspace.room.of(len(data)):
        return await asyncio.to_thread(lambda: canonical_digest(read_project_file(data, source=label)))
