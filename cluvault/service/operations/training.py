"""Training jobs: start, follow, list, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault.service.calls import training as calls
from cluvault.service.features import EVERYWHERE, OPENAI
from cluvault.service.job_models import TrainingJob
from cluvault.service.jobs import JobHandle, JobState
from cluvault.service.operations.session import Operations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cluvault.service.calls.training import Training


class TrainingOperations(Operations):
    """Operations on training jobs."""

    async def begin_train(self, project: str, training: Training) -> JobHandle[TrainingJob]:
        """Start a training; the model is there when the job has succeeded, evaluated if there was anything to test.

        The service trains one model of a project at a time, and admits no other job in the project meanwhile: a second
        start is refused. A start whose answer was lost is never repeated; look into list_training_jobs, and go on with
        training_handle.

        Raises:
            ProjectNotFound: there is no such project.
            Conflict: another job holds the project.
            RequestRefused: among others: ten models are there already, or `standard` for a language but English.
        """
        at = self._session
        version = await at.versions.for_feature(EVERYWHERE if training.data_generation is None else OPENAI)
        return await at.begin_as(TrainingJob, calls.train(at.address, version, project, training))

    async def list_training_jobs(self, project: str) -> AsyncIterator[TrainingJob]:
        """The trainings of the last seven days; the service forgets older ones. Raises ProjectNotFound."""
        at = self._session
        call = calls.list_training_jobs(at.address, await at.versions.for_feature(), project)
        async for job in at.list(TrainingJob, call, key=lambda each: each.job_id):
            yield job

    async def get_training_job(self, project: str, *, job_id: str) -> TrainingJob:
        """How a training is doing. Raises NotFound when the service does not know it, or no longer."""
        at = self._session
        version = await at.versions.for_feature()
        return await at.get(TrainingJob, calls.get_training_job(at.address, version, project, job_id))

    async def training_handle(self, project: str, *, job_id: str) -> JobHandle[TrainingJob]:
        """A handle to wait for a training that somebody else has started; nothing is sent to the job."""
        at = self._session
        version = await at.versions.for_feature()
        url = calls.get_training_job(at.address, version, project, job_id).url
        return JobHandle("train", project, url, job_id, version, started=at.timing.clock(), kind=TrainingJob)

    async def begin_cancel_training(self, project: str, *, job_id: str) -> JobHandle[TrainingJob]:
        """Ask for a training to be cancelled.

        Whoever waits with the returned handle gets the job when it is `cancelled`, and JobNotCancelled when it was
        faster. Whoever waits for the training itself gets JobCancelled.

        Raises:
            NotFound: the service does not know the job.
            RequestRefused: the job has ended.
        """
        at = self._session
        call = calls.cancel_training(at.address, await at.versions.for_feature(), project, job_id)
        return await at.begin_as(TrainingJob, call, aim=JobState.CANCELLED)
