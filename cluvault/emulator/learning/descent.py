"""Softmax regression on sparse rows by stochastic descent (AdaGrad), for data too large for scikit-learn's solvers.

scikit-learn's own stochastic learner fits one class against the rest after another; all classes at once, over rows
whose columns lie together in memory, is ten times faster and no worse. numpy and scipy come with scikit-learn; they are
arguments here, because nothing may import them before something is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_ENOUGH_ROWS: Final = 60_000
"""Rows to have seen: fewer are passed over more often, and in smaller batches."""
_FEWEST_PASSES: Final = 2
_MOST_PASSES: Final = 20
_BATCH: Final = 256
_LARGE_BATCH: Final = 1024
_STEP: Final = 1.0
_FIRST_TRAVELLED: Final = 1.0
"""Before the first step; a smaller figure lets features that are seen once leap ahead."""


@dataclass(frozen=True, slots=True)
class SoftmaxRegression:
    """Fitted weights, by column and class."""

    numpy: Any
    weights: Any
    bias: Any

    def predict_proba(self, rows: Any) -> Any:
        """A matrix of rows x classes; each row sums to 1."""
        return _softmax(self.numpy, rows @ self.weights + self.bias)


def fit_softmax(rows: Any, targets: Sequence[int], *, class_count: int, numpy: Any, sparse: Any) -> SoftmaxRegression:
    """Fit weights that tell the classes of rows apart; the order of the rows is shuffled, always in the same way."""
    classes = numpy.asarray(targets)
    weights = numpy.zeros((rows.shape[1], class_count), dtype=numpy.float32)
    bias = numpy.zeros(class_count, dtype=numpy.float32)
    travelled, bias_travelled = numpy.full_like(weights, _FIRST_TRAVELLED), numpy.full_like(bias, _FIRST_TRAVELLED)
    count = rows.shape[0]
    size = _BATCH if count <= _ENOUGH_ROWS // 3 else _LARGE_BATCH
    shuffle = numpy.random.default_rng(0)
    for _ in range(max(_FEWEST_PASSES, min(_MOST_PASSES, _ENOUGH_ROWS // count))):
        order = shuffle.permutation(count)
        for begin in range(0, count, size):
            chosen = order[begin : begin + size]
            columns, batch = _compact(rows[chosen], numpy, sparse)
            error = _softmax(numpy, batch @ weights[columns] + bias)
            error[numpy.arange(len(chosen)), classes[chosen]] -= 1
            gradient, bias_gradient = batch.T @ error, error.sum(axis=0)
            far = travelled[columns] + gradient**2
            travelled[columns] = far
            weights[columns] -= _STEP * gradient / numpy.sqrt(far)
            bias_travelled += bias_gradient**2
            bias -= _STEP * bias_gradient / numpy.sqrt(bias_travelled)
    return SoftmaxRegression(numpy, weights, bias)


def _compact(rows: Any, numpy: Any, sparse: Any) -> tuple[Any, Any]:
    """The columns that some rows use, and the rows with these columns only."""
    columns, places = numpy.unique(rows.indices, return_inverse=True)
    return columns, sparse.csr_matrix((rows.data, places, rows.indptr), shape=(rows.shape[0], len(columns)))


def _softmax(numpy: Any, scores: Any) -> Any:
    powers = numpy.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
