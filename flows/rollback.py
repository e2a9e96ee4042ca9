"""rollback: undo the last promotion of a project by hand, or end one that is under way."""

from __future__ import annotations

from prefect import flow, get_run_logger

from cluvault.ops import rollback as ops
from cluvault.ops.rollback import RollbackOptions, RollbackReport
from tasks.artifacts import publish_promotion
from tasks.promote import CARRYING_ON, begin_undoing, plan_rollback
from tasks.running import as_tasks, open_workspace

STEPS = as_tasks({ops.plan_rollback: plan_rollback, ops.begin_undoing: begin_undoing} | CARRYING_ON)


@flow(
    name="rollback",
    description=__doc__,
    flow_run_name="rollback {options.project} by {options.route}",
    persist_result=False,
)
async def rollback(options: RollbackOptions) -> RollbackReport:
    """Show what would be undone; with `apply` undo it, prove it, record it.

    Raises:
        GuardRefused: there is nothing to undo, or it cannot be undone; nothing was changed.
    """
    logger = get_run_logger()
    async with open_workspace("rollback", options) as workspace:
        report = await ops.rollback(
            workspace,
            options,
            run=STEPS,
            on_plan=lambda plan: logger.info("plan: %s", plan.sentence),
            on_step=lambda promotion, step: logger.info("promotion %s: %s", promotion.key, step),
        )
        if report.done is not None:
            await publish_promotion(report.done)
    return report
