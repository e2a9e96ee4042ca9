"""The warnings of a training job: too few labels, and expressions that cannot be used. Needs no scikit-learn."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from cluvault.emulator.errors import Problem
from cluvault.emulator.learning.corpus import NONE_INTENT, read_corpus
from cluvault.emulator.learning.expressions import compile_expression
from cluvault.emulator.learning.split import split_examples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluvault.emulator.learning.corpus import Corpus
    from cluvault.emulator.learning.options import TrainingOptions
    from cluvault.emulator.learning.split import Split
    from cluvault.emulator.records import Snapshot

ENOUGH_LABELS: Final = 10
"""The number of labels that the service recommends."""


def training_warnings(snapshot: Snapshot, *, options: TrainingOptions) -> tuple[Problem, ...]:
    """What the service warns of, in the order of the project: intents, then entities."""
    corpus = read_corpus(snapshot)
    return warnings_of(corpus, split_examples(corpus.examples, options))


def warnings_of(corpus: Corpus, split: Split) -> tuple[Problem, ...]:
    """The warnings of a corpus that has been split."""
    return (*_few_labels(corpus, split), *_unusable_expressions(corpus))


def _few_labels(corpus: Corpus, split: Split) -> Iterator[Problem]:
    """As recorded: the None intent is left out, and so is an entity that nobody labels, for it need not be learned."""
    intents = Counter(example.intent for example in split.train)
    entities = Counter(category for example in split.train for category in {span.category for span in example.spans})
    for intent in corpus.intents:
        if intent != NONE_INTENT and intents[intent] < ENOUGH_LABELS:
            yield _few("Intent", intent, intents[intent])
    for entity in corpus.entities:
        if 0 < entities[entity.category] < ENOUGH_LABELS:
            yield _few("Entity", entity.category, entities[entity.category])


def _few(what: str, name: str, count: int) -> Problem:
    """The recorded sentence."""
    return Problem(
        "Warning",
        f"{what} `{name}` is tagged in `{count}` training dataset examples, "
        f"it is recommended to have `{ENOUGH_LABELS}` tags for better model quality.",
    )


def _unusable_expressions(corpus: Corpus) -> Iterator[Problem]:
    for entity in corpus.entities:
        for expression in entity.expressions:
            _, fault = compile_expression(expression.pattern)
            if fault:
                message = f"The regular expression `{expression.key}` of the entity `{entity.category}` is not used: "
                yield Problem("Warning", f"{message}{fault}.")
