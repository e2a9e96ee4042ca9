"""cluvault deploy."""

from __future__ import annotations

import asyncio
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from cluvault.cli.invocation import Command, Invocation, has_prefect_api
from cluvault.cli.render import print_json, print_table, say
from cluvault.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluvault.plan.deploy import Change, DeployPlan

POOL_TYPES = ("process", "docker", "kubernetes")


@click.command("deploy", cls=Command, vault=False)
@click.option("--pool", help="The work pool (default: prefect.pool of the configuration, cluvault).")
@click.option("--pool-type", type=click.Choice(POOL_TYPES), help="How its workers start flow runs (default: process).")
@click.option("--image", help="The image of docker and kubernetes pools.")
@click.option("--environment", metavar="NAME|FILE", help="Parameters and schedules of an environment.")
@click.option("--only", multiple=True, metavar="NAME|KIND", help="Only these, e.g. 'backup/*' or automations.")
@click.option("--adopt", is_flag=True, help="Take over what somebody else made under the same names.")
@click.option("--dry-run", is_flag=True, help="Show the difference with the server and change nothing.")
@click.pass_obj
def command(invocation: Invocation, *, only: tuple[str, ...], adopt: bool, dry_run: bool, **chosen: str | None) -> int:
    """Put the flows on the Prefect server: work pool, block types, deployments with schedules, automations.

    Running it again changes nothing. What an earlier deploy made and no file names any more is removed; what others
    made is left alone.
    """
    deploying = prefect_side(invocation)
    options = deploying.DeployOptions(**chosen_options(invocation, **chosen), only=only, adopt=adopt)
    done = asyncio.run(deploying.deploy(options, dry_run=dry_run, on_plan=_ignore if invocation.json else _show))
    if invocation.json:
        names = {"leftOut": list(done.left_out), "switchedOff": list(done.switched_off)}
        print_json(done.plan.to_dict() | {"api": done.api, "dryRun": dry_run} | names)
        return 0
    if done.left_out:
        say("left out until prefect.notify in the configuration names a notification block:")
        say(f"  {'; '.join(done.left_out)}")
    if done.switched_off:
        say(f"left out, as the environment leaves out what they start: {'; '.join(done.switched_off)}")
    say(_summary(done.plan, dry_run=dry_run))
    return 0


def prefect_side(invocation: Invocation) -> Any:
    """The part that knows Prefect, which takes a while to import.

    Raises:
        ConfigurationError: there is no Prefect API to deploy to.
    """
    if not has_prefect_api(os.environ):
        raise ConfigurationError(
            "no Prefect API is configured",
            mend="set PREFECT_API_URL, e.g. to http://127.0.0.1:4200/api after `prefect server start`",
        )
    if not invocation.verbose:
        os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
    return import_module("deployments.deploy")


def chosen_options(invocation: Invocation, **chosen: str | None) -> dict[str, str]:
    """What the command line says, else what `[prefect]` of the configuration says."""
    section = invocation.settings().prefect
    given = {name: value for name, value in chosen.items() if value is not None}
    return {name: value for name, value in section.model_dump().items() if value is not None} | given


def _show(plan: DeployPlan) -> None:
    rows = [row for one in plan.changes if one.action != "keep" for row in _rows(one)]
    if rows:
        print_table(("plan", "kind", "name", "detail"), rows, styled=True)


def _ignore(_plan: DeployPlan) -> None:
    """The plan is printed as JSON, at the end."""


def _rows(change: Change) -> Iterator[tuple[str, ...]]:
    """A line for each field that an update changes."""
    details = [change.reason] if change.reason else [str(one) for one in change.fields if change.action != "create"]
    first, *rest = details or [""]
    yield change.action, change.kind, change.name, first
    yield from (("", "", "", one) for one in rest)


def _summary(plan: DeployPlan, *, dry_run: bool) -> str:
    counts = {action: sum(one.action == action for one in plan.changes) for action in ("create", "update", "remove")}
    same = sum(one.action == "keep" for one in plan.changes)
    told = ", ".join(
        f"{number} to {action}" if dry_run else f"{number} {action}d" for action, number in counts.items() if number
    )
    if not told:
        return f"nothing to change; {same} objects are as the files say"
    return f"{told}; {same} unchanged" + ("; nothing was changed, leave out --dry-run to deploy" if dry_run else "")
