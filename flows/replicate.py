"""replicate: a second resource is kept equal to the first, trained and deployed under the same names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import flow, get_run_logger

from cluvault.ops import replicate as ops
from cluvault.ops.replicate import ReplicaReport, ReplicateOptions, ReplicationIncomplete
from cluvault.ops.report import finish_run
from tasks.artifacts import publish_replica
from tasks.backup import record_run
from tasks.replicate import check_replica, plan_replication, replicate_project
from tasks.running import as_tasks, open_workspace

if TYPE_CHECKING:
    from cluvault.plan.replica import ReplicaStatus

STEPS = as_tasks(
    {
        ops.plan_replication: plan_replication,
        ops.check_replica: check_replica,
        ops.replicate_project: replicate_project,
        finish_run: record_run,
    }
)


@flow(name="replicate", description=__doc__, flow_run_name="replicate by {options.route}", persist_result=False)
async def replicate(options: ReplicateOptions) -> ReplicaReport:
    """List both ends, say how each project stands; with `apply` bring each up to date, and record.

    Raises:
        ReplicationIncomplete: some projects failed; the others are as at the source.
    """
    logger = get_run_logger()

    def tell(status: ReplicaStatus) -> None:
        logger.info("%s: %s (%s)", status.project, status.outcome, status.sentence)

    async with open_workspace("replicate", options) as workspace:
        report = await ops.replicate(workspace, options, run=STEPS, on_done=tell)
        logger.info("%s", report.run.summary)
        await publish_replica(report)
    if report.run.failed:
        raise ReplicationIncomplete(report)
    return report
