"""Planning to rebuild an environment: the snapshot's contents as the target takes them, and what the target is now."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from cluvault.errors import OperationNotInVersion, ProjectNotFound, UsageError
from cluvault.model.project_file import read_project_file
from cluvault.model.reference import SnapshotReference, parse_reference, parse_target
from cluvault.ops.contents import present_content
from cluvault.ops.trained_models import trained_digest
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.environment import EnvironmentPlan, Served, TargetNow, WantedModel, wanted_models
from cluvault.plan.environment import plan_environment as decide
from cluvault.plan.fitting import fit_project_file
from cluvault.plan.upgrade import rename_project

if TYPE_CHECKING:
    from cluvault.model.manifest import Manifest
    from cluvault.ops.restore import RestoreOptions
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.fitting import FittedFile
    from cluvault.plan.keys import PromotionKey
    from cluvault.plan.losses import Loss
    from cluvault.service.client import CluClient


class Fitted(NamedTuple):
    """A content of the snapshot as the target takes it.

    Attributes:
        view: The snapshot, seen as the content's.
    """

    view: Manifest
    api_version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """A plan, with what its steps need.

    Attributes:
        contents: What is imported, by digest.
        key: The place of the lease; of a mere preview none.
    """

    plan: EnvironmentPlan
    contents: dict[str, Fitted]
    key: PromotionKey | None = None


def place_of_environment(options: RestoreOptions) -> tuple[SnapshotReference, str, str]:
    """The snapshot that is meant, and the resource and project that it goes to.

    Raises:
        UsageError: it is no snapshot, or a part of one.
    """
    parsed = parse_reference(options.reference)
    if not isinstance(parsed, SnapshotReference) or parsed.deployment is not None:
        message = f"{options.reference} holds no environment: only a snapshot does"
        raise UsageError(message, mend="write RESOURCE/PROJECT or RESOURCE/PROJECT@ID")
    target = parse_target(options.to) if options.to else parse_target(f"{parsed.resource}/{parsed.project}")
    return parsed, target.resource, target.project or parsed.project


async def plan_environment(
    workspace: Workspace, options: RestoreOptions, key: PromotionKey | None = None
) -> Rebuilding:
    """Read the snapshot's contents one after the other, look at the target, and decide; changes nothing."""
    reference, resource, project = place_of_environment(options)
    vault = await workspace.vault()
    manifest = await vault.resolve(reference)
    client = await workspace.client(resource)
    contents: dict[str, Fitted] = {}
    notes: dict[str, None] = {}
    losses: dict[Loss, None] = {}
    digests: dict[str, str] = {}
    kind, language = "", ""
    for view in manifest.views:
        version = await _version_for(client, view.api_version)
        if version != view.api_version:
            notes[f"{resource} does not answer api-version {view.api_version}; {version} is used"] = None
        fitted, digest = await _fitted(workspace, view, version, project)
        if view is manifest:
            kind, language = fitted.file.metadata["projectKind"], str(fitted.file.metadata.get("language", ""))
        contents.setdefault(digest, Fitted(view, version, digest))
        digests[view.content.key] = digest
        notes |= dict.fromkeys(fitted.changes)
        losses |= dict.fromkeys(fitted.losses)
    captured = {one.label: one.trained_on.content.key for one in manifest.models if one.trained_on is not None}
    of_models = {label: digests[key] for label, key in captured.items()}
    offered = [one.name async for one in client.list_training_config_versions(kind=kind)] if of_models else []
    wanted = wanted_models(manifest, of_models, language=language, offered=offered)
    plan = decide(
        manifest,
        wanted,
        await _target_now(workspace, resource, project, wanted, contents),
        resource=resource,
        project=project,
        kind=kind,
        draft=digests[manifest.content.key],
        if_exists=options.if_exists,
        partial=options.allow_loss,
        notes=tuple(notes),
        losses=tuple(losses),
    )
    return Rebuilding(plan, contents, key)


async def _version_for(client: CluClient, version: str) -> str:
    return version if await client.answers_version(version) else await client.transfer_version()


async def _fitted(workspace: Workspace, view: Manifest, version: str, project: str) -> tuple[FittedFile, str]:
    data = await (await workspace.vault()).read(view)

    def fit() -> tuple[FittedFile, str]:
        file = read_project_file(data, source=view.reference)
        fitted = fit_project_file(file, version, exported_with=view.api_version, source=view.reference)
        return fitted, canonical_digest(rename_project(fitted.file, project))

    return await asyncio.to_thread(fit)


async def _target_now(
    workspace: Workspace, resource: str, project: str, wanted: tuple[WantedModel, ...], contents: dict[str, Fitted]
) -> TargetNow:
    client = await workspace.client(resource)
    try:
        there = await client.get_project(project)
    except ProjectNotFound:
        return TargetNow()
    present = await present_content(workspace, resource, project, modified_at=there.last_modified_at)
    models = [one async for one in client.list_models(project)]
    versions = {one.label: contents[one.digest].api_version for one in wanted}
    digests: dict[str, str | None] = {
        one.label: await trained_on(workspace, resource, project, one.label, versions[one.label])
        if one.label in versions
        else None
        for one in models
    }
    ids = {one.model_id for one in models}
    served = {
        one.name: Served(one.model_label, is_current=one.model_id in ids)
        async for one in client.list_deployments(project)
    }
    return TargetNow(there.kind, present.digest, digests, served)


async def trained_on(workspace: Workspace, resource: str, project: str, label: str, api_version: str) -> str | None:
    """The digest of what a model was trained on; None when the service cannot tell."""
    with suppress(OperationNotInVersion):
        return await trained_digest(workspace, resource, project, label, api_version=api_version)
    return None
