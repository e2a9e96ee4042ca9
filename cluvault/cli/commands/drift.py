"""cluvault drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation, flow_option, options_of
from cluvault.cli.render import finish, print_json, print_lines, print_table, progress, say
from cluvault.errors import UsageError
from cluvault.ops.drift import DriftIncomplete, DriftOptions, DriftReport, drift
from cluvault.plan.diff_report import diff_lines

if TYPE_CHECKING:
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.diff import ProjectDiff
    from cluvault.plan.drift import ProjectDrift


@click.command("drift", cls=Command)
@click.argument("source", required=False, default="", metavar="[SOURCE")
@click.argument("target", required=False, default="", metavar="TARGET]")
@click.option(
    "--route", default="", metavar="NAME", help="Compare the ends of a route, with its renames and overrides."
)
@click.option("--project", "projects", multiple=True, metavar="GLOB", help="Only these projects; may be repeated.")
@click.option("--full", is_flag=True, help="Export every project, also where a snapshot tells what it holds.")
@click.option("--details", is_flag=True, help="Show each difference, not only how much differs.")
@click.option("--limit", type=click.IntRange(min=0), default=100, show_default=True,
              help="Lines shown of each section with --details.")  # fmt: skip
@click.option("--exit-code", is_flag=True, help="Exit with 1 when anything differs, as cluvault diff does.")
@flow_option
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    source: str,
    target: str,
    route: str,
    projects: tuple[str, ...],
    full: bool,
    details: bool,
    limit: int,
    exit_code: bool,
    by_flow: bool | None,
) -> int:
    """Show where TARGET differs from SOURCE: + is what a promotion would bring, - what it would take away.

    Edits made in TARGET directly since the last promotion are named. Exit code 0 whatever is found, 3 when some
    projects could not be compared.
    """
    if bool(route) == bool(source or target) or bool(source) != bool(target):
        raise UsageError("say what to compare in one way", mend="SOURCE TARGET, or --route NAME")
    options = options_of(
        DriftOptions, source=source, target=target, route=route, projects=projects or ("*",), full=full
    )

    async def directly(workspace: Workspace) -> DriftReport:
        with progress("drift") as (start, advance):
            return await drift(workspace, options, on_plan=lambda plan: start(len(plan.pairs)), on_done=advance)

    try:
        report = invocation.act("drift", options, directly, by_flow=by_flow)
    except DriftIncomplete as err:
        report = err.drift
    if invocation.json:
        print_json(report.to_json())
    else:
        _show(report, limit=limit if details else None)
    return finish(report.run) or (1 if exit_code and report.drifting else 0)


def _show(report: DriftReport, *, limit: int | None) -> None:
    rows = [(one.outcome.value, one.project, _ahead(report, one), one.sentence) for one in report.projects]
    if rows:
        print_table(("state", "project", "ahead", "difference"), rows, styled=True)
    if limit is not None:
        for one in report.projects:
            if one.difference:
                _show_difference(f"{one.project}: what {report.source} would change", one.difference, limit)
            if one.edit is not None and one.edit.difference is not None:
                title = f"{report.target}/{one.project}: edited directly since {one.edit.since.name}"
                _show_difference(title, one.edit.difference, limit)
    say(f"drift: {report.run.summary}" + (f". Record: {report.run.record_key}" if report.run.record_key else ""))


def _show_difference(title: str, difference: ProjectDiff, limit: int) -> None:
    say(title, style="bold")
    print_lines(diff_lines(difference, limit=limit))


def _ahead(report: DriftReport, found: ProjectDrift) -> str:
    names = {"source": report.source, "target": report.target, "both": "both", None: ""}
    return names[found.ahead]
