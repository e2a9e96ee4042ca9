"""The steps of a promotion on its way back. What serves comes first, the data after it; nothing is lost meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from cluvault.errors import JobError, NotFound, ProjectNotFound, RequestRefused
from cluvault.model.manifest import Reason
from cluvault.model.promotion import (
    DataRestored,
    RollbackBegun,
    RolledBack,
    StagingRestored,
    SwappedBack,
    Trained,
)
from cluvault.ops.capture import export_capture, store_capture
from cluvault.ops.imports import Body, NotWhatWasMeant, import_from_storage, prove_round_trip
from cluvault.ops.promotion_steps import safety_of
from cluvault.ops.promotion_work import deploy, note, settled, slots_of, target_of, undeploy
from cluvault.ops.sources import fetch_source
from cluvault.ops.target_lease import hold
from cluvault.ops.trained_models import running_training
from cluvault.plan.promotion import Step, Why, why_not
from cluvault.plan.upgrade import rename_project

if TYPE_CHECKING:
    from cluvault.ops.sources import Source
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.promotion import Promotion


async def begin_rollback(workspace: Workspace, promotion: Promotion) -> Promotion:
    """Say that it is undone, and why."""
    why = why_not(promotion, now=workspace.now()) or Why("failed", "it cannot go on")
    return await note(workspace, promotion, RollbackBegun(cause=why.cause, why=why.sentence))


async def swap_back(workspace: Workspace, promotion: Promotion) -> Promotion:
    """Make production serve what it served before, by the model's name: that does no harm when it is done twice."""
    before, name = safety_of(promotion).production, promotion.plan.settings.deploy.production
    slots = await settled(workspace, promotion)
    notes: tuple[str, ...] = ()
    if slots.production not in (before, promotion.model_label):
        notes = (_somebody_elses(name, slots.production),)
    elif before is None and slots.production is not None:
        await undeploy(workspace, promotion, name, step=Step.SWAP_BACK)
    elif before is not None and slots.production != before:
        await deploy(workspace, promotion, name, before, step=Step.SWAP_BACK)
    return await note(workspace, promotion, SwappedBack(notes=notes))


def _somebody_elses(name: str, label: str | None) -> str:
    if label is None:
        return f"somebody else deleted {name}; it is not made anew"
    return f"{name} serves {label}, which somebody else deployed; it stays"


async def restore_staging(workspace: Workspace, promotion: Promotion) -> Promotion:
    """Make staging serve what it served before, unless somebody else has deployed something else there."""
    await _stop_training(workspace, promotion)
    safety, name = safety_of(promotion), promotion.plan.settings.deploy.staging
    before, slots = safety.staging, await slots_of(workspace, promotion)
    notes: tuple[str, ...] = ()
    if slots.staging == before:
        pass
    elif slots.staging not in (promotion.model_label, safety.production):
        notes = (_somebody_elses(name, slots.staging),)
    elif before is None:
        await undeploy(workspace, promotion, name, step=Step.RESTORE_STAGING)
    elif await (await target_of(workspace, promotion)).model_exists(promotion.key.project, label=before):
        await deploy(workspace, promotion, name, before, step=Step.RESTORE_STAGING)
    else:
        notes = (f"{name} served {before}, which no longer exists; it keeps {slots.staging}",)
    return await note(workspace, promotion, StagingRestored(notes=notes))


async def _stop_training(workspace: Workspace, promotion: Promotion) -> None:
    """End the promotion's own training: while it runs, the service admits no other job in the project."""
    if promotion.has(Trained):
        return
    client, key = await target_of(workspace, promotion), promotion.key
    with suppress(NotFound, ProjectNotFound):
        job = await running_training(client, key.project, promotion.model_label)
        if job is None:
            return
        await hold(workspace, key, Step.RESTORE_STAGING)
        with suppress(RequestRefused, JobError):  # it ended by itself just now
            handle = await client.begin_cancel_training(key.project, job_id=job.job_id)
            await client.wait(handle, timeout=workspace.settings.backup.job_timeout)


async def restore_data(workspace: Workspace, promotion: Promotion) -> Promotion:
    """Make the target hold what it held before, and prove it. What somebody made of it meanwhile is kept first."""
    safety, key = safety_of(promotion), promotion.key
    client = await target_of(workspace, promotion)
    if safety.snapshot is None:
        await _stop_training(workspace, promotion)
    if not await client.project_exists(key.project):
        if safety.snapshot is None:
            return await note(workspace, promotion, DataRestored(digest=None))
        return await _bring_back(workspace, promotion, safety.snapshot, kept=None)
    present = await export_capture(workspace, key.resource, key.project, reason=Reason.SAFETY)
    if present.canonical_sha256 == safety.digest:
        return await note(workspace, promotion, DataRestored(digest=safety.digest))
    edited = present.canonical_sha256 != promotion.plan.meant_digest
    kept = (await store_capture(workspace, present)).reference if edited or safety.snapshot is None else None
    if safety.snapshot is not None:
        return await _bring_back(workspace, promotion, safety.snapshot, kept=kept)
    await hold(workspace, key, Step.RESTORE_DATA)
    await client.delete_project(key.project, timeout=workspace.settings.backup.job_timeout)
    return await note(workspace, promotion, DataRestored(digest=None, kept=kept))


async def _bring_back(workspace: Workspace, promotion: Promotion, snapshot: str, *, kept: str | None) -> Promotion:
    safety, key = safety_of(promotion), promotion.key
    source = await fetch_source(workspace, snapshot)
    body = await asyncio.to_thread(_under_its_name, source, key.project)
    version = safety.api_version
    await hold(workspace, key, Step.RESTORE_DATA)
    await import_from_storage(workspace, key.resource, key.project, body, api_version=version)
    proof = await prove_round_trip(workspace, key.resource, key.project, body, api_version=version)
    if proof.difference:
        raise NotWhatWasMeant(f"{key.resource}/{key.project}", proof, safety=snapshot)
    return await note(workspace, promotion, DataRestored(digest=proof.digest, kept=kept))


def _under_its_name(source: Source, project: str) -> Body:
    file = source.read()
    return Body(source.packed) if file.name == project else Body.of(rename_project(file, project))


async def finish_rollback(workspace: Workspace, promotion: Promotion) -> Promotion:
    """Say that all is as before."""
    return await note(workspace, promotion, RolledBack())
