"""Typed predictions of the runtime API."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import BeforeValidator, Field

from cluvault.service.reading import Figure, ServiceValue


class PredictedIntent(ServiceValue):
    """An intent and how sure the model is of it.

    Of an orchestration it also says what it leads to: `target_kind`, and the target's own answer in `result`, as it
    came.
    """

    category: Annotated[str, Field(min_length=1)]
    confidence: Annotated[Figure, Field(alias="confidenceScore")]
    target_kind: Annotated[str, Field(alias="targetProjectKind")] = ""
    result: dict[str, Any] = Field(default_factory=dict[str, Any])


class PredictedEntity(ServiceValue):
    """A stretch of the text, in UTF-16 code units, and what it is.

    `resolutions` (a number, a date) and `extra` (the key of the list or expression that matched) are kept as they came.
    """

    category: Annotated[str, Field(min_length=1)]
    text: str = ""
    offset: int
    length: int
    confidence: Annotated[Figure | None, Field(alias="confidenceScore")] = None
    resolutions: tuple[dict[str, Any], ...] = ()
    extra: Annotated[tuple[dict[str, Any], ...], Field(alias="extraInformation")] = ()


def _named(value: object) -> object:
    """Orchestrations answer their intents as a map from name to intent."""
    if not isinstance(value, dict):
        return value
    intents = cast("dict[str, object]", value)
    return [
        {"category": name, **cast("dict[str, object]", intent)} if isinstance(intent, dict) else intent
        for name, intent in intents.items()
    ]


class Prediction(ServiceValue):
    """What a deployment makes of a text; `intents` in the service's order, the most likely first."""

    top_intent: Annotated[str, Field(alias="topIntent")]
    kind: Annotated[str, Field(alias="projectKind")] = ""
    intents: Annotated[tuple[PredictedIntent, ...], BeforeValidator(_named)] = ()
    entities: tuple[PredictedEntity, ...] = ()


class ConversationResult(ServiceValue):
    """The text as the service read it, and the prediction."""

    query: str = ""
    detected_language: Annotated[str, Field(alias="detectedLanguage")] = ""
    prediction: Prediction


class AnalyzedConversation(ServiceValue):
    """The whole answer of the runtime API."""

    result: ConversationResult
