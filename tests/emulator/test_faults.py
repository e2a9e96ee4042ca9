"""Which call gets which fault: conditions, chance, the order of rules."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.emulator.faults import FaultPlan
from cluvault.emulator.faults_engine import Faults

if TYPE_CHECKING:
    from collections.abc import Iterable

SLOW = {"kind": "slow", "seconds": 1}
OPERATIONS = ("List Projects", "Export", "Get Export Status")


def plan_of(*rules: dict[str, Any], seed: int = 0) -> FaultPlan:
    """A plan of rules that make calls slow unless they say otherwise."""
    return FaultPlan.model_validate({"seed": seed, "rules": [{"effect": SLOW} | rule for rule in rules]})


def draw(faults: Faults, operation: str = "Export", resource: str = "dev") -> str | None:
    """The name of the rule that fires for the next call of an operation."""
    fault = faults.draw(resource=resource, operation=operation, method="POST", path="projects/A/:export")
    return fault.rule if fault is not None else None


def hits(rule: dict[str, Any], calls: int = 12) -> list[int]:
    """The numbers of the calls that a rule hits."""
    faults = Faults(plan_of(rule))
    return [number for number in range(1, calls + 1) if draw(faults) is not None]


@pytest.mark.parametrize(
    "conditions, expected",
    [
        ({}, range(1, 13)),
        ({"nth": 3}, [3]),
        ({"nth": [1, 4]}, [1, 4]),
        ({"every": 5}, [5, 10]),
        ({"after": 10}, [11, 12]),
        ({"after": 2, "every": 4}, [6, 10]),
        ({"times": 2}, [1, 2]),
        ({"every": 3, "times": 2}, [3, 6]),
        ({"probability": 0}, []),
        ({"probability": 1}, range(1, 13)),
        ({"probability": 1, "every": 6}, [6, 12]),
        ({"operations": "ex*"}, range(1, 13)),
        ({"operations": ["list*", "get*"]}, []),
        ({"method": "post"}, range(1, 13)),
        ({"method": "GET"}, []),
        ({"path": "projects/*/:export"}, range(1, 13)),
        ({"path": "projects/B/*"}, []),
        ({"resources": "d*"}, range(1, 13)),
        ({"resources": ["prod"]}, []),
    ],
)
def test_every_condition_that_is_given_must_hold(conditions: dict[str, Any], expected: Iterable[int]) -> None:
    """Numbers count from 1, `every` behind `after`, `times` counts the faults."""
    assert hits(conditions) == list(expected)


def test_the_first_rule_that_fires_wins() -> None:
    """The others count the call all the same, but not as one of their faults."""
    faults = Faults(plan_of({"name": "a", "every": 2}, {"name": "b", "times": 2}))
    assert [draw(faults) for _ in range(6)] == ["b", "a", "b", "a", None, "a"]


def test_each_operation_of_each_resource_is_counted_by_itself() -> None:
    """What others call in between changes nothing."""
    faults = Faults(plan_of({"nth": 2}))
    assert draw(faults) is None
    assert draw(faults, operation="List Projects") is None
    assert draw(faults, resource="prod") is None
    assert draw(faults) == "rule 1"
    assert draw(faults, resource="prod") == "rule 1"


@given(st.permutations([*(["List Projects"] * 8), *(["Export"] * 8), *(["Get Export Status"] * 8)]), st.integers())
def test_a_decision_does_not_depend_on_the_order_of_other_operations(calls: list[str], seed: int) -> None:
    """Whatever overtakes what: the n-th call of an operation gets the same fault."""
    plan = plan_of({"probability": 0.4, "times": 3}, {"every": 3}, seed=seed)
    faults, mixed = Faults(plan), {name: list[str | None]() for name in OPERATIONS}
    for name in calls:
        mixed[name].append(draw(faults, name))
    alone = Faults(plan)
    assert mixed == {name: [draw(alone, name) for _ in range(8)] for name in OPERATIONS}


def test_chance_keeps_to_its_share() -> None:
    """A fifth of many calls, other ones for every seed, rule and operation."""
    drawn = {
        (seed, operation): tuple(
            draw(faults, operation) is not None for _ in range(2000)
        )
        for seed, operation in itertools.product((1, 2), OPERATIONS)
        for faults in [Faults(plan_of({"probability": 0.2}, seed=seed))]
    }  # fmt: skip
    assert all(350 < sum(hit) < 450 for hit in drawn.values())
    assert len(set(drawn.values())) == len(drawn)


def test_a_new_plan_counts_from_the_start() -> None:
    """And no plan does nothing."""
    faults = Faults(plan_of({"nth": 1}))
    assert [draw(faults), draw(faults)] == ["rule 1", None]
    faults.use(plan_of({"nth": 1}))
    assert draw(faults) == "rule 1"
    faults.use(None)
    assert draw(faults) is None
