"""Capturing what is deployed: the training data of each deployed model, how it was trained, and how good it was."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cluvault.errors import (
    CluvaultError,
    DamagedSnapshot,
    InvalidProjectFile,
    JobFailed,
    NotFound,
    OperationNotInVersion,
    RequestRefused,
    SnapshotNotFound,
    VaultTooNew,
)
from cluvault.ops.fanout import sentence_of
from cluvault.ops.meaning import meaning_of
from cluvault.plan.capture import ModelExport
from cluvault.plan.deployed import deployed_models, division_of, known_models, refused_before, without_names
from cluvault.service.jobs import JobState, state_of

if TYPE_CHECKING:
    from typing import Any

    from cluvault.model.manifest import DeploymentRecord, DivisionRecord, Manifest, ModelRecord
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.capture import Capture
    from cluvault.plan.deployed import Known
    from cluvault.service.client import CluClient
    from cluvault.service.evaluation_models import Evaluation, EvaluationSummary
    from cluvault.service.models import TrainedModel

_FINAL = (RequestRefused, NotFound, OperationNotInVersion, JobFailed, InvalidProjectFile)
"""Errors of which nothing else comes when the same model is asked for again."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The trained models and service deployments of a project, as lists tell them."""

    models: tuple[TrainedModel, ...]
    records: tuple[ModelRecord, ...]
    deployments: tuple[DeploymentRecord, ...]


@dataclass(slots=True)
class Environment:
    """What was found out about what is deployed.

    Attributes:
        models: All models, with what is known now of those that are deployed.
        exports: What was exported now.
        known: What the vault holds already, by label.
        pending: Why something is missing of which the next backup asks again, a sentence for each.
    """

    models: list[ModelRecord]
    exports: list[ModelExport] = field(default_factory=list["ModelExport"])
    known: dict[str, Manifest] = field(default_factory=dict[str, "Manifest"])
    pending: list[str] = field(default_factory=list[str])

    def added_to(self, capture: Capture) -> Capture:
        """The capture with it."""
        return replace(
            capture,
            models=tuple(self.models),
            exports=tuple(self.exports),
            known=self.known,
            pending=tuple(self.pending),
        )


async def capture_deployed(
    workspace: Workspace, resource: str, project: str, listing: Listing, *, retry: bool = False
) -> Environment:
    """Export what each deployed model was trained on, unless the vault has it, and read how it was trained.

    A model that the service refuses, or does not give this time, is no error: the environment says so.

    Args:
        workspace: The world.
        resource: The resource.
        project: The project.
        listing: What is there.
        retry: Ask again for what the service refused before.
    """
    found = Environment(list(listing.records))
    wanted = deployed_models(listing.records, listing.deployments)
    if not wanted:
        return found
    snapshots = await _snapshots(workspace, resource, project)
    endpoint = workspace.settings.resource(resource).endpoint
    known = known_models(snapshots, wanted, endpoint=endpoint)
    client = await workspace.client(resource)
    teller = _Teller(workspace, client, project)
    latest = max(snapshots, key=lambda one: one.snapshot_id, default=None)
    for model in wanted:
        place = found.models.index(model)
        if model.label in known and await _is_whole(workspace, known[model.label]):
            found.models[place] = known[model.label].model.model_copy(update={"trained_on": None})
            found.known[model.label] = known[model.label].view
        elif (why := refused_before(latest, model)) is not None and not retry:
            found.models[place] = model.model_copy(update={"not_captured": why})
        else:
            has_snapshot = any(one.label == model.label and one.has_snapshot for one in listing.models)
            found.models[place] = await _ask(teller, model, found, has_snapshot=has_snapshot)
    if workspace.settings.vault.encryption.recipients:
        found.models = [without_names(one) for one in found.models]
    return found


async def _snapshots(workspace: Workspace, resource: str, project: str) -> list[Manifest]:
    vault = await workspace.vault(create=True)
    return await vault.snapshots(resource=resource, project=project, on_fault=lambda _key, _fault: None)


async def _is_whole(workspace: Workspace, known: Known) -> bool:
    try:
        await (await workspace.vault()).prove(known.view)
    except (DamagedSnapshot, SnapshotNotFound, VaultTooNew):
        return False
    return True


async def _ask(teller: _Teller, model: ModelRecord, found: Environment, *, has_snapshot: bool) -> ModelRecord:
    if not has_snapshot:
        return model.model_copy(update={"not_captured": "the service keeps no snapshot of it"})
    try:
        told = await teller.tell(model)
        found.exports.append(await teller.export(model.label))
    except _FINAL as err:
        return model.model_copy(update={"not_captured": sentence_of(err)})
    except CluvaultError as err:
        found.pending.append(f"what {model.label} was trained on is not captured yet: {err}")
        return model
    return told


class _Teller:
    """What the service tells of the models of a project; how they were trained is listed once, and when needed."""

    def __init__(self, workspace: Workspace, client: CluClient, project: str) -> None:
        self._workspace = workspace
        self._client = client
        self._project = project
        self._modes: dict[str, str] | None = None

    async def tell(self, model: ModelRecord) -> ModelRecord:
        """How a model was trained, and its scores, as far as the service tells."""
        summary = await self._summary(model.label)
        mode = (await self._training_modes()).get(model.label) or None
        return model.model_copy(
            update={
                "training_mode": mode,
                "division": None if summary is None else _division(summary),
                "evaluation": None if summary is None else evaluation_record(summary),
            }
        )

    async def export(self, label: str) -> ModelExport:
        """What a model was trained on."""
        exported = await self._client.export_project(
            self._project, trained_model_label=label, timeout=self._workspace.settings.backup.job_timeout
        )
        where = f"what {self._project}: {label} was trained on"
        async with self._workspace.room.of(len(exported.data)):
            digest, counts = await asyncio.to_thread(meaning_of, exported.data, source=where)
        return ModelExport(label, exported.data, digest, counts, exported.api_version)

    async def _summary(self, label: str) -> EvaluationSummary | None:
        try:
            return await self._client.get_evaluation_summary(self._project, label=label)
        except (NotFound, RequestRefused):  # there was nothing to test with
            return None

    async def _training_modes(self) -> dict[str, str]:
        if self._modes is None:
            modes: dict[str, str] = {}
            async for job in self._client.list_training_jobs(self._project):  # the newest first
                if job.result is not None and state_of(job.status) is JobState.SUCCEEDED:
                    modes.setdefault(job.result.model_label, job.result.training_mode)
            self._modes = modes
        return self._modes


def _division(summary: EvaluationSummary) -> DivisionRecord | None:
    options = summary.options
    return None if options is None else division_of(options.kind, options.training_percent, options.testing_percent)


def evaluation_record(summary: EvaluationSummary) -> dict[str, Any]:
    """An evaluation as a manifest keeps it: everything but the confusion matrices, which would outweigh the rest."""
    entities = summary.entities
    return {
        "intentsEvaluation": _figures(summary.intents, "intents"),
        "entitiesEvaluation": None if entities is None else _figures(entities, "entities"),
    }


def _figures(evaluation: Evaluation, name: str) -> dict[str, Any]:
    each = {key: one.model_dump(mode="json", by_alias=True) for key, one in evaluation.scores.items()}
    totals = ("microF1", "microPrecision", "microRecall", "macroF1", "macroPrecision", "macroRecall")
    said = evaluation.model_dump(mode="json", by_alias=True, exclude={"scores", "confusion"})
    return {name: each, **{key: said[key] for key in totals}}
