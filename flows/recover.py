"""recover: take up every promotion that has not ended and that nobody works on, and bring it to its end."""

from __future__ import annotations

from prefect import flow, get_run_logger

from cluvault.ops import recover as ops
from cluvault.ops.recover import FoundUnfinished, PromotionsUnread, RecoverOptions, RecoverReport
from cluvault.ops.report import RunFailed, finish_run
from tasks.artifacts import publish_report
from tasks.backup import record_run
from tasks.recover import find_unfinished, recover_promotion
from tasks.running import as_tasks, open_workspace

STEPS = as_tasks(
    {ops.find_unfinished: find_unfinished, ops.recover_promotion: recover_promotion, finish_run: record_run}
)


@flow(name="recover", description=__doc__, flow_run_name="recover", persist_result=False)
async def recover(options: RecoverOptions = RecoverOptions()) -> RecoverReport:  # noqa: B008  # frozen
    """Find what has not ended; with `apply` end it: forwards where its plan says so, else back.

    Raises:
        RunFailed: some could not be ended; the next run tries again.
        PromotionsUnread: some cannot be understood.
    """
    logger = get_run_logger()

    def tell(found: FoundUnfinished) -> None:
        for one in found.promotions:
            logger.info("promotion %s: %s: %s", one.key, one.state, one.sentence)

    async with open_workspace() as workspace:
        report = await ops.recover(workspace, options, run=STEPS, on_found=tell)
        if report.run is not None:
            logger.info("%s", report.run.summary)
            await publish_report(report.run)
    if report.run is not None and report.run.failed:
        raise RunFailed(report.run)
    if report.found.unread:
        raise PromotionsUnread(report.found.unread)
    return report
