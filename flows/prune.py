"""prune: remove the snapshots that no retention rule keeps, and what nothing refers to any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import flow, get_run_logger

from cluvault.ops import prune as ops
from cluvault.ops.prune import PruneOptions, PruneReport
from cluvault.ops.report import RunFailed, finish_run
from tasks.artifacts import publish_prune_plan, publish_report
from tasks.backup import record_run
from tasks.prune import plan_vault_prune, prune_project
from tasks.running import as_tasks, open_workspace

if TYPE_CHECKING:
    from cluvault.plan.prune import ProjectPrune

STEPS = as_tasks({ops.plan_vault_prune: plan_vault_prune, ops.prune_project: prune_project, finish_run: record_run})


@flow(name="prune", description=__doc__, flow_run_name="prune", persist_result=False)
async def prune(options: PruneOptions = PruneOptions()) -> PruneReport:  # noqa: B008  # frozen
    """Plan, show; with `apply` also remove, record.

    Raises:
        ConfigurationError: there is no retention policy.
        RunFailed: some projects failed.
    """
    logger = get_run_logger()
    shown: list[tuple[ProjectPrune, ...]] = []
    async with open_workspace("prune", options) as workspace:
        report = await ops.prune(workspace, options, run=STEPS, on_plan=shown.append)
        for damaged in report.damaged:
            logger.error("%s", damaged.detail)
        for plans in shown:
            await publish_prune_plan(plans)
        if report.run is not None:
            logger.info("%s; record %s", report.run.summary, report.run.record_key)
            await publish_report(report.run)
    if report.run is not None and report.run.failed:
        raise RunFailed(report.run)
    return report
