"""The steps of rebuilding an environment: keep, import, train, deploy. The same step again does no harm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from cluvault.errors import NotFound, RoundTripMismatch
from cluvault.model.compression import Packed
from cluvault.model.names import is_scratch
from cluvault.model.project_file import read_project_file
from cluvault.ops.deployed import evaluation_record
from cluvault.ops.environment_planning import trained_on
from cluvault.ops.imports import NotWhatWasMeant, import_body, import_from_storage, keep_unmoved, look_again
from cluvault.ops.imports import prove_round_trip as prove
from cluvault.ops.target_lease import hold
from cluvault.ops.trained_models import put_model, running_training, wait_for_trainings
from cluvault.plan.deployed import warnings_of
from cluvault.plan.environment import EnvironmentPlan, EnvironmentStep, StepKind, WantedModel, score_changes
from cluvault.plan.fitting import fit_project_file
from cluvault.plan.keys import PromotionKey
from cluvault.service.calls.training import Split, Training

if TYPE_CHECKING:
    from cluvault.ops.environment_planning import Fitted, Rebuilding
    from cluvault.ops.imports import Body
    from cluvault.ops.workspace import Workspace
    from cluvault.service.calls.training import Division, TrainingMode
    from cluvault.service.client import CluClient

STEP: Final = "restore environment"
"""What the lease says that its holder does."""
_TRAIN_SECONDS: Final = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Scored:
    """How the scores of a model that was trained differ from those that were recorded; and whether either is known."""

    label: str
    is_compared: bool
    changes: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """For people."""
        if not self.is_compared:
            return f"{self.label}: no scores to compare"
        return f"{self.label}: " + ("; ".join(self.changes) or "scores as recorded")


class StepDone(NamedTuple):
    """What a step has to say: the reference that was kept, warnings, scores."""

    safety: str = ""
    warnings: tuple[str, ...] = ()
    scored: Scored | None = None


async def settle_trainings(workspace: Workspace, resource: str, project: str) -> None:
    """Wait for trainings that are under way, whoever began them."""
    await wait_for_trainings(await workspace.client(resource), project, seconds=_TRAIN_SECONDS)


async def take_step(workspace: Workspace, rebuilding: Rebuilding, step: EnvironmentStep) -> StepDone:
    """Do one step; the same again does no harm.

    Raises:
        ProjectExists: somebody made the project meanwhile.
        NotWhatWasMeant: the service holds something else than what was imported.
        RoundTripMismatch: a model was trained on something else.
    """
    match step.kind:
        case StepKind.KEEP:
            return await _keep(workspace, rebuilding.plan)
        case StepKind.IMPORT:
            return await _import(workspace, rebuilding, rebuilding.contents[step.subject])
        case StepKind.TRAIN:
            return await _train(workspace, rebuilding, rebuilding.plan.model(step.subject))
        case StepKind.DEPLOY:
            return await _deploy(workspace, rebuilding, step.subject)


async def _keep(workspace: Workspace, plan: EnvironmentPlan) -> StepDone:
    if not plan.exists:
        await look_again(workspace, plan.resource, plan.project)
        return StepDone()
    kept = await keep_unmoved(workspace, plan.resource, plan.project, environment=True)
    return StepDone(kept.manifest.reference, warnings_of(kept.manifest, kept.pending))


def _lease_of(rebuilding: Rebuilding) -> PromotionKey:
    return rebuilding.key or PromotionKey(rebuilding.plan.resource, rebuilding.plan.project, "")


async def _ensure(workspace: Workspace, rebuilding: Rebuilding, step: str) -> None:
    """Raises LeaseLost: somebody else works on the project now; nobody does on one that was made for a while."""
    if not is_scratch(rebuilding.plan.project):
        await hold(workspace, _lease_of(rebuilding), step)


async def _body(workspace: Workspace, content: Fitted, project: str) -> Body:
    """What is sent: read again, so that of many contents one is in memory."""
    data = await (await workspace.vault()).read(content.view)
    file = read_project_file(data, source=content.view.reference)
    fitted = fit_project_file(
        file, content.api_version, exported_with=content.view.api_version, source=content.view.reference
    )
    return import_body(Packed.of(data), file, fitted, project=project)


async def _import(workspace: Workspace, rebuilding: Rebuilding, content: Fitted) -> StepDone:
    plan = rebuilding.plan
    body = await _body(workspace, content, plan.project)
    await _ensure(workspace, rebuilding, f"{STEP}: import")
    warnings = await import_from_storage(workspace, plan.resource, plan.project, body, api_version=content.api_version)
    proof = await prove(workspace, plan.resource, plan.project, body, api_version=content.api_version)
    if proof.difference:
        raise NotWhatWasMeant(plan.where, proof, safety="")
    return StepDone(warnings=warnings)


async def _train(workspace: Workspace, rebuilding: Rebuilding, model: WantedModel) -> StepDone:
    plan = rebuilding.plan
    client = await workspace.client(plan.resource)
    version = rebuilding.contents[model.digest].api_version
    place = workspace, plan.resource, plan.project, model.label, version
    is_there = await client.model_exists(plan.project, label=model.label)
    if is_there and await trained_on(*place) == model.digest:  # by a try of this step whose end nobody saw
        return StepDone(scored=await _scored(client, plan.project, model))
    job = await running_training(client, plan.project, model.label)
    if job is None:
        await _ensure(workspace, rebuilding, f"{STEP}: train {model.label}")
        job = await client.begin_train(plan.project, _training(model))
    await client.wait(job, timeout=_TRAIN_SECONDS)
    if await trained_on(*place) not in (model.digest, None):
        message = f"{plan.where} was changed by somebody before {model.label} was trained"
        raise RoundTripMismatch(message, mend="see that nobody edits it")
    return StepDone(scored=await _scored(client, plan.project, model))


async def _scored(client: CluClient, project: str, model: WantedModel) -> Scored:
    try:
        summary = await client.get_evaluation_summary(project, label=model.label)
    except NotFound:  # there was nothing to test with
        return Scored(model.label, is_compared=False, changes=())
    if model.evaluation is None:
        return Scored(model.label, is_compared=False, changes=())
    changes = score_changes(model.evaluation, evaluation_record(summary))
    return Scored(model.label, is_compared=True, changes=changes)


async def _deploy(workspace: Workspace, rebuilding: Rebuilding, name: str) -> StepDone:
    """Put a model into a deployment, on the resources where it is already."""
    label = rebuilding.plan.deployments[name]
    await put_model(workspace, _lease_of(rebuilding), name, label, like=name, step=f"{STEP}: deploy {name}")
    return StepDone()


def _training(model: WantedModel) -> Training:
    division: Division | None = None
    if model.division is not None and model.division.kind == "manual":
        division = "manual"
    elif model.division is not None and model.division.training is not None and model.division.testing is not None:
        division = Split(model.division.training, model.division.testing)
    mode: TrainingMode = "advanced" if model.mode == "advanced" else "standard"
    return Training(label=model.label, mode=mode, config_version=model.config_version, division=division)
