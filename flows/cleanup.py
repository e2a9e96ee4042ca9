"""cleanup-delete: stale projects of a resource, each deleted only after its present content is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import flow

from cluvault.ops import cleanup as ops
from cluvault.ops.cleanup import CleanupOptions, CleanupReport
from cluvault.ops.report import RunFailed, finish_run
from tasks.artifacts import publish_cleanup_plan, publish_report
from tasks.backup import record_run
from tasks.cleanup import cleanup_delete, gather_facts
from tasks.running import as_tasks, open_workspace

if TYPE_CHECKING:
    from cluvault.plan.cleanup import CleanupPlan

STEPS = as_tasks({ops.gather_facts: gather_facts, ops.cleanup_delete: cleanup_delete, finish_run: record_run})


@flow(name="cleanup", description=__doc__, flow_run_name="cleanup {options.resource}", persist_result=False)
async def cleanup(options: CleanupOptions) -> CleanupReport:
    """Look, plan, show; with `apply` also keep, delete, record.

    Raises:
        GuardRefused: the plan deletes more than one run may; nothing was deleted.
        RunFailed: some deletions failed.
    """
    plans: list[CleanupPlan] = []
    async with open_workspace("cleanup", options) as workspace:
        try:
            report = await ops.cleanup(workspace, options, run=STEPS, on_plan=plans.append)
        finally:
            for plan in plans:
                await publish_cleanup_plan(options.resource, plan)
        if report.run is not None:
            await publish_report(report.run)
    if report.run is not None and report.run.failed:
        raise RunFailed(report.run)
    return report
