"""The intent classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluvault.emulator.learning.fitting import fit_texts
from cluvault.emulator.learning.tokens import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluvault.emulator.learning.corpus import Example
    from cluvault.emulator.learning.fitting import TextModel


@dataclass(frozen=True, slots=True)
class IntentClassifier:
    """Knows how likely each intent of a project is; intents without utterances never are."""

    intents: tuple[str, ...]
    _model: TextModel

    def scores(self, texts: Sequence[str]) -> list[list[float]]:
        """For each text the confidence in each intent, in the order of `intents`."""
        return self._model.probabilities(texts)


def fit_intents(
    examples: Sequence[Example], *, intents: tuple[str, ...], strip_marks: bool, advanced: bool
) -> IntentClassifier:
    """Learn which intent a text has; `strip_marks` makes accents not count."""
    numbers = {intent: number for number, intent in enumerate(intents)}
    known = [example for example in examples if example.intent in numbers]
    model = fit_texts(
        [example.text for example in known],
        [numbers[example.intent] for example in known],
        class_count=len(intents),
        fold=lambda text: fold(text, strip_marks=strip_marks),
        advanced=advanced,
    )
    return IntentClassifier(intents, model)
