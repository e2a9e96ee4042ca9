"""Decisions about deployment resources: which other resources may serve a project's deployments. Pure; see `state.py`.

What a resource serves for others is not written down in it: it follows from the projects of the others, so a project
that is deleted takes its placements along.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cluvault.emulator.arm import account_of, resource_of
from cluvault.emulator.errors import invalid_argument, invalid_request
from cluvault.emulator.projects import begin_job, check_free, find_project
from cluvault.emulator.records import AssignWork, UnassignWork
from cluvault.emulator.state import Change

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cluvault.emulator.jobs import Start
    from cluvault.emulator.records import AssignedResource, Deployment, Job, Project
    from cluvault.emulator.state import ResourceState


# --- looking up ----------------------------------------------------------------------------------------------------


def is_among(azure_id: str, resources: Sequence[AssignedResource]) -> bool:
    """Whether an ARM id names one of these resources."""
    return account_of(azure_id) in {account_of(resource.azure_id) for resource in resources}


def without(resources: Sequence[AssignedResource], azure_ids: Sequence[str]) -> tuple[AssignedResource, ...]:
    """The resources that none of the ARM ids names."""
    accounts = {account_of(azure_id) for azure_id in azure_ids}
    return tuple(resource for resource in resources if account_of(resource.azure_id) not in accounts)


def placements_on(
    states: Mapping[str, ResourceState], resource: str
) -> Iterator[tuple[Project, tuple[Deployment, ...]]]:
    """The projects of other resources that have deployments on this one, with those."""
    for home, state in states.items():
        if home == resource:
            continue
        for project in state.projects.values():
            if placed := tuple(found for found in project.deployments if _is_on(found, resource)):
                yield project, placed


def _is_on(deployment: Deployment, resource: str) -> bool:
    return any(account_of(placed.azure_id) == resource.lower() for placed in deployment.resources)


# --- assign and unassign -------------------------------------------------------------------------------------------


def start_assignment(
    states: Mapping[str, ResourceState],
    home: str,
    name: str,
    given: tuple[AssignedResource, ...],
    *,
    start: Start,
) -> tuple[Change, Job]:
    """Begin to let resources serve a project's deployments; those that may already stay as they are given now.

    Raises:
        Refusal: 404 for an unknown project; 400 for no resource, an unknown one, the project's own, or one that has a
            project of this name already; 409 while a job holds the project.
    """
    state = states[home]
    find_project(state, name)
    check_free(state, name, "assign")
    if not given:
        raise invalid_argument("At least one resource must be given.", target="projectResources")
    for resource in given:
        check_name_is_free(states, home, name, _known(states, home, resource.azure_id))
    work = AssignWork(resources=given)
    return begin_job(state, start, kind="assign", project=name, work=work)


def _known(states: Mapping[str, ResourceState], home: str, azure_id: str) -> str:
    resource = resource_of(azure_id, states)
    if resource is None:
        raise invalid_argument(f"The resource `{azure_id}` could not be found.", target="azureResourceId")
    if resource == home:
        message = f"The resource `{azure_id}` is the project's own, which serves its deployments at any rate."
        raise invalid_argument(message, target="azureResourceId")
    return resource


def check_name_is_free(states: Mapping[str, ResourceState], home: str, name: str, resource: str) -> None:
    """Refuse with 400 to let a resource serve a project when it has another of that name, own or assigned."""
    others = (state.projects.get(name) for owner, state in states.items() if owner not in (home, resource))
    assigned = any(
        account_of(found.azure_id) == resource.lower() for other in others if other for found in other.resources
    )
    if assigned or name in states[resource].projects:
        raise invalid_request(
            f"The resource `{resource}` has another project `{name}`. A project's name must be unique on each of its "
            "resources."
        )


def start_unassignment(
    state: ResourceState,
    name: str,
    azure_ids: tuple[str, ...],
    *,
    start: Start,
) -> tuple[Change, Job]:
    """Begin to take resources away from a project, and its deployments from them.

    Raises:
        Refusal: 404 for an unknown project; 400 for a resource that is not assigned; 409 while a job holds the project.
    """
    project = find_project(state, name)
    check_free(state, name, "unassign")
    check_assigned(project, azure_ids)
    work = UnassignWork(azure_ids=azure_ids)
    return begin_job(state, start, kind="unassign", project=name, work=work)


def check_assigned(project: Project, azure_ids: Sequence[str]) -> None:
    """Refuse with 400 a resource that is not assigned to the project."""
    for azure_id in azure_ids:
        if not is_among(azure_id, project.resources):
            message = f"The resource `{azure_id}` is not assigned to the project `{project.name}`."
            raise invalid_argument(message, target="azureResourceIds")


# --- the ends of their jobs ----------------------------------------------------------------------------------------


def assign(state: ResourceState, job: Job, work: AssignWork) -> Change:
    """The end of an assignment."""
    project = find_project(state, job.project)
    kept = without(project.resources, [resource.azure_id for resource in work.resources])
    return Change(projects=(replace(project, resources=kept + work.resources),))


def unassign(state: ResourceState, job: Job, work: UnassignWork) -> Change:
    """The end of an unassignment: the resources' deployments go with them."""
    project = find_project(state, job.project)
    deployments = tuple(
        replace(deployment, resources=without(deployment.resources, work.azure_ids))
        for deployment in project.deployments
    )
    resources = without(project.resources, work.azure_ids)
    return Change(projects=(replace(project, resources=resources, deployments=deployments),))
