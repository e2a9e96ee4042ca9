"""promote: a project to the next environment, behind a gate, proven on the target, undone when it fails."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from prefect import flow, get_run_logger
from prefect.runtime import flow_run

from cluvault.errors import GuardRefused, LeaseLost
from cluvault.ops import promote as ops
from cluvault.ops import promotion_planning as planning
from cluvault.ops.approve import decide_promotion
from cluvault.ops.promotion_planning import PromoteOptions
from cluvault.ops.promotion_report import PromotionRefused, PromotionReport
from tasks.approval import ask, attempts, forget_the_deadline, is_at_deadline, tell_the_form, unheard, way_to_ask
from tasks.artifacts import publish_promotion, publish_promotion_plan
from tasks.promote import CARRYING_ON, begin_promotion, plan_promotion
from tasks.running import as_tasks, open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.ops.approve import ApproveOptions
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.promotion import Promotion, Step
    from cluvault.plan.promotion_plan import PlannedPromotion

STEPS = as_tasks({planning.plan_promotion: plan_promotion, ops.begin_promotion: begin_promotion} | CARRYING_ON)


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
    """Plan, show; with `apply` carry out, and ask a person where the route's gate says so.

    A run of a deployment is suspended until Prefect's form is answered, and then begins from the top: it finds the
    promotion that it began. Any other run ends awaiting approval, or is paused if `wait_for_approval` says so. After
    `cluvault approve`, or a crash, a run with `resume` goes on, on any worker.

    Raises:
        PromotionRefused: a gate, a guard or a person refused it; the target is as before.
    """
    logger = get_run_logger()
    planned: list[PlannedPromotion] = []
    steps: list[Step] = []

    def tell(promotion: Promotion, step: Step) -> None:
        steps.append(step)
        logger.info("promotion %s: %s", promotion.key, step)

    async with open_workspace("promote", options) as workspace:
        try:
            report = await ops.promote(workspace, options, run=STEPS, on_plan=planned.append, on_step=tell)
        finally:
            for one in planned:
                await publish_promotion_plan(one.plan, one.difference)
        report = await _asked(workspace, report, options, tell)
        remark = await _leave(report)
    logger.info("promotion is %s%s", report.state, f"; {remark}" if remark else "")
    if report.exit_code and (steps or not is_at_deadline()):
        raise PromotionRefused(report)
    return report


async def _asked(
    workspace: Workspace, report: PromotionReport, options: PromoteOptions, tell: Callable[[Promotion, Step], None]
) -> PromotionReport:
    """The report after a person has answered; unchanged when nobody has to, or this run cannot ask.

    What was suspended comes this way again, for its last answer. If that does not count, it asks anew and says why.
    """
    way, refusal, asked = way_to_ask(may_pause=options.wait_for_approval), "", attempts()
    for attempt in count(max(1, asked)):
        promotion = report.promotion
        if promotion is None or way is None or report.state != "awaiting-approval":
            break
        if not asked and attempt == 1:
            await _show(report, options)
        answer = await ask(promotion, way, attempt=attempt, refusal=refusal, now=workspace.now())
        refusal = await _heard(workspace, answer)
        report = await ops.resume(workspace, promotion.key, run=STEPS, on_step=tell)
    return report


async def _show(report: PromotionReport, options: PromoteOptions) -> None:
    """What there is to read for whoever is asked."""
    if options.resume is not None:
        await publish_promotion_plan(report.plan, None)
    await publish_promotion(report)


async def _heard(workspace: Workspace, answer: ApproveOptions | None) -> str:
    """Record an answer; why it does not count, or empty."""
    if answer is None:
        return "it was resumed without one"
    try:
        await decide_promotion(workspace, answer)
    except (GuardRefused, LeaseLost) as err:  # LeaseLost: somebody else decided in the same moment
        get_run_logger().warning("%s", err)
        return str(err)
    return ""


async def _leave(report: PromotionReport) -> str:
    """Show what has become of it; what to tell a person whose answer came too late."""
    remark = ""
    if report.promotion is not None:
        remark = await unheard(report.promotion)
        if report.promotion.has_ended:
            await forget_the_deadline(report.promotion)
            await tell_the_form(report.promotion)
    await publish_promotion(report, remark=remark)
    return remark
