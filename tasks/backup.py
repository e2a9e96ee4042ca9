"""Tasks of export-backup."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prefect import task

from cluvault.model.json_text import JsonObject
from cluvault.model.run import RunItem
from cluvault.ops import backup as ops
from cluvault.ops import backup_planning, report
from cluvault.ops.backup import BackupOptions
from cluvault.ops.backup_planning import BackupPlan, ProjectTask
from tasks.running import STEP, current_workspace


@task(name="plan-backup", **STEP)
async def plan_backup(options: BackupOptions) -> BackupPlan:
    """List the projects to back up."""
    return await backup_planning.plan_backup(current_workspace(), options)


@task(name="export-backup", task_run_name="export {target.resource}/{target.project}", timeout_seconds=7200, **STEP)
async def export_backup(target: ProjectTask, options: BackupOptions) -> RunItem:
    """Export one project and store it, read back, if it changed."""
    return await ops.export_backup(current_workspace(), target, options)


@task(name="record-models", timeout_seconds=24 * 3600, **STEP)
async def record_models(targets: Sequence[ProjectTask], options: BackupOptions) -> list[RunItem]:
    """See what models and deployments there are of projects that were not modified."""
    return await ops.record_models(current_workspace(), targets, options)


@task(name="record-run", task_run_name="record {kind}", **STEP)
async def record_run(
    kind: str,
    started_at: datetime,
    resources: Sequence[str],
    items: Sequence[RunItem],
    *,
    options: JsonObject | None = None,
) -> report.Report:
    """Write the run record into the vault."""
    return await report.finish_run(current_workspace(), kind, started_at, resources, items, options=options)
