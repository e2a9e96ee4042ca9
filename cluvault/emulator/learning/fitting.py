"""The edge to scikit-learn: the only module that imports it, and only when something is fitted.

What is fitted depends on the arguments alone. The work is bounded: small data gets a solver that converges, large
data a few passes of stochastic descent, so that no fit takes longer than some ten seconds.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.emulator.learning.features import close_features, wide_features, word_pair
from cluvault.emulator.learning.tokens import words_of
from cluvault.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_EXACT_WORK: Final = 3_000_000
"""Non-zero features x classes up to which the exact solver takes about a second at most."""
_PASSES_WORK: Final = 1_500_000_000
"""Non-zero features x classes x passes that stochastic descent does in about ten seconds."""
_MOST_PASSES: Final = 10
_MOST_WEIGHTS: Final = 20_000_000
"""Features x classes; more would take more memory than a model is worth."""


def _module(name: str) -> Any:
    try:
        return cast("Any", importlib.import_module(name))
    except ImportError as err:
        raise ConfigurationError(
            "training needs scikit-learn, which is not installed", mend='run pip install "cluvault[emulator]"'
        ) from err


# --- classifiers ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Classifier:
    """A classifier of matrix rows into classes 0..class_count-1, of which it may have seen some, one, or none."""

    model: Any
    seen: tuple[int, ...]
    class_count: int

    def probabilities(self, rows: Any) -> Any:
        """A matrix of rows x classes; classes that were never seen have 0."""
        numpy = _module("numpy")
        result = numpy.zeros((rows.shape[0], self.class_count))
        if self.model is not None and rows.shape[0]:
            result[:, self.seen] = self.model.predict_proba(rows)
        elif self.seen:
            result[:, self.seen[0]] = 1.0
        return result


def _fit_classifier(rows: Any, targets: Sequence[int], class_count: int, *, sharpness: float) -> _Classifier:
    seen = tuple(sorted(set(targets)))
    if len(seen) < 2:  # noqa: PLR2004  # nothing to tell apart
        return _Classifier(None, seen, class_count)
    linear = _module("sklearn.linear_model")
    work = int(rows.nnz) * len(seen)
    if work <= _EXACT_WORK:
        model = linear.LogisticRegression(C=sharpness, max_iter=200, tol=1e-3)
    else:
        passes = max(2, min(_MOST_PASSES, _PASSES_WORK // work))
        model = linear.SGDClassifier(loss="log_loss", alpha=1e-5, max_iter=passes, tol=None, random_state=0)
    model.fit(rows, list(targets))
    return _Classifier(model, seen, class_count)


# --- texts ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TextModel:
    """Tells texts apart."""

    _features: Any
    _classifier: _Classifier

    def probabilities(self, texts: Sequence[str]) -> list[list[float]]:
        """For each text the probability of each class."""
        if not texts or self._features is None:
            return [[0.0] * self._classifier.class_count for _ in texts]
        return cast("list[list[float]]", self._classifier.probabilities(self._features.transform(texts)).tolist())


def _prepared(fold: Callable[[str], str]) -> Callable[[str], str]:
    def prepare(text: str) -> str:
        return f"\x02 {fold(text)}"  # no text is without features

    return prepare


def _itself(pair: object) -> list[object]:
    return [pair]


def fit_texts(
    texts: Sequence[str], targets: Sequence[int], *, class_count: int, fold: Callable[[str], str], advanced: bool
) -> TextModel:
    """Learn to tell texts apart by words, pairs of words, and pieces of words.

    Args:
        texts: May be none at all; then every probability is 0.
        targets: The class of each text.
        class_count: How many classes there are; some may have no text.
        fold: Removes the differences between texts that do not count.
        advanced: Look at triples of words and at longer pieces, too.
    """
    if not texts:
        return TextModel(None, _Classifier(None, (), class_count))
    vectorizer, union = _module("sklearn.feature_extraction.text"), _module("sklearn.pipeline")
    shared: dict[str, Any] = {
        "sublinear_tf": True,
        "dtype": _module("numpy").float32,
        "max_features": _MOST_WEIGHTS // (2 * class_count),
        "preprocessor": _prepared(fold),
    }
    features = union.make_union(
        vectorizer.TfidfVectorizer(
            tokenizer=words_of, token_pattern=None, ngram_range=(1, 3 if advanced else 2), **shared
        ),
        vectorizer.TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 5) if advanced else (2, 4), **shared),
    )
    rows = features.fit_transform(texts)
    return TextModel(features, _fit_classifier(rows, targets, class_count, sharpness=50))


# --- tokens --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _TokenFeatures:
    """Features of a token: its own word's closely, its neighbours' from further away, and the pairs it is in.

    A matrix has few distinct words in many places, so features are computed once a word and then put together.
    """

    close: Any
    wide: Any
    pairs: Any
    reach: int

    def rows(self, sentences: Sequence[Sequence[str]]) -> Any:
        words = {word: index for index, word in enumerate(dict.fromkeys(chain([""], *sentences)))}
        pairs: dict[str, int] = {}
        columns: list[list[int]] = [[] for _ in range(2 * self.reach + 1)]
        lefts: list[int] = []
        rights: list[int] = []
        edge = [0] * self.reach
        for sentence in sentences:
            places = [*edge, *(words[word] for word in sentence), *edge]
            for shift, column in enumerate(columns):
                column.extend(places[shift : shift + len(sentence)])
            numbers = [pairs.setdefault(word_pair(*pair), len(pairs)) for pair in pairwise(("", *sentence, ""))]
            lefts.extend(numbers[:-1])
            rights.extend(numbers[1:])
        close, wide, both = self.close.transform(words), self.wide.transform(words), self.pairs.transform(pairs)
        blocks = [(close if shift == self.reach else wide)[column] for shift, column in enumerate(columns)]
        return _module("scipy.sparse").hstack([*blocks, both[lefts], both[rights]], format="csr")


@dataclass(frozen=True, slots=True)
class TokenModel:
    """Tells the tokens of sentences apart."""

    _features: _TokenFeatures
    _classifier: _Classifier

    def candidates(
        self, sentences: Sequence[Sequence[str]], *, most: int, least: float
    ) -> list[list[list[tuple[int, float]]]]:
        """For each token of each sentence the classes that come into question, with their probabilities.

        Args:
            sentences: The words of each sentence.
            most: How many classes come into question.
            least: How probable they have to be.
        """
        if not any(sentences):
            return [[] for _ in sentences]
        numpy = _module("numpy")
        found = self._classifier.probabilities(self._features.rows(sentences))
        best = numpy.argsort(-found, axis=1, kind="stable")[:, :most]
        classes = cast("list[list[int]]", best.tolist())
        chances = cast("list[list[float]]", numpy.take_along_axis(found, best, axis=1).tolist())
        tokens = iter(
            [
                [(tag, chance) for tag, chance in zip(*both, strict=True) if chance >= least]
                for both in zip(classes, chances, strict=True)
            ]
        )
        return [[next(tokens) for _ in sentence] for sentence in sentences]


def fit_tokens(
    sentences: Sequence[Sequence[str]],
    targets: Sequence[Sequence[int]],
    *,
    class_count: int,
    advanced: bool,
) -> TokenModel:
    """Learn to tell tokens apart by their word and their neighbours; there is one token at least.

    Args:
        sentences: The words of each sentence.
        targets: The class of each word.
        class_count: How many classes there are.
        advanced: Look at longer pieces of words, and at neighbours one place further away.
    """
    vectorizer = _module("sklearn.feature_extraction.text").CountVectorizer
    words = sorted(set(chain([""], *sentences)))
    pairs = sorted({word_pair(*pair) for sentence in sentences for pair in pairwise(("", *sentence, ""))})
    shared: dict[str, Any] = {"binary": True, "dtype": _module("numpy").float32}
    features = _TokenFeatures(
        close=vectorizer(analyzer=partial(close_features, advanced=advanced), **shared).fit(words),
        wide=vectorizer(analyzer=wide_features, **shared).fit(words),
        pairs=vectorizer(analyzer=_itself, **shared).fit(pairs),
        reach=3 if advanced else 2,
    )
    rows = features.rows(sentences)
    return TokenModel(features, _fit_classifier(rows, list(chain(*targets)), class_count, sharpness=5))
