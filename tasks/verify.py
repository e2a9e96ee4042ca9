"""Tasks of verify."""

from __future__ import annotations

from prefect import task

from cluvault.model.run import RunItem
from cluvault.ops import drill, examine, repair
from cluvault.ops.examine import ProjectCheck, ProjectScope, Survey
from cluvault.ops.repair import Repair
from cluvault.plan.verify import Finding
from tasks.running import STEP, current_workspace


@task(name="survey-vault", timeout_seconds=7200, **STEP)
async def survey_vault(references: tuple[str, ...]) -> Survey:
    """Find out which projects to look at, and what no vault wrote."""
    return await examine.survey_vault(current_workspace(), references)


@task(name="check-project", task_run_name="check {scope.resource}/{scope.project}", timeout_seconds=7200, **STEP)
async def check_project(scope: ProjectScope, *, read_data: bool) -> ProjectCheck:
    """Judge the snapshots of one project."""
    return await examine.check_project(current_workspace(), scope, read_data=read_data)


@task(name="repair-contents", timeout_seconds=7200, **STEP)
async def repair_contents(findings: tuple[Finding, ...], *, source: str) -> tuple[Repair, ...]:
    """Put damaged or missing contents back where the same bytes are known."""
    return await repair.repair_contents(current_workspace(), findings, source=source)


@task(name="drill-snapshot", task_run_name="drill {reference} in {resource}", timeout_seconds=24 * 3600, **STEP)
async def drill_snapshot(resource: str, reference: str, *, environment: bool = False) -> RunItem:
    """Restore a snapshot, or rebuild its environment, in a scratch project, compare, delete the project."""
    return await drill.drill_snapshot(current_workspace(), resource, reference, environment=environment)
