"""Plan files say all of a plan, and bind."""

from __future__ import annotations

from typing import Any

import pytest

from cluvault.errors import GuardRefused, UsageError, VaultTooNew
from cluvault.model.golden import GoldenUtterance
from cluvault.plan.reviewed_plan import check_still_holds, plan_to_bytes, read_plan
from tests.plan.promotions import SOURCE, plan, route
from tests.plan.test_promotion_plan import planned


def test_a_plan_file_says_all_of_the_plan() -> None:
    """What is written comes back."""
    one = planned({"gate": {"golden": "golden.csv"}}, golden=(GoldenUtterance(text="a", intent="B"),)).plan
    assert read_plan(plan_to_bytes(one), source="plan.json") == one


def test_what_is_no_plan_file_is_refused() -> None:
    """Another file, or one of a newer cluvault."""
    with pytest.raises(UsageError, match="no promotion plan: at route"):
        read_plan(b'{"format": 1}', source="plan.json")
    with pytest.raises(UsageError, match="at top level"):
        read_plan(b"[]", source="plan.json")
    with pytest.raises(VaultTooNew):
        read_plan(b'{"format": 2}', source="plan.json")


@pytest.mark.parametrize(
    "moved, said",
    [
        ({"source": SOURCE.model_copy(update={"digest": "00" * 32})}, "the content of dev/Desk"),
        ({"target": plan().target.model_copy(update={"digest": None})}, "the target's content"),
        ({"target": plan().target.model_copy(update={"production": "x"})}, "the model in production"),
        ({"meant_digest": "00" * 32}, "what is to be imported"),
        ({"settings": route(gate={"min-intent-f1": 0.1})}, "the route's configuration"),
        ({"golden": ()}, "the golden utterances"),
    ],
)
def test_a_plan_binds(moved: dict[str, Any], said: str) -> None:
    """Whatever has moved since, it is refused."""
    with pytest.raises(GuardRefused, match=f"{said}.* has moved"):
        check_still_holds(plan(), plan().model_copy(update=moved))


def test_a_plan_holds_on_another_machine() -> None:
    """Where the golden file lies does not matter; what is in it does."""
    here, there = plan(route(gate={"golden": "/here/g.csv"})), plan(route(gate={"golden": "/there/g.csv"}))
    check_still_holds(here, there)
