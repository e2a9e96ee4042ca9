"""cluvault rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation, flow_option, options_of
from cluvault.cli.promotions import announce
from cluvault.cli.render import print_json, say
from cluvault.ops.rollback import RollbackOptions, RollbackPlan, RollbackReport, rollback

if TYPE_CHECKING:
    from cluvault.ops.workspace import Workspace


@click.command("rollback", cls=Command)
@click.argument("project", metavar="PROJECT")
@click.option("--route", required=True, metavar="NAME", help="The route by which it was promoted.")
@click.option("--apply", is_flag=True, help="Undo. Without it the plan is shown and nothing is changed.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the history.")
@click.option("--wait", "patience", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS",
              help="Wait for another worker on the same project.")  # fmt: skip
@flow_option
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    project: str,
    route: str,
    apply: bool,
    reason: str,
    patience: float,
    by_flow: bool | None,
) -> int:
    """Undo the last promotion of PROJECT, or end one that is under way: first what serves, then the content."""
    options = options_of(RollbackOptions, project=project, route=route, apply=apply, reason=reason, patience=patience)

    async def directly(workspace: Workspace) -> RollbackReport:
        quiet = invocation.json
        return await rollback(
            workspace, options, on_plan=_ignore if quiet else _show_plan, on_step=announce(quiet=quiet)
        )

    report = invocation.act("rollback", options, directly, by_flow=by_flow if apply else False)
    key = report.plan.promotion.key
    if invocation.json:
        print_json(report.to_json())
    elif report.done is None:
        say("nothing was changed; add --apply to carry the plan out")
    else:
        say(f"{key.resource}/{key.project} is as it was before promotion {key.promotion_id}", style="green")
    return 0


def _ignore(_plan: RollbackPlan) -> None:
    """Programs read the report."""


def _show_plan(plan: RollbackPlan) -> None:
    say(f"plan: {plan.sentence}")
    for number, step in enumerate(plan.steps, 1):
        say(f"  {number}. {step}")
