"""promote: a project to the next environment, behind a gate, proven on the target, undone when it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import flow, get_run_logger
from prefect.runtime import flow_run

from cluvault.ops import promote as ops
from cluvault.ops.promote import PromoteOptions, PromotionRefused, PromotionReport
from tasks.artifacts import publish_promotion, publish_promotion_plan
from tasks.promote import CARRYING_ON, begin_promotion, plan_promotion
from tasks.running import as_tasks, open_workspace

if TYPE_CHECKING:
    from cluvault.plan.promotion import Promotion, Step
    from cluvault.plan.promotion_plan import PlannedPromotion

STEPS = as_tasks({ops.plan_promotion: plan_promotion, ops.begin_promotion: begin_promotion} | CARRYING_ON)


def run_name() -> str:
    """What a run is called: `promote EmailApp by dev-to-prod`."""
    options = PromoteOptions.model_validate(flow_run.parameters.get("options") or {})
    if options.resume is not None:
        return f"resume promotion {options.resume}"
    if options.plan is not None:
        return f"promote {options.plan.source.project} by {options.plan.route}"
    return f"promote {options.project} by {options.route}"


@flow(name="promote", description=__doc__, flow_run_name=run_name, persist_result=False)
async def promote(options: PromoteOptions) -> PromotionReport:
    """Plan, show; with `apply` carry out, as far as it goes without a person.

    A run that ends awaiting approval is done: `cluvault approve`, and a run with `resume`, go on from there, on any
    worker. So does a run with `resume` after a crash.

    Raises:
        PromotionRefused: a gate, a guard or a person refused it; the target is as before.
    """
    logger = get_run_logger()
    planned: list[PlannedPromotion] = []

    def tell(promotion: Promotion, step: Step) -> None:
        logger.info("promotion %s: %s", promotion.key, step)

    async with open_workspace("promote", options) as workspace:
        try:
            report = await ops.promote(workspace, options, run=STEPS, on_plan=planned.append, on_step=tell)
        finally:
            for one in planned:
                await publish_promotion_plan(one)
        await publish_promotion(report)
    logger.info("promotion is %s", report.state)
    if report.exit_code:
        raise PromotionRefused(report)
    return report
