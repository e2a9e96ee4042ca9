"""cluvault verify."""

from __future__ import annotations

import click

from cluvault.cli.invocation import Command, Invocation
from cluvault.cli.render import print_json, say
from cluvault.errors import DamagedSnapshot
from cluvault.ops.verify import verify


@click.command("verify", cls=Command)
@click.argument("references", nargs=-1, metavar="[REF]...")
@click.pass_obj
def command(invocation: Invocation, *, references: tuple[str, ...]) -> int:
    """Read every byte of the named snapshots, or of all, and compare it with what the manifests say."""
    checked = invocation.work(lambda workspace: verify(workspace, references))
    damaged = [one for one in checked if one.damage is not None]
    if invocation.json:
        print_json([{"snapshot": one.reference, "damage": one.damage} for one in checked])
        return DamagedSnapshot.exit_code if damaged else 0
    for one in damaged:
        say(f"damaged: {one.damage}", style="bold red")
    say(f"{len(checked)} snapshots read, {len(damaged)} damaged", style="red" if damaged else "green")
    return DamagedSnapshot.exit_code if damaged else 0
