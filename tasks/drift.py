"""Tasks of drift."""

from __future__ import annotations

from prefect import task

from cluvault.ops import drift as ops
from cluvault.ops.drift import DriftOptions, DriftPlan
from cluvault.plan.drift import Pair, ProjectDrift
from tasks.running import STEP, current_workspace


@task(name="plan-drift", timeout_seconds=7200, **STEP)
async def plan_drift(options: DriftOptions) -> DriftPlan:
    """List both ends and put their projects side by side."""
    return await ops.plan_drift(current_workspace(), options)


@task(name="compare-project", task_run_name="compare {pair.source} and {pair.target}", timeout_seconds=7200, **STEP)
async def compare_project(plan: DriftPlan, pair: Pair, *, full: bool) -> ProjectDrift:
    """Compare one project at both ends."""
    return await ops.compare_project(current_workspace(), plan, pair, full=full)
