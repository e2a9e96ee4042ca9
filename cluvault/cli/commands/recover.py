"""cluvault recover."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation, flow_option, options_of
from cluvault.cli.render import complain, print_json, print_report, print_table, say
from cluvault.ops.recover import RecoverOptions, RecoverReport, recover
from cluvault.ops.report import Report, RunFailed

if TYPE_CHECKING:
    from cluvault.ops.recover import FoundUnfinished
    from cluvault.ops.workspace import Workspace


@click.command("recover", cls=Command)
@click.argument("place", required=False, metavar="[RESOURCE[/PROJECT]]")
@click.option("--apply", is_flag=True, help="Take them up. Without it the plan is shown and nothing is changed.")
@click.option("--wait", "patience", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS",
              help="Watch for so long a worker that may be dead; one that lives is left alone at once.")  # fmt: skip
@flow_option
@click.pass_obj
def command(invocation: Invocation, *, place: str | None, apply: bool, patience: float, by_flow: bool | None) -> int:
    """End the promotions that a crash left: go on where the plan says so, or put back what was.

    Those that wait for approval within their deadline, and those on which somebody works, are left alone.
    """
    options = options_of(RecoverOptions, place=place, apply=apply, patience=patience)

    async def directly(workspace: Workspace) -> RecoverReport:
        return await recover(workspace, options, on_found=_ignore if invocation.json else _show_found)

    try:
        report = invocation.act("recover", options, directly, by_flow=by_flow if apply else False)
    except RunFailed as err:  # of the flow
        if invocation.json:
            print_json({"unfinished": None, "damaged": None, "run": err.report.to_json()})
        else:
            _show_run(err.report)
        complain(str(err))
        return err.report.exit_code
    if invocation.json:
        print_json(report.to_json())
    elif report.run is not None:
        _show_run(report.run)
    elif report.found.due:
        say("nothing was changed; add --apply to carry the plan out")
    return _end(report)


def _ignore(_found: FoundUnfinished) -> None:
    """Programs read the report."""


def _show_found(found: FoundUnfinished) -> None:
    rows = [(one.state, str(one.key), one.sentence) for one in found.promotions]
    if rows:
        print_table(("state", "promotion", "next"), rows, styled=True)
    elif not found.unread:
        say("every promotion has ended")


def _show_run(run: Report) -> None:
    if run.record_key:
        print_report(run)
        return
    for item in run.items:
        say(f"{item.resource}/{item.project}@{item.snapshot_id} {item.outcome}: {item.detail}")


def _end(report: RecoverReport) -> int:
    for one in report.found.unread:
        complain(one.problem)
    if report.run is not None and report.run.failed:
        complain(str(RunFailed(report.run)))
    return report.exit_code
