"""Long-running operations: where a job stands, and how each bad end becomes an error. Performs no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Generic, TypeVar
from urllib.parse import parse_qs, urlsplit

from cluvault.errors import (
    JobCancelled,
    JobError,
    JobExpired,
    JobFailed,
    JobNotCancelled,
    JobPartiallyCompleted,
    JobTimedOut,
    UnexpectedAnswer,
)
from cluvault.model.names import shorten
from cluvault.service.problems import describe
from cluvault.service.retrying import read_retry_after
from cluvault.service.urls import own_url

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import SecretStr

    from cluvault.service.exchange import Answer, Call
    from cluvault.service.job_models import Job

JobT = TypeVar("JobT", bound="Job")
JobT_co = TypeVar("JobT_co", bound="Job", covariant=True)


class JobState(Enum):
    """What a status means for whoever waits."""

    RUNNING = auto()
    SUCCEEDED = auto()
    FAILED = auto()
    PARTIALLY_COMPLETED = auto()
    CANCELLED = auto()


@dataclass(frozen=True, slots=True)
class JobHandle(Generic[JobT_co]):
    """A job that was started.

    Attributes:
        what: The operation in a user's words: "export".
        project: The project that it works on.
        url: Where its status is asked, on the resource's own origin.
        job_id: The service's id of the job, opaque.
        api_version: With which it was started.
        started: When, on the client's monotonic clock.
        kind: What its status is read as.
        retry_after: Seconds to wait before the first poll, when the service asks for that.
        quick: Whether it is likely to be done already when it is first asked for.
        aim: The end that is success for whoever waits with this handle.
        secrets: What was sent at the start and no message may tell.
    """

    what: str
    project: str
    url: str
    job_id: str
    api_version: str
    started: float
    kind: type[JobT_co]
    retry_after: float | None = None
    quick: bool = False
    aim: JobState = JobState.SUCCEEDED
    secrets: tuple[SecretStr, ...] = ()


_STATES: Final = {
    "succeeded": JobState.SUCCEEDED,
    "failed": JobState.FAILED,
    "partiallycompleted": JobState.PARTIALLY_COMPLETED,
    "cancelled": JobState.CANCELLED,
    "canceled": JobState.CANCELLED,
}


def state_of(status: str) -> JobState:
    """The meaning of a status, in any case; a status nobody knows yet counts as running until the time is up."""
    return _STATES.get(status.casefold(), JobState.RUNNING)


def started_job(
    answer: Answer,
    call: Call,
    *,
    kind: type[JobT],
    aim: JobState = JobState.SUCCEEDED,
    where: str,
    clock: float,
    now: datetime,
) -> JobHandle[JobT]:
    """The job that an answer says it has started.

    Args:
        answer: The good answer to a call that starts a job.
        call: The call.
        kind: What the job's status is read as.
        aim: The end that is success for the caller.
        where: The place that messages name.
        clock: The client's monotonic clock.
        now: The time, for a Retry-After that is a date.

    Raises:
        UnexpectedAnswer: it does not say where the job is. The official SDK takes that for success; a backup does not.
        OriginRefused: the job is said to be elsewhere.
    """
    location = answer.headers.get("operation-location", "").strip()
    if not location:
        raise UnexpectedAnswer(
            f"{where}: the service answered {answer.status} without saying where the job is (operation-location)",
            mend="look at the project in the portal before you try again",
            status=answer.status,
            request_id=answer.request_id,
        )
    url = own_url(location, base=call.url, where=where)
    return JobHandle(
        call.what,
        call.project,
        url,
        job_id=urlsplit(url).path.rstrip("/").rpartition("/")[2],
        api_version=parse_qs(urlsplit(call.url).query)["api-version"][0],
        started=clock,
        kind=kind,
        retry_after=read_retry_after(answer.headers, now=now),
        quick=call.method == "DELETE",
        aim=aim,
        secrets=call.secrets,
    )


_ENDS: Final[dict[JobState, tuple[type[JobError], str, str]]] = {
    JobState.FAILED: (JobFailed, "failed", ""),
    JobState.PARTIALLY_COMPLETED: (
        JobPartiallyCompleted, "is only partially completed", "compare the project with what was meant",
    ),
    JobState.CANCELLED: (JobCancelled, "was cancelled", "somebody cancelled it; start it again"),
    JobState.SUCCEEDED: (JobNotCancelled, "had succeeded before it could be cancelled", "its result stands"),
}  # fmt: skip


def has_ended_well(job: Job, handle: JobHandle[Job]) -> bool:
    """Whether a job has come to the end that its handle aims at."""
    return state_of(job.status) is handle.aim


def bad_end(job: Job, handle: JobHandle[Job], *, where: str, request_id: str) -> JobError | None:
    """The error that a job's end is, with everything the service said; None while it runs or when it ended well."""
    state = state_of(job.status)
    if state is handle.aim or (end := _ENDS.get(state)) is None:
        return None
    error, verb, mend = end
    problems = job.errors or job.warnings
    said = describe(problems) or "the service gave no reason"
    code = problems[0].code if problems else ""
    message = f"{where}: job {_name(job.job_id or handle.job_id)} {verb}: {said}"
    return error(message, mend=mend, code=code, request_id=request_id)


def expired(handle: JobHandle[Job], *, where: str, what: str, request_id: str) -> JobExpired:
    """The job or its result is gone."""
    return JobExpired(
        f"{where}: the {what} of job {_name(handle.job_id)} is gone (the service keeps them seven days)",
        mend="start the operation again",
        status=404,
        request_id=request_id,
    )


def timed_out(job: Job | None, handle: JobHandle[Job], *, where: str, seconds: float, request_id: str) -> JobTimedOut:
    """The caller's time is up; the job goes on."""
    status = shorten(job.status) if job else "unknown"
    return JobTimedOut(
        f"{where}: job {_name(handle.job_id)} is still {status!r} after {seconds:g} s",
        mend="it goes on in the service; allow more time, or look again later",
        request_id=request_id,
    )


def _name(job_id: str) -> str:
    return shorten(job_id, 80) or "without id"
