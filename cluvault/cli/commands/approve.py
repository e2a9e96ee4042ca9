"""cluvault approve."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation, has_prefect_api, options_of
from cluvault.cli.promotions import announce, print_promotion, show_waiting
from cluvault.cli.render import print_json, say
from cluvault.model.promotion import ApprovalAsked
from cluvault.ops.approve import ApproveOptions, decide_promotion
from cluvault.ops.promote import resume
from cluvault.ops.promotion_report import PromotionReport

if TYPE_CHECKING:
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.promotion import Promotion


async def _tell_the_form(decided: Promotion) -> bool:
    """Whether a flow run waited for this in Prefect, and goes on now."""
    asked = decided.find(ApprovalAsked)
    if asked is None or asked.flow_run is None or not has_prefect_api(os.environ):
        return False
    return await import_module("tasks.approval").tell_the_form(decided)


@click.command("approve", cls=Command)
@click.argument("promotion", metavar="PROMOTION")
@click.option("--note", default="", metavar="TEXT", help="Why, for the history.")
@click.option("--reject", is_flag=True, help="Say no.")
@click.option("--apply", is_flag=True, help="Go on with the promotion at once: swap, or undo what was rejected.")
@click.pass_obj
def command(invocation: Invocation, *, promotion: str, note: str, reject: bool, apply: bool) -> int:
    """Agree that PROMOTION serves, or reject it. PROMOTION is its id, or RESOURCE/PROJECT@ID of its target."""
    options = options_of(ApproveOptions, promotion=promotion, note=note, reject=reject)

    async def act(workspace: Workspace) -> tuple[PromotionReport, bool]:
        decided = await decide_promotion(workspace, options)
        if not apply:
            return PromotionReport(None, decided), await _tell_the_form(decided)
        quiet = invocation.json
        report = await resume(workspace, decided.key, on_step=announce(quiet=quiet), on_wait=show_waiting(quiet=quiet))
        return report, await _tell_the_form(decided)

    report, is_told = invocation.work(act, kind="approve", options=options, by_events=True)
    if invocation.json:
        print_json(report.to_json())
    elif apply:
        print_promotion(report)
    elif report.promotion is not None:
        say(f"{'rejected' if reject else 'approved'} promotion {report.promotion.key}")
        if is_told:
            say("the flow run that waited for it goes on with it")
        else:
            say(f"carry it out: cluvault promote --resume {report.promotion.key}")
    return report.exit_code if apply and not reject else 0
