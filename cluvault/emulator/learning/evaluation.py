"""Evaluating a model on labelled utterances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluvault.emulator.learning.corpus import Span
from cluvault.emulator.learning.metrics import entities_evaluation, intents_evaluation
from cluvault.emulator.spans import unit_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluvault.emulator.learning.corpus import Corpus, Example
    from cluvault.emulator.learning.options import TrainingOptions
    from cluvault.emulator.learning.prediction import Prediction, Predictor


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedUtterance:
    """What was expected of an utterance, and what was predicted; spans count code points."""

    text: str
    language: str
    expected_intent: str
    predicted_intent: str
    expected_entities: tuple[Span, ...]
    predicted_entities: tuple[Span, ...]

    def to_wire(self) -> dict[str, Any]:
        """An item of the evaluation's results, with UTF-16 offsets."""
        return {
            "text": self.text,
            "language": self.language,
            "entitiesResult": {
                "expectedEntities": [_span_to_wire(span, self.text) for span in self.expected_entities],
                "predictedEntities": [_span_to_wire(span, self.text) for span in self.predicted_entities],
            },
            "intentsResult": {"expectedIntent": self.expected_intent, "predictedIntent": self.predicted_intent},
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        summary: The evaluation summary in its wire form.
        utterances: The utterances of the test set, in the order of the project.
    """

    summary: dict[str, Any]
    utterances: tuple[EvaluatedUtterance, ...]


def evaluate_examples(
    predictor: Predictor, corpus: Corpus, test: Sequence[Example], options: TrainingOptions
) -> Evaluation | None:
    """Compare predictions with labels; the None threshold is not applied. None when there is nothing to test with."""
    if not test:
        return None
    predictions = predictor.predict(
        [example.text for example in test], languages=[example.language for example in test]
    )
    utterances = tuple(map(_evaluated, test, predictions))
    return Evaluation(_summary(utterances, corpus, options), utterances)


def _evaluated(example: Example, prediction: Prediction) -> EvaluatedUtterance:
    spans = {Span(entity.start, entity.end, entity.category) for entity in prediction.entities}
    return EvaluatedUtterance(
        text=example.text,
        language=example.language,
        expected_intent=example.intent,
        predicted_intent=prediction.likeliest_intent,
        expected_entities=example.spans,
        predicted_entities=tuple(sorted(spans)),
    )


def _summary(utterances: Sequence[EvaluatedUtterance], corpus: Corpus, options: TrainingOptions) -> dict[str, Any]:
    intents = [(utterance.expected_intent, utterance.predicted_intent) for utterance in utterances]
    entities = [(utterance.text, utterance.expected_entities, utterance.predicted_entities) for utterance in utterances]
    return {
        "entitiesEvaluation": entities_evaluation(entities, order=[entity.category for entity in corpus.entities]),
        "intentsEvaluation": intents_evaluation(intents, order=corpus.intents),
        "evaluationOptions": options.evaluation_to_wire(),
    }


def _span_to_wire(span: Span, text: str) -> dict[str, Any]:
    offset, length = unit_length(text[: span.start]), unit_length(text[span.start : span.end])
    return {"category": span.category, "offset": offset, "length": length}
