"""Telling the words of sentences apart by themselves, their neighbours, and the pairs they are in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.emulator.learning.classifier import MOST_WEIGHTS, Classifier, fit_classifier, late_import
from cluvault.emulator.learning.features import close_features, wide_features, word_pair

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cluvault.emulator.learning.tagging import Candidates

_SHARPNESS: Final = 5.0
_EDGE: Final = ""
"""The word that stands before and after every sentence."""


@dataclass(frozen=True, slots=True)
class _TokenFeatures:
    """Features of a token: its own word's closely, its neighbours' from further away, and the pairs it is in.

    Texts have few distinct words in many places, so features are found once for each and then put together.
    """

    close: Any
    wide: Any
    pairs: Any
    reach: int

    @classmethod
    def of(cls, sentences: Sequence[Sequence[str]], *, most: int, advanced: bool) -> _TokenFeatures:
        """The features of some sentences, about `most` in all: those of the commonest words and pairs."""
        vectorizer = late_import("sklearn.feature_extraction.text").CountVectorizer
        shared: dict[str, Any] = {"binary": True, "dtype": late_import("numpy").float32}
        words = _commonest(chain.from_iterable((_EDGE, *sentence) for sentence in sentences), most=most // 36)
        pairs = _commonest((word_pair(*pair) for sentence in sentences for pair in _pairs(sentence)), most=most // 4)
        return cls(
            close=vectorizer(analyzer=partial(close_features, advanced=advanced), **shared).fit(words),
            wide=vectorizer(analyzer=wide_features, **shared).fit(words),
            pairs=vectorizer(analyzer=_alone, **shared).fit(pairs),
            reach=3 if advanced else 2,
        )

    def rows(self, sentences: Sequence[Sequence[str]]) -> Any:
        """A row for each token of each sentence."""
        words = {word: index for index, word in enumerate(dict.fromkeys(chain([_EDGE], *sentences)))}
        pairs: dict[str, int] = {}
        columns: list[list[int]] = [[] for _ in range(2 * self.reach + 1)]
        lefts: list[int] = []
        rights: list[int] = []
        edge = [words[_EDGE]] * self.reach
        for sentence in sentences:
            places = [*edge, *(words[word] for word in sentence), *edge]
            for shift, column in enumerate(columns):
                column.extend(places[shift : shift + len(sentence)])
            numbers = [pairs.setdefault(word_pair(*pair), len(pairs)) for pair in _pairs(sentence)]
            lefts.extend(numbers[:-1])
            rights.extend(numbers[1:])
        close, wide, both = self.close.transform(words), self.wide.transform(words), self.pairs.transform(pairs)
        blocks = [(close if shift == self.reach else wide)[column] for shift, column in enumerate(columns)]
        return late_import("scipy.sparse").hstack([*blocks, both[lefts], both[rights]], format="csr")


def _alone(pair: str) -> list[str]:
    return [pair]


def _pairs(sentence: Sequence[str]) -> Iterable[tuple[str, str]]:
    return pairwise((_EDGE, *sentence, _EDGE))


def _commonest(items: Iterable[str], *, most: int) -> list[str]:
    counted = sorted(Counter(items).items(), key=lambda item: (-item[1], item[0]))
    return [item for item, _ in counted[:most]]


@dataclass(frozen=True, slots=True)
class TokenModel:
    """Tells the tokens of sentences apart."""

    _features: _TokenFeatures
    _classifier: Classifier

    def candidates(self, sentences: Sequence[Sequence[str]], *, most: int, least: float) -> list[list[Candidates]]:
        """For each token of each sentence the classes that come into question, with their probabilities.

        Args:
            sentences: The words of each sentence.
            most: How many classes come into question.
            least: How probable they have to be.
        """
        if not any(sentences):
            return [[] for _ in sentences]
        numpy = late_import("numpy")
        found = self._classifier.probabilities(self._features.rows(sentences))
        best = numpy.argsort(-found, axis=1, kind="stable")[:, :most]
        classes = cast("list[list[int]]", best.tolist())
        chances = cast("list[list[float]]", numpy.take_along_axis(found, best, axis=1).tolist())
        tokens = iter(
            [(tag, chance) for tag, chance in zip(*both, strict=True) if chance >= least]
            for both in zip(classes, chances, strict=True)
        )
        return [[next(tokens) for _ in sentence] for sentence in sentences]


def fit_tokens(
    sentences: Sequence[Sequence[str]], targets: Sequence[Sequence[int]], *, class_count: int, advanced: bool
) -> TokenModel:
    """Learn to tell tokens apart; there is one at least.

    Args:
        sentences: The words of each sentence.
        targets: The class of each word.
        class_count: How many classes there are.
        advanced: Look at longer pieces of words, and at neighbours one place further away.
    """
    features = _TokenFeatures.of(sentences, most=MOST_WEIGHTS // class_count, advanced=advanced)
    classes = list(chain.from_iterable(targets))
    rows = features.rows(sentences)
    return TokenModel(features, fit_classifier(rows, classes, class_count=class_count, sharpness=_SHARPNESS))
