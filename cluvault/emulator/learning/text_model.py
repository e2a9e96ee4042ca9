"""Telling texts apart by their words, by pairs of them, and by pieces of words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.emulator.learning.classifier import MOST_WEIGHTS, Classifier, fit_classifier, late_import

if TYPE_CHECKING:
    from collections.abc import Sequence

_BEGINNING: Final = "\x02"
"""Stands before every text, so that none is without features."""
_SHARPNESS: Final = 50.0


def _itself(value: object) -> object:
    return value


@dataclass(frozen=True, slots=True)
class _TextFeatures:
    """Weighted counts of phrases, and of the pieces of words, which are found once for each distinct word."""

    phrases: Any
    pieces: Any
    weighting: Any

    @classmethod
    def fit(cls, texts: Sequence[list[str]], *, most: int, advanced: bool) -> tuple[_TextFeatures, Any]:
        """The features of some texts, `most` of each of the two sorts, and the texts' rows."""
        library, numpy = late_import("sklearn.feature_extraction.text"), late_import("numpy")
        shared: dict[str, Any] = {"max_features": most, "dtype": numpy.float32}
        phrases = library.TfidfVectorizer(
            tokenizer=_itself,
            preprocessor=_itself,
            token_pattern=None,
            lowercase=False,
            ngram_range=(1, 3 if advanced else 2),
            sublinear_tf=True,
            **shared,
        )
        lengths = (1, 5) if advanced else (2, 4)
        pieces = library.CountVectorizer(analyzer="char_wb", lowercase=False, ngram_range=lengths, **shared)
        pieces.fit(sorted(set(chain.from_iterable(texts))))
        weighting = library.TfidfTransformer(sublinear_tf=True)
        found = phrases.fit_transform(texts), weighting.fit_transform(_piece_counts(pieces, texts))
        return cls(phrases, pieces, weighting), _side_by_side(*found)

    def rows(self, texts: Sequence[list[str]]) -> Any:
        """A row for each text."""
        pieces = self.weighting.transform(_piece_counts(self.pieces, texts))
        return _side_by_side(self.phrases.transform(texts), pieces)


def _side_by_side(*matrices: Any) -> Any:
    return late_import("scipy.sparse").hstack(matrices, format="csr")


def _piece_counts(pieces: Any, texts: Sequence[list[str]]) -> Any:
    """How often each piece is in each text: the counts of words in texts, times those of pieces in words."""
    numpy = late_import("numpy")
    words = {word: index for index, word in enumerate(dict.fromkeys(chain.from_iterable(texts)))}
    places = [words[word] for text in texts for word in text]
    ends = numpy.cumsum([0, *(len(text) for text in texts)])
    shape = (len(texts), len(words))
    occurrences = late_import("scipy.sparse").csr_matrix(
        (numpy.ones(len(places), dtype=numpy.float32), places, ends), shape=shape
    )
    return occurrences @ pieces.transform(words)


@dataclass(frozen=True, slots=True)
class TextModel:
    """Tells texts apart; without features every probability is 0."""

    _features: _TextFeatures | None
    _classifier: Classifier

    def probabilities(self, texts: Sequence[Sequence[str]]) -> list[list[float]]:
        """For each text, given by its words, the probability of each class."""
        if not texts or self._features is None:
            return [[0.0] * self._classifier.class_count for _ in texts]
        rows = self._features.rows(_with_beginning(texts))
        return cast("list[list[float]]", self._classifier.probabilities(rows).tolist())


def fit_texts(texts: Sequence[Sequence[str]], targets: Sequence[int], *, class_count: int, advanced: bool) -> TextModel:
    """Learn to tell texts apart.

    Args:
        texts: The words of each text; there may be no texts at all.
        targets: The class of each text.
        class_count: How many classes there are; some may have no text.
        advanced: Look at triples of words and at longer pieces, too.
    """
    if not texts:
        return TextModel(None, Classifier(None, (), class_count))
    most = MOST_WEIGHTS // (2 * class_count)
    features, rows = _TextFeatures.fit(_with_beginning(texts), most=most, advanced=advanced)
    return TextModel(features, fit_classifier(rows, targets, class_count=class_count, sharpness=_SHARPNESS))


def _with_beginning(texts: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[_BEGINNING, *text] for text in texts]
