"""Waits for the end of a job: polls by schedule, tells its states apart, gives up when the caller's time is over."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Final, Generic

from cluvault.errors import NotFound, ProjectNotFound
from cluvault.service import jobs
from cluvault.service.calls.jobs import job_status
from cluvault.service.jobs import JobT
from cluvault.service.polling import DEFAULT_SCHEDULE, JOB_GRACE, Durations
from cluvault.service.reading import read_answer
from cluvault.service.retrying import read_retry_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.service.job_models import Job
    from cluvault.service.jobs import JobHandle
    from cluvault.service.sender import Sender, Timing

_SCOUTING: Final = 3
"""Polls after which another job is asked for instead: one that hangs must not keep the others in the dark."""


class Course:
    """The jobs of one kind that one client waits for: how long they take, and whose turn it is to find that out."""

    def __init__(self) -> None:
        self.durations = Durations()
        self._scout: object | None = None
        self._sleepers: deque[tuple[object, asyncio.Future[None]]] = deque()
        self._probes: list[float] = []
        self._probers: dict[object, float] = {}

    async def may_ask(self, who: object, *, timing: Timing, left: float) -> bool:
        """Whether it is this one's turn; else False as soon as there is news, or no time is left."""
        if self._scout in (None, who):
            self._scout = who
            return True
        await self.has_news(who, left, timing=timing)
        return False

    async def has_news(self, who: object, seconds: float, *, timing: Timing) -> bool:
        """Sleep so long; True as soon as more is known of how long jobs take."""
        news = asyncio.get_running_loop().create_future()
        place = (who, news)
        self._sleepers.append(place)
        timer = asyncio.ensure_future(timing.sleep(seconds))
        try:
            await asyncio.wait({news, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            if place in self._sleepers:
                self._sleepers.remove(place)
        return news.done()

    def probe(self, who: object, age: float, delay: float, *, retry_after: float | None) -> float:
        """Seconds until the first poll: fewer than the others' delay if it is this one's turn to find out more."""
        if not self._probes and not self._probers:
            self._probes = self.durations.probes()
        wanted = self._probers.get(who, self._probes[-1] if self._probes else inf)
        sooner = max(wanted - age, retry_after or 0.0)
        if not 0 < sooner < delay:
            return delay
        if who not in self._probers:
            self._probers[who] = self._probes.pop()
        return sooner

    def has_probed(self, who: object) -> bool:
        """Whether it was this one's turn, which is over now."""
        return self._probers.pop(who, None) is not None

    def give_up(self, who: object) -> None:
        """Let the one ask that has waited longest, if it was this one's turn."""
        self.has_probed(who)
        if self._scout is who:
            self._scout = None
            if self._sleepers and not self.durations:
                self._scout, news = self._sleepers.popleft()
                news.set_result(None)

    def learn(self, *, running: float, done: float, job: Job, was_probe: bool) -> None:
        """A job has ended well."""
        span = job.last_updated_at - job.created_at if job.last_updated_at and job.created_at else None
        reported = None if span is None else span.total_seconds()
        if self.durations.add(running=running, done=done, reported=reported, was_probe=was_probe):
            while self._sleepers:
                self._sleepers.popleft()[1].set_result(None)


class Courses:
    """The courses of one client, by kind of job."""

    def __init__(self) -> None:
        self._known: dict[str, Course] = {}

    def of(self, handle: JobHandle[Job]) -> Course:
        """That of a job: exports of models are exports."""
        return self._known.setdefault(handle.what.partition(" ")[0], Course())


@dataclass(frozen=True)
class _Poll(Generic[JobT]):
    """What one poll has brought; nothing when the service does not know the job yet."""

    job: JobT | None = None
    request_id: str = ""
    retry_after: float | None = None


@dataclass(slots=True, eq=False)
class _Wait(Generic[JobT]):
    """One caller that waits for one job."""

    handle: JobHandle[JobT]
    timing: Timing
    course: Course
    deadline: float
    is_watched: bool
    last: _Poll[JobT] = field(default_factory=_Poll[JobT])
    polls: int = 0
    misses: int = 0
    running: float = 0.0

    @property
    def age(self) -> float:
        return self.timing.clock() - self.handle.started

    @property
    def left(self) -> float:
        return self.deadline - self.timing.clock()

    async def until_the_next_poll(self) -> None:
        """Sleep until a poll is worth its request; the last one is made when the time is up."""
        retry_after = self.last.retry_after if self.polls else self.handle.retry_after
        if self.handle.quick and not self.polls and retry_after is None:
            return
        while await self._knows_more():
            delay = self._delay(retry_after)
            if delay <= 0 or not await self.course.has_news(self, delay, timing=self.timing):
                return
        await self.timing.sleep(DEFAULT_SCHEDULE.delay(self.age, retry_after=retry_after, left=self.left))

    def _delay(self, retry_after: float | None) -> float:
        age = self.age
        delay = self.course.durations.delay(age, misses=self.misses, retry_after=retry_after, left=self.left)
        return delay if self.polls else self.course.probe(self, age, delay, retry_after=retry_after)

    async def _knows_more(self) -> bool:
        """Whether others have told how long such jobs take; False when nobody has and it is this one's turn to ask."""
        while not (self.handle.quick or self.is_watched or self.left <= 0):
            if self.course.durations:
                return True
            if await self.course.may_ask(self, timing=self.timing, left=self.left):
                return False
        return False

    def note(self, found: _Poll[JobT]) -> None:
        """Keep what a poll brought, and let the others have their turn."""
        self.last = found
        self.polls += 1
        was_probe = self.course.has_probed(self)
        if found.job is not None and jobs.has_ended_well(found.job, self.handle) and not self.handle.quick:
            self.course.learn(running=self.running, done=self.age, job=found.job, was_probe=was_probe)
        if self.polls % _SCOUTING == 0:
            self.course.give_up(self)

    def goes_on(self, asked_at: float) -> None:
        """The job was still going on at that age, and may end well."""
        self.running = asked_at
        self.misses += bool(self.course.durations)  # what was asked in the dark says nothing of what is known now
        self.course.durations.found_running(asked_at)


async def wait_for_job(
    handle: JobHandle[JobT],
    *,
    sender: Sender,
    timing: Timing,
    courses: Courses,
    seconds: float,
    on_status: Callable[[JobT], None] | None,
) -> JobT:
    """Poll until the job has ended as the handle aims.

    There is always one poll, and the last is made when the time is up. Somebody who wants to see every status is served
    by a schedule of delays that grow; else polls are made when they are likely to bring the end.

    Raises:
        JobError: the class that says how else it ended.
        ServiceError: a poll failed for good; the job may go on.
    """
    where = sender.where(handle)
    deadline = timing.clock() + seconds
    wait = _Wait(handle, timing, courses.of(handle), deadline, is_watched=on_status is not None)
    try:
        while wait.polls == 0 or timing.clock() < deadline:
            await wait.until_the_next_poll()
            age = wait.age
            chance = wait.course.durations.chance(age, wait.running)
            wait.note(await _poll(handle, chance, sender=sender, timing=timing))
            if (job := wait.last.job) is None:
                continue
            if on_status:
                on_status(job)
            if jobs.has_ended_well(job, handle):
                return job
            if error := jobs.bad_end(job, handle, where=where, request_id=wait.last.request_id):
                raise error
            wait.goes_on(age)
        raise jobs.timed_out(wait.last.job, handle, where=where, seconds=seconds, request_id=wait.last.request_id)
    finally:
        wait.course.give_up(wait)


async def _poll(handle: JobHandle[JobT], chance: float, *, sender: Sender, timing: Timing) -> _Poll[JobT]:
    """Ask once. A job that was started a moment ago may not be known on every node of the service."""
    try:
        answer = await sender.send(job_status(handle, chance=chance))
    except (NotFound, ProjectNotFound) as err:
        if timing.clock() - handle.started < JOB_GRACE:
            return _Poll(request_id=err.request_id)
        if isinstance(err, ProjectNotFound):
            raise
        raise jobs.expired(handle, where=sender.where(handle), what="status", request_id=err.request_id) from err
    job = read_answer(handle.kind, answer, where=sender.where(handle))
    return _Poll(job, answer.request_id, read_retry_after(answer.headers, now=datetime.now(UTC)))
