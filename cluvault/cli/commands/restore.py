"""cluvault restore."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cluvault.cli.environment import restore_environment_by
from cluvault.cli.invocation import Command, Invocation, flow_option
from cluvault.cli.losses import show_losses
from cluvault.cli.render import print_json, print_lines, say
from cluvault.errors import UsageError
from cluvault.ops.imports import NotWhatWasMeant
from cluvault.ops.restore import RestoreOptions, RestoreReport, preview_restore, restore
from cluvault.plan.diff_report import diff_lines
from cluvault.plan.restore import IfExists, RestorePlan

if TYPE_CHECKING:
    from cluvault.ops.workspace import Workspace


@click.command("restore", cls=Command)
@click.argument("reference", metavar="REF")
@click.option("--to", metavar="RESOURCE[/PROJECT]", help="Where the project goes; an environment also to where it was.")
@click.option(
    "--if-exists",
    type=click.Choice([choice.value for choice in IfExists]),
    default=IfExists.FAIL.value,
    show_default=True,
    help="When the project exists: refuse, replace it (its content is kept first), or take another name.",
)
@click.option("--allow-loss", is_flag=True, help="Go on where the target's api-version lacks what the model needs.")
@click.option(
    "--environment",
    is_flag=True,
    help="Rebuild what was deployed, too: train each model anew, deploy it under the same names, then the draft.",
)
@click.option("--dry-run", is_flag=True, help="Show the plan with all losses, change nothing.")
@flow_option
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    reference: str,
    to: str | None,
    if_exists: str,
    allow_loss: bool,
    environment: bool,
    dry_run: bool,
    by_flow: bool | None,
) -> int:
    """Import a snapshot, live project or file into a resource and prove it by exporting it again.

    REF is RESOURCE/PROJECT (latest snapshot), RESOURCE/PROJECT@SNAPSHOT-ID, RESOURCE/PROJECT@2026-11-01,
    live:RESOURCE/PROJECT, a path, s3://bucket/key or az://account/container/path. A file may be a LUIS app: the
    service migrates it, and the plan lists what that loses. With #DEPLOYMENT behind a snapshot it is what the model in
    that deployment was trained on.

    --environment goes on where a run of it was killed: what is there already is left.
    """
    if to is None and not environment:
        raise UsageError("Missing option '--to'", mend="say where the project goes: --to RESOURCE[/PROJECT]")
    options = RestoreOptions(
        reference=reference,
        to=to or "",
        if_exists=IfExists(if_exists),
        allow_loss=allow_loss,
        environment=environment,
    )
    if environment:
        return restore_environment_by(invocation, options, dry_run=dry_run, by_flow=by_flow)
    if dry_run:
        return _preview(invocation, options)

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
    means = "it means the same" if not report.plan.losses else "it means the same but for these losses"
    say(f"restored {where} from {report.plan.source}; exported again, {means}: {report.digest[:16]}…")
    show_losses(report.plan.losses)
    if report.safety:
        say(f"what stood there before: {report.safety}")
    return 0


def _show_plan(plan: RestorePlan) -> None:
    say(f"plan: {plan.sentence}")
    for note in plan.notes:
        say(f"  note: {note}", style="dim")
    show_losses(plan.losses)


def _preview(invocation: Invocation, options: RestoreOptions) -> int:
    async def look(workspace: Workspace) -> RestorePlan:
        return await preview_restore(workspace, options)

    plan = invocation.work(look)
    if invocation.json:
        print_json(plan.to_json())
    else:
        _show_plan(plan)
        say("dry run: nothing was changed")
    return 0


def _keep_quiet(_plan: RestorePlan) -> None:
    """Programs read the report."""
