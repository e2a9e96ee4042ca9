"""Requests about service deployments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluvault.errors import UsageError
from cluvault.model.json_text import write_json
from cluvault.model.names import shorten
from cluvault.service.calls.address import check_label
from cluvault.service.calls.resources import ids_body
from cluvault.service.exchange import JSON, OWNER, Call, Expects, Subject
from cluvault.service.features import deploys_to_objects, uses_new_names
from cluvault.service.urls import path_segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluvault.service.calls.address import Address
    from cluvault.service.calls.training import OpenAIConnection


@dataclass(frozen=True, slots=True)
class DeploymentResource:
    """A resource to deploy on; it has to be assigned to the project before.

    Attributes:
        resource_id: Its Azure Resource Manager id.
        region: Such as `westeurope`; previews since 2025-05-15 ask for it, other versions do not take it.
        azure_openai: The Azure OpenAI connection that it uses; previews since 2025-05-15 only.
    """

    resource_id: str
    region: str = ""
    azure_openai: OpenAIConnection | None = None


def list_deployments(address: Address, version: str, project: str) -> Call:
    """The first page of a project's deployments."""
    url = address.project(project, "/deployments", version)
    return Call("GET", url, "list deployments", project, Subject.PROJECT)


def get_deployment(address: Address, version: str, project: str, deployment: str) -> Call:
    """One deployment."""
    url = address.deployment(project, deployment, "", version)
    return Call("GET", url, f"get deployment {shorten(deployment)!r}", project, Subject.PART)


def deploy(
    address: Address,
    version: str,
    project: str,
    *,
    deployment: str,
    label: str,
    resources: Sequence[DeploymentResource],
) -> Call:
    """Start putting a trained model into a deployment, which is created or gets the model in place of its own."""
    return Call(
        "PUT",
        address.deployment(project, deployment, "", version),
        f"deploy model {shorten(label)!r} to {shorten(deployment)!r}",
        project,
        Subject.PART,
        Expects.ANYTHING,
        role=OWNER,
        body=write_json(deployment_body(label, resources, version)),
        content_type=JSON,
    )


def deployment_body(label: str, resources: Sequence[DeploymentResource], version: str) -> dict[str, Any]:
    """What a deployment is told, in the version's own words.

    Raises:
        UsageError: a region is missing where the version asks for it.
    """
    body: dict[str, Any] = {"trainedModelLabel": check_label(label)}
    if not resources:
        return body
    if not deploys_to_objects(version):
        return body | ids_body([each.resource_id for each in resources], version)
    is_new = uses_new_names(version)
    id_key = "azureResourceId" if is_new else "resourceId"
    objects = [_resource_body(each, id_key, version) for each in resources]
    return body | {"azureResourceIds" if is_new else "assignedResources": objects}


def _resource_body(resource: DeploymentResource, id_key: str, version: str) -> dict[str, Any]:
    if not resource.region:
        raise UsageError(
            f"resource {shorten(resource.resource_id, 120)!r} has no region, which api-version {version} asks for",
            mend="say in which region it is",
        )
    body: dict[str, Any] = {id_key: resource.resource_id, "region": resource.region}
    if resource.azure_openai is not None:
        body["assignedAoaiResource"] = resource.azure_openai.body()
    return body


def delete_deployment(address: Address, version: str, project: str, deployment: str) -> Call:
    """Start the deletion of a deployment, from all its resources."""
    url = address.deployment(project, deployment, "", version)
    what = f"delete deployment {shorten(deployment)!r}"
    return Call("DELETE", url, what, project, Subject.PART, Expects.ANYTHING, role=OWNER)


def delete_from_resources(
    address: Address, version: str, project: str, deployment: str, resource_ids: Sequence[str] | None
) -> Call:
    """Start the deletion of a deployment from some resources, or from all that are assigned.

    Raises:
        UsageError: the list is empty; the service could take that for all.
    """
    return Call(
        "POST",
        address.deployment(project, deployment, "/:delete-from-resources", version),
        f"delete deployment {shorten(deployment)!r} from resources",
        project,
        Subject.PART,
        Expects.ANYTHING,
        role=OWNER,
        body=write_json({} if resource_ids is None else ids_body(resource_ids, version)),
        content_type=JSON,
    )


def swap_deployments(address: Address, version: str, project: str, *, first: str, second: str) -> Call:
    """Start exchanging the models of two deployments."""
    for name in (first, second):
        path_segment(name, kind="deployment")
    return Call(
        "POST",
        address.project(project, "/deployments/:swap", version),
        f"swap deployments {shorten(first)!r} and {shorten(second)!r}",
        project,
        Subject.PART,
        Expects.ANYTHING,
        repeatable=False,
        role=OWNER,
        body=write_json({"firstDeploymentName": first, "secondDeploymentName": second}),
        content_type=JSON,
    )
