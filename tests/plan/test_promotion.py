"""The state machine of a promotion: from its records alone to the next step."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from cluvault.errors import DamagedRecord
from cluvault.model.measurement import GoldenAnswer, Score, Scores
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
from cluvault.model.verdict import Check, Verdict
from cluvault.plan.promotion import Promotion, Step, final_verdict, next_step, why_not
from tests.plan.promotions import KEY, MEANT, NOW, plan, promotion, route

if TYPE_CHECKING:
    from cluvault.model.promotion import Facts

SCORE = Score(0.9, 0.9, 0.9)
SAFETY = Safety(snapshot="prod/Desk@x", digest="cd" * 32, production="old", staging=None)
NEW = Safety(snapshot=None, digest=None, production=None, staging=None)
WAY: tuple[Facts, ...] = (
    SAFETY,
    ImportBegun(),
    Imported(),
    Proved(digest=MEANT),
    Trained(model="cv-efefefef-20261122T120000Z"),
    Evaluated(intents=Scores(SCORE, {"Book": SCORE}), entities=None),
    Staged(model="cv", before=None),
    Measured(golden=None, paired=None, probes=()),
    Judged(verdict=Verdict(())),
)
SWAP: tuple[Facts, ...] = (SwapBegun(), Swapped(), Probed(answers=1), Promoted(digest=MEANT, model="cv"))
ASKED = ApprovalAsked(deadline=NOW + timedelta(hours=72))
APPROVING = plan(route(gate={"approval": True}))
BEGUN = RollbackBegun(cause="failed", why="train: out of luck")
BAD = Verdict((Check("max-regression", "Cancel", 0.5, 0.02, passed=False, sentence="Cancel: worse"),))


def step_of(found: Promotion, **later: float) -> Step | None:
    """What comes next, at once or so much later."""
    return next_step(found, now=NOW + timedelta(**later))


@pytest.mark.parametrize(
    "done, step",
    [
        (0, Step.SAFETY), (1, Step.IMPORT), (2, Step.IMPORT), (3, Step.PROVE), (4, Step.TRAIN), (5, Step.EVALUATE),
        (6, Step.STAGE), (7, Step.MEASURE), (8, Step.JUDGE), (9, Step.SWAP), (10, Step.SWAP), (11, Step.PROBE),
        (12, Step.FINISH), (13, None),
    ],
)  # fmt: skip
def test_the_way_forward(done: int, step: Step | None) -> None:
    """Each record leads to the next step; a record that says that something began leads to the same step again."""
    assert step_of(promotion(*(*WAY, *SWAP)[:done])) == step


def test_a_person_is_asked_where_the_gate_says_so() -> None:
    """And waited for; nothing else happens meanwhile."""
    assert step_of(promotion(*WAY, of=APPROVING)) is Step.ASK
    waiting = promotion(*WAY, ASKED, of=APPROVING)
    assert (step_of(waiting, hours=72), waiting.state) == (Step.WAIT, "awaiting-approval")
    assert step_of(promotion(*WAY, ASKED, Approved(), of=APPROVING)) is Step.SWAP
    assert step_of(promotion(*WAY, ASKED, Approved(), of=APPROVING), hours=99) is Step.SWAP


@pytest.mark.parametrize(
    "facts, cause, sentence",
    [
        ((*WAY[:-1], Judged(verdict=BAD)), "gate", "Cancel: worse"),
        ((*WAY, ASKED, Rejected(note="no")), "rejected", "rejected by berta: no"),
        ((*WAY, ASKED, Rejected()), "rejected", "rejected by berta"),
        ((*WAY, ASKED), "expired", "nobody approved it until 2026-11-25 12:00 UTC"),
    ],
)
def test_what_speaks_against_it_turns_it_round(facts: tuple[Facts, ...], cause: str, sentence: str) -> None:
    """The gate, a person, or nobody in time."""
    found = promotion(*facts, of=APPROVING, by="berta")
    assert step_of(found, hours=73) is Step.BEGIN_ROLLBACK
    assert why_not(found, now=NOW + timedelta(hours=73)) == (cause, sentence)


def test_bad_scores_are_not_even_staged() -> None:
    """The gate looks at them first; golden utterances it cannot know yet."""
    strict = plan(route(gate={"each-intent-f1": 0.95, "golden": "golden.csv"}))
    found = promotion(*WAY[:6], of=strict)
    assert step_of(found) is Step.BEGIN_ROLLBACK
    assert found.verdict is not None
    assert [check.subject for check in found.verdict.refusals] == ["Book"]
    assert step_of(promotion(*WAY[:6], of=plan(route(gate={"golden": "golden.csv"})))) is Step.STAGE


def test_the_final_verdict_knows_everything() -> None:
    """Scores and answers together."""
    gated = plan(route(gate={"golden": "golden.csv", "min-intent-f1": 0.5}))
    measured = Measured(golden=(GoldenAnswer("hi", "", ("wrong",)),), paired=None, probes=())
    found = promotion(*WAY[:7], measured, of=gated)
    assert [(check.name, check.passed) for check in final_verdict(found).checks] == [
        ("min-intent-f1", True),
        ("min-golden", False),
    ]
    assert promotion(*WAY[:4]).verdict is None
    assert final_verdict(promotion(*WAY[:4])).checks == ()
    judged = promotion(*WAY[:-1], Judged(verdict=BAD))
    assert judged.verdict == BAD


@pytest.mark.parametrize(
    "facts, steps",
    [
        (WAY[:3], [Step.RESTORE_STAGING, Step.RESTORE_DATA, Step.FINISH_ROLLBACK]),
        ((*WAY, *SWAP[:1]), [Step.SWAP_BACK, Step.RESTORE_STAGING, Step.RESTORE_DATA, Step.FINISH_ROLLBACK]),
        ((*WAY, *SWAP), [Step.SWAP_BACK, Step.RESTORE_STAGING, Step.RESTORE_DATA, Step.FINISH_ROLLBACK]),
        ((NEW, *WAY[1:], *SWAP), [Step.RESTORE_DATA, Step.FINISH_ROLLBACK]),
    ],
)
def test_the_way_back(facts: tuple[Facts, ...], steps: list[Step]) -> None:
    """What serves first, the data after it; what was not there before is deleted as a whole."""
    left: dict[Step, Facts] = {
        Step.SWAP_BACK: SwappedBack(),
        Step.RESTORE_STAGING: StagingRestored(),
        Step.RESTORE_DATA: DataRestored(digest="cd" * 32),
        Step.FINISH_ROLLBACK: RolledBack(),
    }
    done: list[Facts] = [*facts, BEGUN]
    taken: list[Step] = []
    while (step := step_of(promotion(*done))) is not None:
        taken.append(step)
        done.append(left[step])
    assert taken == steps
    assert promotion(*done).state == "rolled-back"


def test_what_a_promotion_says_of_itself() -> None:
    """For tables, and for whoever wants to begin another."""
    fresh, gone = promotion(SAFETY), promotion(Abandoned(why="it was early"))
    assert (fresh.state, fresh.is_harmless, fresh.has_ended) == ("running", True, False)
    assert (gone.state, gone.has_ended, step_of(gone)) == ("abandoned", True, None)
    done, undoing = promotion(*WAY, *SWAP), promotion(*WAY, *SWAP, BEGUN)
    assert (done.state, done.is_promoted, done.is_harmless) == ("promoted", True, False)
    assert (undoing.state, undoing.is_promoted, undoing.has_ended) == ("rolling-back", False, False)
    assert (done.model_label, done.requested_by) == ("cv-efefefef-20261122T120000Z", "anna")
    assert done.started_at == NOW
    assert done.record_of(Abandoned) is None
    assert str(done.key) == "prod/Desk@20261122T120000Z-00000001"


def test_a_promotion_without_plan_is_damaged() -> None:
    """Somebody removed its first record."""
    found = promotion(SAFETY)
    with pytest.raises(DamagedRecord, match=r"000\.json: holds no plan"):
        _ = Promotion(KEY, found.records[1:]).plan
