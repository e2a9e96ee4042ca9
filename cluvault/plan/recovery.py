"""Which promotions somebody has to take up, and what that will do; pure.

A promotion that has not ended is somebody's work until its worker lets go or dies. Whoever takes it up goes by its plan
and records alone: forwards where nothing is against it, else back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluvault.model.promotion import ApprovalAsked, RollbackBegun
from cluvault.plan.promotion import Step, next_step, why_not

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from cluvault.model.json_text import JsonObject
    from cluvault.plan.keys import PromotionKey
    from cluvault.plan.promotion import Promotion


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A promotion that has not ended.

    Attributes:
        state: In a word.
        is_due: Whether it is to be taken up, as far as its records tell; else a person has to act first.
        sentence: What comes next, and why.
    """

    key: PromotionKey
    state: str
    is_due: bool
    sentence: str

    def to_json(self) -> JsonObject:
        """For programs."""
        return {"promotion": str(self.key), "state": self.state, "due": self.is_due, "next": self.sentence}


def plan_recovery(promotions: Iterable[Promotion], *, now: datetime) -> tuple[Unfinished, ...]:
    """The promotions that have not ended, and what is to be done with each."""
    return tuple(_judge(one, now) for one in promotions if not one.has_ended)


def _judge(promotion: Promotion, now: datetime) -> Unfinished:
    step = next_step(promotion, now=now)
    asked = promotion.find(ApprovalAsked)
    if step is Step.WAIT and asked is not None:
        sentence = f"waits for approval until {asked.deadline:%Y-%m-%d %H:%M} UTC"
        return Unfinished(promotion.key, promotion.state, is_due=False, sentence=sentence)
    begun, against = promotion.find(RollbackBegun), why_not(promotion, now=now)
    if begun is not None:
        sentence = f"undo it, from {step} on: {begun.why}"
    elif against is not None:
        sentence = f"undo it: {against.sentence}"
    else:
        sentence = f"go on with {step}"
    return Unfinished(promotion.key, promotion.state, is_due=True, sentence=sentence)
