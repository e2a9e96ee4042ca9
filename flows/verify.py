"""verify: integrity check of the vault, by names and sizes or byte for byte; repair; restore drill."""

from __future__ import annotations

from prefect import flow, get_run_logger

from cluvault.ops import drill, examine, repair
from cluvault.ops import verify as ops
from cluvault.ops.report import finish_run
from cluvault.ops.verify import VerifyFailed, VerifyOptions, VerifyReport
from tasks.artifacts import publish_findings, publish_report
from tasks.backup import record_run
from tasks.running import as_tasks, open_workspace
from tasks.verify import check_project, drill_snapshot, repair_contents, survey_vault

STEPS = as_tasks(
    {
        examine.survey_vault: survey_vault,
        examine.check_project: check_project,
        repair.repair_contents: repair_contents,
        drill.drill_snapshot: drill_snapshot,
        finish_run: record_run,
    }
)


@flow(name="verify", description=__doc__, flow_run_name="verify", persist_result=False)
async def verify(options: VerifyOptions = VerifyOptions()) -> VerifyReport:  # noqa: B008  # frozen
    """Survey, check each project, repair, record, drill.

    Raises:
        VerifyFailed: a snapshot is lost, cannot be judged or could not be restored.
    """
    logger = get_run_logger()
    async with open_workspace("verify", options) as workspace:
        report = await ops.verify(workspace, options, run=STEPS)
        logger.info("%s", report.summary)
        await publish_findings(report)
        if report.drill is not None:
            await publish_report(report.drill)
    if report.exit_code:
        raise VerifyFailed(report)
    return report
