"""How far a promotion has come, for people, programs and exit codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluvault.errors import GuardRefused
from cluvault.model.promotion import Abandoned, PromotionPlan, RollbackBegun
from cluvault.model.verdict import Check, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluvault.model.json_text import JsonObject
    from cluvault.plan.promotion import Promotion
    from cluvault.plan.promotion_plan import PlannedPromotion


@dataclass(frozen=True, slots=True)
class PromotionReport:
    """How far a promotion has come.

    Attributes:
        planned: What was planned just now; None when a promotion was resumed.
        promotion: None when nothing was applied.
    """

    planned: PlannedPromotion | None
    promotion: Promotion | None

    @property
    def plan(self) -> PromotionPlan:
        """What it goes by."""
        if self.promotion is not None:
            return self.promotion.plan
        if self.planned is None:
            raise ValueError("a report is about a plan or about a promotion")
        return self.planned.plan

    @property
    def state(self) -> str:
        """`planned`, `nothing-to-do`, or the promotion's state: `promoted`, `awaiting-approval`, `rolled-back` …."""
        if self.promotion is not None:
            return self.promotion.state
        return "nothing-to-do" if self.plan.nothing_to_do else "planned"

    @property
    def verdict(self) -> Verdict | None:
        """The gate's, as far as it was asked."""
        return None if self.promotion is None else self.promotion.verdict

    @property
    def checks(self) -> Verdict:
        """For build servers: the gate's verdict; without one, the guards that refuse the plan, or that none does."""
        if self.verdict is not None:
            return self.verdict
        refused = tuple(Check("guard", "plan", None, 0.0, passed=False, sentence=one) for one in self.plan.refusals)
        return Verdict(refused or (Check("guard", "plan", None, 0.0, passed=True, sentence="no guard refuses it"),))

    @property
    def why(self) -> str:
        """Why it was undone or abandoned; empty when it was not."""
        if self.promotion is None:
            return ""
        begun, abandoned = self.promotion.find(RollbackBegun), self.promotion.find(Abandoned)
        return begun.why if begun is not None else abandoned.why if abandoned is not None else ""

    @property
    def exit_code(self) -> int:
        """4 when a gate, a guard or a person refused it; else 0."""
        refused = self.state in ("rolled-back", "rolling-back", "abandoned") or self._is_blocked
        return GuardRefused.exit_code if refused else 0

    @property
    def _is_blocked(self) -> bool:
        return self.promotion is None and bool(self.plan.refusals)

    def to_json(self) -> JsonObject:
        """The report for programs."""
        verdict = self.verdict
        return {
            "state": self.state,
            "promotion": None if self.promotion is None else str(self.promotion.key),
            "plan": self.plan.model_dump(mode="json", by_alias=True),
            "verdict": None if verdict is None else verdict.to_dict(),
            "why": self.why or None,
            "records": [one.model_dump(mode="json", by_alias=True) for one in _without_plan(self.promotion)],
        }


class PromotionRefused(GuardRefused):
    """A gate, a guard or a person refused a promotion; the target is as before. The report says why."""

    def __init__(self, report: PromotionReport) -> None:
        why = report.why or "; ".join(report.plan.refusals)
        super().__init__(f"{report.plan.sentence}: {report.state}: {why}")
        self.report = report


def _without_plan(promotion: Promotion | None) -> Sequence[Any]:
    return () if promotion is None else promotion.records[1:]
