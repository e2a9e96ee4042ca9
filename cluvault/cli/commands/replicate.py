"""cluvault replicate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation, flow_option, options_of
from cluvault.cli.render import finish, print_json, print_table, progress, say
from cluvault.model.run import Outcome
from cluvault.ops.replicate import ReplicaReport, ReplicateOptions, ReplicationIncomplete, replicate

if TYPE_CHECKING:
    from cluvault.ops.workspace import Workspace


@click.command("replicate", cls=Command)
@click.option("--route", required=True, metavar="NAME", help='A route of kind = "replica".')
@click.option("--project", "projects", multiple=True, metavar="GLOB", help="Only these projects; may be repeated.")
@click.option("--apply", is_flag=True, help="Bring the replica up to date. Without it nothing is changed.")
@click.option("--full", is_flag=True, help="Compare the contents also where nothing seems to have changed.")
@click.option("--wait", "patience", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS",
              help="Wait for another worker on the same project.")  # fmt: skip
@flow_option
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    route: str,
    projects: tuple[str, ...],
    apply: bool,
    full: bool,
    patience: float,
    by_flow: bool | None,
) -> int:
    """Keep the route's target equal to its source for a fail-over: content, models, service deployments by name.

    Without --apply it says of each project whether it is equal, and else by how much it is behind. Nothing is ever
    deleted at the replica: what only it has is named. Exit code 3 when some projects failed.
    """
    options = options_of(
        ReplicateOptions, route=route, projects=projects or ("*",), apply=apply, full=full, patience=patience
    )

    async def directly(workspace: Workspace) -> ReplicaReport:
        with progress("replicate") as (start, advance):
            return await replicate(workspace, options, on_plan=lambda plan: start(len(plan.pairs)), on_done=advance)

    try:
        report = invocation.act("replicate", options, directly, by_flow=by_flow)
    except ReplicationIncomplete as err:
        report = err.replica
    if invocation.json:
        print_json(report.to_json())
    else:
        _show(report)
    return finish(report.run)


def _show(report: ReplicaReport) -> None:
    rows = [(one.outcome.value, one.project, one.sentence) for one in report.projects]
    if rows:
        print_table(("replica", "project", "detail"), rows, styled=True)
    if report.applied:
        say(f"replicate: {report.run.summary}. Record: {report.run.record_key}")
        return
    behind = [one for one in report.projects if one.outcome is Outcome.BEHIND]
    for one in behind:
        say(f"plan: {one.project}")
        for number, step in enumerate(one.steps, 1):
            say(f"  {number}. {step}")
    say(
        "nothing was changed; add --apply to bring the replica up to date"
        if behind
        else f"replica: {report.run.summary}"
    )
