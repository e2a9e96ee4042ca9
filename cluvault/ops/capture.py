"""Taking snapshots: export a project, and store what came, read back and verified."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from cluvault.errors import DamagedSnapshot, SnapshotNotFound, SnapshotSealed
from cluvault.model.manifest import Counts, DeploymentRecord, Manifest, ModelRecord, Reason
from cluvault.model.project_file import read_project_file
from cluvault.ops.fanout import together
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.capture import Capture

if TYPE_CHECKING:
    from datetime import datetime

    from cluvault.ops.workspace import Workspace
    from cluvault.service.client import CluClient
    from cluvault.service.job_models import ExportJob
    from cluvault.service.jobs import JobHandle
    from cluvault.vault.vault import Vault


class Models(NamedTuple):
    """The trained models and service deployments of a project."""

    models: tuple[ModelRecord, ...]
    deployments: tuple[DeploymentRecord, ...]


@dataclass(frozen=True, slots=True)
class FinishedExport:
    """An export that the service has done, and whose file it holds for us.

    Attributes:
        captured_at: When it was begun.
    """

    resource: str
    project: str
    captured_at: datetime
    last_modified: datetime | None
    handle: JobHandle[ExportJob]
    job: ExportJob
    found: Models


async def export_capture(
    workspace: Workspace,
    resource: str,
    project: str,
    *,
    reason: Reason,
    tags: tuple[str, ...] = (),
    last_modified: datetime | None = None,
) -> Capture:
    """Export a project's present content, with what the service knows of its models and deployments.

    Raises:
        ProjectNotFound: there is no such project.
        InvalidProjectFile: what came is no project file.
    """
    done = await finish_export(workspace, resource, project, last_modified=last_modified)
    return await fetch_capture(workspace, done, reason=reason, tags=tags)


async def finish_export(
    workspace: Workspace, resource: str, project: str, *, last_modified: datetime | None = None
) -> FinishedExport:
    """Have the service export a project, wait for that, and see what it knows of models and deployments meanwhile.

    `last_modified` is what a listing said, if there was one; else the project is asked. Either is older than the
    content: a change in between is seen again by the next run, never missed.

    Raises:
        ProjectNotFound: there is no such project.
    """
    client = await workspace.client(resource)
    if last_modified is None:
        last_modified = (await client.get_project(project)).last_modified_at
    captured_at = workspace.now()
    (handle, job), found = await together(
        _export(client, project, seconds=workspace.settings.backup.job_timeout),
        _models_and_deployments(client, project),
    )
    return FinishedExport(resource, project, captured_at, last_modified, handle, job, Models(*found))


async def _export(client: CluClient, project: str, *, seconds: float) -> tuple[JobHandle[ExportJob], ExportJob]:
    handle = await client.begin_export(project)
    return handle, await client.wait(handle, timeout=seconds)


async def fetch_capture(
    workspace: Workspace, done: FinishedExport, *, reason: Reason, tags: tuple[str, ...] = ()
) -> Capture:
    """Fetch the file of an export and see what it means.

    Raises:
        InvalidProjectFile: what came is no project file.
    """
    client = await workspace.client(done.resource)
    exported = await client.download_export(done.handle, done.job)
    source = f"export of {done.resource}/{done.project}"
    digest, counts = await asyncio.to_thread(_meaning, exported.data, source=source)
    return Capture(
        resource=done.resource,
        endpoint=workspace.settings.resource(done.resource).endpoint,
        project=done.project,
        captured_at=done.captured_at,
        raw=exported.data,
        canonical_sha256=digest,
        counts=counts,
        reason=reason,
        tags=tags,
        api_version=exported.api_version,
        project_last_modified=done.last_modified,
        models=done.found.models,
        deployments=done.found.deployments,
    )


async def capture_models(
    workspace: Workspace,
    latest: Manifest,
    found: Models,
    *,
    reason: Reason,
    tags: tuple[str, ...],
    last_modified: datetime | None,
) -> Capture | None:
    """A capture of the content that a snapshot holds, with the models and deployments that were found.

    None when the content cannot be read here, damaged or encrypted to somebody else, or is no longer the project's:
    that was modified at another time than `last_modified`.

    Raises:
        ProjectNotFound: the project is gone.
    """
    client = await workspace.client(latest.resource)
    captured_at = workspace.now()
    if (await client.get_project(latest.project)).last_modified_at != last_modified:
        return None
    try:
        raw = await (await workspace.vault()).read(latest)
    except (DamagedSnapshot, SnapshotNotFound, SnapshotSealed):
        return None
    digest, counts = await asyncio.to_thread(_meaning, raw, source=latest.reference)
    return Capture(
        resource=latest.resource,
        endpoint=latest.endpoint,
        project=latest.project,
        captured_at=captured_at,
        raw=raw,
        canonical_sha256=digest,
        counts=counts,
        reason=reason,
        tags=tags,
        api_version=latest.api_version,
        project_last_modified=last_modified,
        models=found.models,
        deployments=found.deployments,
    )


async def list_models(workspace: Workspace, resource: str, project: str) -> Models:
    """What the service knows of a project's models and deployments. Raises ProjectNotFound."""
    return Models(*await _models_and_deployments(await workspace.client(resource), project))


async def _models_and_deployments(
    client: CluClient, project: str
) -> tuple[tuple[ModelRecord, ...], tuple[DeploymentRecord, ...]]:
    """One after the other: both are there long before the export is."""
    models = [
        ModelRecord(
            label=one.label, trained_at=one.last_trained_at, training_config_version=one.training_config_version
        )
        async for one in client.list_models(project)
    ]
    deployments = [
        DeploymentRecord(name=one.name, model=one.model_label or None, deployed_at=one.last_deployed_at)
        async for one in client.list_deployments(project)
    ]
    return tuple(models), tuple(deployments)


async def store_capture(workspace: Workspace, capture: Capture) -> Manifest:
    """Store a snapshot of the capture, read back and verified; equal content is stored once."""
    vault = await workspace.vault(create=True)
    return await _store(workspace, vault, capture, parent=await _latest(vault, capture))


async def store_if_changed(workspace: Workspace, capture: Capture) -> tuple[Manifest, bool]:
    """Store a snapshot unless the latest one stands for it; and whether one was stored.

    The latest stands for a capture that means the same, when it has the capture's tags and can still be read.
    """
    vault = await workspace.vault(create=True)
    latest = await _latest(vault, capture)
    if latest is not None and await _stands_for(vault, latest, capture):
        return latest, False
    return await _store(workspace, vault, capture, parent=latest), True


class Kept(NamedTuple):
    """A snapshot of what a project holds, with the canonical digest, which a sealed one's manifest does not tell."""

    manifest: Manifest
    digest: str


async def keep_present_content(workspace: Workspace, resource: str, project: str, *, reason: Reason) -> Kept:
    """Export a project and store a snapshot of it, changed or not: before something replaces or deletes it."""
    capture = await export_capture(workspace, resource, project, reason=reason)
    return Kept(await store_capture(workspace, capture), capture.canonical_sha256)


def _meaning(data: bytes, *, source: str) -> tuple[str, Counts]:
    """The canonical digest and how much there is; takes seconds for a large file, so callers use a thread."""
    file = read_project_file(data, source=source)
    counts = Counts(intents=len(file.intents), entities=len(file.entities), utterances=len(file.utterances))
    return canonical_digest(file), counts


async def _latest(vault: Vault, capture: Capture) -> Manifest | None:
    try:
        return await vault.latest(capture.resource, capture.project)
    except DamagedSnapshot:
        return None  # a damaged predecessor must not keep a new snapshot from being taken


async def _stands_for(vault: Vault, latest: Manifest, capture: Capture) -> bool:
    if not set(capture.tags) <= set(latest.tags) or not await vault.stands_for(latest, capture.canonical_sha256):
        return False
    try:
        await vault.prove(latest)
    except (DamagedSnapshot, SnapshotNotFound):
        return False  # an unreadable snapshot is no backup, and one that was pruned just now is none either
    return True


async def _store(workspace: Workspace, vault: Vault, capture: Capture, *, parent: Manifest | None) -> Manifest:
    snapshot_id = workspace.new_snapshot_id(capture.captured_at)
    return await vault.store(capture, snapshot_id=snapshot_id, parent=parent, reuse_content=True)
