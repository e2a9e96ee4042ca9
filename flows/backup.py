"""export-backup: every chosen project of the chosen resources into the vault."""

from __future__ import annotations

from prefect import flow

from cluvault.ops import backup as ops
from cluvault.ops.backup import BackupOptions
from cluvault.ops.report import Report, RunFailed, finish_run
from tasks.artifacts import publish_report
from tasks.backup import export_backup, plan_backup, record_run
from tasks.running import as_tasks, open_workspace

STEPS = as_tasks({ops.plan_backup: plan_backup, ops.export_backup: export_backup, finish_run: record_run})


@flow(name="backup", description=__doc__, persist_result=False)
async def backup(options: BackupOptions = BackupOptions()) -> Report:  # noqa: B008  # frozen
    """List, export each, store what changed, read back, record.

    Raises:
        RunFailed: some projects failed; the others are backed up.
    """
    async with open_workspace() as workspace:
        report = await ops.backup(workspace, options, run=STEPS)
        await publish_report(report)
    if report.failed:
        raise RunFailed(report)
    return report
