"""Tasks of import-from-storage and create-and-seed."""

from __future__ import annotations

from prefect import task

from cluvault.ops import create as create_ops
from cluvault.ops import imports, sources
from cluvault.ops import restore as restore_ops
from cluvault.ops.create import CreateOptions, CreatePlan
from cluvault.ops.imports import Body, Proof
from cluvault.ops.restore import RestoreOptions
from cluvault.ops.sources import Source
from cluvault.plan.restore import RestorePlan
from tasks.running import STEP, current_workspace


@task(name="fetch-source", task_run_name="fetch {reference}", timeout_seconds=7200, **STEP)
async def fetch_source(reference: str) -> Source:
    """Get the project file that a reference names, verified."""
    return await sources.fetch_source(current_workspace(), reference)


@task(name="plan-restore", task_run_name="plan restore to {options.to}", **STEP)
async def plan_restore(source: Source, options: RestoreOptions) -> RestorePlan:
    """Look at the target and decide."""
    return await restore_ops.plan_restore(current_workspace(), source, options)


@task(name="plan-create", task_run_name="plan create {options.target}", timeout_seconds=7200, **STEP)
async def plan_create(options: CreateOptions) -> CreatePlan:
    """Read the seeds and look at the target."""
    return await create_ops.plan_create(current_workspace(), options)


@task(name="safety-snapshot", task_run_name="keep {resource}/{project}", timeout_seconds=7200, **STEP)
async def take_safety_snapshot(resource: str, project: str) -> str:
    """Store what stands at the target, read back."""
    return await imports.take_safety_snapshot(current_workspace(), resource, project)


@task(name="look-again", task_run_name="look again at {resource}/{project}", **STEP)
async def look_again(resource: str, project: str) -> None:
    """Just before a project is created: is the place still free?"""
    await imports.look_again(current_workspace(), resource, project)


@task(name="import-from-storage", task_run_name="import {resource}/{project}", timeout_seconds=7200, **STEP)
async def import_from_storage(resource: str, project: str, body: Body, *, api_version: str) -> tuple[str, ...]:
    """Import a project file and wait for the job's end."""
    return await imports.import_from_storage(current_workspace(), resource, project, body, api_version=api_version)


@task(name="round-trip-proof", task_run_name="prove {resource}/{project}", timeout_seconds=7200, **STEP)
async def prove_round_trip(resource: str, project: str, body: Body, *, api_version: str) -> Proof:
    """Export again and compare with what was imported."""
    return await imports.prove_round_trip(current_workspace(), resource, project, body, api_version=api_version)
