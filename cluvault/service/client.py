"""The client of the CLU authoring API: all operations of one resource, and the way to it."""

# ruff: noqa: ASYNC109  # a timeout here is a job's: asyncio.timeout would tear a request and leave the job unwatched

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Self

from cluvault.service.budget import Budget, shared_budget
from cluvault.service.calls.address import Address
from cluvault.service.calls.jobs import job_status
from cluvault.service.operations.copying import CopyOperations
from cluvault.service.operations.deployments import DeploymentOperations
from cluvault.service.operations.files import FileOperations
from cluvault.service.operations.models import ExportedModelOperations, ModelOperations
from cluvault.service.operations.prediction import PredictionOperations
from cluvault.service.operations.projects import ProjectOperations
from cluvault.service.operations.reference import ReferenceOperations
from cluvault.service.operations.resources import ResourceOperations
from cluvault.service.operations.session import Session
from cluvault.service.operations.training import TrainingOperations
from cluvault.service.sender import Sender, Statistics, Timing
from cluvault.service.transport import HttpTransport, Transport
from cluvault.service.urls import origin_of, safe_endpoint
from cluvault.service.versions import Versions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cluvault.service.exchange import Call
    from cluvault.service.jobs import JobHandle, JobT
    from cluvault.service.sharing import Ledger
    from cluvault.service.signing import Credential
    from cluvault.settings import ResourceSettings


class CluClient(
    ProjectOperations,
    FileOperations,
    TrainingOperations,
    ModelOperations,
    ExportedModelOperations,
    DeploymentOperations,
    ResourceOperations,
    CopyOperations,
    ReferenceOperations,
    PredictionOperations,
):
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
        self._transport = Transport(endpoint, ca_file=resource.ca_file, http=transport)
        timing = Timing(clock, sleep, jitter)
        sender = Sender(
            resource=self.name,
            origin=origin_of(endpoint),
            transport=self._transport,
            credential=credential,
            budget=budget or shared_budget(endpoint, resource.limits),
            timing=timing,
        )
        address = Address(endpoint)
        versions = Versions(resource.api_version, resource=self.name, sender=sender, address=address)
        super().__init__(Session(sender, timing, address, versions))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections and the credential."""
        try:
            await self._session.sender.aclose()
            await self._transport.aclose()
        finally:
            await self._credential.aclose()

    @property
    def statistics(self) -> Statistics:
        """What this client has sent so far."""
        return self._session.sender.statistics

    def guard(self, check: Callable[[Call], None]) -> None:
        """Have something checked at the last moment before each call is sent; what it raises ends the call."""
        self._session.sender.guard = check

    def tell_waits(self, on_wait: Callable[[float, float], None]) -> None:
        """Have somebody told of each call that waits for the budget: since when and until when, by the clock."""
        self._session.sender.on_wait = on_wait

    def share_budget(self, ledger: Ledger) -> None:
        """Share the calls a minute with all processes that book in the same ledger."""
        self._session.sender.share(ledger)

    async def answers_version(self, version: str) -> bool:
        """Whether the resource offers an api-version; asked once."""
        return await self._session.versions.is_answered(version)

    async def get_job(self, handle: JobHandle[JobT]) -> JobT:
        """How a job is doing, asked once. Raises NotFound when the service does not know it, or no longer."""
        return await self._session.get(handle.kind, job_status(handle))

    async def wait(
        self,
        handle: JobHandle[JobT],
        *,
        timeout: float,
        on_status: Callable[[JobT], None] | None = None,
    ) -> JobT:
        """Wait until a job has come to its good end: it has succeeded, or, of a cancellation, it is cancelled.

        Args:
            handle: From a `begin_` method of this client.
            timeout: Seconds; the job goes on when they are over.
            on_status: Called with every status; that of a training tells its progress.

        Returns:
            The job at its end, with its result if it has one.

        Raises:
            JobError: the class that says how else it ended.
        """
        return await self._session.wait(handle, seconds=timeout, on_status=on_status)
