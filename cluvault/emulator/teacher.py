"""Where the emulator's jobs meet what they fit: begins it in the background, says when it is there, gives the figures.

No model is stored: the same snapshot and options give the same model, so it is fitted again when it is asked for and
has been dropped from memory.
"""

from __future__ import annotations

import importlib.util
import logging
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from cluvault.emulator.errors import Problem, not_equipped
from cluvault.emulator.records import EvaluateWork, TrainWork
from cluvault.emulator.survey import training_options
from cluvault.errors import CluvaultError

if TYPE_CHECKING:
    from concurrent.futures import Future
    from datetime import datetime

    from cluvault.emulator.learning.evaluation import Evaluation
    from cluvault.emulator.learning.learner import Learner
    from cluvault.emulator.learning.training import Trained
    from cluvault.emulator.records import EvaluationOptions, Job, Model, Snapshot, TrainingMode

_log: Final = logging.getLogger(__name__)

_KEPT: Final = 16
"""How many evaluations are kept that are not those of a training."""


@dataclass(slots=True)
class _Lesson:
    """What a job waits for.

    Attributes:
        is_late: Somebody has seen that its time was over and it was not there.
    """

    future: Future[Any]
    is_late: bool = False


class Teacher:
    """Fits and evaluates models for jobs and questions.

    Args:
        learner: What fits models and keeps them; one of its own when None.
    """

    def __init__(self, learner: Learner | None = None) -> None:
        self._learner = learner
        self._opening = threading.Lock()
        self._examiner = ThreadPoolExecutor(1, thread_name_prefix="examiner")
        self._lessons: dict[str, _Lesson] = {}
        self._evaluations: OrderedDict[tuple[str, EvaluationOptions], Evaluation | None] = OrderedDict()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Drop what waits, and wait for what is being fitted."""
        if self._learner is not None:
            self._learner.close()
        self._examiner.shutdown(cancel_futures=True)

    def _opened(self) -> Learner:
        from cluvault.emulator.learning.learner import Learner  # noqa: PLC0415  # the emulator starts sooner without

        with self._opening:
            if self._learner is None:
                self._learner = Learner()
            return self._learner

    @staticmethod
    def check_equipped() -> None:
        """Refuse what needs a fitted model where none can be fitted.

        Raises:
            Refusal: 501.
        """
        if importlib.util.find_spec("sklearn") is None:
            raise not_equipped()

    # --- jobs

    def begin(self, job: Job) -> None:
        """Begin what a job waits for, if it waits for anything and has not begun."""
        if not _is_taught(job) or job.job_id in self._lessons:
            return
        match job.work:
            case TrainWork() as work:
                options = training_options(work.mode, work.evaluation)
                self._lessons[job.job_id] = _Lesson(self._opened().fit_soon(work.snapshot, options))
            case EvaluateWork() as work:
                model = replace(work.model, evaluated=work.evaluation)
                self._lessons[job.job_id] = _Lesson(self._examiner.submit(self.evaluation, model))
            case _:
                pass

    def end(self, job: Job, now: datetime) -> Job | None:
        """A job that is due, as it ends: later than planned when it was seen waiting; None while it has to wait."""
        lesson = self._lessons.get(job.job_id)
        if lesson is None or not _is_taught(job):
            return job
        if not lesson.future.done():
            lesson.is_late = True
            return None
        if lesson.is_late:
            job = replace(job, due_at=now)
        failure = lesson.future.exception()
        return job if failure is None else replace(job, errors=(_problem(job, failure),))

    def has_fitted(self, job: Job) -> bool:
        """Whether a job waits for nothing any more."""
        lesson = self._lessons.get(job.job_id)
        return lesson is None or lesson.future.done()

    def forget(self, job_id: str) -> None:
        """Let go of what a job waited for."""
        self._lessons.pop(job_id, None)

    def settle(self) -> None:
        """Wait until nothing is being fitted that a job waits for."""
        wait([lesson.future for lesson in list(self._lessons.values())])

    # --- models

    def trained(self, model: Model) -> Trained:
        """A model that has a snapshot, fitted; this may take seconds."""
        return self._fit(_snapshot(model), model.mode, model.evaluation)

    def evaluation(self, model: Model) -> Evaluation | None:
        """The figures of a model that has a snapshot; None when its test set is empty. This may take seconds."""
        if model.evaluated is None:
            return self.trained(model).evaluation
        key = (model.model_id, model.evaluated)
        with self._lock:
            if key in self._evaluations:
                self._evaluations.move_to_end(key)
                return self._evaluations[key]
        options = training_options(model.mode, model.evaluated)
        from cluvault.emulator.learning.training import evaluate  # noqa: PLC0415  # as above

        evaluation = evaluate(self.trained(model), _snapshot(model), options=options)
        with self._lock:
            self._evaluations[key] = evaluation
            while len(self._evaluations) > _KEPT:
                self._evaluations.popitem(last=False)
        return evaluation

    def _fit(self, snapshot: Snapshot, mode: TrainingMode, evaluation: EvaluationOptions) -> Trained:
        return self._opened().get(snapshot, training_options(mode, evaluation))


def _is_taught(job: Job) -> bool:
    """Whether the end of a job depends on what it fits."""
    return not job.finished and not job.errors and job.cancelled_at is None


def _snapshot(model: Model) -> Snapshot:
    if model.snapshot is None:
        raise ValueError(f"the model {model.label!r} has no snapshot")
    return model.snapshot


def _problem(job: Job, failure: BaseException) -> Problem:
    """The error of a job whose fit failed; what nobody foresaw goes to the log, with its traceback."""
    if isinstance(failure, CluvaultError):
        return Problem("InvalidRequest", str(failure))
    _log.error("the job %s failed", job.job_id, exc_info=failure)
    return Problem("InternalServerError", "The training failed; the emulator's log says how.")
