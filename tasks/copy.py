"""Tasks of copy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prefect import task

from cluvault.model.run import RunItem
from cluvault.ops import copy as ops
from cluvault.ops.copy import CopyOptions
from cluvault.ops.prune import VaultProject
from cluvault.ops.report import Report
from tasks.running import STEP, current_workspace


@task(name="list-copy", **STEP)
async def list_copy(options: CopyOptions) -> list[VaultProject]:
    """Find the projects to look at."""
    return await ops.list_copy(current_workspace(), options)


@task(name="copy-records", **STEP)
async def copy_records(options: CopyOptions) -> list[RunItem]:
    """Bring the records of runs, promotions, intakes and replications."""
    return await ops.copy_records(current_workspace(), options)


@task(name="copy-project", task_run_name="copy {project.resource}/{project.project}", timeout_seconds=7200, **STEP)
async def copy_project(project: VaultProject, options: CopyOptions) -> list[RunItem]:
    """Bring what the other vault lacks of one project."""
    return await ops.copy_project(current_workspace(), project, options)


@task(name="finish-copy", **STEP)
async def finish_copy(started_at: datetime, items: Sequence[RunItem], options: CopyOptions) -> Report:
    """Write the run record into the other vault."""
    return await ops.finish_copy(current_workspace(), started_at, items, options)
