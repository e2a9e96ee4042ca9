"""Long-running operations: their ids, their way from notStarted to the end, where they live, how they read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from uuid import UUID

    from cluvault.emulator.records import Job, JobKind

LIFETIME: Final = timedelta(days=7)
"""Job records are readable for this long."""

_TICKS_PER_DAY: Final = 864_000_000_000
_WAITING_SHARE: Final = 0.2
"""The part of a job's time that it spends in notStarted."""

_PATHS: Final[dict[JobKind, str]] = {
    "deletion": "projects/global/deletion-jobs/{job}",
    "import": "projects/{project}/import/jobs/{job}",
    "export": "projects/{project}/export/jobs/{job}",
    "copy": "projects/{project}/copy/jobs/{job}",
    "train": "projects/{project}/train/jobs/{job}",
    "load-snapshot": "projects/{project}/models/{part}/load-snapshot/jobs/{job}",
    "evaluate": "projects/{project}/models/{part}/evaluate/jobs/{job}",
    "deployment": "projects/{project}/deployments/{part}/jobs/{job}",
    "swap": "projects/{project}/deployments/swap/jobs/{job}",
    "delete-from-resources": "projects/{project}/deployments/{part}/delete-from-resources/jobs/{job}",
    "assign": "projects/{project}/resources/assign/jobs/{job}",
    "unassign": "projects/{project}/resources/unassign/jobs/{job}",
    "exported-model": "projects/{project}/exported-models/{part}/jobs/{job}",
}
_SEEN_RUNNING: Final[frozenset[JobKind]] = frozenset({"import", "load-snapshot"})
"""Jobs that the first poll of recorded traffic finds running; it finds the others notStarted, a deletion done."""

_HOLDING: Final[frozenset[JobKind]] = frozenset({"import", "train", "load-snapshot"})
"""Jobs that keep the project to themselves. Exports read what is there when they begin: they overlap with all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """When a job starts, under which id, and how long it takes."""

    job_id: str
    now: datetime
    duration: timedelta

    @property
    def due_at(self) -> datetime:
        """When the job will end."""
        return self.now + self.duration


def new_job_id(unique: UUID, now: datetime) -> str:
    """A job id as the service makes them: a GUID and the .NET ticks of the day's midnight in UTC."""
    return f"{unique}_{(now.toordinal() - 1) * _TICKS_PER_DAY}"


def job_path(job: Job) -> str:
    """The path of a job's status under `/analyze-conversations/`."""
    return _PATHS[job.kind].format(project=quote(job.project, safe=""), part=quote(job.part, safe=""), job=job.job_id)


def holds_project(job: Job) -> bool:
    """Whether no other job may start in the project before this one has ended."""
    return job.kind in _HOLDING and not job.finished


def must_wait(kind: JobKind) -> bool:
    """Whether a job of this kind cannot start while another holds the project."""
    return kind != "export"


def is_expired(job: Job, now: datetime) -> bool:
    """Whether the service has forgotten the job."""
    return now >= job.created_at + LIFETIME


def has_first_poll_to_come(job: Job) -> bool:
    """Whether a job takes no time, so that clients would never see it under way, as they do at the service."""
    return job.kind != "deletion" and job.due_at in (job.created_at, job.cancelled_at)


def is_succeeded(job: Job) -> bool:
    """Whether the job has ended well."""
    return job.finished and _end(job) == "succeeded"


def status_at(job: Job, now: datetime, *, held: bool) -> str:
    """The status that a poll sees; a held job has not been polled yet and hides that it is done."""
    if job.finished and held and job.cancelled_at is not None:
        return "cancelling"
    if job.finished and held:
        return "running" if job.kind in _SEEN_RUNNING else "notStarted"
    if job.finished:
        return _end(job)
    if job.cancelled_at is not None:
        return "cancelling"
    return "notStarted" if now < started_at(job) else "running"


def _end(job: Job) -> str:
    if job.cancelled_at is not None:
        return "cancelled"
    if job.errors:
        return "failed"
    return "partiallyCompleted" if job.made_to == "partially-complete" else "succeeded"


def started_at(job: Job) -> datetime:
    """When a job goes, or went, from notStarted to running."""
    if job.made_to == "run-on":
        return job.created_at
    return job.created_at + (job.due_at - job.created_at) * _WAITING_SHARE


def job_to_wire(job: Job, now: datetime, *, held: bool) -> dict[str, Any]:
    """The body of a status answer."""
    status = status_at(job, now, held=held)
    ended = status in ("succeeded", "failed", "cancelled", "partiallyCompleted")
    updated_at = job.due_at if ended else job.created_at if status == "notStarted" else started_at(job)
    if status == "cancelling":
        updated_at = job.cancelled_at or updated_at
    wire: dict[str, Any] = {
        "jobId": job.job_id,
        "createdDateTime": to_seconds(job.created_at),
        "lastUpdatedDateTime": to_seconds(updated_at),
        "expirationDateTime": to_seconds(job.created_at + LIFETIME),
        "status": status,
    }
    if ended and job.warnings:
        wire["warnings"] = [warning.to_wire() for warning in job.warnings]
    if ended and job.errors:
        wire["errors"] = [error.to_wire() for error in job.errors]
    return wire


def to_seconds(moment: datetime) -> str:
    """A moment in UTC as the service writes it, in whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def to_ticks(moment: datetime) -> str:
    """A moment in UTC with the seven fractional digits of .NET."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
