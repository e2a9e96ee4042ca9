"""approve: a person agrees to a promotion that waits for that, or does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from cluvault.errors import GuardRefused
from cluvault.model.promotion import Approved, Rejected, Through
from cluvault.ops.promotion_work import announced
from cluvault.ops.promotions import find_promotion
from cluvault.plan.promotion import Step, next_step, why_not

if TYPE_CHECKING:
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.promotion import Promotion


class ApproveOptions(BaseModel):
    """A person's decision."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    promotion: str = Field(description="The promotion: its id, or RESOURCE/PROJECT@ID of its target.")
    reject: bool = Field(default=False, description="Say no.")
    note: str = Field(default="", max_length=2000, description="Why, for the history.")
    by: str = Field(default="", description="Who decides; by default who runs this.")
    through: Through = "command"


async def decide_promotion(workspace: Workspace, options: ApproveOptions) -> Promotion:
    """Record the decision; whoever resumes the promotion goes by it. Needs no lease: nothing is changed.

    Raises:
        UsageError: there is no such promotion.
        GuardRefused: it does not wait for anybody, its deadline is over, or the person may not approve it.
        LeaseLost: somebody decided just before.
    """
    vault = await workspace.vault()
    promotion = await vault.promotions.load(await find_promotion(workspace, options.promotion))
    _check(workspace, promotion, options)
    kind, by = Rejected if options.reject else Approved, options.by or workspace.actor
    facts = kind(note=options.note, through=options.through)
    holder = f"{by} {workspace.new_run_id()}"
    decided = await vault.promotions.add(promotion, facts, at=workspace.now(), by=by, holder=holder)
    return await announced(workspace, decided)


def _check(workspace: Workspace, promotion: Promotion, options: ApproveOptions) -> None:
    now = workspace.now()
    if (why := why_not(promotion, now=now)) is not None:
        raise GuardRefused(f"promotion {promotion.key} can no longer be decided: {why.sentence}")
    if next_step(promotion, now=now) is not Step.WAIT:
        raise GuardRefused(f"promotion {promotion.key} does not wait for approval: {promotion.state}")
    second, by = promotion.plan.settings.gate.second_person, options.by or workspace.actor
    if second and not options.reject and _are_one(by, promotion.requested_by):
        message = f"{promotion.requested_by} asked for promotion {promotion.key} and cannot approve it"
        raise GuardRefused(message, mend="route's gate has second-person = true: another person has to")


def _are_one(name: str, other: str) -> bool:
    return name.strip().casefold() == other.strip().casefold()
