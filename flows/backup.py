"""export-backup: every chosen project of the chosen resources into the vault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import flow, get_run_logger
from prefect.runtime import flow_run

from cluvault.ops import backup as ops
from cluvault.ops import backup_planning
from cluvault.ops.backup import BackupOptions
from cluvault.ops.report import Report, RunFailed, finish_run
from tasks.artifacts import publish_report
from tasks.backup import export_backup, plan_backup, record_models, record_run
from tasks.running import as_tasks, open_workspace

if TYPE_CHECKING:
    from cluvault.model.run import RunItem

STEPS = as_tasks(
    {
        backup_planning.plan_backup: plan_backup,
        ops.record_models: record_models,
        ops.export_backup: export_backup,
        finish_run: record_run,
    }
)


def run_name() -> str:
    """What a run is called: `backup dev, prod`."""
    options = BackupOptions.model_validate(flow_run.parameters.get("options") or {})
    return f"backup {', '.join(options.resources) or 'all resources'}"


@flow(name="backup", description=__doc__, flow_run_name=run_name, persist_result=False)
async def backup(options: BackupOptions = BackupOptions()) -> Report:  # noqa: B008  # frozen
    """List, export each, store what changed, read back, record.

    Raises:
        RunFailed: some projects failed; the others are backed up.
    """
    logger = get_run_logger()

    def tell(item: RunItem) -> None:
        logger.info("%s/%s: %s (%s)", item.resource, item.project, item.outcome, item.detail)

    async with open_workspace("backup", options) as workspace:
        report = await ops.backup(
            workspace, options, run=STEPS, on_plan=lambda plan: logger.info("plan: %s", plan.sentence), on_done=tell
        )
        logger.info("%s; record %s", report.summary, report.record_key)
        await publish_report(report)
    if report.failed:
        raise RunFailed(report)
    return report
