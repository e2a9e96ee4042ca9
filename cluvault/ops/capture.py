"""Taking snapshots: export a project, and store what came, read back and verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault.errors import DamagedSnapshot
from cluvault.model.manifest import Counts, DeploymentRecord, Manifest, ModelRecord, Reason
from cluvault.model.project_file import ProjectFile, read_project_file
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.capture import Capture

if TYPE_CHECKING:
    from cluvault.ops.workspace import Workspace
    from cluvault.vault.vault import Vault


async def export_capture(
    workspace: Workspace, resource: str, project: str, *, reason: Reason, tags: tuple[str, ...] = ()
) -> Capture:
    """Export a project's present content, with what the service knows of its models and deployments.

    Raises:
        ProjectNotFound: there is no such project.
        InvalidProjectFile: what came is no project file.
    """
    client = await workspace.client(resource)
    facts = await client.get_project(project)
    exported = await client.export_project(project, timeout=workspace.settings.backup.job_timeout)
    file = read_project_file(exported.data, source=f"export of {resource}/{project}")
    deployments = [
        DeploymentRecord(name=one.name, model=one.model_label or None, deployed_at=one.last_deployed_at)
        async for one in client.list_deployments(project)
    ]
    models = [
        ModelRecord(
            label=one.label, trained_at=one.last_trained_at, training_config_version=one.training_config_version
        )
        async for one in client.list_models(project)
    ]
    return Capture(
        resource=resource,
        endpoint=workspace.settings.resource(resource).endpoint,
        project=project,
        raw=exported.data,
        canonical_sha256=canonical_digest(file),
        counts=count(file),
        reason=reason,
        tags=tags,
        api_version=exported.api_version,
        project_last_modified=facts.last_modified_at,
        models=tuple(models),
        deployments=tuple(deployments),
    )


async def store_capture(workspace: Workspace, capture: Capture) -> Manifest:
    """Store a snapshot of the capture, read back and verified; equal content is stored once."""
    vault = await workspace.vault(create=True)
    captured_at = workspace.now()
    return await vault.store(
        capture,
        snapshot_id=workspace.new_snapshot_id(captured_at),
        captured_at=captured_at,
        parent=await _latest(vault, capture.resource, capture.project),
        reuse_content=True,
    )


async def store_if_changed(workspace: Workspace, capture: Capture) -> tuple[Manifest, bool]:
    """Store a snapshot unless the latest one means the same and can still be read; and whether one was stored."""
    vault = await workspace.vault(create=True)
    latest = await _latest(vault, capture.resource, capture.project)
    if latest is not None and latest.content.canonical_sha256 == capture.canonical_sha256:
        try:
            await vault.read(latest)
        except DamagedSnapshot:
            pass  # an unreadable snapshot is no backup: store a good one
        else:
            return latest, False
    return await store_capture(workspace, capture), True


async def keep_present_content(workspace: Workspace, resource: str, project: str, *, reason: Reason) -> Manifest:
    """Export a project and store a snapshot of it, changed or not: before something replaces or deletes it."""
    return await store_capture(workspace, await export_capture(workspace, resource, project, reason=reason))


def count(file: ProjectFile) -> Counts:
    """How much is in a project file."""
    return Counts(intents=len(file.intents), entities=len(file.entities), utterances=len(file.utterances))


async def _latest(vault: Vault, resource: str, project: str) -> Manifest | None:
    try:
        return await vault.latest(resource, project)
    except DamagedSnapshot:
        return None  # a damaged predecessor must not keep a new snapshot from being taken
