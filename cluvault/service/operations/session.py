"""What every group of operations is made of: send, read, list, start a job, wait for its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from cluvault.errors import JobExpired, NotFound
from cluvault.service import paging
from cluvault.service.job_models import Job
from cluvault.service.jobs import JobState, started_job
from cluvault.service.protocol import says_part_is_missing
from cluvault.service.reading import ServiceValue, read_answer, read_item
from cluvault.service.waiting import Courses, wait_for_job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from cluvault.service.calls.address import Address
    from cluvault.service.exchange import Answer, Call
    from cluvault.service.jobs import JobHandle, JobT
    from cluvault.service.sender import Sender, Timing
    from cluvault.service.versions import Versions

ValueT = TypeVar("ValueT", bound=ServiceValue)


@dataclass(frozen=True, slots=True)
class Session:
    """One client's way to the service."""

    sender: Sender
    timing: Timing
    address: Address
    versions: Versions
    courses: Courses = field(default_factory=Courses)

    async def send(self, call: Call) -> Answer:
        """The good answer to a call. Raises ServiceError."""
        return await self.sender.send(call)

    async def get(self, kind: type[ValueT], call: Call) -> ValueT:
        """The typed answer to a call."""
        return read_answer(kind, await self.send(call), where=self.sender.where(call))

    async def list(
        self, kind: type[ValueT], call: Call, *, key: Callable[[ValueT], str] = lambda _: ""
    ) -> AsyncIterator[ValueT]:
        """The typed items of all pages; those with a key each once, even when the list shifts between two pages."""
        where = self.sender.where(call)
        seen: set[str] = set()
        async for item in paging.items(call, self.sender):
            value = read_item(kind, item, where=where)
            name = key(value)
            if name and name in seen:
                continue
            seen.add(name)
            yield value

    async def begin(self, call: Call) -> JobHandle[Job]:
        """Start a job without a result of its own."""
        return await self.begin_as(Job, call)

    async def begin_as(self, kind: type[JobT], call: Call, *, aim: JobState = JobState.SUCCEEDED) -> JobHandle[JobT]:
        """Start a job whose status is read as `kind`, and for which `aim` is the good end."""
        return started_job(
            await self.send(call),
            call,
            kind=kind,
            aim=aim,
            where=self.sender.where(call),
            clock=self.timing.clock(),
            now=datetime.now(UTC),
        )

    async def wait(
        self, handle: JobHandle[JobT], *, seconds: float, on_status: Callable[[JobT], None] | None = None
    ) -> JobT:
        """Wait for the good end of a job."""
        return await wait_for_job(
            handle,
            sender=self.sender,
            timing=self.timing,
            courses=self.courses,
            seconds=seconds,
            on_status=on_status,
        )

    async def finish_deletion(
        self, handle: JobHandle[Job], *, seconds: float, still_there: Callable[[], Awaitable[bool]]
    ) -> None:
        """Wait for the end of a deletion; when the job's record is gone, the thing itself says whether it was done."""
        try:
            await self.wait(handle, seconds=seconds)
        except JobExpired:
            if await still_there():
                raise


class Operations:
    """Base of the groups of operations."""

    def __init__(self, session: Session) -> None:
        self._session = session


async def part_exists(getting: Awaitable[object]) -> bool:
    """Whether a part of a project can be got; every doubt is an error, never False."""
    try:
        await getting
    except NotFound as err:
        if not says_part_is_missing(err.code):
            raise
        return False
    return True
