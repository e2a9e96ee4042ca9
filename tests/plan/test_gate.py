"""The gate: what it asks for is checked, nothing else; a stricter bound never lets more pass."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.model.measurement import GoldenAnswer, Measurements, PairedOutcome, Score, Scores
from cluvault.plan.gate import judge
from cluvault.plan.paired_test import chance_of
from cluvault.settings import GateSettings
from tests.strategies import QUICK

SHARES = st.floats(0, 1)
INTENTS = ("Book", "Cancel")


def _score(figures: tuple[float, float, float]) -> Score:
    return Score(*figures)


scores = st.builds(
    Scores,
    st.tuples(SHARES, SHARES, SHARES).map(_score),
    st.dictionaries(st.sampled_from(INTENTS), st.tuples(SHARES, SHARES, SHARES).map(_score)),
)
outcomes = st.builds(PairedOutcome, st.just("text"), st.sampled_from(INTENTS), st.booleans(), st.booleans())
answers = st.builds(GoldenAnswer, st.just("text"), st.just(""), st.sampled_from([(), ("wrong",)]))
measurements = st.builds(
    Measurements,
    intents=st.none() | scores,
    entities=st.none() | scores,
    paired=st.none() | st.lists(outcomes, max_size=12),
    golden=st.none() | st.lists(answers, max_size=4),
    changed_share=st.none() | SHARES,
)
AT_LEAST = [
    *(f"min_{kind}_{figure}" for kind, figure in product(("intent", "entity"), ("f1", "precision", "recall"))),
    *("each_intent_f1", "each_entity_f1", "min_golden"),
]
AT_MOST = ["max_regression", "max_regression_each", "max_changed_share"]
SCORE = Score(0.9, 0.8, 0.7)


def measured(**values: Any) -> Measurements:
    """Perfect scores of one intent and no entity, unless something else is said."""
    known: dict[str, Any] = {"intents": Scores(SCORE, {"Book": SCORE}), "entities": None}
    return Measurements(**known | values)


@QUICK
@given(measurements, st.sampled_from([*AT_LEAST, *AT_MOST]), SHARES, SHARES)
def test_a_stricter_bound_never_lets_more_pass(found: Measurements, name: str, one: float, other: float) -> None:
    """For every threshold there is."""
    lax, strict = sorted((one, other), reverse=name in AT_MOST)
    besides = {"golden": "golden.csv"} if name == "min_golden" else {}
    verdicts = [judge(found, GateSettings.model_validate({name: bound} | besides)) for bound in (lax, strict)]
    assert verdicts[0].passed or not verdicts[1].passed
    assert len(verdicts[0].checks) == len(verdicts[1].checks)


@QUICK
@given(measurements, SHARES, SHARES, st.sampled_from(["intents", "entities"]))
def test_a_stricter_bound_of_one_category_never_lets_more_pass(
    found: Measurements, one: float, other: float, kind: str
) -> None:
    """Likewise for the bounds by name."""
    lax, strict = sorted((one, other))
    verdicts = [judge(found, GateSettings.model_validate({kind: {"Book": bound}})) for bound in (lax, strict)]
    assert verdicts[0].passed or not verdicts[1].passed


@QUICK
@given(measurements, st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_believing_less_likely_regressions_never_lets_more_pass(found: Measurements, one: float, other: float) -> None:
    """A greater significance believes more regressions."""
    lax, strict = sorted((one, other))
    verdicts = [
        judge(found, GateSettings(max_regression=0.0, max_regression_each=0.0, significance=bound))
        for bound in (lax, strict)
    ]
    assert verdicts[0].passed or not verdicts[1].passed


@QUICK
@given(measurements)
def test_a_gate_that_asks_for_nothing_passes(found: Measurements) -> None:
    """And makes no check."""
    verdict = judge(found, GateSettings())
    assert (verdict.passed, verdict.checks) == (True, ())


def test_every_reason_is_listed() -> None:
    """Not the first only."""
    gate = GateSettings(min_intent_f1=0.95, min_intent_recall=0.75, each_intent_f1=0.5, min_entity_f1=0.1)
    verdict = judge(measured(), gate)
    assert [check.sentence for check in verdict.refusals] == [
        "all intents: f1 0.900 < 0.950",
        "all intents: recall 0.700 < 0.750",
        "all entities: f1 was not measured",
    ]
    assert [check.subject for check in verdict.checks if check.passed] == ["Book"]
    assert verdict.to_dict()["checks"][0] == {
        "check": "min-intent-f1",
        "subject": "all intents",
        "value": 0.9,
        "bound": 0.95,
        "passed": False,
        "sentence": "all intents: f1 0.900 < 0.950",
    }


def test_an_intent_of_its_own_bound_is_not_judged_by_that_of_all() -> None:
    """And one that is named and was not measured does not pass."""
    gate = GateSettings(each_intent_f1=0.95, intents={"Book": 0.85, "Gone": 0.1}, entities={"City": 0.5})
    verdict = judge(measured(), gate)
    assert [(check.name, check.passed) for check in verdict.checks] == [
        ("intents.Book", True),
        ("intents.Gone", False),
        ("entities.City", False),
    ]


def test_a_regression_that_chance_explains_does_not_count() -> None:
    """Two of three lost is nothing; eight of eight is."""
    lost, won = (
        PairedOutcome("a", "Book", before=True, after=False),
        PairedOutcome("b", "Book", before=False, after=True),
    )
    gate = GateSettings(max_regression=0.02, max_regression_each=0.02)
    few = judge(measured(paired=[lost, lost, won]), gate)
    assert few.passed
    assert few.checks[0].sentence == (
        "all intents: 2 of 3 right answers lost, 1 won: +0.333 worse, by chance with p = 0.500"
    )
    many = judge(measured(paired=[lost] * 8), gate)
    assert [check.subject for check in many.refusals] == ["all intents", "Book"]
    assert judge(measured(paired=[won] * 8), gate).checks[0].sentence.endswith("8 won: -1.000 worse")


def test_nothing_to_compare_on_is_no_pass() -> None:
    """But without a model that serves there is no regression."""
    gate = GateSettings(max_regression=0.5)
    assert [check.value for check in judge(measured(paired=[]), gate).refusals] == [None]
    assert judge(measured(paired=None), gate).checks == ()


def test_golden_utterances_name_the_first_that_is_wrong() -> None:
    """And an empty file passes nothing."""
    gate = GateSettings.model_validate({"golden": "golden.csv", "min-golden": 0.6})
    wrong = judge(measured(golden=[GoldenAnswer("hi"), GoldenAnswer("bye", "", ("intent Book instead of Bye",))]), gate)
    assert wrong.refusals[0].sentence == (
        "golden utterances: 1 of 2 answered as expected; 'bye': intent Book instead of Bye"
    )
    assert not judge(measured(golden=[]), gate).passed
    assert not judge(measured(golden=None), gate).passed


def test_a_change_may_be_too_large() -> None:
    """A new project changes nothing of the target."""
    gate = GateSettings(max_changed_share=0.1)
    assert judge(measured(changed_share=0.2), gate).refusals[0].sentence == (
        "20.0% of the target's utterances change, 10.0% may"
    )
    assert judge(measured(changed_share=0.1), gate).passed
    assert judge(measured(), gate).checks == ()


@pytest.mark.parametrize("lost, won, chance", [(0, 0, 1.0), (1, 0, 0.5), (5, 0, 1 / 32), (0, 5, 1.0), (2, 2, 11 / 16)])
def test_the_chance_of_equal_models(lost: int, won: int, chance: float) -> None:
    """McNemar's exact test, one-sided."""
    assert chance_of(lost, won) == chance
