"""restore --environment: rebuild what was deployed: import, train, deploy under the same names, then the draft.

Each step looks at what is there before it acts. Nothing is recorded of the way: who is killed and begins again finds
the models that were trained on the same content, the deployments that serve them, and does what is missing. One worker
at a time works on the target, under the lease that promotions and replications take, too.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from cluvault.errors import (
    CluvaultError,
    JobError,
    NotFound,
    OperationNotInVersion,
    ProjectNotFound,
    RoundTripMismatch,
    UsageError,
    VaultError,
)
from cluvault.model.compression import Packed
from cluvault.model.project_file import read_project_file
from cluvault.model.reference import SnapshotReference, parse_reference, parse_target
from cluvault.model.run import Outcome, RunItem
from cluvault.ops.contents import present_content
from cluvault.ops.deployed import evaluation_record
from cluvault.ops.imports import NotWhatWasMeant, import_body, import_from_storage, keep_unmoved, look_again
from cluvault.ops.imports import prove_round_trip as prove
from cluvault.ops.promotion_steps import running_training
from cluvault.ops.promotion_work import hold, refuse_under_way, working_on
from cluvault.ops.report import add_mend, finish_run
from cluvault.ops.steps import Runner, run_directly
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.deployed import warnings_of
from cluvault.plan.environment import (
    EnvironmentPlan,
    EnvironmentStep,
    Served,
    StepKind,
    TargetNow,
    WantedModel,
    score_changes,
    wanted_models,
)
from cluvault.plan.environment import plan_environment as decide
from cluvault.plan.fitting import fit_project_file
from cluvault.plan.keys import PromotionKey
from cluvault.plan.losses import refuse_without_leave
from cluvault.plan.upgrade import rename_project
from cluvault.service.calls.deployments import DeploymentResource
from cluvault.service.calls.training import Split, Training
from cluvault.service.jobs import JobState, state_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.model.json_text import JsonObject
    from cluvault.model.manifest import Manifest
    from cluvault.ops.imports import Body
    from cluvault.ops.restore import RestoreOptions
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.fitting import FittedFile
    from cluvault.plan.losses import Loss
    from cluvault.service.calls.training import Division, TrainingMode
    from cluvault.service.client import CluClient
    from cluvault.vault.leases import Turn

_LEAVE: Final = "--dry-run lists all that would be lost; add --allow-loss to accept it"
_STEP: Final = "restore environment"
_TRAIN_SECONDS: Final = 6 * 3600.0


class Fitted(NamedTuple):
    """A content of the snapshot as the target takes it.

    Attributes:
        view: The snapshot, seen as the content's.
    """

    view: Manifest
    api_version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """A plan, with what its steps need.

    Attributes:
        contents: What is imported, by digest.
        key: The place of the lease; of a mere preview none.
    """

    plan: EnvironmentPlan
    contents: dict[str, Fitted]
    key: PromotionKey | None = None


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


@dataclass(slots=True)
class EnvironmentReport:
    """A rebuilding that came to its end.

    Attributes:
        safety: The safety snapshot of what stood there.
        warnings: What the service or the safety snapshot warns of.
        scores: Of each model that was trained.
    """

    plan: EnvironmentPlan
    safety: str = ""
    warnings: list[str] = field(default_factory=list[str])
    scores: list[Scored] = field(default_factory=list[Scored])
    record_key: str = ""

    def to_json(self) -> JsonObject:
        """The report for programs."""
        return self.plan.to_json() | {
            "safetySnapshot": self.safety or None,
            "warnings": list(self.warnings),
            "scores": [
                {"label": one.label, "compared": one.is_compared, "changes": list(one.changes)} for one in self.scores
            ],
            "record": self.record_key,
        }


class StepDone(NamedTuple):
    """What a step has to say: the reference that was kept, warnings, scores."""

    safety: str = ""
    warnings: tuple[str, ...] = ()
    scored: Scored | None = None


def place_of_environment(options: RestoreOptions) -> tuple[SnapshotReference, str, str]:
    """The snapshot that is meant, and the resource and project that it goes to.

    Raises:
        UsageError: it is no snapshot, or a part of one.
    """
    parsed = parse_reference(options.reference)
    if not isinstance(parsed, SnapshotReference) or parsed.deployment is not None:
        message = f"{options.reference} holds no environment: only a snapshot does"
        raise UsageError(message, mend="write RESOURCE/PROJECT or RESOURCE/PROJECT@ID")
    target = parse_target(options.to) if options.to else parse_target(f"{parsed.resource}/{parsed.project}")
    return parsed, target.resource, target.project or parsed.project


async def preview_environment(workspace: Workspace, options: RestoreOptions) -> EnvironmentPlan:
    """What a rebuilding would do; changes nothing."""
    return (await plan_environment(workspace, options)).plan


async def restore_environment(
    workspace: Workspace,
    options: RestoreOptions,
    *,
    run: Runner = run_directly,
    on_plan: Callable[[EnvironmentPlan], None] = lambda _plan: None,
    on_step: Callable[[EnvironmentStep], None] = lambda _step: None,
    on_wait: Callable[[Turn], None] = lambda _turn: None,
) -> EnvironmentReport:
    """Rebuild an environment, or go on with a rebuilding that was killed; what is there already is left.

    Raises:
        UsageError: the reference names no snapshot with an environment, or the target cannot be one.
        ProjectExists: the target exists, holds other things, and `if_exists` is fail; nothing was changed.
        GuardRefused: a limit, a promotion, a deployment of others or a loss is in the way; nothing was changed.
        LeaseHeld: somebody else works on the target.
        CluvaultError: a step failed; what was done stays, and the same call goes on.
    """
    started_at = workspace.now()
    _, resource, project = place_of_environment(options)
    workspace.settings.resource(resource)
    key = PromotionKey(resource, project, workspace.new_run_id())
    patience = 2 * workspace.settings.promotions.lease_seconds  # who was killed just now holds the lease for so long
    async with working_on(workspace, key, step=_STEP, patience=patience, on_wait=on_wait):
        await refuse_under_way(workspace, resource, project)
        await run(settle_trainings, workspace, resource, project)
        rebuilding = await run(plan_environment, workspace, options, key)
        plan = rebuilding.plan
        on_plan(plan)
        refuse(plan, options)
        report = EnvironmentReport(plan)
        try:
            for step in plan.steps:
                on_step(step)
                done = await run(take_step, workspace, rebuilding, step)
                report.safety = done.safety or report.safety
                report.warnings += done.warnings
                report.scores += [done.scored] if done.scored is not None else []
        except CluvaultError as err:
            _tell_way_back(err, report.safety)
            item = _item(plan, Outcome.FAILED, str(err))
            with suppress(VaultError):  # the step's own error says more
                await run(finish_run, workspace, "restore", started_at, [resource], [item])
            raise
    names = ", ".join(plan.deployments)
    item = _item(plan, Outcome.RESTORED, f"environment from {plan.snapshot}: {names}; {len(plan.steps)} steps")
    report.record_key = (await run(finish_run, workspace, "restore", started_at, [resource], [item])).record_key
    return report


def refuse(plan: EnvironmentPlan, options: RestoreOptions) -> None:
    """Raise the first reason for which a plan is not carried out."""
    if plan.refusals:
        raise plan.refusals[0]
    if plan.steps and not options.allow_loss:
        refuse_without_leave(plan.losses, what=plan.sentence, mend=_LEAVE)


def _tell_way_back(err: CluvaultError, safety: str) -> None:
    add_mend(err, "the same command goes on from here" + (f"; what stood there is kept as {safety}" if safety else ""))


def _item(plan: EnvironmentPlan, outcome: Outcome, detail: str) -> RunItem:
    snapshot_id = plan.snapshot.rpartition("@")[2]
    return RunItem(
        resource=plan.resource, project=plan.project, outcome=outcome, snapshot_id=snapshot_id, detail=detail
    )


# --- looking -------------------------------------------------------------------------------------------------------


async def settle_trainings(workspace: Workspace, resource: str, project: str) -> None:
    """Wait for trainings that are under way, perhaps begun by whoever was killed: they admit no other job."""
    client = await workspace.client(resource)
    with suppress(ProjectNotFound):
        async for job in client.list_training_jobs(project):
            if state_of(job.status) is JobState.RUNNING:
                with suppress(JobError):
                    handle = await client.training_handle(project, job_id=job.job_id)
                    await client.wait(handle, timeout=_TRAIN_SECONDS)


async def plan_environment(
    workspace: Workspace, options: RestoreOptions, key: PromotionKey | None = None
) -> Rebuilding:
    """Read the snapshot's contents one after the other, look at the target, and decide; changes nothing."""
    reference, resource, project = place_of_environment(options)
    vault = await workspace.vault()
    manifest = await vault.resolve(reference)
    client = await workspace.client(resource)
    contents: dict[str, Fitted] = {}
    notes: dict[str, None] = {}
    losses: dict[Loss, None] = {}
    digests: dict[str, str] = {}
    kind, language = "", ""
    for view in manifest.views:
        version = await _version_for(client, view.api_version)
        if version != view.api_version:
            notes[f"{resource} does not answer api-version {view.api_version}; {version} is used"] = None
        fitted, digest = await _fitted(workspace, view, version, project)
        if view is manifest:
            kind, language = fitted.file.metadata["projectKind"], str(fitted.file.metadata.get("language", ""))
        contents.setdefault(digest, Fitted(view, version, digest))
        digests[view.content.key] = digest
        notes |= dict.fromkeys(fitted.changes)
        losses |= dict.fromkeys(fitted.losses)
    captured = {one.label: one.trained_on.content.key for one in manifest.models if one.trained_on is not None}
    of_models = {label: digests[key] for label, key in captured.items()}
    offered = [one.name async for one in client.list_training_config_versions(kind=kind)] if of_models else []
    wanted = wanted_models(manifest, of_models, language=language, offered=offered)
    plan = decide(
        manifest,
        wanted,
        await _target_now(workspace, resource, project, wanted, contents),
        resource=resource,
        project=project,
        kind=kind,
        draft=digests[manifest.content.key],
        if_exists=options.if_exists,
        partial=options.allow_loss,
        notes=tuple(notes),
        losses=tuple(losses),
    )
    return Rebuilding(plan, contents, key)


async def _version_for(client: CluClient, version: str) -> str:
    return version if await client.answers_version(version) else await client.transfer_version()


async def _fitted(workspace: Workspace, view: Manifest, version: str, project: str) -> tuple[FittedFile, str]:
    data = await (await workspace.vault()).read(view)

    def fit() -> tuple[FittedFile, str]:
        file = read_project_file(data, source=view.reference)
        fitted = fit_project_file(file, version, exported_with=view.api_version, source=view.reference)
        return fitted, canonical_digest(rename_project(fitted.file, project))

    return await asyncio.to_thread(fit)


async def _body(workspace: Workspace, content: Fitted, project: str) -> Body:
    """What is sent: read again, so that of many contents one is in memory."""
    data = await (await workspace.vault()).read(content.view)
    file = read_project_file(data, source=content.view.reference)
    fitted = fit_project_file(
        file, content.api_version, exported_with=content.view.api_version, source=content.view.reference
    )
    return import_body(Packed.of(data), file, fitted, project=project)


async def _target_now(
    workspace: Workspace, resource: str, project: str, wanted: tuple[WantedModel, ...], contents: dict[str, Fitted]
) -> TargetNow:
    client = await workspace.client(resource)
    try:
        there = await client.get_project(project)
    except ProjectNotFound:
        return TargetNow()
    present = await present_content(workspace, resource, project, modified_at=there.last_modified_at)
    models = [one async for one in client.list_models(project)]
    versions = {one.label: contents[one.digest].api_version for one in wanted}
    digests: dict[str, str | None] = {
        one.label: await trained_on(workspace, resource, project, one.label, versions[one.label])
        if one.label in versions
        else None
        for one in models
    }
    ids = {one.model_id for one in models}
    served = {
        one.name: Served(one.model_label, is_current=one.model_id in ids)
        async for one in client.list_deployments(project)
    }
    return TargetNow(there.kind, present.digest, digests, served)


async def trained_on(workspace: Workspace, resource: str, project: str, label: str, api_version: str) -> str | None:
    """The digest of what a model was trained on; None when the service cannot tell."""
    client = await workspace.client(resource)
    if not (await client.get_model(project, label=label)).has_snapshot:
        return None
    try:
        exported = await client.export_project(
            project,
            trained_model_label=label,
            api_version=api_version,
            timeout=workspace.settings.backup.job_timeout,
        )
    except OperationNotInVersion:
        return None
    where = f"what {resource}/{project}: {label} was trained on"
    return await asyncio.to_thread(lambda: canonical_digest(read_project_file(exported.data, source=where)))


# --- doing ---------------------------------------------------------------------------------------------------------


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


async def _hold(workspace: Workspace, rebuilding: Rebuilding, what: str) -> None:
    """Raises LeaseLost: somebody else works on the project now."""
    plan = rebuilding.plan
    key = rebuilding.key or PromotionKey(plan.resource, plan.project, "")
    await hold(workspace, key, f"{_STEP}: {what}")


async def _import(workspace: Workspace, rebuilding: Rebuilding, content: Fitted) -> StepDone:
    plan = rebuilding.plan
    body = await _body(workspace, content, plan.project)
    await _hold(workspace, rebuilding, "import")
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
        await _hold(workspace, rebuilding, f"train {model.label}")
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
    plan = rebuilding.plan
    client = await workspace.client(plan.resource)
    found = {one.name: one async for one in client.list_deployments(plan.project)}
    there = found[name].resources if name in found else ()
    resources = [DeploymentResource(one.resource_id, one.region) for one in there]
    await _hold(workspace, rebuilding, f"deploy {name}")
    handle = await client.begin_deploy(plan.project, deployment=name, label=plan.deployments[name], resources=resources)
    await client.wait(handle, timeout=workspace.settings.backup.job_timeout)
    return StepDone()


def _training(model: WantedModel) -> Training:
    division: Division | None = None
    if model.division is not None and model.division.kind == "manual":
        division = "manual"
    elif model.division is not None and model.division.training is not None and model.division.testing is not None:
        division = Split(model.division.training, model.division.testing)
    mode: TrainingMode = "advanced" if model.mode == "advanced" else "standard"
    return Training(label=model.label, mode=mode, config_version=model.config_version, division=division)
