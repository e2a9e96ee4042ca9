"""Tasks of prune."""

from __future__ import annotations

from prefect import task

from cluvault.model.run import RunItem
from cluvault.ops import prune as ops
from cluvault.ops.prune import PruneOptions
from cluvault.plan.prune import ProjectPrune
from tasks.running import STEP, current_workspace


@task(name="plan-prune", task_run_name="plan prune", timeout_seconds=7200, **STEP)
async def plan_vault_prune(options: PruneOptions) -> tuple[ProjectPrune, ...]:
    """Decide about every snapshot."""
    return await ops.plan_vault_prune(current_workspace(), options)


@task(name="prune-project", task_run_name="prune {plan.resource}/{plan.project}", timeout_seconds=7200, **STEP)
async def prune_project(plan: ProjectPrune, options: PruneOptions) -> list[RunItem]:
    """Remove what the plan says of one project."""
    return await ops.prune_project(current_workspace(), plan, options)
