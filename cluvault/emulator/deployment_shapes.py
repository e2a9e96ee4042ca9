"""The shapes of the bodies about deployments and their resources, by api-version: members were renamed twice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from cluvault.emulator.parsing import Member, ObjectOf, list_of, one_of, required, text
from cluvault.emulator.records import AssignedResource
from cluvault.emulator.rendering import to_json
from cluvault.emulator.versions import ResourceMembers

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.emulator.parsing import Reader
    from cluvault.emulator.versions import ApiVersion

_OLDER: Final = ResourceMembers()


@dataclass(frozen=True, slots=True)
class DeploymentBody:
    """What is to be deployed, and where besides the home resource."""

    model_label: str
    resources: tuple[AssignedResource, ...]


@cache
def deployment_reader(version: ApiVersion, *, strict: bool) -> Callable[[Any], DeploymentBody]:
    """Reads the body of a deployment."""
    members = version.resources
    resources = () if members is None else (Member(members.deploy, list_of(_wanted(members, strict=strict))),)
    shape = ObjectOf(
        "CreateDeploymentOptions",
        required("trainedModelLabel", text),
        *resources,
        strict=strict,
        aliases=_older(members, "deploy"),
    )

    def read(value: object) -> DeploymentBody:
        document = shape(value)
        found = document.get(members.deploy, ()) if members is not None else ()
        return DeploymentBody(document["trainedModelLabel"], tuple(found))

    return read


def _wanted(members: ResourceMembers, *, strict: bool) -> Reader:
    """Reads one resource of a deployment: an id, or an object with the id, the region and an Azure OpenAI resource."""
    generation = ObjectOf(
        "DataGenerationConnectionInfo",
        required("kind", one_of("DataGenerationConnectionKind", ("AzureOpenAI",))),
        required("deploymentName", text),
        Member("resourceId", text),
        strict=strict,
    )
    shape = ObjectOf(
        "DeploymentResource",
        required(members.deploy_id, text),
        Member("region", text),
        Member("assignedAoaiResource", generation),
        strict=strict,
    )

    def read(value: object) -> AssignedResource:
        if not members.deploy_id:
            return AssignedResource(azure_id=text(value), region="")
        document = shape(value)
        found = document.get("assignedAoaiResource")
        return AssignedResource(
            azure_id=document[members.deploy_id],
            region=document.get("region", ""),
            generation=to_json(found).decode() if found is not None else "",
        )

    return read


@cache
def ids_reader(members: ResourceMembers, *, strict: bool, needed: bool) -> Callable[[Any], tuple[str, ...] | None]:
    """Reads ARM ids; None when there are none and none are needed."""
    member = Member(members.ids, list_of(text), required=needed)
    shape = ObjectOf("ProjectResourceIds", member, strict=strict, aliases=_older(members, "ids"))

    def read(value: object) -> tuple[str, ...] | None:
        found = shape(value).get(members.ids)
        return None if found is None else tuple(found)

    return read


@cache
def assignment_reader(members: ResourceMembers, *, strict: bool) -> Callable[[Any], tuple[AssignedResource, ...]]:
    """Reads the resources that a project is to have."""
    resource = ObjectOf(
        "ResourceMetadata",
        required("azureResourceId", text),
        required("customDomain", text),
        required("region", text),
        strict=strict,
    )
    shape = ObjectOf(
        "AssignProjectResourcesOptions",
        required(members.assign, list_of(resource)),
        strict=strict,
        aliases=_older(members, "assign"),
    )

    def read(value: object) -> tuple[AssignedResource, ...]:
        return tuple(
            AssignedResource(azure_id=found["azureResourceId"], region=found["region"], domain=found["customDomain"])
            for found in shape(value)[members.assign]
        )

    return read


@cache
def swap_reader(*, strict: bool) -> Reader:
    """Reads the names of the deployments that are to be swapped."""
    return ObjectOf(
        "SwapDeploymentsOptions",
        required("firstDeploymentName", text),
        required("secondDeploymentName", text),
        strict=strict,
    )


def _older(members: ResourceMembers | None, member: str) -> dict[str, str]:
    """The name of a member in older versions, where it is read as well."""
    if members is None or not members.older:
        return {}
    return {getattr(_OLDER, member).lower(): getattr(members, member)}
