"""Which promotions are taken up: all that have not ended, save those that wait for a person."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from cluvault.model.promotion import (
    ApprovalAsked,
    Approved,
    Evaluated,
    ImportBegun,
    Imported,
    Judged,
    Measured,
    Promoted,
    Proved,
    Rejected,
    RollbackBegun,
    Safety,
    Staged,
    Trained,
)
from cluvault.model.verdict import Check, Verdict
from cluvault.plan.recovery import plan_recovery
from tests.plan.promotions import MEANT, NOW, plan, promotion, route

if TYPE_CHECKING:
    from cluvault.model.promotion import Facts

TABLE = plan(route(gate={"approval": True}))
BAD = Judged(verdict=Verdict((Check("golden", "all", 1.0, 0.5, passed=False, sentence="wrong answers"),)))
ASKED = ApprovalAsked(deadline=NOW + timedelta(hours=1))
WAY: tuple[Facts, ...] = (
    Safety(snapshot="prod/Desk@x", digest="cd" * 32, production="old", staging=None),
    ImportBegun(),
    Imported(),
    Proved(digest=MEANT),
    Trained(model="m"),
    Evaluated(intents=None, entities=None),
    Staged(model="m", before=None),
    Measured(golden=None, paired=None, probes=()),
)
GOOD = (*WAY, Judged(verdict=Verdict(())))


@pytest.mark.parametrize(
    "facts, state, is_due, sentence",
    [
        ((), "running", True, "go on with safety"),
        (WAY[:2], "running", True, "go on with import"),
        ((*WAY, BAD), "running", True, "undo it: wrong answers"),
        ((*GOOD, ASKED), "awaiting-approval", False, "waits for approval until 2026-11-22 13:00 UTC"),
        ((*GOOD, ASKED, Approved()), "running", True, "go on with swap"),
        ((*GOOD, ASKED, Rejected(note="no")), "running", True, "undo it: rejected by anna: no"),
        ((*WAY, RollbackBegun(cause="failed", why="train: out of luck")), "rolling-back", True,
         "undo it, from restore-staging on: train: out of luck"),
    ],
)  # fmt: skip
def test_what_comes_next(facts: tuple[Facts, ...], state: str, is_due: bool, sentence: str) -> None:  # noqa: FBT001
    """Forwards where nothing is against it, else back, with the reason."""
    (found,) = plan_recovery([promotion(*facts, of=TABLE)], now=NOW)
    assert (found.state, found.is_due, found.sentence) == (state, is_due, sentence)
    assert found.to_json()["due"] is is_due


def test_after_the_deadline_it_is_due() -> None:
    """Nobody approved it: it is undone."""
    (found,) = plan_recovery([promotion(*GOOD, ASKED, of=TABLE)], now=NOW + timedelta(hours=2))
    assert (found.is_due, found.sentence) == (True, "undo it: nobody approved it until 2026-11-22 13:00 UTC")


def test_what_has_ended_is_not_looked_at() -> None:
    """It is nobody's work."""
    assert plan_recovery([promotion(*GOOD, Promoted(digest=MEANT, model="m"))], now=NOW) == ()
