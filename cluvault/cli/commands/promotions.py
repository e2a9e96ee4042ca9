"""cluvault promotions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation
from cluvault.cli.promotions import print_history
from cluvault.cli.render import complain, print_json
from cluvault.ops.promote import PromotionReport, list_promotions

if TYPE_CHECKING:
    from cluvault.errors import VaultError


@click.command("promotions", cls=Command)
@click.argument("place", required=False, metavar="[RESOURCE[/PROJECT]]")
@click.pass_obj
def command(invocation: Invocation, *, place: str | None) -> int:
    """List the promotions to a project, to a resource, or all, the oldest first."""
    faults: list[VaultError] = []
    found = invocation.work(
        lambda workspace: list_promotions(workspace, place, on_fault=lambda _key, fault: faults.append(fault))
    )
    if invocation.json:
        print_json([PromotionReport(None, one).to_json() for one in found])
    elif found or not faults:
        print_history(found)
    for fault in faults:
        complain(str(fault))
    return max((fault.exit_code for fault in faults), default=0)
