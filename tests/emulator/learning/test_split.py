"""Which utterances train and which test (contract 7.4)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.emulator.learning.corpus import Example, read_corpus
from cluvault.emulator.learning.options import TrainingOptions
from cluvault.emulator.learning.split import split_examples
from cluvault.errors import UsageError
from tests.emulator.learning.making import snapshot_of

if TYPE_CHECKING:
    from collections.abc import Callable


def example(text: str, intent: str = "A", dataset: str = "Train") -> Example:
    """An utterance without labels."""
    return Example(text=text, language="en-us", intent=intent, spans=(), dataset=dataset)


def percentage(testing: int, *, seed: int | None = None) -> TrainingOptions:
    """A percentage split."""
    return TrainingOptions(training_split=100 - testing, testing_split=testing, seed=seed)


MANUAL = TrainingOptions(evaluation_kind="manual")
EXAMPLES = st.lists(
    st.builds(example, st.text(max_size=4), st.sampled_from("ABC"), st.sampled_from(["Train", "Train", "Test", "X"])),
    max_size=30,
)


@given(EXAMPLES, st.integers(0, 100), st.none() | st.integers(0, 9))
def test_a_percentage_split_parts_the_training_data(examples: list[Example], testing: int, seed: int | None) -> None:
    """Every utterance of dataset Train is on one side, in the project's order; all others are on neither."""
    split = split_examples(examples, percentage(testing, seed=seed))
    in_training = [one for one in examples if one.dataset == "Train"]
    assert Counter(split.train) + Counter(split.test) == Counter(in_training)
    assert len(split.test) <= len(in_training) * testing // 100
    places = {id(one): place for place, one in enumerate(in_training)}  # equal utterances may be on both sides
    for side in split:
        assert [places[id(one)] for one in side] == sorted(places[id(one)] for one in side)


@given(EXAMPLES, st.integers(0, 99))
def test_no_intent_loses_its_last_utterance_to_the_test_set(examples: list[Example], testing: int) -> None:
    """What is not trained cannot be predicted."""
    split = split_examples(examples, percentage(testing))
    assert {one.intent for one in split.train} == {one.intent for one in examples if one.dataset == "Train"}


def test_the_recorded_share(sample: Callable[[str], bytes]) -> None:
    """The service's example: 20 % of 607 utterances are 121, and each intent has its share, rounded either way."""
    examples = read_corpus(snapshot_of(sample("emailapp-demo"))).examples
    split = split_examples(examples, percentage(20))
    assert len(split.test) == 121
    total = Counter(one.intent for one in examples)
    for intent, count in Counter(one.intent for one in split.test).items():
        assert total[intent] // 5 <= count <= total[intent] // 5 + 1


def test_everything_for_training_leaves_no_test_set() -> None:
    """100/0 is allowed, and used in the documentation."""
    split = split_examples([example(str(number)) for number in range(9)], percentage(0))
    assert (len(split.train), len(split.test)) == (9, 0)


def test_everything_for_testing_leaves_nothing_to_train() -> None:
    """0/100 is taken at its word."""
    split = split_examples([example(str(number)) for number in range(9)], percentage(100))
    assert (len(split.train), len(split.test)) == (0, 9)


def test_a_manual_split_goes_by_the_dataset() -> None:
    """Datasets of other names are for other occasions."""
    examples = [example("a"), example("b", dataset="Test"), example("c", dataset="Holdout")]
    split = split_examples(examples, MANUAL)
    assert ([one.text for one in split.train], [one.text for one in split.test]) == (["a"], ["b"])


def test_an_edit_moves_no_other_utterance() -> None:
    """Two versions of a project are tested with the same utterances, so that their figures can be compared."""
    before = [example(f"utterance {number}") for number in range(100)]
    after = [*before[:50], example("edited"), *before[51:]]
    tested = [{one.text for one in split_examples(side, percentage(20)).test} for side in (before, after)]
    assert len(tested[0] & tested[1]) >= 19


def test_another_seed_gives_another_split() -> None:
    """And the same seed the same."""
    examples = [example(f"utterance {number}") for number in range(100)]
    first, second, again = (split_examples(examples, percentage(20, seed=seed)).test for seed in (1, 2, 1))
    assert first != second
    assert first == again


@pytest.mark.parametrize("training, testing", [(80, 30), (120, -20), (0, 0)])
def test_percentages_sum_to_100(training: int, testing: int) -> None:
    """Anything else is no split."""
    with pytest.raises(UsageError, match="sum to 100"):
        TrainingOptions(training_split=training, testing_split=testing)


def test_a_manual_split_has_no_percentages() -> None:
    """What is given for them does not count, and the summary does not show it."""
    options = TrainingOptions(evaluation_kind="manual", training_split=1, testing_split=1)
    assert options.evaluation_to_wire() == {"kind": "manual"}
