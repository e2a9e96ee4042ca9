"""Tasks of cleanup-delete."""

from __future__ import annotations

from prefect import task

from cluvault.model.run import RunItem
from cluvault.ops import cleanup as ops
from cluvault.plan.cleanup import ProjectFacts
from tasks.running import STEP, current_workspace


@task(name="gather-facts", task_run_name="look at {resource}", timeout_seconds=7200, **STEP)
async def gather_facts(resource: str) -> tuple[ProjectFacts, ...]:
    """Find out what decides about each project."""
    return await ops.gather_facts(current_workspace(), resource)


@task(name="cleanup-delete", task_run_name="delete {resource}/{planned.name}", timeout_seconds=7200, **STEP)
async def cleanup_delete(resource: str, planned: ProjectFacts) -> RunItem:
    """Store a snapshot of one project, read it back, then delete the project."""
    return await ops.cleanup_delete(current_workspace(), resource, planned)
