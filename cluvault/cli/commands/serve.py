"""cluvault serve."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from cluvault.cli.commands.deploy import chosen_options, prefect_side
from cluvault.cli.invocation import Command, Invocation
from cluvault.cli.render import say


@click.command("serve", cls=Command, vault=False)
@click.option("--environment", metavar="NAME|FILE", help="Parameters and schedules of an environment.")
@click.option("--limit", type=click.IntRange(1, 100), default=4, show_default=True, help="Flow runs at once.")
@click.option("--adopt", is_flag=True, help="Take over what somebody else made under the same names.")
@click.pass_obj
def command(invocation: Invocation, *, environment: str | None, limit: int, adopt: bool) -> int:
    """Deploy, and run what is due in processes of this machine, until Ctrl-C: no work pool, no worker."""
    deploying = prefect_side(invocation)
    options = deploying.DeployOptions(**chosen_options(invocation, environment=environment), adopt=adopt)

    def ready(deployed: Any) -> None:
        say(f"serving the deployments of cluvault for {deployed.api}; Ctrl-C ends it")

    try:
        asyncio.run(deploying.serve(options, limit=limit, on_ready=ready))
    except KeyboardInterrupt:
        say("stopped; the schedules go on, and what falls due runs when somebody serves again")
    return 0
