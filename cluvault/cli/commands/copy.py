"""cluvault copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation, flow_option, options_of
from cluvault.cli.render import progress
from cluvault.cli.runs import report_of, show_run
from cluvault.ops.copy import CopyOptions, copy

if TYPE_CHECKING:
    from cluvault.ops.report import Report
    from cluvault.ops.workspace import Workspace


@click.command("copy", cls=Command)
@click.argument("places", nargs=-1, metavar="[RESOURCE[/PROJECT]]...")
@click.option("--to", required=True, metavar="NAME|URL", help="The other vault: a name of vault.copies, or a URL.")
@flow_option
@click.pass_obj
def command(invocation: Invocation, *, places: tuple[str, ...], to: str, by_flow: bool | None) -> int:
    """Bring to another vault the snapshots that it lacks and would keep, byte for byte, read back.

    Holds and run records come along. The copy is a vault of its own: --vault NAME|URL makes every command use it,
    and --vault NAME with --to main brings back what the first one lost.
    """
    options = options_of(CopyOptions, to=to, places=places)

    async def directly(workspace: Workspace) -> Report:
        with progress("copy") as (start, advance):
            return await copy(workspace, options, on_plan=lambda projects: start(len(projects)), on_done=advance)

    report = report_of(invocation, "copy", options, directly, by_flow=by_flow)
    return show_run(invocation, report, hint=f"next: cluvault verify --vault {to}")
