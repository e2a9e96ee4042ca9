"""Operations on deployment resources: list, assign, unassign, and what other resources have placed on one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cluvault.emulator import resources
from cluvault.emulator.calls import page_answer
from cluvault.emulator.deployment_shapes import assignment_reader, ids_reader
from cluvault.emulator.jobs import to_seconds
from cluvault.emulator.parsing import read_body
from cluvault.emulator.projects import find_project
from cluvault.emulator.rendering import to_json
from cluvault.emulator.versions import members_of

if TYPE_CHECKING:
    from cluvault.emulator.calls import Answer, Call, Unread
    from cluvault.emulator.records import AssignedResource, Deployment, Project


def list_resources(call: Call) -> Answer:
    """A page of the resources that are assigned to a project."""
    project = find_project(call.state, call.project_name)
    return page_answer(call, f"projects/{quote(project.name, safe='')}/resources", project.resources, _resource_json)


def _resource_json(resource: AssignedResource) -> bytes:
    return to_json({"azureResourceId": resource.azure_id, "region": resource.region})


def read_assignment(request: Unread) -> tuple[AssignedResource, ...]:
    """Read the resources that a project is to have."""
    strict = request.emulator.config.strict_members
    return read_body(request.body, assignment_reader(members_of(request.version), strict=strict))


def assign(call: Call) -> Answer:
    """Start the assignment of resources to a project."""
    return call.begin(
        resources.start_assignment(
            call.emulator.states(call.now),
            call.resource,
            call.project_name,
            call.document,
            start=call.start(),
        )
    )


def read_unassignment(request: Unread) -> tuple[str, ...]:
    """Read the resources that a project is to lose."""
    strict = request.emulator.config.strict_members
    return read_body(request.body, ids_reader(members_of(request.version), strict=strict, needed=True))


def unassign(call: Call) -> Answer:
    """Start to take resources away from a project."""
    return call.begin(
        resources.start_unassignment(
            call.state,
            call.project_name,
            call.document,
            start=call.start(),
        )
    )


def list_placements(call: Call) -> Answer:
    """A page of the projects of other resources that have deployments on this one, by name."""
    found = sorted(
        resources.placements_on(call.emulator.states(call.now), call.resource), key=lambda item: item[0].name
    )
    return page_answer(call, "projects/global/deployments/resources", found, _placement_json)


def _placement_json(placement: tuple[Project, tuple[Deployment, ...]]) -> bytes:
    project, deployments = placement
    metadata: list[dict[str, Any]] = [
        {
            "deploymentName": deployment.name,
            "lastDeployedDateTime": to_seconds(deployment.deployed_at),
            "deploymentExpirationDate": deployment.expires,
        }
        for deployment in deployments
    ]
    return to_json({"projectName": project.name, "deploymentsMetadata": metadata})
