"""What can be said of a training or evaluation before anything is fitted. Pure, and needs no scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from cluvault.emulator.errors import Problem
from cluvault.emulator.learning.advice import warnings_of
from cluvault.emulator.learning.corpus import read_corpus
from cluvault.emulator.learning.options import TrainingOptions
from cluvault.emulator.learning.split import split_examples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluvault.emulator.records import Content, EvaluationOptions, Snapshot, TrainingMode

_NOTHING_TO_LEARN: Final = Problem("InvalidRequest", "The project has no utterances to train with.")
_NOTHING_TO_TEST: Final = Problem("InvalidRequest", "The evaluation options leave no utterances to test with.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a training will meet.

    Attributes:
        errors: Why it will fail.
        has_test_set: There are utterances to test with, so that there will be figures.
        targets: Intents with the project of the same resource that each leads to.
    """

    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    has_test_set: bool
    targets: tuple[tuple[str, str], ...]


def training_options(mode: TrainingMode, evaluation: EvaluationOptions) -> TrainingOptions:
    """The options of a training in the words of the package that fits."""
    return TrainingOptions(
        mode=mode,
        evaluation_kind=evaluation.kind,
        training_split=evaluation.training_split,
        testing_split=evaluation.testing_split,
    )


def survey_training(snapshot: Snapshot, *, mode: TrainingMode, evaluation: EvaluationOptions) -> Survey:
    """Look over what is to be learned."""
    corpus = read_corpus(snapshot)
    split = split_examples(corpus.examples, training_options(mode, evaluation))
    return Survey(
        errors=() if split.train else (_NOTHING_TO_LEARN,),
        warnings=warnings_of(corpus, split),
        has_test_set=bool(split.test),
        targets=tuple(_targets(snapshot.content)),
    )


def survey_evaluation(snapshot: Snapshot, *, mode: TrainingMode, evaluation: EvaluationOptions) -> tuple[Problem, ...]:
    """Why an evaluation will fail, if it will."""
    split = split_examples(read_corpus(snapshot).examples, training_options(mode, evaluation))
    return () if split.test else (_NOTHING_TO_TEST,)


def _targets(content: Content) -> Iterator[tuple[str, str]]:
    intents: list[dict[str, Any]] = orjson.loads(dict(content.parts)["intents"])
    for intent in intents:
        target = intent.get("orchestration", {}).get("conversationOrchestration")
        if target is not None:
            yield intent["category"], target["projectName"]
