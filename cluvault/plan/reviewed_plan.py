"""A plan that somebody reviewed: as a file, and whether it still holds when it is to be applied; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from cluvault.errors import GuardRefused, UsageError
from cluvault.model.manifest import refuse_newer_format
from cluvault.model.promotion import PromotionPlan
from cluvault.model.record_text import record_bytes

if TYPE_CHECKING:
    from cluvault.settings import RouteSettings


def plan_to_bytes(plan: PromotionPlan) -> bytes:
    """A plan as a file that a reviewer can read, and that can be applied exactly so."""
    return record_bytes(plan)


def read_plan(data: bytes, *, source: str) -> PromotionPlan:
    """Read a plan file.

    Raises:
        UsageError: it is none.
        VaultTooNew: a newer cluvault wrote it.
    """
    refuse_newer_format(data, key=source)
    try:
        return PromotionPlan.model_validate_json(data)
    except ValidationError as err:
        fault = err.errors(include_url=False, include_input=False)[0]
        where = "/".join(map(str, fault["loc"])) or "top level"
        mend = "make one with cluvault promote --save-plan FILE"
        raise UsageError(f"{source}: no promotion plan: at {where}: {fault['msg']}", mend=mend) from err


def check_still_holds(plan: PromotionPlan, now: PromotionPlan) -> None:
    """Refuse a plan that was reviewed when the world has moved since.

    Args:
        plan: What was reviewed.
        now: The plan that would be made of the same snapshot now.

    Raises:
        GuardRefused: a digest, the route or a slot is another now.
    """
    for what, then, there in (
        (f"the content of {plan.source.reference}", plan.source.digest, now.source.digest),
        ("the target's content", plan.target.digest, now.target.digest),
        ("what is to be imported", plan.meant_digest, now.meant_digest),
        ("the model in production", plan.target.production, now.target.production),
        ("the route's configuration", _binding(plan), _binding(now)),
        ("the golden utterances", plan.golden, now.golden),
    ):
        if then != there:
            raise GuardRefused(f"{what} has moved since the plan was made", mend="make and review a new plan")


def _binding(plan: PromotionPlan) -> RouteSettings:
    """The route without where its golden file lies: what is in it counts."""
    gate = plan.settings.gate.model_copy(update={"golden": None})
    return plan.settings.model_copy(update={"gate": gate})
