"""The trained models of a target project: training, proof of what they were trained on, room for another, deployment.

What promotions, replications and rebuildings do alike. Nothing is changed here but under the lease on the target.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from cluvault.errors import GuardRefused, JobError, NotFound, ProjectNotFound
from cluvault.model.names import is_scratch
from cluvault.model.project_file import read_project_file
from cluvault.ops.target_lease import hold
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.limits import DOCUMENTED
from cluvault.plan.promotion_facts import ModelNow, model_to_remove
from cluvault.service.calls.deployments import DeploymentResource
from cluvault.service.calls.training import Split
from cluvault.service.jobs import JobState, state_of
from cluvault.service.protocol import says_part_is_missing

if TYPE_CHECKING:
    from collections.abc import Collection

    from cluvault.ops.workspace import Workspace
    from cluvault.plan.keys import PromotionKey
    from cluvault.service.calls.training import Division
    from cluvault.service.client import CluClient
    from cluvault.service.job_models import TrainingJob
    from cluvault.service.jobs import JobHandle
    from cluvault.service.models import Deployment
    from cluvault.settings import TrainSettings


# --- training ------------------------------------------------------------------------------------------------------


async def running_training(client: CluClient, project: str, label: str) -> JobHandle[TrainingJob] | None:
    """The training of a model that is under way; None when there is none."""
    async for job in client.list_training_jobs(project):
        labelled = job.result is not None and job.result.model_label == label
        if labelled and state_of(job.status) is JobState.RUNNING:
            return await client.training_handle(project, job_id=job.job_id)
    return None


async def wait_for_trainings(client: CluClient, project: str, *, seconds: float, labels_begin: str = "") -> None:
    """Wait for trainings that are under way, perhaps begun by whoever was killed: they admit no other job.

    Args:
        client: The target.
        project: The project; if there is none, there is nothing to wait for.
        seconds: How long each may take.
        labels_begin: Only models whose labels begin so are waited for.
    """
    with suppress(ProjectNotFound):
        async for job in client.list_training_jobs(project):
            label = job.result.model_label if job.result is not None else ""
            if label.startswith(labels_begin) and state_of(job.status) is JobState.RUNNING:
                with suppress(JobError):
                    await client.wait(await client.training_handle(project, job_id=job.job_id), timeout=seconds)


def division_of(settings: TrainSettings) -> Division:
    """How the utterances of a route are divided into training and testing."""
    if isinstance(settings.split, str):
        return settings.split
    return Split(settings.split.training, settings.split.testing)


async def trained_digest(
    workspace: Workspace, resource: str, project: str, label: str, *, api_version: str, or_of_draft: bool = False
) -> str | None:
    """The digest of what a model was trained on, by its own snapshot; None when the service keeps none.

    With `or_of_draft` what the project holds stands for it then.
    """
    client = await workspace.client(resource)
    model = await client.get_model(project, label=label)
    if not model.has_snapshot and not or_of_draft:
        return None
    exported = await client.export_project(
        project,
        trained_model_label=label if model.has_snapshot else None,
        api_version=api_version,
        timeout=workspace.settings.backup.job_timeout,
    )
    where = f"what {resource}/{project}: {label} was trained on"
    return await asyncio.to_thread(lambda: canonical_digest(read_project_file(exported.data, source=where)))


async def make_room(workspace: Workspace, key: PromotionKey, *, step: str, needed: Collection[str] = ()) -> None:
    """Delete the least recently trained model that nothing serves or needs, when there are as many as there may be.

    Raises:
        GuardRefused: all of them are deployed or needed.
        LeaseLost: somebody else works on the project now.
    """
    client, project = await workspace.client(key.resource), key.project
    models = [ModelNow(one.label, one.last_trained_at) async for one in client.list_models(project)]
    if len(models) < DOCUMENTED.models:
        return
    deployed = [one.model_label async for one in client.list_deployments(project)]
    gone = model_to_remove(models, {*deployed, *needed})
    if gone is None:
        why = "needed" if needed else "deployed"
        raise GuardRefused(f"{project} has {len(models)} models, and each is {why}", mend="delete a deployment")
    await hold(workspace, key, step)
    await client.delete_model(project, label=gone)


# --- deployment ----------------------------------------------------------------------------------------------------


async def deployment_of(client: CluClient, project: str, name: str) -> Deployment | None:
    """A deployment; None when there is none of this name, or no such project."""
    try:
        return await client.get_deployment(project, deployment=name)
    except ProjectNotFound:
        return None
    except NotFound as err:
        if not says_part_is_missing(err.code):
            raise
        return None


async def put_model(workspace: Workspace, key: PromotionKey, name: str, label: str, *, like: str, step: str) -> None:
    """Put a model into a deployment, on the resources where the deployment `like` is; the same again changes nothing.

    Raises:
        LeaseLost: somebody else works on the project now; a project that was made for a while needs no lease.
    """
    client = await workspace.client(key.resource)
    there = await deployment_of(client, key.project, like)
    resources = [DeploymentResource(one.resource_id, one.region) for one in there.resources] if there else []
    if not is_scratch(key.project):
        await hold(workspace, key, step)
    handle = await client.begin_deploy(key.project, deployment=name, label=label, resources=resources)
    await client.wait(handle, timeout=workspace.settings.backup.job_timeout)
