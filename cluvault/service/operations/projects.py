"""Projects: list, get, create, delete."""

# ruff: noqa: ASYNC109  # a timeout here is a job's: asyncio.timeout would tear a request and leave the job unwatched

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluvault.errors import ProjectNotFound
from cluvault.service.calls import projects
from cluvault.service.models import Project
from cluvault.service.operations.session import Operations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from cluvault.service.job_models import Job
    from cluvault.service.jobs import JobHandle


class ProjectOperations(Operations):
    """Operations on projects."""

    async def list_projects(self) -> AsyncIterator[Project]:
        """All projects, each once even when the list shifts between two pages."""
        at = self._session
        call = projects.list_projects(at.address, await at.versions.for_feature())
        async for project in at.list(Project, call, key=lambda each: each.name):
            yield project

    async def get_project(self, project: str) -> Project:
        """One project. Raises ProjectNotFound."""
        at = self._session
        return await at.get(Project, projects.get_project(at.address, await at.versions.for_feature(), project))

    async def project_exists(self, project: str) -> bool:
        """Whether the project exists; every doubt is an error, never False."""
        try:
            await self.get_project(project)
        except ProjectNotFound:
            return False
        return True

    async def create_project(self, project: str, metadata: Mapping[str, Any]) -> Project:
        """Create a project, or update the settings of one that exists.

        The project is read again afterwards: the service's own answer to an update carries times of year 1.

        Args:
            project: The project's name; it replaces `projectName` of the metadata.
            metadata: projectKind, language and further members as in a project file's metadata.
        """
        at = self._session
        version = await at.versions.for_feature()
        await at.send(projects.create_project(at.address, version, project, metadata))
        return await self.get_project(project)

    async def begin_delete_project(self, project: str) -> JobHandle[Job]:
        """Start the deletion. Raises ProjectNotFound."""
        at = self._session
        return await at.begin(projects.delete_project(at.address, await at.versions.for_feature(), project))

    async def delete_project(self, project: str, *, timeout: float = 300.0) -> None:
        """Delete a project with its models and deployments; already gone is success."""
        try:
            handle = await self.begin_delete_project(project)
        except ProjectNotFound:
            return
        await self._session.finish_deletion(handle, seconds=timeout, still_there=lambda: self.project_exists(project))
