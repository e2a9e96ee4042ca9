"""Decisions about deployments and their jobs: deploy, delete, take away from resources, swap. Pure; see `state.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cluvault.emulator.arm import account_of, resource_of
from cluvault.emulator.errors import (
    Problem,
    invalid_argument,
    invalid_request,
    invalid_value,
    not_found,
    quota_exceeded,
)
from cluvault.emulator.limits import is_project_name
from cluvault.emulator.projects import begin_job, check_free, find_model, find_project
from cluvault.emulator.records import Deployment, DeployWork, SwapWork, UndeployWork
from cluvault.emulator.resources import check_assigned, check_name_is_free, is_among, without
from cluvault.emulator.state import Change
from cluvault.emulator.training_configs import DEPLOYMENT_LIFETIME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from cluvault.emulator.jobs import Start
    from cluvault.emulator.limits import Limits
    from cluvault.emulator.records import AssignedResource, Job, Model, Project
    from cluvault.emulator.state import ResourceState

_NAME_LENGTH: Final = 50


# --- looking up ----------------------------------------------------------------------------------------------------


def find_deployment(project: Project, name: str) -> Deployment:
    """The deployment of this name.

    Raises:
        Refusal: 404.
    """
    for deployment in project.deployments:
        if deployment.name == name:
            return deployment
    raise not_found("deployment", name)


def deployment_of(
    model: Model, *, name: str, deployed_at: datetime, resources: tuple[AssignedResource, ...] = ()
) -> Deployment:
    """A model, deployed."""
    return Deployment(
        name=name,
        model_id=model.model_id,
        trained_at=model.trained_at,
        deployed_at=deployed_at,
        expires=model.expires + DEPLOYMENT_LIFETIME,
        config_version=model.config_version,
        model=model,
        resources=resources,
    )


# --- deploy --------------------------------------------------------------------------------------------------------


def start_deployment(
    states: Mapping[str, ResourceState],
    home: str,
    name: str,
    deployment: str,
    *,
    model_label: str,
    wanted: Sequence[AssignedResource],
    start: Start,
    limits: Limits,
) -> tuple[Change, Job]:
    """Begin to deploy a model as it is now, or to replace what a deployment serves, and where.

    Raises:
        Refusal: 404 for an unknown project or model; 400 for a bad name or a resource that is not assigned; 409 while
            a job holds the project; 403 when the project has no room for another deployment.
    """
    state = states[home]
    project = find_project(state, name)
    check_free(state, name, "deployment")
    if not is_project_name(deployment, max_length=_NAME_LENGTH):
        raise invalid_value("DeploymentName", deployment, target="deploymentName")
    model = find_model(project, model_label)
    work = DeployWork(model=model, resources=_placed(states, home, project, wanted))
    _check_room(state, project, deployment, limits)
    return begin_job(state, start, kind="deployment", project=name, part=deployment, work=work)


def _placed(
    states: Mapping[str, ResourceState], home: str, project: Project, wanted: Sequence[AssignedResource]
) -> tuple[AssignedResource, ...]:
    """The assigned resources that are wanted, each once; the home resource serves whether it is named or not."""
    elsewhere = [resource for resource in wanted if account_of(resource.azure_id) != home.lower()]
    check_assigned(project, [resource.azure_id for resource in elsewhere])
    generations = {account_of(resource.azure_id): resource.generation for resource in elsewhere}
    for resource in elsewhere:
        if (place := resource_of(resource.azure_id, states)) is not None:
            check_name_is_free(states, home, project.name, place)
    return tuple(
        replace(resource, generation=generations[account_of(resource.azure_id)])
        for resource in project.resources
        if account_of(resource.azure_id) in generations
    )


def _check_room(state: ResourceState, project: Project, deployment: str, limits: Limits) -> None:
    names = {found.name for found in project.deployments}
    names |= {job.part for job in state.unfinished() if job.project == project.name and type(job.work) is DeployWork}
    if limits.deployments is not None and deployment not in names and len(names) >= limits.deployments:
        raise quota_exceeded(f"The project has {limits.deployments} deployments, which is the most it can have.")


# --- delete --------------------------------------------------------------------------------------------------------


def start_deletion(state: ResourceState, name: str, deployment: str, *, start: Start) -> tuple[Change, Job]:
    """Begin to delete a deployment, wherever it is served.

    Raises:
        Refusal: 404 for an unknown project or deployment; 409 while a job holds the project.
    """
    find_deployment(find_project(state, name), deployment)
    check_free(state, name, "deployment")
    return begin_job(state, start, kind="deployment", project=name, part=deployment, work=UndeployWork())


def start_removal(
    state: ResourceState,
    name: str,
    deployment: str,
    azure_ids: tuple[str, ...] | None,
    *,
    start: Start,
) -> tuple[Change, Job]:
    """Begin to take a deployment away from some resources and leave it on the others, or from all.

    Raises:
        Refusal: 404 for an unknown project or deployment; 400 for a resource that does not have it; 409 while a job
            holds the project.
    """
    found = find_deployment(find_project(state, name), deployment)
    check_free(state, name, "delete-from-resources")
    for azure_id in azure_ids or ():
        if not is_among(azure_id, found.resources):
            message = f"The deployment `{deployment}` is not assigned to the resource `{azure_id}`."
            raise invalid_argument(message, target="azureResourceIds")
    work = UndeployWork(azure_ids=azure_ids)
    return begin_job(state, start, kind="delete-from-resources", project=name, part=deployment, work=work)


# --- swap ----------------------------------------------------------------------------------------------------------


def start_swap(state: ResourceState, name: str, *, first: str, second: str, start: Start) -> tuple[Change, Job]:
    """Begin to exchange the models of two deployments; the job fails when they are not served by the same resources.

    Raises:
        Refusal: 404 for an unknown project or deployment; 400 for a deployment with itself; 409 while a job holds the
            project.
    """
    project = find_project(state, name)
    check_free(state, name, "swap")
    places = [_places(find_deployment(project, deployment)) for deployment in (first, second)]
    if first == second:
        raise invalid_request(f"The deployment `{first}` cannot be swapped with itself.")
    message = f"The deployments `{first}` and `{second}` are not assigned to the same resources."
    errors = () if places[0] == places[1] else (Problem("InvalidRequest", message),)
    return begin_job(state, start, kind="swap", project=name, work=SwapWork(first=first, second=second), errors=errors)


def _places(deployment: Deployment) -> frozenset[str]:
    return frozenset(account_of(resource.azure_id) for resource in deployment.resources)


# --- the ends of their jobs ----------------------------------------------------------------------------------------


def deploy(state: ResourceState, job: Job, work: DeployWork) -> Change:
    """The end of a deployment: the model serves."""
    project = find_project(state, job.project)
    others = tuple(found for found in project.deployments if found.name != job.part)
    resources = tuple(resource for resource in work.resources if is_among(resource.azure_id, project.resources))
    made = deployment_of(work.model, name=job.part, deployed_at=job.due_at, resources=resources)
    return Change(projects=(replace(project, deployments=(*others, made)),))


def undeploy(state: ResourceState, job: Job, work: UndeployWork) -> Change:
    """The end of a deletion, in whole or from resources only."""
    project = find_project(state, job.project)
    if work.azure_ids is None:
        kept = tuple(found for found in project.deployments if found.name != job.part)
        return Change(projects=(replace(project, deployments=kept),))
    found = find_deployment(project, job.part)
    return _changed(project, replace(found, resources=without(found.resources, work.azure_ids)))


def swap(state: ResourceState, job: Job, work: SwapWork) -> Change:
    """The end of a swap: each deployment keeps its name and places, and serves what the other did."""
    project = find_project(state, job.project)
    first, second = find_deployment(project, work.first), find_deployment(project, work.second)
    return _changed(project, _serving(first, second, job.due_at), _serving(second, first, job.due_at))


def _serving(deployment: Deployment, other: Deployment, moment: datetime) -> Deployment:
    return replace(other, name=deployment.name, resources=deployment.resources, deployed_at=moment)


def _changed(project: Project, *changed: Deployment) -> Change:
    by_name = {deployment.name: deployment for deployment in changed}
    deployments = tuple(by_name.get(deployment.name, deployment) for deployment in project.deployments)
    return Change(projects=(replace(project, deployments=deployments),))
