"""intake: what was put into an inbox is imported and proven, or refused with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import flow, get_run_logger
from prefect.runtime import flow_run

from cluvault.ops import intake as ops
from cluvault.ops import take_in as step
from cluvault.ops.intake import IntakeOptions
from cluvault.ops.report import Report, RunFailed, finish_run
from tasks.artifacts import publish_report
from tasks.backup import record_run
from tasks.intake import take_in
from tasks.running import as_tasks, open_workspace

if TYPE_CHECKING:
    from cluvault.model.run import RunItem

STEPS = as_tasks({step.take_in: take_in, finish_run: record_run})


def run_name() -> str:
    """What a run is called: `intake of 3 objects`, `intake of what waits`."""
    options = IntakeOptions.model_validate(flow_run.parameters.get("options") or {})
    number = len(options.objects)
    return f"intake of {number} object{'s' if number > 1 else ''}" if number else "intake of what waits"


@flow(name="intake", description=__doc__, flow_run_name=run_name, persist_result=False)
async def intake(options: IntakeOptions = IntakeOptions()) -> Report:  # noqa: B008  # frozen
    """Take in the named objects; or what the queues say, and then all that waits.

    Raises:
        RunFailed: some objects failed or were refused; the others are imported.
    """
    logger = get_run_logger()

    def tell(item: RunItem) -> None:
        logger.info("%s/%s: %s (%s)", item.resource, item.project, item.outcome, item.detail)

    async with open_workspace("intake", options) as workspace:
        report = await ops.intake(workspace, options, run=STEPS, on_done=tell)
        if report.items:
            await publish_report(report)
    if report.failed:
        raise RunFailed(report)
    return report
