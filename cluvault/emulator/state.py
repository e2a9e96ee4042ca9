"""One resource as a state machine: requests decide on a change, the change is applied. No clock, no I/O, no randomness.

Every function that decides takes the present state, `now` and ids, and returns a `Change` or raises a `Refusal`; none
alters the state. Whoever calls it stores the change first and applies it then, so a crash in between loses nothing
that was promised. Jobs have no thread: whoever looks at the state finishes the jobs that are due by then, one after
another (`effects.finish`).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cluvault.emulator.records import CopyAuthorization, Job, Project

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a request or the passing of time does to a resource; records replace those of the same name or id."""

    projects: tuple[Project, ...] = ()
    jobs: tuple[Job, ...] = ()
    removed_projects: tuple[str, ...] = ()
    removed_jobs: tuple[str, ...] = ()
    authorizations: tuple[CopyAuthorization, ...] = ()
    removed_authorizations: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self != _NOTHING

    def __add__(self, later: Change) -> Change:
        return Change(
            projects=self.projects + later.projects,
            jobs=self.jobs + later.jobs,
            removed_projects=self.removed_projects + later.removed_projects,
            removed_jobs=self.removed_jobs + later.removed_jobs,
            authorizations=self.authorizations + later.authorizations,
            removed_authorizations=self.removed_authorizations + later.removed_authorizations,
        )


_NOTHING: Final = Change()


@dataclass(slots=True)
class ResourceState:
    """The projects and jobs of one resource; altered by `apply` only.

    Attributes:
        projects: By name, which is case-sensitive.
        jobs: By id, oldest first.
        authorizations: Of copies to this resource, by the digest of their token.
        ready: Whatever a caller has worked out about a project, by name; forgotten when the project changes.
    """

    projects: dict[str, Project] = field(default_factory=dict[str, Project])
    jobs: dict[str, Job] = field(default_factory=dict[str, Job])
    authorizations: dict[str, CopyAuthorization] = field(default_factory=dict[str, CopyAuthorization])
    ready: dict[str, bytes] = field(default_factory=dict[str, bytes])
    _due: list[tuple[datetime, str]] = field(default_factory=list["tuple[datetime, str]"])
    _newest_first: tuple[Project, ...] | None = None

    def apply(self, change: Change) -> None:
        """Make a change; removals come before additions."""
        for name in change.removed_projects:
            del self.projects[name]
            self.ready.pop(name, None)
        for job_id in change.removed_jobs:
            del self.jobs[job_id]
        for digest in change.removed_authorizations:
            del self.authorizations[digest]
        for authorization in change.authorizations:
            self.authorizations[authorization.token_sha256] = authorization
        for project in change.projects:
            self.projects[project.name] = project
            self.ready.pop(project.name, None)
        for job in change.jobs:
            before = self.jobs.get(job.job_id)
            self.jobs[job.job_id] = job
            if not job.finished and (before is None or before.due_at != job.due_at):
                heapq.heappush(self._due, (job.due_at, job.job_id))
        if change.projects or change.removed_projects:
            self._newest_first = None
        while self._due and self._is_over(*self._due[0]):
            heapq.heappop(self._due)

    def newest_first(self) -> tuple[Project, ...]:
        """The projects in the order in which the service lists them."""
        if self._newest_first is None:
            newest = sorted(self.projects.values(), key=lambda project: project.name)
            self._newest_first = tuple(sorted(newest, key=lambda project: project.created_at, reverse=True))
        return self._newest_first

    def unfinished(self) -> Iterator[Job]:
        """Jobs under way."""
        return (self.jobs[job_id] for due_at, job_id in self._due if not self._is_over(due_at, job_id))

    def next_due(self, now: datetime, *, but: Collection[str] = ()) -> Job | None:
        """The unfinished job whose time came first, if any has come by `now`; jobs of the ids in `but` are let be."""
        if not self._due or self._due[0][0] > now:
            return None
        if self._due[0][1] not in but:
            return self.jobs[self._due[0][1]]
        others = (entry for entry in self._due if entry[0] <= now and entry[1] not in but and not self._is_over(*entry))
        first = min(others, default=None)
        return None if first is None else self.jobs[first[1]]

    def _is_over(self, due_at: datetime, job_id: str) -> bool:
        job = self.jobs.get(job_id)
        return job is None or job.finished or job.due_at != due_at
