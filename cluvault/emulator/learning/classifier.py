"""The edge to scikit-learn, which is imported only when something is fitted: one linear classifier for all learners.

What is fitted depends on the arguments alone. Small data gets a solver that converges, large data a few passes of
stochastic descent over a bounded number of features, so that the largest project is fitted in about half a minute.
"""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.emulator.learning.descent import fit_softmax
from cluvault.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXACT_WORK: Final = 3_000_000
"""Non-zero features x classes up to which the exact solver takes about a second at most."""
MOST_WEIGHTS: Final = 40_000_000
"""Features x classes; more would take more memory than a model is worth."""


def late_import(name: str) -> Any:
    """A module of scikit-learn, or of what comes with it.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        return cast("Any", importlib.import_module(name))
    except ImportError as err:
        raise ConfigurationError(
            f"training needs {name.partition('.')[0]}, which is not installed",
            mend='run pip install "cluvault[emulator]"',
        ) from err


@dataclass(frozen=True, slots=True)
class Classifier:
    """Tells the classes 0..class_count-1 of matrix rows apart; it may have seen some of them only, or one, or none."""

    model: Any
    seen: tuple[int, ...]
    class_count: int

    def probabilities(self, rows: Any) -> Any:
        """A matrix of rows x classes; classes that were never seen have 0."""
        result = late_import("numpy").zeros((rows.shape[0], self.class_count))
        if self.model is not None:
            result[:, self.seen] = self.model.predict_proba(rows)
        elif self.seen:
            result[:, self.seen[0]] = 1.0
        return result


def fit_classifier(rows: Any, targets: Sequence[int], *, class_count: int, sharpness: float) -> Classifier:
    """Learn to tell rows apart.

    Args:
        rows: A sparse matrix.
        targets: The class of each row.
        class_count: How many classes there are.
        sharpness: The inverse strength of regularisation: more gives higher confidences.
    """
    seen = tuple(sorted(set(targets)))
    if len(seen) < 2:  # noqa: PLR2004  # nothing to tell apart
        return Classifier(None, seen, class_count)
    places = {target: place for place, target in enumerate(seen)}
    classes = [places[target] for target in targets]
    if int(rows.nnz) * len(seen) > _EXACT_WORK:
        numpy, sparse = late_import("numpy"), late_import("scipy.sparse")
        model = fit_softmax(rows, classes, class_count=len(seen), numpy=numpy, sparse=sparse)
        return Classifier(model, seen, class_count)
    model = late_import("sklearn.linear_model").LogisticRegression(C=sharpness, max_iter=500, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a solver that stops early is near enough
        model.fit(rows, classes)
    return Classifier(model, seen, class_count)
