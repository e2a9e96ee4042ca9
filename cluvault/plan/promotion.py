"""How a promotion goes: which step comes next, decided from its plan and its records alone; pure.

    safety → import → prove → train → evaluate → (gate on scores) → stage → measure → judge → (ask → wait)
    → swap → probe → finish

A step leaves one record, or two when it has to say that it begins: before an import and before a swap. Whatever goes
wrong after the import has begun turns the way round:

    begin-rollback → swap-back → restore-staging → restore-data → finish-rollback

Before that nothing has changed, and the promotion is abandoned.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from cluvault.errors import DamagedRecord
from cluvault.model.measurement import Measurements
from cluvault.model.promotion import (
    Abandoned,
    ApprovalAsked,
    Approved,
    DataRestored,
    Evaluated,
    ImportBegun,
    Imported,
    Judged,
    Measured,
    Planned,
    Probed,
    Promoted,
    Proved,
    Rejected,
    RollbackBegun,
    RolledBack,
    Safety,
    Staged,
    StagingRestored,
    SwapBegun,
    Swapped,
    SwappedBack,
    Trained,
)
from cluvault.plan.gate import judge

if TYPE_CHECKING:
    from datetime import datetime

    from cluvault.model.promotion import Cause, Facts, PromotionPlan, PromotionRecord
    from cluvault.model.verdict import Verdict
    from cluvault.plan.keys import PromotionKey

FactsT = TypeVar("FactsT", bound="Facts")
_DIGEST_LETTERS: Final = 8


class Step(StrEnum):
    """What is done next."""

    SAFETY = "safety"
    IMPORT = "import"
    PROVE = "prove"
    TRAIN = "train"
    EVALUATE = "evaluate"
    STAGE = "stage"
    MEASURE = "measure"
    JUDGE = "judge"
    ASK = "ask"
    WAIT = "wait"
    SWAP = "swap"
    PROBE = "probe"
    FINISH = "finish"
    BEGIN_ROLLBACK = "begin-rollback"
    SWAP_BACK = "swap-back"
    RESTORE_STAGING = "restore-staging"
    RESTORE_DATA = "restore-data"
    FINISH_ROLLBACK = "finish-rollback"


class Why(NamedTuple):
    """Why a promotion is undone."""

    cause: Cause
    sentence: str


@dataclass(frozen=True, slots=True)
class Promotion:
    """A promotion as far as it has come: its records in order, the plan first."""

    key: PromotionKey
    records: tuple[PromotionRecord, ...]

    @property
    def plan(self) -> PromotionPlan:
        """What it goes by."""
        first = self.records[0].facts
        if not isinstance(first, Planned):
            raise DamagedRecord(f"{self.key.record(0)}: holds no plan")
        return first.plan

    @property
    def requested_by(self) -> str:
        """Who asked for it."""
        return self.records[0].by

    @property
    def flow_run(self) -> str | None:
        """The Prefect flow run that began it."""
        first = self.find(Planned)
        return None if first is None else first.flow_run

    @property
    def decision(self) -> PromotionRecord | None:
        """Who agreed or did not; None while nobody has."""
        return self.record_of(Approved) or self.record_of(Rejected)

    @property
    def started_at(self) -> datetime:
        """When."""
        return self.records[0].at

    @property
    def last(self) -> PromotionRecord:
        """The newest record."""
        return self.records[-1]

    @property
    def model_label(self) -> str:
        """The label of the model that it trains: says of which content, and tells two promotions of it apart."""
        moment = self.key.promotion_id.partition("-")[0]
        return f"{label_prefix(self.plan.meant_digest)}{moment}"

    def find(self, kind: type[FactsT]) -> FactsT | None:
        """What the last record of a kind says; None when there is none."""
        return next((one.facts for one in reversed(self.records) if isinstance(one.facts, kind)), None)

    def has(self, kind: type[Facts]) -> bool:
        """Whether there is a record of a kind."""
        return self.find(kind) is not None

    def record_of(self, kind: type[Facts]) -> PromotionRecord | None:
        """The last record of a kind; None when there is none."""
        return next((one for one in reversed(self.records) if isinstance(one.facts, kind)), None)

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to do."""
        return isinstance(self.last.facts, Promoted | RolledBack | Abandoned)

    @property
    def is_harmless(self) -> bool:
        """Whether it cannot have changed anything yet."""
        return not self.has(ImportBegun)

    @property
    def is_promoted(self) -> bool:
        """Whether it has come to its good end, and nobody has begun to undo it since."""
        return self.has(Promoted) and not self.has(RollbackBegun)

    @property
    def is_undoing(self) -> bool:
        """Whether it is on its way back."""
        return self.has(RollbackBegun) and not self.has_ended

    @property
    def state(self) -> str:
        """In a word, for tables."""
        if self.is_undoing:
            return "rolling-back"
        if self.awaits_approval:
            return "awaiting-approval"
        return self.last.facts.step if self.has_ended else "running"

    @property
    def awaits_approval(self) -> bool:
        """Whether a person has been asked and has not answered."""
        return isinstance(self.last.facts, ApprovalAsked)

    @property
    def verdict(self) -> Verdict | None:
        """The gate's: the final one, or that on the scores when they were enough to refuse."""
        judged = self.find(Judged)
        if judged is not None:
            return judged.verdict
        return None if self.find(Evaluated) is None else verdict_on_scores(self)


def label_prefix(digest: str) -> str:
    """How the labels of the models begin that promotions train of this content."""
    return f"cv-{digest[:_DIGEST_LETTERS]}-"


def next_step(promotion: Promotion, *, now: datetime) -> Step | None:
    """What to do next; None when the promotion has ended. WAIT means that a person has to act first."""
    if promotion.has_ended:
        return None
    if promotion.has(RollbackBegun):
        return _next_back(promotion)
    if why_not(promotion, now=now) is not None:
        return Step.BEGIN_ROLLBACK
    return _next_forward(promotion)


_FORWARD: Final[tuple[tuple[type[Facts], Step], ...]] = (
    (Safety, Step.SAFETY),
    (Imported, Step.IMPORT),
    (Proved, Step.PROVE),
    (Trained, Step.TRAIN),
    (Evaluated, Step.EVALUATE),
    (Staged, Step.STAGE),
    (Measured, Step.MEASURE),
    (Judged, Step.JUDGE),
)


def _next_forward(promotion: Promotion) -> Step:
    for kind, step in _FORWARD:
        if not promotion.has(kind):
            return step
    if promotion.plan.settings.gate.approval and not promotion.has(Approved):
        return Step.WAIT if promotion.has(ApprovalAsked) else Step.ASK
    if not promotion.has(Swapped):
        return Step.SWAP
    return Step.FINISH if promotion.has(Probed) else Step.PROBE


def _next_back(promotion: Promotion) -> Step:
    safety = promotion.find(Safety)
    existed = safety is not None and safety.digest is not None
    if existed and promotion.has(SwapBegun) and not promotion.has(SwappedBack):
        return Step.SWAP_BACK
    if existed and not promotion.has(StagingRestored):
        return Step.RESTORE_STAGING
    return Step.FINISH_ROLLBACK if promotion.has(DataRestored) else Step.RESTORE_DATA


def why_not(promotion: Promotion, *, now: datetime) -> Why | None:
    """Why a promotion cannot go on, as far as its records tell; None when nothing is against it."""
    if promotion.has(Evaluated) and not promotion.has(Judged):
        return _refused(verdict_on_scores(promotion))
    judged = promotion.find(Judged)
    if judged is not None and not judged.verdict.passed:
        return _refused(judged.verdict)
    rejected = promotion.record_of(Rejected)
    if rejected is not None and isinstance(rejected.facts, Rejected):
        note = f": {rejected.facts.note}" if rejected.facts.note else ""
        return Why("rejected", f"rejected by {rejected.by}{note}")
    asked = promotion.find(ApprovalAsked)
    if asked is not None and promotion.awaits_approval and now > asked.deadline:
        return Why("expired", f"nobody approved it until {asked.deadline:%Y-%m-%d %H:%M} UTC")
    return None


def _refused(verdict: Verdict) -> Why | None:
    if verdict.passed:
        return None
    return Why("gate", "; ".join(check.sentence for check in verdict.refusals))


def verdict_on_scores(promotion: Promotion) -> Verdict:
    """What the gate says already after the evaluation: a model with bad scores is not even staged."""
    gate = promotion.plan.settings.gate.model_copy(update={"golden": None})
    return judge(measurements_of(promotion), gate)


def final_verdict(promotion: Promotion) -> Verdict:
    """What the gate says to everything that was measured."""
    return judge(measurements_of(promotion), promotion.plan.settings.gate)


def measurements_of(promotion: Promotion) -> Measurements:
    """Everything that was measured so far."""
    scores, measured = promotion.find(Evaluated), promotion.find(Measured)
    return Measurements(
        intents=scores.intents if scores else None,
        entities=scores.entities if scores else None,
        paired=measured.paired if measured else None,
        golden=measured.golden if measured else None,
        changed_share=promotion.plan.changed_share,
    )
