"""Many jobs at once, on virtual time: how many polls they cost, how late their ends are noticed, who is waited for."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import JobFailed, JobTimedOut
from cluvault.service.budget import Budget
from cluvault.service.calls.jobs import job_result, job_status
from cluvault.service.exchange import Answer
from cluvault.service.job_models import Job
from cluvault.service.jobs import JobHandle
from cluvault.service.polling import Durations
from cluvault.service.sender import Timing
from cluvault.service.waiting import Courses, wait_for_job
from cluvault.settings import RateLimits
from tests.support.near import approx
from tests.support.virtual_time import virtual_time

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from cluvault.service.exchange import Call
    from cluvault.service.sender import Sender

T = TypeVar("T")
START = datetime(2026, 11, 1, tzinfo=UTC)
LATENCY = 0.01


@dataclass
class Service:
    """A service whose jobs take their time, asked by one client."""

    at_once: int
    tells_times: bool = True
    failing: tuple[int, ...] = ()
    polls: int = 0
    late: list[float] = field(default_factory=list[float])
    _jobs: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    _courses: Courses = field(default_factory=Courses)

    def where(self, about: Any) -> str:
        return about.project

    async def send(self, call: Call) -> Answer:
        """The status of a job, half of the latency later."""
        self.polls += 1
        await asyncio.sleep(LATENCY / 2)
        begun, end = self._jobs[call.url]
        now = asyncio.get_running_loop().time()
        status = "running" if now < end else "failed" if int(call.url) in self.failing else "succeeded"
        body = {"status": status}
        if self.tells_times:
            body["createdDateTime"] = (START + timedelta(seconds=int(begun))).isoformat()
            body["lastUpdatedDateTime"] = (START + timedelta(seconds=int(end))).isoformat()
        await asyncio.sleep(LATENCY / 2)
        return Answer(200, {}, json.dumps(body).encode())

    async def run(self, durations: list[float], *, seconds: float = 3600) -> list[Job | Exception]:
        """Start each job when there is a place, and wait for its end."""
        places = asyncio.Semaphore(self.at_once)

        async def one(number: int, duration: float) -> Job:
            async with places:
                return await self.wait(number, duration, seconds=seconds)

        found = await asyncio.gather(*itertools.starmap(one, enumerate(durations)), return_exceptions=True)
        return cast("list[Job | Exception]", found)

    async def wait(self, number: int, duration: float, *, seconds: float = 3600) -> Job:
        """Start a job now and wait for its end."""
        loop = asyncio.get_running_loop()
        begun, url = loop.time(), str(number)
        self._jobs[url] = begun, begun + duration
        handle = JobHandle("export", url, url, url, "v", begun, Job)
        timing = Timing(loop.time, asyncio.sleep, lambda: 0.5)
        sender = cast("Sender", self)
        found = await wait_for_job(
            handle, sender=sender, timing=timing, courses=self._courses, seconds=seconds, on_status=None
        )
        self.late.append(loop.time() - begun - duration)
        return found


def run_virtually(work: Coroutine[Any, Any, T]) -> tuple[T, float]:
    """The result of a coroutine, and the virtual seconds that it took."""
    with virtual_time() as clock:
        return clock.run(work), clock.seconds()


def steady(_: random.Random) -> float:
    """All alike."""
    return 2.0


def varied(chance: random.Random) -> float:
    """Nearly alike."""
    return chance.uniform(1.8, 2.2)


def wild(chance: random.Random) -> float:
    """Very different."""
    return chance.uniform(1, 10)


@pytest.mark.parametrize(
    "draw, most_polls, most_late",
    [(steady, 1.1, 0.03), (varied, 1.2, 0.15), (wild, 2.7, 0.25)],
)
def test_hundreds_of_jobs_cost_hardly_more_than_a_poll_each(
    draw: Callable[[random.Random], float], most_polls: float, most_late: float
) -> None:
    """Five hundred jobs, sixteen at once: polls a job, and how late their ends are noticed, as a share of all time."""
    chance = random.Random(1)  # noqa: S311  # the same each time
    durations = [draw(chance) for _ in range(500)]
    service = Service(16)
    run_virtually(service.run(durations))
    assert service.polls <= most_polls * 500
    assert sum(service.late) <= most_late * sum(durations)


def test_the_first_jobs_of_all_do_not_ask_all_at_once() -> None:
    """While nothing is known one job is asked for; the others ask when it is done, and then they are done."""
    service = Service(25)
    run_virtually(service.run([2.0] * 25))
    assert service.polls <= 25 + 6
    assert max(service.late) <= 0.5


def test_few_jobs_are_soon_known_well() -> None:
    """Of the second jobs some are probes, and what they find is used for those beside them."""
    service = Service(16)
    _, seconds = run_virtually(service.run([2.0] * 64))
    assert seconds <= 1.08 * 8
    assert service.polls <= 64 + 8
    assert max(service.late[16:]) <= 0.1


def test_a_job_that_hangs_keeps_nobody_in_the_dark() -> None:
    """The first job never ends; the others, of five seconds, are noticed all the same, and soon."""
    service = Service(20)
    found, _ = run_virtually(service.run([10_000.0] + [5.0] * 19, seconds=100))
    assert isinstance(found[0], JobTimedOut)
    assert sum(isinstance(one, Job) for one in found) == 19
    assert max(service.late) <= 1.5


def test_a_job_that_fails_passes_the_turn_on() -> None:
    """Whoever asks for all the others may find a bad end, which says nothing of how long good ones take."""
    service = Service(10, failing=(0,))
    found, _ = run_virtually(service.run([1.0] + [4.0] * 9))
    assert isinstance(found[0], JobFailed)
    assert max(service.late) <= 1.0


def test_one_that_is_cancelled_passes_the_turn_on() -> None:
    """A caller that gives up while it is its turn does not stop the others."""
    service = Service(10)

    async def both() -> Job:
        first = asyncio.create_task(service.wait(0, 50.0))
        second = asyncio.create_task(service.wait(1, 3.0))
        await asyncio.sleep(0.5)
        first.cancel()
        return await second

    job, seconds = run_virtually(both())
    assert job.status == "succeeded"
    assert seconds <= 4


def test_whoever_waits_for_news_gives_up_in_time() -> None:
    """A follower asks once when its own time is up, though nobody has told it anything."""
    service = Service(2)

    async def both() -> tuple[object, float]:
        leader = asyncio.create_task(service.wait(0, 100.0))
        await asyncio.sleep(0)
        began = asyncio.get_running_loop().time()
        with pytest.raises(JobTimedOut):
            await service.wait(1, 100.0, seconds=0.1)
        took = asyncio.get_running_loop().time() - began
        leader.cancel()
        return leader, took

    (_, took), _ = run_virtually(both())
    assert took == approx(0.1 + LATENCY)


def test_jobs_that_get_faster_are_noticed_earlier() -> None:
    """What was learned wears off, also where the service tells no times."""
    service = Service(4, tells_times=False)
    run_virtually(service.run([8.0] * 40 + [4.0] * 200))
    assert max(service.late[-40:]) <= 0.5


def test_jobs_that_get_slower_are_asked_for_later() -> None:
    """What was believed of fast jobs is given up when a slow one is found running: no poll each few milliseconds."""
    service = Service(4, tells_times=False)
    run_virtually(service.run([2.0] * 100 + [6.0] * 100))
    assert service.polls <= 200 + 60
    assert max(service.late[-40:]) <= 0.5


def test_probes_close_in_on_how_long_jobs_take() -> None:
    """Spread between too early and late enough; none where that is known well enough, or where jobs differ."""
    durations = Durations()
    assert durations.probes() == []
    durations.found_running(1.5)
    assert durations.add(running=1.5, done=2.0)
    assert durations.probes() == approx([1.6, 1.7, 1.8, 1.9])
    assert durations.add(running=0.0, done=1.6, was_probe=True)
    assert durations.probes() == approx([1.5 + 0.1 / 3, 1.5 + 0.2 / 3])
    durations.found_running(1.57)
    assert not durations.add(running=1.57, done=1.6)
    assert durations.probes() == []
    assert durations.delay(0.0, misses=0, retry_after=None, left=900) == approx(1.6)
    durations.found_running(1.7)
    durations.add(running=1.7, done=1.8)
    assert durations.probes() == []
    assert durations.delay(1.65, misses=1, retry_after=None, left=900) > 0


def test_now_and_then_somebody_looks_whether_jobs_have_become_faster() -> None:
    """A little earlier after many good ends, and much earlier while that goes well; who asks too early is believed."""
    durations = Durations()
    for _ in range(60):
        durations.add(running=0.0, done=10.0)
    assert durations.probes() == approx([9.5])
    durations.add(running=0.0, done=9.5, was_probe=True)
    assert durations.probes() == approx([9.5 * 0.9])
    durations.add(running=0.0, done=8.5, was_probe=True)
    durations.add(running=0.0, done=8.6)
    assert durations.probes() == approx([8.5 * 0.8])
    durations.found_running(6.8)
    assert durations.probes() == approx([6.8 + 1.7 * place / 5 for place in (1, 2, 3, 4)])


ages = st.floats(min_value=0, max_value=1000)


@given(st.lists(ages, min_size=1, max_size=40), ages, st.integers(0, 100), st.none() | ages, ages)
def test_a_delay_is_never_negative_nor_past_the_end(
    known: list[float], age: float, misses: int, retry_after: float | None, left: float
) -> None:
    """Whatever is known, the last poll is made when the time is up; Retry-After brings no poll forward."""
    durations = Durations()
    assert not durations
    for one in known:
        durations.add(running=0.0, done=one)
    assert durations
    delay = durations.delay(age, misses=misses, retry_after=retry_after, left=left)
    assert 0 <= delay <= left
    assert delay >= min(left, retry_after or 0.0)


def test_the_chance_that_a_job_is_done() -> None:
    """Of the jobs that took longer than it was seen running, the share that took no longer than it is old."""
    durations = Durations()
    assert durations.chance(1.0, 0.0) == 1
    for took in (1.0, 2.0, 3.0, 4.0):
        durations.add(running=0.5, done=took)
    assert [durations.chance(age, 0.0) for age in (0.5, 1.0, 2.5, 9.0)] == [0, 0.25, 0.5, 1]
    assert [durations.chance(age, 2.0) for age in (2.5, 3.0, 4.0)] == [0, 0.5, 1]
    assert durations.chance(9.0, 5.0) == 1


def test_what_is_waited_for_goes_before_polls_and_likely_polls_before_unlikely_ones() -> None:
    """With one call left a minute, a download is sent first, whoever asked first."""
    budget = Budget(RateLimits(get=1))
    handle = JobHandle("export", "A", "https://x/j", "j", "v", 0.0, Job)
    calls = [job_status(handle, chance=0.2), job_status(handle, chance=0.9), job_result(handle, "https://x/r")]
    assert budget.wait(budget.join("GET"), 0.0) == 0
    waits = [budget.join("GET", call.priority) for call in calls]
    assert sorted(range(3), key=lambda place: budget.wait(waits[place], 0.0)) == [2, 1, 0]


def test_the_services_own_times_bound_what_is_learned() -> None:
    """A job that was noticed late took as long as the service says, and a second for its whole seconds."""
    durations = Durations()
    durations.add(running=1.0, done=60.0, reported=9.0)
    assert durations.delay(0.0, misses=0, retry_after=None, left=900) == approx(10.0)
    durations = Durations()
    durations.add(running=20.0, done=21.0, reported=9.0)  # it was seen running when the service says it was done
    assert durations.delay(0.0, misses=0, retry_after=None, left=900) == approx(21.0)


def test_a_job_that_takes_longer_than_any_is_asked_for_less_and_less() -> None:
    """By a twentieth of its age first, by a quarter at most, and at least every six seconds."""
    durations = Durations()
    durations.add(running=9.0, done=10.0)
    delays = [durations.delay(20.0, misses=misses, retry_after=None, left=900) for misses in range(6)]
    assert delays == approx([0.0, 1.0, 2.0, 4.0, 5.0, 5.0])
    assert durations.delay(500.0, misses=9, retry_after=None, left=900) == approx(6.0)
