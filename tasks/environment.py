"""Tasks of restoring an environment."""

from __future__ import annotations

from prefect import task

from cluvault.ops import environment_planning as planning
from cluvault.ops import environment_steps as steps
from cluvault.ops.environment_planning import Rebuilding
from cluvault.ops.environment_steps import StepDone
from cluvault.ops.restore import RestoreOptions
from cluvault.plan.environment import EnvironmentStep
from cluvault.plan.keys import PromotionKey
from tasks.running import STEP, current_workspace


@task(name="settle-trainings", task_run_name="settle {resource}/{project}", timeout_seconds=24 * 3600, **STEP)
async def settle_trainings(resource: str, project: str) -> None:
    """Wait for trainings that are under way."""
    await steps.settle_trainings(current_workspace(), resource, project)


@task(name="plan-environment", timeout_seconds=7200, **STEP)
async def plan_environment(options: RestoreOptions, key: PromotionKey | None = None) -> Rebuilding:
    """Read the snapshot, look at the target and decide."""
    return await planning.plan_environment(current_workspace(), options, key)


@task(name="rebuild-step", task_run_name="{step.sentence}", timeout_seconds=8 * 3600, **STEP)
async def take_step(rebuilding: Rebuilding, step: EnvironmentStep) -> StepDone:
    """Keep, import, train or deploy."""
    return await steps.take_step(current_workspace(), rebuilding, step)
