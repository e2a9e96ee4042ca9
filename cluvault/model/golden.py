"""Golden utterances: what a project must answer, kept outside of it; and what a deployment did answer."""

from __future__ import annotations

from dataclasses import dataclass

from cluvault.model.manifest import Record
from cluvault.model.seed import SpanLabel


class GoldenUtterance(Record):
    """An utterance with the answer that is expected.

    Attributes:
        language: None means the project's.
        entities: Those that have to be found; others may be found besides.
        min_confidence: How sure the model has to be of the intent.
    """

    text: str
    intent: str
    language: str | None = None
    entities: tuple[SpanLabel, ...] = ()
    min_confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a deployment made of a text; spans in UTF-16 code units."""

    intent: str
    confidence: float
    entities: tuple[SpanLabel, ...] = ()
