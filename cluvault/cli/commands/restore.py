"""cluvault restore."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation, flow_option
from cluvault.cli.render import print_json, print_lines, say
from cluvault.ops.imports import NotWhatWasMeant
from cluvault.ops.restore import RestoreOptions, RestoreReport, restore
from cluvault.plan.diff_report import diff_lines
from cluvault.plan.restore import IfExists, RestorePlan

if TYPE_CHECKING:
    from cluvault.ops.workspace import Workspace


@click.command("restore", cls=Command)
@click.argument("reference", metavar="REF")
@click.option("--to", required=True, metavar="RESOURCE[/PROJECT]", help="Where the project goes.")
@click.option(
    "--if-exists",
    type=click.Choice([choice.value for choice in IfExists]),
    default=IfExists.FAIL.value,
    show_default=True,
    help="When the project exists: refuse, replace it (its content is kept first), or take another name.",
)
@flow_option
@click.pass_obj
def command(invocation: Invocation, *, reference: str, to: str, if_exists: str, by_flow: bool | None) -> int:
    """Import a snapshot, live project or file into a resource and prove it by exporting it again.

    REF is RESOURCE/PROJECT (latest snapshot), RESOURCE/PROJECT@SNAPSHOT-ID, RESOURCE/PROJECT@2026-11-01,
    live:RESOURCE/PROJECT, a path, s3://bucket/key or az://account/container/path.
    """
    options = RestoreOptions(reference=reference, to=to, if_exists=IfExists(if_exists))

    async def directly(workspace: Workspace) -> RestoreReport:
        return await restore(workspace, options, on_plan=_show_plan if not invocation.json else _keep_quiet)

    try:
        report = invocation.act("restore", options, directly, by_flow=by_flow)
    except NotWhatWasMeant as err:
        if not invocation.json:
            print_lines(diff_lines(err.difference, limit=50))
        raise
    if invocation.json:
        print_json(report.to_json())
        return 0
    for warning in report.warnings:
        say(f"the service warns: {warning}", style="yellow")
    where = f"{report.plan.resource}/{report.plan.project}"
    say(f"restored {where} from {report.plan.source}; exported again, it means the same: {report.digest[:16]}…")
    if report.safety:
        say(f"what stood there before: {report.safety}")
    return 0


def _show_plan(plan: RestorePlan) -> None:
    say(f"plan: {plan.sentence}")
    for note in plan.notes:
        say(f"  note: {note}", style="dim")


def _keep_quiet(_plan: RestorePlan) -> None:
    """Programs read the report."""
