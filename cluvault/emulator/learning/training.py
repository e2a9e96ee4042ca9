"""Training: from a snapshot to a model that predicts, with its evaluation. The same arguments give the same model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluvault.emulator.learning.advice import warnings_of
from cluvault.emulator.learning.corpus import read_corpus
from cluvault.emulator.learning.entities import EntityExtractor
from cluvault.emulator.learning.evaluation import evaluate_examples
from cluvault.emulator.learning.intents import fit_intents
from cluvault.emulator.learning.prediction import Predictor
from cluvault.emulator.learning.split import split_examples
from cluvault.emulator.learning.tagger import Folding, fit_tagger
from cluvault.emulator.records import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluvault.emulator.errors import Problem
    from cluvault.emulator.learning.corpus import Corpus, Example
    from cluvault.emulator.learning.evaluation import Evaluation
    from cluvault.emulator.learning.options import TrainingOptions
    from cluvault.emulator.learning.prediction import Prediction
    from cluvault.emulator.records import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A fitted model.

    Attributes:
        evaluation: On the test set of the training's own split; None when it has none.
        warnings: The warnings of the training job.
    """

    predictor: Predictor
    evaluation: Evaluation | None
    warnings: tuple[Problem, ...]

    def predict(self, text: str, *, language: str | None = None) -> Prediction:
        """The intents and entities of a text; in the project's language when none is given."""
        return self.predictor.predict([text], languages=[language or self.predictor.language])[0]


def fit(snapshot: Snapshot, *, options: TrainingOptions) -> Trained:
    """Train on a snapshot, and evaluate on what the split leaves for testing.

    Raises:
        ConfigurationError: scikit-learn is not installed.
        UsageError: Projects of this kind are not trained.
    """
    corpus = read_corpus(snapshot)
    split = split_examples(corpus.examples, options)
    settings = snapshot.metadata.settings or Settings()
    predictor = _fit_predictor(corpus, split.train, options, settings)
    return Trained(
        predictor=predictor,
        evaluation=evaluate_examples(predictor, corpus, split.test, options),
        warnings=warnings_of(corpus, split),
    )


def evaluate(trained: Trained, snapshot: Snapshot, *, options: TrainingOptions) -> Evaluation | None:
    """Evaluate a model again, on the test set that `options` make of a snapshot; None when that set is empty.

    A split with more for testing than the training's tests with utterances that the model was trained on.
    """
    corpus = read_corpus(snapshot)
    return evaluate_examples(trained.predictor, corpus, split_examples(corpus.examples, options).test, options)


def _fit_predictor(corpus: Corpus, train: Sequence[Example], options: TrainingOptions, settings: Settings) -> Predictor:
    advanced = options.mode == "advanced"
    folding = Folding(case=settings.normalize_casing, marks=settings.augment_diacritics)
    return Predictor(
        classifier=fit_intents(train, intents=corpus.intents, strip_marks=folding.marks, advanced=advanced),
        extractor=EntityExtractor(corpus.entities, fit_tagger(train, folding=folding, advanced=advanced)),
        language=corpus.language,
        threshold=float(settings.confidence_threshold),
    )
