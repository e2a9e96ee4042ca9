"""cluvault promotions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation
from cluvault.cli.promotions import print_history
from cluvault.cli.render import complain, print_json
from cluvault.ops.promotion_report import PromotionReport
from cluvault.ops.promotions import list_promotions, workers_of

if TYPE_CHECKING:
    from datetime import datetime

    from cluvault.errors import VaultError
    from cluvault.model.json_text import JsonObject
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.keys import PromotionKey
    from cluvault.plan.promotion import Promotion
    from cluvault.vault.leases import Turn


@click.command("promotions", cls=Command)
@click.argument("place", required=False, metavar="[RESOURCE[/PROJECT]]")
@click.pass_obj
def command(invocation: Invocation, *, place: str | None) -> int:
    """List the promotions to a project, to a resource, or all, the oldest first."""
    faults: list[VaultError] = []

    async def look(workspace: Workspace) -> tuple[list[Promotion], dict[PromotionKey, Turn], datetime]:
        found = await list_promotions(workspace, place, on_fault=lambda _key, fault: faults.append(fault))
        return found, await workers_of(workspace, found), workspace.now()

    found, workers, now = invocation.work(look)
    if invocation.json:
        print_json([_to_json(one, workers.get(one.key), now) for one in found])
    elif found or not faults:
        print_history(found, {key: turn.sentence(now) for key, turn in workers.items()})
    for fault in faults:
        complain(str(fault))
    return max((fault.exit_code for fault in faults), default=0)


def _to_json(promotion: Promotion, worker: Turn | None, now: datetime) -> JsonObject:
    told = None
    if worker is not None:
        told = worker.record.model_dump(mode="json", by_alias=True, include={"holder", "by", "step"})
        told["lastSignOfLifeSeconds"] = max(0, round((now - worker.stored_at).total_seconds()))
    return PromotionReport(None, promotion).to_json() | {"worker": told}
