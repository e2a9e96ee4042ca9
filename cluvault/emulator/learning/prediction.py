"""What a trained model says of a text, and the model that says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluvault.emulator.learning.corpus import NONE_INTENT
from cluvault.emulator.spans import unit_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluvault.emulator.learning.entities import EntityExtractor
    from cluvault.emulator.learning.intents import IntentClassifier
    from cluvault.emulator.learning.parts import Found


@dataclass(frozen=True, slots=True)
class ScoredIntent:
    """An intent with the confidence in it, 0..1."""

    category: str
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedEntity:
    """An entity found in a text.

    Attributes:
        category: The entity.
        text: The words of the span.
        start: Where the span begins, in code points.
        end: Where it ends, in code points.
        offset: Where it begins, in UTF-16 code units.
        length: How long it is, in UTF-16 code units.
        confidence: 1 for what a list, an expression or a prebuilt matched.
        extra_information: The prediction API's `extraInformation`: ListKey, RegexKey, EntitySubtype.
        resolutions: The prediction API's `resolutions`.
    """

    category: str
    text: str
    start: int
    end: int
    offset: int
    length: int
    confidence: float
    extra_information: tuple[dict[str, Any], ...]
    resolutions: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The answer for one text.

    Attributes:
        text: What was asked.
        language: Its language: the one that was given, or the project's.
        top_intent: The first of `intents`, or None when the confidence in it is below the threshold.
        intents: Every intent of the project, the likeliest first; the threshold changes no confidence.
        entities: In the order of the text; entities of different categories may overlap.
    """

    text: str
    language: str
    top_intent: str
    intents: tuple[ScoredIntent, ...]
    entities: tuple[PredictedEntity, ...]

    @property
    def likeliest_intent(self) -> str:
        """The intent with the highest confidence, whatever the threshold: what an evaluation compares."""
        return self.intents[0].category if self.intents and self.intents[0].confidence > 0 else NONE_INTENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictor:
    """A classifier and an extractor with the settings they were trained with."""

    classifier: IntentClassifier
    extractor: EntityExtractor
    language: str
    threshold: float

    def predict(self, texts: Sequence[str], *, languages: Sequence[str]) -> list[Prediction]:
        """The predictions for some texts, each in its language."""
        scores = self.classifier.scores(texts)
        entities = self.extractor.find(texts, languages=languages)
        return [self._prediction(*work) for work in zip(texts, languages, scores, entities, strict=True)]

    def _prediction(
        self, text: str, language: str, scores: list[float], entities: list[tuple[str, Found]]
    ) -> Prediction:
        pairs = sorted(zip(scores, self.classifier.intents, strict=True), key=lambda pair: -pair[0])
        intents = tuple(ScoredIntent(intent, score) for score, intent in pairs)
        is_sure = bool(intents) and intents[0].confidence >= self.threshold and intents[0].confidence > 0
        return Prediction(
            text=text,
            language=language,
            top_intent=intents[0].category if is_sure else NONE_INTENT,
            intents=intents,
            entities=tuple(_entity(text, category, found) for category, found in entities),
        )


def _entity(text: str, category: str, found: Found) -> PredictedEntity:
    words = text[found.start : found.end]
    return PredictedEntity(
        category=category,
        text=words,
        start=found.start,
        end=found.end,
        offset=unit_length(text[: found.start]),
        length=unit_length(words),
        confidence=found.confidence,
        extra_information=found.extra,
        resolutions=found.resolutions,
    )
