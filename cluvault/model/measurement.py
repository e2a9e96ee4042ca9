"""What was measured of a trained model: its scores, what it made of each test utterance, and of golden utterances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence  # noqa: TC003  # pydantic reads them when a record is built
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """Figures between 0 and 1."""

    f1: float
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class Scores:
    """The figures of all intents or of all entities: over all decisions (micro), and for each category."""

    overall: Score
    each: Mapping[str, Score]


@dataclass(frozen=True, slots=True)
class PairedOutcome:
    """One test utterance, asked of two models: whether each of them was right about it.

    Attributes:
        intent: The one that is labelled.
        before: Whether the model that serves now is right.
        after: Whether the new one is.
    """

    text: str
    intent: str
    before: bool
    after: bool


@dataclass(frozen=True, slots=True)
class GoldenAnswer:
    """What a model made of one golden utterance: every way in which it is not what was expected."""

    text: str
    language: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """Everything that a gate goes by.

    Attributes:
        intents: None for a project without any.
        entities: None for a project without any.
        paired: The new model and the one that serves now on the same utterances; None when nothing serves.
        golden: The golden utterances; None when there is no such file.
        changed_share: How much of the target's utterances the promotion changes, 0 to 1; None for a new project.
    """

    intents: Scores | None
    entities: Scores | None
    paired: Sequence[PairedOutcome] | None = None
    golden: Sequence[GoldenAnswer] | None = None
    changed_share: float | None = None
