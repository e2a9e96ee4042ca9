"""What a replication does of one project, under the lease on its target.

Each step looks at what is there before it acts, and only the record at the end says that all is done: a worker that
dies anywhere leaves work for the next run, which does what is still missing. What serves keeps serving until a model of
the new content is there. The draft comes last of the imports, so that it stays.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cluvault import __version__
from cluvault.errors import (
    CluvaultError,
    DamagedRecord,
    GuardRefused,
    JobError,
    LeaseLost,
    ProjectNotFound,
    RoundTripMismatch,
)
from cluvault.model.manifest import Tool
from cluvault.model.project_file import read_project_file
from cluvault.model.replica import ReplicaRecord
from cluvault.ops.contents import file_of, present_content, with_data
from cluvault.ops.imports import (
    Body,
    NotWhatWasMeant,
    import_from_storage,
    keep_unmoved,
    look_again,
    prove_round_trip,
)
from cluvault.ops.promotion_steps import running_training
from cluvault.ops.promotion_work import hold
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.capture import TOOL_NAME
from cluvault.plan.diff import diff_project_files
from cluvault.plan.limits import DOCUMENTED
from cluvault.plan.promotion_plan import ModelNow, meant_file, model_to_remove
from cluvault.plan.replica import (
    PREFIX,
    ModelContent,
    ReplicaFacts,
    ReplicaPlan,
    SourceModel,
    Wanted,
    known_models,
    plan_replica,
    wanted_models,
)
from cluvault.service.calls.deployments import DeploymentResource
from cluvault.service.calls.training import Split, Training
from cluvault.service.jobs import JobState, state_of

if TYPE_CHECKING:
    from cluvault.model.project_file import ProjectFile
    from cluvault.model.replica import ReplicaDeployment
    from cluvault.ops.contents import Present
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.keys import PromotionKey
    from cluvault.plan.promotion_plan import Meant
    from cluvault.service.calls.training import Division, TrainingMode
    from cluvault.service.client import CluClient
    from cluvault.settings import RouteSettings, TrainSettings


@dataclass(frozen=True, slots=True)
class Ends:
    """Where a project is replicated from and to."""

    route_name: str
    route: RouteSettings
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at both ends found.

    Attributes:
        source: The source's draft.
        api_version: The version that imports.
        bodies: What can be imported, by its digest.
    """

    facts: ReplicaFacts
    record: ReplicaRecord | None
    source: Present
    plan: ReplicaPlan
    api_version: str
    bodies: dict[str, Body] = field(default_factory=dict[str, Body])


# --- looking -------------------------------------------------------------------------------------------------------


async def last_record(workspace: Workspace, ends: Ends) -> ReplicaRecord | None:
    """What the last replication from this source left; None when there was none, or its record says nothing."""
    if not await workspace.has_vault():
        return None
    with suppress(DamagedRecord):  # then everything is looked at
        record = await (await workspace.vault()).replicas.last(ends.route.target, ends.target)
        if record is not None and (record.source_resource, record.source_project) == (ends.route.source, ends.source):
            return record
    return None


async def look_at_ends(workspace: Workspace, ends: Ends) -> ReplicaFacts:
    """Both ends, by what costs no export.

    Raises:
        ProjectNotFound: there is no such project at the source any more.
    """
    source, target = await workspace.client(ends.route.source), await workspace.client(ends.route.target)
    modified_at = (await source.get_project(ends.source)).last_modified_at
    deployments = await _deployments(source, ends.source)
    models = await _models(source, ends.source, set(deployments.values())) if deployments else {}
    try:
        there = await target.get_project(ends.target)
    except ProjectNotFound:
        return ReplicaFacts(modified_at, deployments, models, target_exists=False)
    return ReplicaFacts(
        modified_at,
        deployments,
        models,
        target_exists=True,
        target_modified_at=there.last_modified_at,
        target_deployments=await _deployments(target, ends.target),
        target_models=frozenset([one.label async for one in target.list_models(ends.target)]),
    )


async def _deployments(client: CluClient, project: str) -> dict[str, str]:
    return {one.name: one.model_label async for one in client.list_deployments(project)}


async def _models(client: CluClient, project: str, deployed: set[str]) -> dict[str, SourceModel]:
    """The deployed models; how they were trained, as long as the service remembers."""
    modes: dict[str, str] = {}
    async for job in client.list_training_jobs(project):  # the newest first
        if job.result is not None and state_of(job.status) is JobState.SUCCEEDED:
            modes.setdefault(job.result.model_label, job.result.training_mode)
    return {
        one.label: SourceModel(
            one.label,
            one.last_trained_at,
            one.training_config_version,
            one.has_snapshot,
            modes.get(one.label) or None,
        )
        async for one in client.list_models(project)
        if one.label in deployed
    }


async def look_closely(
    workspace: Workspace, ends: Ends, facts: ReplicaFacts, record: ReplicaRecord | None, *, keep: bool, full: bool
) -> Look:
    """Compare the contents, and decide. With `keep` the source's draft is in the vault afterwards."""
    source = await with_data(
        workspace,
        await present_content(
            workspace, ends.route.source, ends.source, modified_at=facts.source_modified_at, full=full, keep=keep
        ),
    )
    target = await workspace.client(ends.route.target)
    version = source.api_version
    if not await target.answers_version(version):
        version = await target.transfer_version()
    draft = await _meant(ends, await asyncio.to_thread(file_of, source), source.api_version, version, source.label)
    bodies = {draft.digest: Body.of(draft.file, draft.changes)}
    there = None
    if facts.target_exists:
        there = await present_content(
            workspace, ends.route.target, ends.target, modified_at=facts.target_modified_at, full=full
        )
    difference = None
    if there is not None:
        there = await with_data(workspace, there)
        present = await asyncio.to_thread(file_of, there)
        difference = await asyncio.to_thread(diff_project_files, present, draft.file)
    known = known_models(facts, record)
    contents = {
        label: await _content(workspace, ends, facts.models[label], draft=draft, version=version, bodies=bodies)
        for label in sorted({label for label in facts.deployments.values() if label in facts.models} - set(known))
    }
    kind = draft.file.metadata["projectKind"]
    offered = [one.name async for one in target.list_training_config_versions(kind=kind)] if contents else []
    plan = plan_replica(
        facts,
        wanted_models(facts, known, contents, train=ends.route.train, offered=offered),
        draft=draft.digest,
        present=None if there is None else there.digest,
        difference=difference,
        size=len(draft.file.intents) + len(draft.file.entities) + len(draft.file.utterances),
        notes=tuple(f"the replica's api-version lacks {loss.pointer}: {loss.sentence}" for loss in draft.losses),
    )
    return Look(facts, record, source, plan, version, bodies)


async def _content(
    workspace: Workspace,
    ends: Ends,
    model: SourceModel,
    *,
    draft: Meant,
    version: str,
    bodies: dict[str, Body],
) -> ModelContent:
    """What a model of the source was trained on, as the target would have it; the draft where nobody can tell."""
    if not model.has_snapshot:
        return ModelContent(draft.digest, of_draft=True)
    client = await workspace.client(ends.route.source)
    exported = await client.export_project(
        ends.source, trained_model_label=model.label, timeout=workspace.settings.backup.job_timeout
    )
    label = f"what {ends.route.source}/{ends.source}: {model.label} was trained on"
    file = await asyncio.to_thread(lambda: read_project_file(exported.data, source=label))
    meant = await _meant(ends, file, exported.api_version, version, label)
    bodies.setdefault(meant.digest, Body.of(meant.file, meant.changes))
    return ModelContent(meant.digest, of_draft=False)


async def _meant(ends: Ends, file: ProjectFile, exported_with: str, version: str, label: str) -> Meant:
    return await asyncio.to_thread(
        lambda: meant_file(
            file, ends.route, project=ends.target, api_version=version, exported_with=exported_with, source=label
        )
    )


# --- doing ---------------------------------------------------------------------------------------------------------


async def settle_trainings(workspace: Workspace, ends: Ends) -> None:
    """Wait for trainings that an earlier worker of a replication began: meanwhile the service admits no other job."""
    client = await workspace.client(ends.route.target)
    with suppress(ProjectNotFound):
        async for job in client.list_training_jobs(ends.target):
            label = job.result.model_label if job.result is not None else ""
            if label.startswith(PREFIX) and state_of(job.status) is JobState.RUNNING:
                with suppress(JobError):
                    handle = await client.training_handle(ends.target, job_id=job.job_id)
                    await client.wait(handle, timeout=ends.route.train.timeout_minutes * 60)


class Work:
    """The changing part of one replication.

    Args:
        workspace: The world.
        ends: Source and target.
        key: The place of its lease.
        look: What is to be done.

    Attributes:
        problems: What could not be done; the rest is.
    """

    def __init__(self, workspace: Workspace, ends: Ends, key: PromotionKey, look: Look) -> None:
        self.problems: list[str] = list(look.plan.problems)
        self._workspace = workspace
        self._ends = ends
        self._key = key
        self._look = look
        self._present = look.plan.present
        self._is_kept = False

    async def carry_out(self) -> None:
        """Import, train, deploy what is missing. What cannot be trained or deployed is a problem, not the end.

        Raises:
            LeaseLost: somebody else works on the project now.
            CluvaultError: the content could not be brought.
        """
        plan = self._look.plan
        lost: set[str] = set()
        for model in plan.models:
            if model.digest == plan.draft and self._present != plan.draft:
                await self._hold_content(plan.draft)
            try:
                await self._have_model(model)
            except LeaseLost:
                raise
            except CluvaultError as err:
                self.problems.append(f"{model.source} could not be trained: {err}")
                lost.add(model.label)
        await self._hold_content(plan.draft)
        for one in plan.missing:
            if one.model not in lost:
                await self._deploy_or_say(one)

    async def _hold_content(self, digest: str) -> None:
        """Make the target's draft mean this, proven; what stands there is kept first.

        Raises:
            NotWhatWasMeant: the service holds something else.
        """
        if self._present == digest:
            return
        resource, project = self._ends.route.target, self._ends.target
        if not self._is_kept:
            if self._present is None:
                await look_again(self._workspace, resource, project)
            else:
                await keep_unmoved(self._workspace, resource, project)
            self._is_kept = True
        body, version = self._look.bodies[digest], self._look.api_version
        await hold(self._workspace, self._key, "replicate: import")
        self._present = ""  # whatever comes of it
        await import_from_storage(self._workspace, resource, project, body, api_version=version)
        self._present = digest
        proof = await prove_round_trip(self._workspace, resource, project, body, api_version=version)
        if proof.difference:
            raise NotWhatWasMeant(f"{resource}/{project}", proof, safety="")

    # --- models ----------------------------------------------------------------------------------------------------

    async def _have_model(self, model: Wanted) -> None:
        """Train a model, unless it is there and was trained on what it should be.

        Raises:
            RoundTripMismatch: somebody changed the project meanwhile, so that it was trained on something else.
        """
        client, project = await self._client(), self._ends.target
        there = self._present is not None and await client.model_exists(project, label=model.label)
        if there and await self._is_of(model):
            return
        await self._hold_content(model.digest)
        job = await running_training(client, project, model.label)
        if job is None:
            await self._make_room()
            await hold(self._workspace, self._key, "replicate: train")
            job = await client.begin_train(project, _training(model, self._ends.route.train))
        await client.wait(job, timeout=self._ends.route.train.timeout_minutes * 60)
        if not await self._is_of(model, or_of_draft=True):
            message = f"{self._ends.route.target}/{project} was changed before {model.label} was trained"
            raise RoundTripMismatch(message, mend="see that nobody edits the replica")

    async def _is_of(self, model: Wanted, *, or_of_draft: bool = False) -> bool:
        """Whether a model was trained on what it should be: by its own snapshot, or else by what the project holds."""
        client, project = await self._client(), self._ends.target
        found = await client.get_model(project, label=model.label)
        if not found.has_snapshot and not or_of_draft:
            return False
        exported = await client.export_project(
            project,
            trained_model_label=model.label if found.has_snapshot else None,
            api_version=self._look.api_version,
            timeout=self._workspace.settings.backup.job_timeout,
        )
        where = f"what {model.label} was trained on"
        digest = await asyncio.to_thread(lambda: canonical_digest(read_project_file(exported.data, source=where)))
        return digest == model.digest

    async def _make_room(self) -> None:
        """Delete the least recently trained model that nothing needs, when there are as many as there may be."""
        client, project = await self._client(), self._ends.target
        models = [ModelNow(one.label, one.last_trained_at) async for one in client.list_models(project)]
        if len(models) < DOCUMENTED.models:
            return
        deployed = [one.model_label async for one in client.list_deployments(project)]
        gone = model_to_remove(models, {*deployed, *(one.model for one in self._look.plan.deployments)})
        if gone is None:
            raise GuardRefused(f"{project} has {len(models)} models, and each is needed", mend="delete a deployment")
        await hold(self._workspace, self._key, "replicate: train")
        await client.delete_model(project, label=gone)

    # --- deployments -----------------------------------------------------------------------------------------------

    async def _deploy_or_say(self, one: ReplicaDeployment) -> None:
        try:
            await self._deploy(one)
        except LeaseLost:
            raise
        except CluvaultError as err:
            self.problems.append(f"{one.model} could not be deployed to {one.name}: {err}")

    async def _deploy(self, one: ReplicaDeployment) -> None:
        """Put a model into a deployment, on the resources where it is already; the same again changes nothing."""
        client, project = await self._client(), self._ends.target
        found = {each.name: each async for each in client.list_deployments(project)}
        there = found[one.name].resources if one.name in found else ()
        resources = [DeploymentResource(each.resource_id, each.region) for each in there]
        await hold(self._workspace, self._key, "replicate: deploy")
        handle = await client.begin_deploy(project, deployment=one.name, label=one.model, resources=resources)
        await client.wait(handle, timeout=self._workspace.settings.backup.job_timeout)

    # --- the record ------------------------------------------------------------------------------------------------

    async def note(self) -> None:
        """Write what is there now, for the next run to go by."""
        workspace, ends, plan = self._workspace, self._ends, self._look.plan
        there = await (await self._client()).get_project(ends.target)
        source = self._look.source
        await hold(workspace, self._key, "replicate: record")
        record = ReplicaRecord(
            replica_id=self._key.promotion_id,
            route=ends.route_name,
            resource=ends.route.target,
            project=ends.target,
            source_resource=ends.route.source,
            source_project=ends.source,
            source_modified_at=self._look.facts.source_modified_at,
            target_modified_at=there.last_modified_at,
            source_digest=source.digest,
            digest=plan.draft,
            snapshot=source.manifest.reference if source.manifest is not None else "",
            deployments=plan.deployments,
            notes=plan.notes,
            at=workspace.now(),
            by=workspace.actor,
            tool=Tool(name=TOOL_NAME, version=__version__),
        )
        await (await workspace.vault()).replicas.add(record)

    async def _client(self) -> CluClient:
        return await self._workspace.client(self._ends.route.target)


def _training(model: Wanted, settings: TrainSettings) -> Training:
    split = settings.split
    division: Division = split if isinstance(split, str) else Split(split.training, split.testing)
    mode: TrainingMode = "advanced" if model.mode == "advanced" else "standard"
    return Training(label=model.label, mode=mode, config_version=model.config_version, division=division)
