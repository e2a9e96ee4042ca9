"""Typed evaluations of trained models: the summary with its figures, and each tested utterance.

Here, other than elsewhere, what is missing is an error: a gate that reads a figure which is not there decides wrongly.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, Field

from cluvault.service.job_models import EvaluationOptions  # noqa: TC001  # pydantic reads it when a model is built
from cluvault.service.reading import Figure, ServiceValue


class Score(ServiceValue):
    """The figures of one intent or entity, between 0 and 1; entities have no true negatives, the service says 0."""

    f1: Figure
    precision: Figure
    recall: Figure
    true_positives: Annotated[int, Field(alias="truePositiveCount")] = 0
    true_negatives: Annotated[int, Field(alias="trueNegativeCount")] = 0
    false_positives: Annotated[int, Field(alias="falsePositiveCount")] = 0
    false_negatives: Annotated[int, Field(alias="falseNegativeCount")] = 0


class Cell(ServiceValue):
    """How often the row's category was taken for the column's: a count, and percent of the row."""

    raw: Annotated[Figure, Field(alias="rawValue")]
    percent: Annotated[Figure, Field(alias="normalizedValue")]


class Evaluation(ServiceValue):
    """The evaluation of all intents, or of all entities.

    `confusion[actual][predicted]` holds cells that are not 0 only. "None of them" is `None` among intents and `$none`
    among entities.
    """

    scores: Annotated[dict[str, Score], Field(validation_alias=AliasChoices("intents", "entities"))]
    confusion: Annotated[dict[str, dict[str, Cell]], Field(alias="confusionMatrix", default_factory=dict)]
    micro_f1: Annotated[Figure, Field(alias="microF1")]
    micro_precision: Annotated[Figure, Field(alias="microPrecision")]
    micro_recall: Annotated[Figure, Field(alias="microRecall")]
    macro_f1: Annotated[Figure, Field(alias="macroF1")]
    macro_precision: Annotated[Figure, Field(alias="macroPrecision")]
    macro_recall: Annotated[Figure, Field(alias="macroRecall")]


class EvaluationSummary(ServiceValue):
    """The figures of a trained model; `entities` is None for projects that have none, such as orchestrations."""

    intents: Annotated[Evaluation, Field(alias="intentsEvaluation")]
    entities: Annotated[Evaluation | None, Field(alias="entitiesEvaluation")] = None
    options: Annotated[EvaluationOptions | None, Field(alias="evaluationOptions")] = None


class EntitySpan(ServiceValue):
    """A stretch of an utterance, in UTF-16 code units."""

    category: Annotated[str, Field(min_length=1)]
    offset: int
    length: int


class EntitiesComparison(ServiceValue):
    """The entities that were labelled, and those that the model found."""

    expected: Annotated[tuple[EntitySpan, ...], Field(alias="expectedEntities")] = ()
    predicted: Annotated[tuple[EntitySpan, ...], Field(alias="predictedEntities")] = ()


class IntentsComparison(ServiceValue):
    """The intent that was labelled, and the one that the model chose."""

    expected: Annotated[str, Field(alias="expectedIntent")]
    predicted: Annotated[str, Field(alias="predictedIntent")]


class UtteranceEvaluation(ServiceValue):
    """What the model made of one utterance of the test set."""

    text: str
    language: str = ""
    intents: Annotated[IntentsComparison, Field(alias="intentsResult")]
    entities: Annotated[EntitiesComparison, Field(alias="entitiesResult")] = EntitiesComparison()
