"""drift: where two resources differ, project by project, who is ahead, what was edited directly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import flow, get_run_logger
from prefect.runtime import flow_run

from cluvault.ops import drift as ops
from cluvault.ops.drift import DriftIncomplete, DriftOptions, DriftReport
from cluvault.ops.report import finish_run
from tasks.artifacts import publish_drift
from tasks.backup import record_run
from tasks.drift import compare_project, plan_drift
from tasks.running import as_tasks, open_workspace

if TYPE_CHECKING:
    from cluvault.plan.drift import ProjectDrift

STEPS = as_tasks({ops.plan_drift: plan_drift, ops.compare_project: compare_project, finish_run: record_run})


def run_name() -> str:
    """What a run is called: `drift by dev-to-prod`, `drift from dev to prod`."""
    options = DriftOptions.model_validate(flow_run.parameters.get("options") or {})
    return f"drift by {options.route}" if options.route else f"drift from {options.source} to {options.target}"


@flow(name="drift", description=__doc__, flow_run_name=run_name, persist_result=False)
async def drift(options: DriftOptions) -> DriftReport:
    """List both ends, compare each project, record, tell: drift that is found is no failure.

    Raises:
        DriftIncomplete: some projects could not be compared.
    """
    logger = get_run_logger()

    def tell(found: ProjectDrift) -> None:
        logger.info("%s: %s (%s)", found.project, found.outcome, found.sentence)

    async with open_workspace("drift", options) as workspace:
        report = await ops.drift(workspace, options, run=STEPS, on_done=tell)
        logger.info("%s", report.run.summary)
        await publish_drift(report)
    if report.run.failed:
        raise DriftIncomplete(report)
    return report
