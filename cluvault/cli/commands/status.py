"""cluvault status."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation, options_of
from cluvault.cli.render import complain, print_json, print_table, say
from cluvault.cli.text import when
from cluvault.ops.status import StatusAlarm, StatusOptions, status
from cluvault.plan.limits import DOCUMENTED
from cluvault.plan.status_checks import span
from cluvault.plan.status_metrics import status_to_metrics

if TYPE_CHECKING:
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.status import Row, Status

_HEADINGS = ("state", "project", "last good backup", "intents / entities / utterances", "drill", "models", "last day",
             "notes")  # fmt: skip


@click.command("status", cls=Command)
@click.argument("resources", nargs=-1, metavar="[RESOURCE]...")
@click.option("--offline", is_flag=True, help="Only read the vault; ask no resource anything.")
@click.option("--deep", is_flag=True, help="Also ask for models and deployments: two calls for each project.")
@click.option("--metrics", is_flag=True, help="Print the figures as Prometheus reads them.")
@click.option("--flow", "by_flow", is_flag=True, help="Run as a Prefect flow, with its artifact and events.")
@click.pass_obj
def command(
    invocation: Invocation, *, resources: tuple[str, ...], offline: bool, deep: bool, metrics: bool, by_flow: bool
) -> int:
    """Put every project beside its objectives ([status] of the configuration) and say what is not as it should be.

    Exit code: 0 all is fine; 5 a snapshot is damaged; 4 another alarm; 3 a resource did not answer, else all is fine.
    """
    options = options_of(StatusOptions, resources=resources, offline=offline, deep=deep)
    if metrics and invocation.json:
        raise click.UsageError("--metrics and --json are two forms of the same; choose one")

    async def directly(workspace: Workspace) -> Status:
        return await status(workspace, options)

    try:
        found = invocation.act("status", options, directly, by_flow=by_flow)
    except StatusAlarm as err:  # of the flow
        found = err.status
    if metrics:
        sys.stdout.write(status_to_metrics(found))
    elif invocation.json:
        print_json(found.to_json())
    else:
        _show(found)
    if found.alarms:
        complain(str(StatusAlarm(found)))
    return found.exit_code


def _show(found: Status) -> None:
    if found.rows:
        print_table(_HEADINGS, map(_row, found.rows), styled=True)
    if found.runs:
        runs = [("failed" if one.failed else "ok", one.kind, when(one.ended_at), one.summary) for one in found.runs]
        print_table(("run", "last", "ended", "outcome"), runs, styled=True)
    if found.alarms:
        print_table(("alarm", "what"), ((one.kind.value, str(one)) for one in found.alarms))
    for note in found.notes:
        say(f"note: {note}", style="dim")
    say(found.summary, style="red" if found.alarms else "green")


def _row(row: Row) -> tuple[str, ...]:
    counts, drill, expiry = row.counts, row.drill, row.next_expiry
    return (
        row.state,
        f"{row.resource}/{row.project}",
        "never" if row.age is None else f"{span(row.age)} ago",
        "-" if counts is None else f"{counts.intents} / {counts.entities} / {counts.utterances}",
        "-" if drill is None else f"{when(drill.at)}" + (f", {drill.item.seconds:g} s" if drill.item.seconds else ""),
        "-" if not row.models else f"{row.models} of {DOCUMENTED.models}",
        "-" if expiry is None else f"{expiry.last_day} ({expiry.what} {expiry.name})",
        "; ".join(row.notes),
    )
