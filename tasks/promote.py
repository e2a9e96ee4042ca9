"""Tasks of promotion and rollback: one for each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from prefect import task

from cluvault.model.promotion import Cause, PromotionPlan
from cluvault.ops import promote as ops
from cluvault.ops import promotion_course as course
from cluvault.ops import promotion_planning as planning
from cluvault.ops import rollback as undo
from cluvault.ops.promotion_planning import PromoteOptions
from cluvault.ops.rollback import RollbackOptions, RollbackPlan
from cluvault.plan.keys import PromotionKey
from cluvault.plan.promotion import Promotion, Step
from cluvault.plan.promotion_plan import PlannedPromotion
from tasks.running import STEP, current_workspace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from prefect import Task

    from cluvault.ops.workspace import Workspace

_SECONDS: Final = 24 * 3600
"""The service's trainings take hours."""


@task(name="plan-promotion", timeout_seconds=_SECONDS, **STEP)
async def plan_promotion(options: PromoteOptions) -> PlannedPromotion:
    """Take a snapshot of the source, look at the target, decide."""
    return await planning.plan_promotion(current_workspace(), options)


@task(name="begin-promotion", task_run_name="begin {key}", **STEP)
async def begin_promotion(plan: PromotionPlan, key: PromotionKey, by: str) -> Promotion:
    """Write the first record."""
    return await ops.begin_promotion(current_workspace(), plan, key, by)


@task(name="turn-round", task_run_name="turn {promotion.key} round", **STEP)
async def turn_round(promotion: Promotion, step: Step, cause: Cause, why: str) -> Promotion:
    """Write that a step failed."""
    return await course.turn_round(current_workspace(), promotion, step, cause, why)


@task(name="plan-rollback", task_run_name="plan rollback of {options.project}", **STEP)
async def plan_rollback(options: RollbackOptions) -> RollbackPlan:
    """Find what can be undone."""
    return await undo.plan_rollback(current_workspace(), options)


@task(name="begin-undoing", task_run_name="begin to undo {promotion.key}", **STEP)
async def begin_undoing(promotion: Promotion, reason: str) -> Promotion:
    """Write that a promotion is undone by hand."""
    return await undo.begin_undoing(current_workspace(), promotion, reason)


def _task_of(step: Step, work: Callable[[Workspace, Promotion], Awaitable[Promotion]]) -> Task[..., Any]:
    @task(name=f"promotion-{step}", task_run_name=f"{step} {{promotion.key}}", timeout_seconds=_SECONDS, **STEP)
    async def run(promotion: Promotion) -> Promotion:
        return await work(current_workspace(), promotion)

    return run


CARRYING_ON: Final = {
    **{work: _task_of(step, work) for step, work in course.STEPS.items()},
    course.turn_round: turn_round,
}
"""What carries a promotion on, forwards or back, as tasks."""
