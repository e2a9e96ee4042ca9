"""Trained models: list, get, delete, their evaluation and their snapshots; exported models."""

# ruff: noqa: ASYNC109  # a timeout here is a job's: asyncio.timeout would tear a request and leave the job unwatched

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from cluvault.errors import NotFound, UnexpectedAnswer
from cluvault.service.calls import models, training
from cluvault.service.evaluation_models import EvaluationSummary, UtteranceEvaluation
from cluvault.service.features import EVALUATION_JOBS, EXPORTED_MODELS, SNAPSHOTS
from cluvault.service.job_models import EvaluationJob
from cluvault.service.models import ExportedModel, TrainedModel
from cluvault.service.operations.session import Operations, part_exists
from cluvault.service.protocol import says_part_is_missing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cluvault.service.calls.training import Division
    from cluvault.service.job_models import Job
    from cluvault.service.jobs import JobHandle


class ModelOperations(Operations):
    """Operations on trained models."""

    async def list_models(self, project: str) -> AsyncIterator[TrainedModel]:
        """The trained models of a project. Raises ProjectNotFound."""
        at = self._session
        call = models.list_models(at.address, await at.versions.for_feature(), project)
        async for model in at.list(TrainedModel, call, key=lambda each: each.label):
            yield model

    async def get_model(self, project: str, *, label: str) -> TrainedModel:
        """One trained model. Raises NotFound, or ProjectNotFound when the service says that it is the project."""
        at = self._session
        version = await at.versions.for_feature()
        return await at.get(TrainedModel, models.get_model(at.address, version, project, label))

    async def model_exists(self, project: str, *, label: str) -> bool:
        """Whether a project has the model. Raises ProjectNotFound when there is no such project."""
        return await part_exists(self.get_model(project, label=label))

    async def delete_model(self, project: str, *, label: str) -> None:
        """Delete a trained model; already gone is success, a project that does not exist is ProjectNotFound.

        The service does not document what becomes of a deployment that serves the model.
        """
        at = self._session
        call = models.delete_model(at.address, await at.versions.for_feature(), project, label)
        try:
            answer = await at.send(call)
        except NotFound as err:
            if says_part_is_missing(err.code):
                return
            raise
        if answer.status == HTTPStatus.ACCEPTED:
            said = "the service answered 202: it has accepted the deletion, which the contract says it does at once"
            raise UnexpectedAnswer(f"{at.sender.where(call)}: {said}", status=202, request_id=answer.request_id)

    async def begin_load_snapshot(self, project: str, *, label: str) -> JobHandle[Job]:
        """Start putting what the model was trained on in place of the working copy, which is lost.

        The model has to have a snapshot (`has_snapshot`). A start whose answer was lost is never repeated.
        """
        at = self._session
        version = await at.versions.for_feature(SNAPSHOTS)
        return await at.begin(models.load_snapshot(at.address, version, project, label))

    async def get_evaluation_summary(self, project: str, *, label: str) -> EvaluationSummary:
        """The figures of a model's evaluation. Raises NotFound when there is none."""
        at = self._session
        version = await at.versions.for_feature()
        return await at.get(EvaluationSummary, models.evaluation_summary(at.address, version, project, label))

    async def list_evaluation_results(self, project: str, *, label: str) -> AsyncIterator[UtteranceEvaluation]:
        """What the model made of each utterance of the test set; offsets count UTF-16 code units."""
        at = self._session
        call = models.evaluation_results(at.address, await at.versions.for_feature(), project, label)
        async for result in at.list(UtteranceEvaluation, call):
            yield result

    async def begin_evaluate(
        self, project: str, *, label: str, division: Division | None = None
    ) -> JobHandle[EvaluationJob]:
        """Start another evaluation of a model, in place of the one made at its training; previews only."""
        at = self._session
        version = await at.versions.for_feature(EVALUATION_JOBS)
        return await at.begin_as(EvaluationJob, training.evaluate(at.address, version, project, label, division))


class ExportedModelOperations(Operations):
    """Operations on models exported for containers; previews only."""

    async def list_exported_models(self, project: str) -> AsyncIterator[ExportedModel]:
        """The exported models of a project. Raises ProjectNotFound."""
        at = self._session
        call = models.list_exported_models(at.address, await at.versions.for_feature(EXPORTED_MODELS), project)
        async for model in at.list(ExportedModel, call, key=lambda each: each.name):
            yield model

    async def get_exported_model(self, project: str, *, name: str) -> ExportedModel:
        """One exported model. Raises NotFound."""
        at = self._session
        version = await at.versions.for_feature(EXPORTED_MODELS)
        return await at.get(ExportedModel, models.get_exported_model(at.address, version, project, name))

    async def exported_model_exists(self, project: str, *, name: str) -> bool:
        """Whether a project has the exported model. Raises ProjectNotFound when there is no such project."""
        return await part_exists(self.get_exported_model(project, name=name))

    async def begin_export_model(self, project: str, *, name: str, label: str) -> JobHandle[Job]:
        """Start the export of the trained model `label` under `name`, in place of what has the name."""
        at = self._session
        version = await at.versions.for_feature(EXPORTED_MODELS)
        return await at.begin(models.export_model(at.address, version, project, name, label))

    async def begin_delete_exported_model(self, project: str, *, name: str) -> JobHandle[Job]:
        """Start the deletion of an exported model. Raises NotFound."""
        at = self._session
        version = await at.versions.for_feature(EXPORTED_MODELS)
        return await at.begin(models.delete_exported_model(at.address, version, project, name))

    async def delete_exported_model(self, project: str, *, name: str, timeout: float = 300.0) -> None:
        """Delete an exported model; already gone is success, a project that does not exist is ProjectNotFound."""
        try:
            handle = await self.begin_delete_exported_model(project, name=name)
        except NotFound as err:
            if says_part_is_missing(err.code):
                return
            raise
        await self._session.finish_deletion(
            handle, seconds=timeout, still_there=lambda: self.exported_model_exists(project, name=name)
        )
