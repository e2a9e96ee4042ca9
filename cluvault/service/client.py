"""The client of the CLU authoring API: one method for each thing that cluvault asks of a resource.

Verbs as Azure's guidelines have them: `get_` raises when absent, `list_` yields, `delete_` succeeds when it is already
gone, `begin_` starts a job, `exists` is False only when the service itself says that there is no such project.
"""

# ruff: noqa: ASYNC109  # a timeout here is a job's: asyncio.timeout would tear a request and leave the job unwatched

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from cluvault.errors import JobExpired, NotFound, ProjectNotFound, UnexpectedAnswer
from cluvault.service import jobs
from cluvault.service.budget import Budget, shared_budget
from cluvault.service.models import Deployment, Job, Project, TrainedModel, read_answer, read_item, read_list
from cluvault.service.routes import Routes, follow, job_result
from cluvault.service.sender import Sender, Statistics, Timing
from cluvault.service.transport import HttpTransport, Transport
from cluvault.service.urls import origin_of, own_url, safe_endpoint
from cluvault.service.versions import Versions
from cluvault.service.waiting import wait_for_job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from cluvault.service.auth import Credential
    from cluvault.service.exchange import Call
    from cluvault.service.jobs import JobHandle
    from cluvault.service.problems import Problem
    from cluvault.settings import ResourceSettings


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A project file, byte for byte as the service gave it.

    Attributes:
        data: The bytes. They begin and end like a JSON object; whoever uses them parses them.
        api_version: With which they were exported; an import should use the same.
        job_id: The service's id of the export job.
        warnings: What the service warned of.
    """

    data: bytes = field(repr=False)
    api_version: str
    job_id: str
    warnings: tuple[Problem, ...] = ()


class CluClient:
    """One resource of the service; an async context manager, of one event loop.

    Args:
        resource: Endpoint, api-version and limits.
        credential: Signs the requests. The client closes it.
        name: The resource's name, for messages; the endpoint's origin when empty.
        budget: Calls a minute; by default the one that all clients of the endpoint share in this process.
        transport: Carries the requests in place of the network, for tests.
        clock: Monotonic seconds.
        sleep: Waits for seconds.
        jitter: Random numbers of [0, 1).

    Every method may raise ServiceError; the subclass says what can be done about it, the message names the resource
    and the project.
    """

    def __init__(
        self,
        resource: ResourceSettings,
        credential: Credential,
        *,
        name: str = "",
        budget: Budget | None = None,
        transport: HttpTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        endpoint = safe_endpoint(resource.endpoint, resource=name)
        self.name = name or str(origin_of(endpoint))
        self._credential = credential
        self._timing = Timing(clock, sleep, jitter)
        self._transport = Transport(endpoint, http=transport)
        self._routes = Routes(endpoint)
        self._sender = Sender(
            resource=self.name,
            origin=origin_of(endpoint),
            transport=self._transport,
            credential=credential,
            budget=budget or shared_budget(endpoint, resource.limits),
            timing=self._timing,
        )
        self._versions = Versions(resource.api_version, sender=self._sender, routes=self._routes)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections and the credential."""
        try:
            await self._transport.aclose()
        finally:
            await self._credential.aclose()

    @property
    def statistics(self) -> Statistics:
        """What this client has sent so far."""
        return self._sender.statistics

    async def transfer_version(self) -> str:
        """The api-version that exports and imports use unless told otherwise."""
        return await self._versions.for_transfer()

    async def answers_version(self, version: str) -> bool:
        """Whether the resource offers an api-version; asked once."""
        return await self._versions.is_answered(version)

    # --- projects ---------------------------------------------------------------------------------------------------

    async def list_projects(self) -> AsyncIterator[Project]:
        """All projects, each once even when the list shifts between two pages."""
        call = self._routes.list_projects(await self._versions.for_all_else())
        seen: set[str] = set()
        async for item in self._items(call):
            project = read_item(Project, item, where=self._sender.where(call))
            if project.name not in seen:
                seen.add(project.name)
                yield project

    async def get_project(self, name: str) -> Project:
        """One project. Raises ProjectNotFound."""
        call = self._routes.get_project(name, await self._versions.for_all_else())
        return read_answer(Project, await self._sender.send(call), where=self._sender.where(call))

    async def project_exists(self, name: str) -> bool:
        """Whether the project exists; every doubt is an error, never False."""
        try:
            await self.get_project(name)
        except ProjectNotFound:
            return False
        return True

    async def create_project(self, name: str, metadata: Mapping[str, Any]) -> Project:
        """Create a project, or update the settings of one that exists.

        The project is read again afterwards: the service's own answer to an update carries times of year 1.

        Args:
            name: The project's name; it replaces `projectName` of the metadata.
            metadata: projectKind, language and further members as in a project file's metadata.
        """
        version = await self._versions.for_all_else()
        await self._sender.send(self._routes.create_project(name, version, metadata))
        return await self.get_project(name)

    async def begin_delete_project(self, name: str) -> JobHandle:
        """Start the deletion. Raises ProjectNotFound."""
        return await self._begin(self._routes.delete_project(name, await self._versions.for_all_else()))

    async def delete_project(self, name: str, *, timeout: float = 300.0) -> None:
        """Delete a project with its models and deployments; already gone is success."""
        try:
            handle = await self.begin_delete_project(name)
        except ProjectNotFound:
            return
        try:
            await self.wait(handle, timeout=timeout)
        except JobExpired:
            if await self.project_exists(name):
                raise

    # --- project files ----------------------------------------------------------------------------------------------

    async def begin_export(
        self, name: str, *, trained_model_label: str | None = None, api_version: str | None = None
    ) -> JobHandle:
        """Start an export of the working copy, or of the snapshot that a model was trained on."""
        version = api_version or await self._versions.for_transfer()
        return await self._begin(self._routes.export(name, version, trained_model_label=trained_model_label))

    async def export_project(
        self,
        name: str,
        *,
        trained_model_label: str | None = None,
        api_version: str | None = None,
        timeout: float = 900.0,
    ) -> ExportedFile:
        """Export a project and fetch its file."""
        handle = await self.begin_export(name, trained_model_label=trained_model_label, api_version=api_version)
        job = await self.wait(handle, timeout=timeout)
        data = await self._download(handle, job)
        return ExportedFile(data, handle.api_version, job.job_id or handle.job_id, job.warnings)

    async def begin_import(self, name: str, data: bytes, *, api_version: str | None = None) -> JobHandle:
        """Start an import that replaces the project's working copy, or creates the project.

        The bytes are sent as they are. `metadata.projectName` should equal `name`; the caller sees to that.
        """
        version = api_version or await self._versions.for_transfer()
        return await self._begin(self._routes.import_project(name, version, data))

    async def import_project(
        self,
        name: str,
        data: bytes,
        *,
        api_version: str | None = None,
        timeout: float = 900.0,
    ) -> Job:
        """Import a project file and wait for the end; the job's `warnings` say what the service minds."""
        return await self.wait(await self.begin_import(name, data, api_version=api_version), timeout=timeout)

    # --- models and deployments -------------------------------------------------------------------------------------

    async def list_deployments(self, name: str) -> AsyncIterator[Deployment]:
        """The service deployments of a project. Raises ProjectNotFound."""
        call = self._routes.list_parts(name, await self._versions.for_all_else(), "deployments")
        async for item in self._items(call):
            yield read_item(Deployment, item, where=self._sender.where(call))

    async def list_models(self, name: str) -> AsyncIterator[TrainedModel]:
        """The trained models of a project. Raises ProjectNotFound."""
        call = self._routes.list_parts(name, await self._versions.for_all_else(), "models")
        async for item in self._items(call):
            yield read_item(TrainedModel, item, where=self._sender.where(call))

    # --- jobs -------------------------------------------------------------------------------------------------------

    async def wait(
        self,
        handle: JobHandle,
        *,
        timeout: float,
        on_status: Callable[[Job], None] | None = None,
    ) -> Job:
        """Wait until a job has succeeded.

        Args:
            handle: From a `begin_` method of this client.
            timeout: Seconds; the job goes on when they are over.
            on_status: Called with every status.

        Raises:
            JobError: the class that says how else it ended.
        """
        return await wait_for_job(
            handle, sender=self._sender, timing=self._timing, seconds=timeout, on_status=on_status
        )

    async def _begin(self, call: Call) -> JobHandle:
        answer = await self._sender.send(call)
        where = self._sender.where(call)
        return jobs.started_job(answer, call, where=where, clock=self._timing.clock(), now=datetime.now(UTC))

    async def _download(self, handle: JobHandle, job: Job) -> bytes:
        where = self._sender.where(handle)
        if not job.result_url:
            raise UnexpectedAnswer(f"{where}: the job succeeded without saying where its result is (resultUrl)")
        call = job_result(handle, own_url(job.result_url, base=handle.url, where=where))
        try:
            return (await self._sender.send(call)).content
        except NotFound as err:
            raise jobs.expired(handle, where=where, what="result", request_id=err.request_id) from err

    async def _items(self, call: Call) -> AsyncIterator[object]:
        """The items of all pages; a list that leads back to a page already seen is refused, not read for ever."""
        where = self._sender.where(call)
        seen = {call.url}
        while True:
            page = read_list(await self._sender.send(call), where=where)
            for item in page.items:
                yield item
            if page.next_link is None:
                return
            call = follow(call, own_url(page.next_link, base=call.url, where=where))
            if call.url in seen:
                raise UnexpectedAnswer(f"{where}: the list leads back to a page that was already read")
            seen.add(call.url)
