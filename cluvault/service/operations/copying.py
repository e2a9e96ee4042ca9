"""Copying a project from one resource to another without a file; previews only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault.service.calls import copying
from cluvault.service.features import COPY
from cluvault.service.models import CopyAuthorization
from cluvault.service.operations.session import Operations

if TYPE_CHECKING:
    from cluvault.service.job_models import Job
    from cluvault.service.jobs import JobHandle


class CopyOperations(Operations):
    """Operations of a copy: the target authorises, the source copies. Models and deployments are not copied."""

    async def authorize_copy(
        self,
        project: str,
        *,
        kind: str = "Conversation",
        storage_container: str | None = None,
        allow_overwrite: bool | None = None,
    ) -> CopyAuthorization:
        """Allow another resource to write a project here. To be asked of the target's client.

        Args:
            project: The name that the copy will have here.
            kind: The project's kind.
            storage_container: Of a summarisation project only.
            allow_overwrite: Whether a project of that name may be replaced; the service's default when None.
        """
        at = self._session
        call = copying.authorize_copy(
            at.address,
            await at.versions.for_feature(COPY),
            project,
            kind=kind,
            storage_container=storage_container,
            allow_overwrite=allow_overwrite,
        )
        return await at.get(CopyAuthorization, call)

    async def begin_copy(self, project: str, authorization: CopyAuthorization) -> JobHandle[Job]:
        """Start copying a project of this resource to where the authorisation is from.

        The authorisation's token is sent to this resource's own origin and nowhere else. A start whose answer was lost
        is never repeated, because a copy replaces the target.
        """
        at = self._session
        version = await at.versions.for_feature(COPY)
        return await at.begin(copying.copy_project(at.address, version, project, authorization))
