"""Promotions as pages for people."""

from __future__ import annotations

from cluvault.model.promotion import (
    ApprovalAsked,
    Approved,
    Evaluated,
    Judged,
    Measured,
    Rejected,
    RollbackBegun,
    RolledBack,
)
from cluvault.model.verdict import Check, Verdict
from cluvault.plan.promotion_pages import approval_to_markdown, plan_to_markdown, too_late
from tests.plan.promotions import NOW, plan, promotion, route

ASKED = ApprovalAsked(deadline=NOW, flow_run="run-1")
VERDICT = Verdict((Check("min-intent-f1", "all intents", 0.9, 0.8, passed=True, sentence="f1 0.9 >= 0.8"),))
MEASURED = Measured(golden=None, paired=None, probes=(), notes=("only 3 utterances",))


def test_the_question_says_all_that_a_person_needs() -> None:
    """Who asks, until when, what changes, what it means, what the gate found; and no markup of a name gets through."""
    careful = plan(
        route(gate={"approval": True, "second-person": True}),
        blast_radius=("removes 31 % of utterances of <b>Cancel</b>",),
        warnings=("the training config expires",),
    )
    page = approval_to_markdown(
        promotion(Evaluated(intents=None, entities=None), MEASURED, Judged(verdict=VERDICT), ASKED, of=careful),
        links={"plan": "http://ui/1", "this run": "http://ui/2"},
        refusal="anna asked for it",
    )
    for said in (
        "Asked for by **anna**",
        "rolled back at 2026-11-22 12:00 UTC",
        "somebody else than anna has to approve it",
        "**The last answer did not count:** anna asked for it",
        "**Gate:** passed (1), see below",
        "**Changes:** some",
        "removes 31 % of utterances of",
        "- the training config expires",
        "- only 3 utterances",
        "| ok | min-intent-f1 |",
        "Read [plan](http://ui/1), [this run](http://ui/2).",
    ):
        assert said in page
    assert "<b>" not in page


def test_a_question_without_more_to_say() -> None:
    """No empty headings."""
    page = approval_to_markdown(promotion(), links={})
    assert page.count("**") == 4
    assert "Gate" not in page


def test_the_plan() -> None:
    """Facts as a table, then what changes, then the steps."""
    page = plan_to_markdown(plan(refusals=("drifted",), notes=("n",), losses=("l",), steps=("keep", "import")))
    assert "- target: prod/Desk, serving old\n" in page
    assert "**Refused**\n\n- drifted" in page
    assert page.index("**Lost**") < page.index("1. keep\n2. import")


def test_who_answers_too_late_is_told_what_was_decided() -> None:
    """But not who decided it."""
    approved = promotion(ASKED, Approved(), by="berta")
    assert too_late(approved, by="berta", rejects=False) == ""
    late = too_late(approved, by="carla", rejects=True)
    assert late == "the rejection by carla came too late: berta had approved it at 2026-11-22 12:02 UTC"
    rejected = promotion(ASKED, Rejected(), by="berta")
    assert too_late(rejected, by="berta", rejects=False).endswith("berta had rejected it at 2026-11-22 12:02 UTC")


def test_who_answers_after_the_deadline_is_told() -> None:
    """While nobody has decided and it still waits, nothing is too late."""
    ended = promotion(ASKED, RollbackBegun(cause="expired", why="nobody"), RolledBack())
    assert too_late(ended, by="carla", rejects=False).endswith("came too late: nobody had answered in time")
    assert too_late(promotion(ASKED), by="carla", rejects=False) == ""


def test_a_promotion_knows_the_run_that_began_it() -> None:
    """None where there was none."""
    assert promotion().flow_run is None
