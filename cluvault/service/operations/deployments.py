"""Service deployments: list, get, deploy, delete, swap."""

# ruff: noqa: ASYNC109  # a timeout here is a job's: asyncio.timeout would tear a request and leave the job unwatched

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault.errors import NotFound
from cluvault.service.calls import deployments
from cluvault.service.features import EVERYWHERE, OPENAI, RESOURCES
from cluvault.service.models import Deployment
from cluvault.service.operations.session import Operations, part_exists
from cluvault.service.protocol import says_part_is_missing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from cluvault.service.calls.deployments import DeploymentResource
    from cluvault.service.features import Feature
    from cluvault.service.job_models import Job
    from cluvault.service.jobs import JobHandle


class DeploymentOperations(Operations):
    """Operations on service deployments. What changes one needs the role Owner: it serves production."""

    async def list_deployments(self, project: str) -> AsyncIterator[Deployment]:
        """The service deployments of a project. Raises ProjectNotFound."""
        at = self._session
        call = deployments.list_deployments(at.address, await at.versions.for_feature(), project)
        async for deployment in at.list(Deployment, call, key=lambda each: each.name):
            yield deployment

    async def get_deployment(self, project: str, *, deployment: str) -> Deployment:
        """One deployment. Raises NotFound, or ProjectNotFound when the service says that it is the project."""
        at = self._session
        version = await at.versions.for_feature()
        return await at.get(Deployment, deployments.get_deployment(at.address, version, project, deployment))

    async def deployment_exists(self, project: str, *, deployment: str) -> bool:
        """Whether a project has the deployment. Raises ProjectNotFound when there is no such project."""
        return await part_exists(self.get_deployment(project, deployment=deployment))

    async def begin_deploy(
        self, project: str, *, deployment: str, label: str, resources: Sequence[DeploymentResource] = ()
    ) -> JobHandle[Job]:
        """Start putting a trained model into a deployment, which is created, or gets it in place of its own.

        Args:
            project: The project.
            deployment: The deployment's name.
            label: The trained model's label.
            resources: Where it shall serve; only on the project's own resource when there are none. Others have to
                be assigned to the project before. Not in 2023-04-01; each api-version gets its own shape.
        """
        at = self._session
        version = await at.versions.for_feature(_needed(resources))
        call = deployments.deploy(at.address, version, project, deployment=deployment, label=label, resources=resources)
        return await at.begin(call)

    async def begin_delete_deployment(self, project: str, *, deployment: str) -> JobHandle[Job]:
        """Start the deletion of a deployment from all its resources. Raises NotFound."""
        at = self._session
        version = await at.versions.for_feature()
        return await at.begin(deployments.delete_deployment(at.address, version, project, deployment))

    async def delete_deployment(self, project: str, *, deployment: str, timeout: float = 300.0) -> None:
        """Delete a deployment; already gone is success, a project that does not exist is ProjectNotFound."""
        try:
            handle = await self.begin_delete_deployment(project, deployment=deployment)
        except NotFound as err:
            if says_part_is_missing(err.code):
                return
            raise
        await self._session.finish_deletion(
            handle, seconds=timeout, still_there=lambda: self.deployment_exists(project, deployment=deployment)
        )

    async def begin_delete_deployment_from_resources(
        self, project: str, *, deployment: str, resource_ids: Sequence[str] | None
    ) -> JobHandle[Job]:
        """Start the deletion of a deployment from some of its resources, or from all when `resource_ids` is None.

        Raises:
            UsageError: the list is empty; the service could take that for all.
        """
        at = self._session
        version = await at.versions.for_feature(RESOURCES)
        call = deployments.delete_from_resources(at.address, version, project, deployment, resource_ids)
        return await at.begin(call)

    async def begin_swap_deployments(self, project: str, *, first: str, second: str) -> JobHandle[Job]:
        """Start exchanging the models of two deployments, which have to be in the same regions.

        A start whose answer was lost is never repeated, because the second swap undoes the first: read both
        deployments to see which model each has.
        """
        at = self._session
        version = await at.versions.for_feature()
        return await at.begin(deployments.swap_deployments(at.address, version, project, first=first, second=second))


def _needed(resources: Sequence[DeploymentResource]) -> Feature:
    if any(resource.azure_openai is not None for resource in resources):
        return OPENAI
    return RESOURCES if resources else EVERYWHERE
