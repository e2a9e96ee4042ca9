"""Models in memory: fitted in the background, kept while they are used, fitted again when they were dropped."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from cluvault.emulator.learning.training import Trained, fit

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.emulator.learning.options import TrainingOptions
    from cluvault.emulator.records import Snapshot


class _Key(NamedTuple):
    """Everything that a model depends on."""

    content_id: str
    language: str
    settings: object
    options: TrainingOptions


def _key(snapshot: Snapshot, options: TrainingOptions) -> _Key:
    metadata = snapshot.metadata
    return _Key(snapshot.content.content_id, metadata.language, metadata.settings, options)


class Learner:
    """Fits models in one background thread and keeps those that were asked for last; safe to use from any thread.

    Args:
        capacity: How many models are kept.
        fit: What fits one.
    """

    def __init__(self, *, capacity: int = 16, fit: Callable[..., Trained] = fit) -> None:
        self._capacity = capacity
        self._fit = fit
        self._lock = threading.Lock()
        self._models: OrderedDict[_Key, Future[Trained]] = OrderedDict()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="learner")

    def fit_soon(self, snapshot: Snapshot, options: TrainingOptions) -> Future[Trained]:
        """The model of a snapshot, at once when it is there, otherwise when its turn has come.

        A fit that fails is forgotten, so that asking again tries again.
        """
        key = _key(snapshot, options)
        with self._lock:
            future = self._models.get(key)
            if future is None or (future.done() and (future.cancelled() or future.exception() is not None)):
                future = self._pool.submit(self._fit, snapshot, options=options)
                self._models[key] = future
            self._models.move_to_end(key)
            self._drop_oldest()
        return future

    def get(self, snapshot: Snapshot, options: TrainingOptions, *, timeout: float | None = None) -> Trained:
        """Wait for the model of a snapshot.

        Raises:
            ConfigurationError: scikit-learn is not installed.
            TimeoutError: It is not fitted within `timeout` seconds.
        """
        return self.fit_soon(snapshot, options).result(timeout)

    def close(self) -> None:
        """Drop what waits, and wait for the one that is being fitted."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _drop_oldest(self) -> None:
        while len(self._models) > self._capacity:
            self._models.popitem(last=False)
