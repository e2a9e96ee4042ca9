"""cluvault promotions."""

from __future__ import annotations

import click

from cluvault.cli.invocation import Command, Invocation
from cluvault.cli.promotions import print_history
from cluvault.cli.render import print_json
from cluvault.ops.promote import PromotionReport, list_promotions


@click.command("promotions", cls=Command)
@click.argument("place", required=False, metavar="[RESOURCE[/PROJECT]]")
@click.pass_obj
def command(invocation: Invocation, *, place: str | None) -> int:
    """List the promotions to a project, to a resource, or all, the oldest first."""
    found = invocation.work(lambda workspace: list_promotions(workspace, place))
    if invocation.json:
        print_json([PromotionReport(None, one).to_json() for one in found])
    else:
        print_history(found)
    return 0
