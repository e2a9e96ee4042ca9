"""Taking snapshots: export a project, and store what came, read back and verified."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from cluvault.errors import DamagedSnapshot, InvalidProjectFile, SnapshotNotFound, SnapshotSealed
from cluvault.model.manifest import DeploymentRecord, Manifest, ModelRecord, Reason
from cluvault.model.names import shorten
from cluvault.model.project_file import read_project_file
from cluvault.ops.deployed import Listing, capture_deployed
from cluvault.ops.fanout import together
from cluvault.ops.meaning import meaning_of
from cluvault.ops.resuming import EndedExport
from cluvault.plan.capture import Capture
from cluvault.plan.deployed import is_listed_alike, is_settled

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime

    from cluvault.ops.workspace import Workspace
    from cluvault.service.client import CluClient
    from cluvault.service.job_models import ExportJob
    from cluvault.service.jobs import JobHandle
    from cluvault.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class FinishedExport:
    """An export that the service has done, and whose file it holds for us.

    Attributes:
        captured_at: When it was begun.
        is_known: Whether it was begun by another run or try, so that its file has to say whose it is.
    """

    resource: str
    project: str
    captured_at: datetime
    last_modified: datetime | None
    handle: JobHandle[ExportJob]
    job: ExportJob
    listing: Listing
    is_known: bool = False


async def export_capture(
    workspace: Workspace,
    resource: str,
    project: str,
    *,
    reason: Reason,
    tags: tuple[str, ...] = (),
    last_modified: datetime | None = None,
    environment: bool | None = None,
) -> Capture:
    """Export a project's present content, with what the service knows of its models and deployments.

    Args:
        workspace: The world.
        resource: The resource.
        project: The project.
        reason: Why.
        tags: For the snapshot.
        last_modified: What a listing said, if there was one; else the project is asked.
        environment: Whether to capture what is deployed, too; as the resource's configuration says when None.

    Raises:
        ProjectNotFound: there is no such project.
        InvalidProjectFile: what came is no project file.
    """
    done = await finish_export(workspace, resource, project, last_modified=last_modified)
    return await fetch_capture(workspace, done, reason=reason, tags=tags, environment=environment)


async def finish_export(
    workspace: Workspace,
    resource: str,
    project: str,
    *,
    last_modified: datetime | None = None,
    export: Callable[[CluClient], Coroutine[Any, Any, EndedExport]] | None = None,
) -> FinishedExport:
    """Have the service export a project, wait for that, and see what it knows of models and deployments meanwhile.

    `last_modified` is what a listing said, if there was one; else the project is asked. Either is older than the
    content: a change in between is seen again by the next run, never missed. `export` has it done otherwise than by a
    new export.

    Raises:
        ProjectNotFound: there is no such project.
    """
    client = await workspace.client(resource)
    if last_modified is None:
        last_modified = (await client.get_project(project)).last_modified_at
    exporting = export(client) if export is not None else _export(workspace, client, project)
    (handle, job, began, is_known), listing = await together(exporting, list_models(workspace, resource, project))
    return FinishedExport(resource, project, began, last_modified, handle, job, listing, is_known)


async def _export(workspace: Workspace, client: CluClient, project: str) -> EndedExport:
    began = workspace.now()
    handle = await client.begin_export(project)
    job = await client.wait(handle, timeout=workspace.settings.backup.job_timeout)
    return EndedExport(handle, job, began, is_known=False)


async def fetch_capture(
    workspace: Workspace,
    done: FinishedExport,
    *,
    reason: Reason,
    tags: tuple[str, ...] = (),
    environment: bool | None = None,
    retry: bool = False,
) -> Capture:
    """Fetch the file of an export and see what it means; and capture what is deployed where that is configured.

    Args:
        workspace: The world.
        done: The export.
        reason: Why.
        tags: For the snapshot.
        environment: Whether to capture what is deployed, too; as the resource's configuration says when None.
        retry: Ask also for what the service refused before.

    Raises:
        InvalidProjectFile: what came is no project file, or that of another project.
    """
    client = await workspace.client(done.resource)
    exported = await client.download_export(done.handle, done.job)
    source = f"export of {done.resource}/{done.project}"
    async with workspace.room.of(len(exported.data)):
        if done.is_known:
            await asyncio.to_thread(_check_name, exported.data, done.project, source=source)
        digest, counts = await asyncio.to_thread(meaning_of, exported.data, source=source)
    capture = Capture(
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
        models=done.listing.records,
        deployments=done.listing.deployments,
    )
    if environment is False or (environment is None and not captures_environment(workspace, done.resource)):
        return capture
    found = await capture_deployed(workspace, done.resource, done.project, done.listing, retry=retry)
    return found.added_to(capture)


def _check_name(data: bytes, project: str, *, source: str) -> None:
    """See whose file it is. Raises InvalidProjectFile."""
    name = read_project_file(data, source=source).name
    if name.casefold() != project.casefold():
        raise InvalidProjectFile(f"{source}: is the file of {shorten(name)!r}")


def captures_environment(workspace: Workspace, resource: str) -> bool:
    """Whether the configuration says that snapshots of a resource hold what is deployed."""
    return workspace.settings.resource(resource).capture == "environment"


async def capture_models(
    workspace: Workspace,
    latest: Manifest,
    listing: Listing,
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
    async with workspace.room.of(len(raw)):
        digest, counts = await asyncio.to_thread(meaning_of, raw, source=latest.reference)
    capture = Capture(
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
        models=listing.records,
        deployments=listing.deployments,
    )
    if not captures_environment(workspace, latest.resource):
        return capture
    return (await capture_deployed(workspace, latest.resource, latest.project, listing)).added_to(capture)


async def list_models(workspace: Workspace, resource: str, project: str) -> Listing:
    """What the service knows of a project's models and deployments. Raises ProjectNotFound.

    One after the other: both are there long before an export is.
    """
    client = await workspace.client(resource)
    models = [one async for one in client.list_models(project)]
    records = [
        ModelRecord(
            label=one.label, trained_at=one.last_trained_at, training_config_version=one.training_config_version
        )
        for one in models
    ]
    deployments = [
        DeploymentRecord(name=one.name, model=one.model_label or None, deployed_at=one.last_deployed_at)
        async for one in client.list_deployments(project)
    ]
    return Listing(tuple(models), tuple(records), tuple(deployments))


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
    """A snapshot of what a project holds.

    Attributes:
        digest: Its canonical digest, which a sealed one's manifest does not tell.
        pending: What of that which is deployed could not be captured, a sentence for each.
    """

    manifest: Manifest
    digest: str
    pending: tuple[str, ...] = ()


async def keep_present_content(
    workspace: Workspace, resource: str, project: str, *, reason: Reason, environment: bool | None = None
) -> Kept:
    """Export a project and store a snapshot of it, changed or not: before something replaces or deletes it."""
    capture = await export_capture(workspace, resource, project, reason=reason, environment=environment)
    return Kept(await store_capture(workspace, capture), capture.canonical_sha256, capture.pending)


async def _latest(vault: Vault, capture: Capture) -> Manifest | None:
    try:
        return await vault.latest(capture.resource, capture.project)
    except DamagedSnapshot:
        return None  # a damaged predecessor must not keep a new snapshot from being taken


async def _stands_for(vault: Vault, latest: Manifest, capture: Capture) -> bool:
    if not set(capture.tags) <= set(latest.tags) or not await vault.stands_for(latest, capture.canonical_sha256):
        return False
    if not _knows_models(latest, capture):
        return False
    try:
        for view in latest.views:
            await vault.prove(view)
    except (DamagedSnapshot, SnapshotNotFound):
        return False  # an unreadable snapshot is no backup, and one that was pruned just now is none either
    return True


def _knows_models(latest: Manifest, capture: Capture) -> bool:
    """Whether a snapshot says of models and deployments what the capture does, and holds what it would hold."""
    if not is_listed_alike(latest, capture.models, capture.deployments):
        return False
    captured = {one.label for one in latest.models if one.trained_on is not None}
    settled = {one.label for one in latest.models if is_settled(one)}
    refused = {one.label for one in capture.models if one.not_captured is not None}
    return captured >= {*capture.known, *(one.label for one in capture.exports)} and settled >= refused


async def _store(workspace: Workspace, vault: Vault, capture: Capture, *, parent: Manifest | None) -> Manifest:
    snapshot_id = workspace.new_snapshot_id(capture.captured_at)
    return await vault.commits.store(capture, snapshot_id=snapshot_id, parent=parent, reuse_content=True)
