"""Requests about the resources on which a project may be deployed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from cluvault.errors import UsageError
from cluvault.model.json_text import write_json
from cluvault.service.exchange import JSON, OWNER, Call, Expects, Subject
from cluvault.service.features import uses_new_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluvault.service.calls.address import Address

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectResource:
    """A resource to assign to a project.

    Attributes:
        resource_id: Its Azure Resource Manager id.
        custom_domain: Its own subdomain; the service takes the bare name and the full host.
        region: Such as `westeurope`.
    """

    resource_id: str
    custom_domain: str
    region: str

    def body(self) -> dict[str, str]:
        """As the service reads it."""
        return {"azureResourceId": self.resource_id, "customDomain": self.custom_domain, "region": self.region}


def list_project_resources(address: Address, version: str, project: str) -> Call:
    """The first page of the resources assigned to a project."""
    url = address.project(project, "/resources", version)
    return Call("GET", url, "list assigned resources", project, Subject.PROJECT)


def assign_resources(address: Address, version: str, project: str, resources: Sequence[ProjectResource]) -> Call:
    """Start the assignment of resources.

    Raises:
        UsageError: there are none.
    """
    member = "projectResources" if uses_new_names(version) else "resourcesMetadata"
    return _change(address, version, project, "assign", {member: [each.body() for each in _some(resources)]})


def unassign_resources(address: Address, version: str, project: str, resource_ids: Sequence[str]) -> Call:
    """Start taking resources away from a project, with the deployments on them.

    Raises:
        UsageError: there are none.
    """
    return _change(address, version, project, "unassign", ids_body(resource_ids, version))


def list_guest_projects(address: Address, version: str) -> Call:
    """The first page of the deployments that other resources have placed on this one."""
    url = address.projects("/global/deployments/resources", version)
    return Call("GET", url, "list deployments of other resources")


def ids_body(resource_ids: Sequence[str], version: str) -> dict[str, Any]:
    """Resources by their ids, in the version's own word.

    Raises:
        UsageError: there are none.
    """
    member = "azureResourceIds" if uses_new_names(version) else "assignedResourceIds"
    return {member: list(_some(resource_ids))}


def _change(address: Address, version: str, project: str, verb: str, body: dict[str, Any]) -> Call:
    return Call(
        "POST",
        address.project(project, f"/resources/:{verb}", version),
        f"{verb} resources",
        project,
        Subject.PROJECT,
        Expects.ANYTHING,
        role=OWNER,
        body=write_json(body),
        content_type=JSON,
    )


def _some(items: Sequence[ItemT]) -> Sequence[ItemT]:
    if not items:
        raise UsageError("the list of resources is empty", mend="name one at least")
    return items
