"""Waits for the end of a job: polls by schedule, tells its states apart, gives up when the caller's time is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Generic

from cluvault.errors import NotFound, ProjectNotFound
from cluvault.service import jobs
from cluvault.service.calls.jobs import job_status
from cluvault.service.jobs import JobT
from cluvault.service.polling import DEFAULT_SCHEDULE, JOB_GRACE
from cluvault.service.reading import read_answer
from cluvault.service.retrying import read_retry_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.service.jobs import JobHandle
    from cluvault.service.sender import Sender, Timing


@dataclass(frozen=True, slots=True)
class _Poll(Generic[JobT]):
    """What one poll has brought; nothing when the service does not know the job yet."""

    job: JobT | None = None
    request_id: str = ""
    retry_after: float | None = None


async def wait_for_job(
    handle: JobHandle[JobT],
    *,
    sender: Sender,
    timing: Timing,
    seconds: float,
    on_status: Callable[[JobT], None] | None,
) -> JobT:
    """Poll until the job has ended as the handle aims.

    There is always one poll, and the last is made when the time is up.

    Raises:
        JobError: the class that says how else it ended.
        ServiceError: a poll failed for good; the job may go on.
    """
    where = sender.where(handle)
    deadline = timing.clock() + seconds
    last: _Poll[JobT] = _Poll(retry_after=handle.retry_after)
    polls = 0
    while polls == 0 or timing.clock() < deadline:
        left = deadline - timing.clock()
        skipped = 0 if handle.quick else 1
        await timing.sleep(DEFAULT_SCHEDULE.delay(polls + skipped, retry_after=last.retry_after, left=left))
        last = await _poll(handle, sender=sender, timing=timing)
        polls += 1
        if last.job is None:
            continue
        if on_status:
            on_status(last.job)
        if jobs.has_ended_well(last.job, handle):
            return last.job
        if error := jobs.bad_end(last.job, handle, where=where, request_id=last.request_id):
            raise error
    raise jobs.timed_out(last.job, handle, where=where, seconds=seconds, request_id=last.request_id)


async def _poll(handle: JobHandle[JobT], *, sender: Sender, timing: Timing) -> _Poll[JobT]:
    """Ask once. A job that was started a moment ago may not be known on every node of the service."""
    try:
        answer = await sender.send(job_status(handle))
    except (NotFound, ProjectNotFound) as err:
        if timing.clock() - handle.started < JOB_GRACE:
            return _Poll(request_id=err.request_id)
        if isinstance(err, ProjectNotFound):
            raise
        raise jobs.expired(handle, where=sender.where(handle), what="status", request_id=err.request_id) from err
    job = read_answer(handle.kind, answer, where=sender.where(handle))
    return _Poll(job, answer.request_id, read_retry_after(answer.headers, now=datetime.now(UTC)))
