"""cluvault approve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation, options_of
from cluvault.cli.promotions import announce, print_promotion, show_waiting
from cluvault.cli.render import print_json, say
from cluvault.ops.approve import ApproveOptions, decide_promotion
from cluvault.ops.promote import PromotionReport, resume

if TYPE_CHECKING:
    from cluvault.ops.workspace import Workspace


@click.command("approve", cls=Command)
@click.argument("promotion", metavar="PROMOTION")
@click.option("--note", default="", metavar="TEXT", help="Why, for the history.")
@click.option("--reject", is_flag=True, help="Say no.")
@click.option("--apply", is_flag=True, help="Go on with the promotion at once: swap, or undo what was rejected.")
@click.pass_obj
def command(invocation: Invocation, *, promotion: str, note: str, reject: bool, apply: bool) -> int:
    """Agree that PROMOTION serves, or reject it. PROMOTION is its id, or RESOURCE/PROJECT@ID of its target."""
    options = options_of(ApproveOptions, promotion=promotion, note=note, reject=reject)

    async def act(workspace: Workspace) -> PromotionReport:
        decided = await decide_promotion(workspace, options)
        if not apply:
            return PromotionReport(None, decided)
        quiet = invocation.json
        return await resume(workspace, decided.key, on_step=announce(quiet=quiet), on_wait=show_waiting(quiet=quiet))

    report = invocation.work(act, kind="approve", options=options)
    if invocation.json:
        print_json(report.to_json())
    elif apply:
        print_promotion(report)
    elif report.promotion is not None:
        say(f"{'rejected' if reject else 'approved'} promotion {report.promotion.key}")
        say(f"carry it out: cluvault promote --resume {report.promotion.key}")
    return report.exit_code if apply and not reject else 0
