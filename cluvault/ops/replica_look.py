"""What a replication sees of one project at both ends, and what there is to do; changes nothing at the target."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cluvault.errors import DamagedRecord, ProjectNotFound
from cluvault.model.project_file import read_project_file
from cluvault.ops.contents import file_of, present_content, with_data
from cluvault.ops.imports import Body
from cluvault.plan.diff import diff_project_files
from cluvault.plan.promotion_facts import meant_file
from cluvault.plan.replica import (
    ModelContent,
    ReplicaFacts,
    ReplicaPlan,
    SourceModel,
    known_models,
    plan_replica,
    wanted_models,
)
from cluvault.service.jobs import JobState, state_of

if TYPE_CHECKING:
    from cluvault.model.project_file import ProjectFile
    from cluvault.model.replica import ReplicaRecord
    from cluvault.ops.contents import Present
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.promotion_facts import Meant
    from cluvault.service.client import CluClient
    from cluvault.settings import RouteSettings


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
