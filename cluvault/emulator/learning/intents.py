"""The intent classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluvault.emulator.learning.text_model import fit_texts
from cluvault.emulator.learning.tokens import fold, words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluvault.emulator.learning.corpus import Example
    from cluvault.emulator.learning.text_model import TextModel


@dataclass(frozen=True, slots=True)
class IntentClassifier:
    """Knows how likely each intent of a project is; intents without utterances never are."""

    intents: tuple[str, ...]
    _model: TextModel
    _strip_marks: bool

    def scores(self, texts: Sequence[str]) -> list[list[float]]:
        """For each text the confidence in each intent, in the order of `intents`."""
        return self._model.probabilities([_words(text, strip_marks=self._strip_marks) for text in texts])


def fit_intents(
    examples: Sequence[Example], *, intents: tuple[str, ...], strip_marks: bool, advanced: bool
) -> IntentClassifier:
    """Learn which intent a text has; `strip_marks` makes accents not count."""
    numbers = {intent: number for number, intent in enumerate(intents)}
    known = [example for example in examples if example.intent in numbers]
    model = fit_texts(
        [_words(example.text, strip_marks=strip_marks) for example in known],
        [numbers[example.intent] for example in known],
        class_count=len(intents),
        advanced=advanced,
    )
    return IntentClassifier(intents, model, strip_marks)


def _words(text: str, *, strip_marks: bool) -> list[str]:
    return words_of(fold(text, strip_marks=strip_marks))
