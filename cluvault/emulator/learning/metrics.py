"""Figures of an evaluation, computed from what was expected and what was predicted.

Where the documentation is silent, the figures follow a recorded evaluation of the service: an entity counts as found
when category and span are the same, and the confusion matrix of entities shares each labelled span out among the
categories that were predicted for its characters, so that its cells may be fractions and each row sums to the number
of spans. Stretches between labels are spans of `$none`. Classes that the test set neither has nor evokes are left out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cluvault.emulator.learning.corpus import Span

NO_ENTITY: Final = "$none"

_Cells = dict[tuple[str, str], float]
"""Of a matrix, by actual and predicted class."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How often a class was rightly and wrongly predicted."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int = 0

    @property
    def precision(self) -> float:
        """The share of the predictions that are right."""
        return _share(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float:
        """The share of what was to be found that was found."""
        return _share(self.true_positive, self.true_positive + self.false_negative)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return _share(2 * self.precision * self.recall, self.precision + self.recall)

    def to_wire(self) -> dict[str, Any]:
        """The figures of a class."""
        return {
            "f1": self.f1,
            "precision": self.precision,
            "recall": self.recall,
            "truePositiveCount": self.true_positive,
            "trueNegativeCount": self.true_negative,
            "falsePositiveCount": self.false_positive,
            "falseNegativeCount": self.false_negative,
        }


def intents_evaluation(pairs: Sequence[tuple[str, str]], *, order: Sequence[str]) -> dict[str, Any]:
    """The `intentsEvaluation` of expected and predicted intents."""
    right = Counter(expected for expected, predicted in pairs if expected == predicted)
    expected, predicted = Counter(pair[0] for pair in pairs), Counter(pair[1] for pair in pairs)
    counts: dict[str, Counts] = {}
    for intent in _occurring(order, expected.keys() | predicted.keys()):
        hits = right[intent]
        wrong, missed = predicted[intent] - hits, expected[intent] - hits
        counts[intent] = Counts(hits, wrong, missed, len(pairs) - hits - wrong - missed)
    cells: _Cells = {pair: float(count) for pair, count in Counter(pairs).items()}
    return {"confusionMatrix": _matrix(cells, [*counts]), "intents": _wire(counts), **_averages(counts)}


def entities_evaluation(
    results: Sequence[tuple[str, Sequence[Span], Sequence[Span]]], *, order: Sequence[str]
) -> dict[str, Any]:
    """The `entitiesEvaluation` of texts with expected and predicted spans."""
    hits: Counter[str] = Counter()
    expected: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    cells: _Cells = {}
    for text, actual, found in results:
        hits.update(span.category for span in set(actual) & set(found))
        expected.update(span.category for span in set(actual))
        predicted.update(span.category for span in set(found))
        for category, share in _shares(text, actual, found):
            cells[category, share[0]] = cells.get((category, share[0]), 0.0) + share[1]
    counts = {
        entity: Counts(hits[entity], predicted[entity] - hits[entity], expected[entity] - hits[entity])
        for entity in _occurring(order, expected.keys() | predicted.keys())
    }
    return {
        "confusionMatrix": _matrix(cells, [*counts, NO_ENTITY]),
        "entities": _wire(counts),
        **_averages(counts),
    }


def _occurring(order: Sequence[str], names: Iterable[str]) -> list[str]:
    """The classes that occur, in the order of the project; unknown ones last."""
    there = set(names)
    return [*(name for name in order if name in there), *sorted(there.difference(order))]


# --- confusion matrices --------------------------------------------------------------------------------------------


def _shares(text: str, actual: Sequence[Span], found: Sequence[Span]) -> Iterator[tuple[str, tuple[str, float]]]:
    """For each labelled span, and each stretch without a label, what shares of it were predicted as what."""
    for category, start, end in [*((span.category, span.start, span.end) for span in actual), *_gaps(text, actual)]:
        predicted = Counter(_predicted_at(place, category, found) for place in range(start, end))
        yield from ((category, (name, count / (end - start))) for name, count in predicted.items())


def _gaps(text: str, actual: Sequence[Span]) -> Iterator[tuple[str, int, int]]:
    at = 0
    for span in [*sorted(actual), None]:
        end = len(text) if span is None else span.start
        if words := text[at:end].strip():
            start = text.index(words, at)
            yield NO_ENTITY, start, start + len(words)
        at = at if span is None else max(at, span.end)


def _predicted_at(place: int, expected: str, found: Sequence[Span]) -> str:
    """What was predicted for a character; where predictions overlap, the expected one if it is among them."""
    names = [span.category for span in found if span.start <= place < span.end]
    return expected if expected in names else names[0] if names else NO_ENTITY


def _matrix(cells: _Cells, order: Sequence[str]) -> dict[str, dict[str, dict[str, float]]]:
    """The matrix in its wire form; rows and cells without a count are left out."""
    rows: dict[str, dict[str, float]] = {name: {} for name in order}
    for (actual, predicted), value in cells.items():
        rows[actual][predicted] = value
    return {
        actual: {
            predicted: {"normalizedValue": 100 * value / sum(row.values()), "rawValue": value}
            for predicted, value in row.items()
        }
        for actual, row in rows.items()
        if row
    }


# --- averages ------------------------------------------------------------------------------------------------------


def _wire(counts: Mapping[str, Counts]) -> dict[str, dict[str, Any]]:
    return {name: count.to_wire() for name, count in counts.items()}


def _averages(counts: Mapping[str, Counts]) -> dict[str, float]:
    """Micro figures are those of all counts together, macro figures the means over the classes."""
    each = list(counts.values())
    together = Counts(
        sum(count.true_positive for count in each),
        sum(count.false_positive for count in each),
        sum(count.false_negative for count in each),
    )
    return {
        "microF1": together.f1,
        "microPrecision": together.precision,
        "microRecall": together.recall,
        "macroF1": _share(sum(count.f1 for count in each), len(each)),
        "macroPrecision": _share(sum(count.precision for count in each), len(each)),
        "macroRecall": _share(sum(count.recall for count in each), len(each)),
    }


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
