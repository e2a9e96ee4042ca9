"""Operations on deployments: list, get, deploy, delete, delete from resources, swap."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from cluvault.emulator import deployments
from cluvault.emulator.calls import Answer, page_answer
from cluvault.emulator.deployment_shapes import deployment_reader, ids_reader, swap_reader
from cluvault.emulator.jobs import to_seconds, to_ticks
from cluvault.emulator.parsing import read_body
from cluvault.emulator.projects import find_project
from cluvault.emulator.rendering import to_json
from cluvault.emulator.versions import members_of

if TYPE_CHECKING:
    from cluvault.emulator.calls import Call, Unread
    from cluvault.emulator.deployment_shapes import DeploymentBody
    from cluvault.emulator.records import AssignedResource, Deployment
    from cluvault.emulator.versions import ApiVersion


# --- list and get --------------------------------------------------------------------------------------------------


def list_deployments(call: Call) -> Answer:
    """A page of a project's deployments, newest first."""
    project = find_project(call.state, call.project_name)
    newest = sorted(project.deployments, key=lambda deployment: deployment.deployed_at, reverse=True)
    path = f"projects/{quote(project.name, safe='')}/deployments"
    return page_answer(call, path, newest, partial(_deployment_json, call.version))


def get_deployment(call: Call) -> Answer:
    """One deployment."""
    found = deployments.find_deployment(find_project(call.state, call.project_name), call.names["part"])
    return Answer(200, _deployment_json(call.version, found))


def _deployment_json(version: ApiVersion, deployment: Deployment) -> bytes:
    """A deployment; its resources are left out when there are none besides the home resource."""
    wire: dict[str, Any] = {
        "deploymentName": deployment.name,
        "modelId": deployment.model_id,
        "lastTrainedDateTime": to_ticks(deployment.trained_at),
        "lastDeployedDateTime": to_seconds(deployment.deployed_at),
        "deploymentExpirationDate": deployment.expires,
        "modelTrainingConfigVersion": deployment.config_version,
    }
    if version.resources is not None and deployment.resources:
        wire["assignedResources"] = [_resource_to_wire(version, resource) for resource in deployment.resources]
    return to_json(wire)


def _resource_to_wire(version: ApiVersion, resource: AssignedResource) -> dict[str, Any]:
    members = members_of(version)
    wire: dict[str, Any] = {members.shown_id: resource.azure_id, "region": resource.region}
    if members.deploy_id and resource.generation:
        wire["assignedAoaiResource"] = orjson.Fragment(resource.generation)
    return wire


# --- deploy and delete ---------------------------------------------------------------------------------------------


def read_deployment(request: Unread) -> DeploymentBody:
    """Read the body of a deployment."""
    return read_body(request.body, deployment_reader(request.version, strict=request.emulator.config.strict_members))


def deploy(call: Call) -> Answer:
    """Start a deployment."""
    emulator, body = call.emulator, call.document
    return call.begin(
        deployments.start_deployment(
            emulator.states(call.now),
            call.resource,
            call.project_name,
            call.names["part"],
            model_label=body.model_label,
            wanted=body.resources,
            start=call.start(),
            limits=emulator.limits,
        )
    )


def delete_deployment(call: Call) -> Answer:
    """Start the deletion of a deployment."""
    return call.begin(
        deployments.start_deletion(
            call.state,
            call.project_name,
            call.names["part"],
            start=call.start(),
        )
    )


def read_removal(request: Unread) -> tuple[str, ...] | None:
    """Read the resources that lose a deployment; all of them when there is no body or no list in it."""
    if not request.body.strip():
        return None
    strict = request.emulator.config.strict_members
    return read_body(request.body, ids_reader(members_of(request.version), strict=strict, needed=False))


def delete_from_resources(call: Call) -> Answer:
    """Start the removal of a deployment from resources."""
    return call.begin(
        deployments.start_removal(
            call.state,
            call.project_name,
            call.names["part"],
            call.document,
            start=call.start(),
        )
    )


# --- swap ----------------------------------------------------------------------------------------------------------


def read_swap(request: Unread) -> dict[str, Any]:
    """Read the body of a swap."""
    return read_body(request.body, swap_reader(strict=request.emulator.config.strict_members))


def swap(call: Call) -> Answer:
    """Start the exchange of two deployments' models."""
    return call.begin(
        deployments.start_swap(
            call.state,
            call.project_name,
            first=call.document["firstDeploymentName"],
            second=call.document["secondDeploymentName"],
            start=call.start(),
        )
    )
