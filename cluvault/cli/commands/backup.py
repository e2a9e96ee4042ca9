"""cluvault backup."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation, flow_option, options_of
from cluvault.cli.render import progress, remark
from cluvault.cli.runs import report_of, show_run
from cluvault.ops.backup import BackupOptions, backup

if TYPE_CHECKING:
    from cluvault.ops.backup_planning import BackupPlan
    from cluvault.ops.report import Report
    from cluvault.ops.workspace import Workspace


@click.command("backup", cls=Command)
@click.argument("resources", nargs=-1, metavar="[RESOURCE]...")
@click.option("--project", "projects", multiple=True, metavar="GLOB", help="Only these projects; may be repeated.")
@click.option("--tag", "tags", multiple=True, help="A tag for the snapshots; may be repeated.")
@click.option("--concurrency", type=int, help="Exports at once.")
@click.option("--full", is_flag=True, help="Export every project, also where nothing seems to have changed.")
@flow_option
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    resources: tuple[str, ...],
    projects: tuple[str, ...],
    tags: tuple[str, ...],
    concurrency: int | None,
    full: bool,
    by_flow: bool | None,
) -> int:
    """Export the projects of all or the named resources and store what changed, read back."""
    options = options_of(
        BackupOptions, resources=resources, projects=projects or ("*",), tags=tags, concurrency=concurrency, full=full
    )

    async def directly(workspace: Workspace) -> Report:
        with progress("backup") as (start, advance):

            def show(plan: BackupPlan) -> None:
                start(len(plan.projects))
                if plan.estimate:
                    remark(plan.estimate)

            return await backup(workspace, options, on_plan=show, on_done=advance)

    report = report_of(invocation, "backup", options, directly, by_flow=by_flow)
    return show_run(invocation, report)
