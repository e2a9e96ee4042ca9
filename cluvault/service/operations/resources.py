"""Resources on which a project may be deployed: list, assign, unassign; and who deploys on this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault.service.calls import resources as calls
from cluvault.service.features import RESOURCES
from cluvault.service.models import AssignedResource, GuestProject
from cluvault.service.operations.session import Operations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from cluvault.service.calls.resources import ProjectResource
    from cluvault.service.job_models import Job
    from cluvault.service.jobs import JobHandle


class ResourceOperations(Operations):
    """Operations on assigned resources; not in 2023-04-01."""

    async def list_project_resources(self, project: str) -> AsyncIterator[AssignedResource]:
        """The resources assigned to a project. Raises ProjectNotFound."""
        at = self._session
        call = calls.list_project_resources(at.address, await at.versions.for_feature(RESOURCES), project)
        async for resource in at.list(AssignedResource, call, key=lambda each: each.resource_id):
            yield resource

    async def begin_assign_resources(self, project: str, resources: Sequence[ProjectResource]) -> JobHandle[Job]:
        """Start assigning resources to a project, so that it can be deployed on them.

        The service takes this call with a Microsoft Entra ID sign-in only, not with a key.
        """
        at = self._session
        version = await at.versions.for_feature(RESOURCES)
        return await at.begin(calls.assign_resources(at.address, version, project, resources))

    async def begin_unassign_resources(self, project: str, resource_ids: Sequence[str]) -> JobHandle[Job]:
        """Start taking resources away from a project; the project's deployments on them are deleted."""
        at = self._session
        version = await at.versions.for_feature(RESOURCES)
        return await at.begin(calls.unassign_resources(at.address, version, project, resource_ids))

    async def list_assigned_resource_deployments(self) -> AsyncIterator[GuestProject]:
        """The deployments that projects of other resources have on this one; its own are not among them."""
        at = self._session
        call = calls.list_guest_projects(at.address, await at.versions.for_feature(RESOURCES))
        async for project in at.list(GuestProject, call):
            yield project
