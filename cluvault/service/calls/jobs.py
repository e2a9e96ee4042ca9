"""Requests that follow a URL which the service has named. Performs no I/O."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cluvault.service.exchange import Call, Subject
from cluvault.service.urls import path_segment

if TYPE_CHECKING:
    from cluvault.service.calls.address import Address
    from cluvault.service.job_models import Job
    from cluvault.service.jobs import JobHandle


def follow(call: Call, url: str) -> Call:
    """The call for the next page of a list."""
    return replace(call, url=url)


def job_status(handle: JobHandle[Job], *, chance: float = 1.0) -> Call:
    """Ask how a job is doing.

    Calls that bring what somebody waits for go before polls, and of polls those that are likely to find their job done:
    where calls have to wait, polls in vain must not keep results from being fetched.
    """
    what = f"{handle.what} status"
    priority = 2.0 - chance
    return Call("GET", handle.url, what, handle.project, Subject.JOB, secrets=handle.secrets, priority=priority)


def export_job_url(address: Address, version: str, project: str, job_id: str) -> str:
    """Where the status of an export is asked, by the service's documentation.

    Raises:
        UsageError: a name could change what the request means.
    """
    return address.project(project, f"/export/jobs/{path_segment(job_id, kind='job')}", version)


def job_result(handle: JobHandle[Job], url: str) -> Call:
    """Fetch what a job has made."""
    return Call("GET", url, f"{handle.what} result", handle.project, Subject.JOB)
