"""A large fleet on virtual time: 2,000 resources of 500 projects, 2 % of them changed a day.

    uv run python benchmarks/scale.py [RESOURCES] [PROJECTS] [CHANGED_SHARE]

The service is simulated, what decides is cluvault's own: `Budget` hands out the documented calls a minute,
`Durations` says when a job is asked for, `decide` what has to be exported. Nothing sleeps, nothing is sent: the
clock jumps. What a project and a process cost is measured elsewhere, and taken from the constants below.
"""

from __future__ import annotations

import heapq
import itertools
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from cluvault.model.manifest import Content, Counts, Manifest, Reason, Tool
from cluvault.model.run import Seen
from cluvault.plan.incremental import Need, Times, Trust, decide
from cluvault.service.budget import Budget
from cluvault.service.polling import DEFAULT_SCHEDULE, Durations
from cluvault.settings import BackupSettings, RateLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

NOW: Final = datetime(2026, 11, 27, 2, 0, tzinfo=UTC)
LATENCY: Final = 0.15
"""Seconds from a request to its answer."""
JOB_SECONDS: Final = 2.0
PAGE: Final = 100
"""Projects in a page of the service's list."""
KEYS_IN_A_LISTING: Final = 1000
SNAPSHOTS_KEPT: Final = 25
"""Of a project, by the retention of the README."""

CPU_EXPORT: Final = 0.030
"""Seconds of one core for a project that is exported and stored, with its task run (`benchmarks/backup.py`)."""
CPU_RUN: Final = 4.0
"""For a flow run in a process of its own; its imports alone take 1.8."""
MEMORY_RUN: Final = 0.2
"""GB that such a process holds."""

PRICES: Final = {
    # US dollars, list prices of the first region, read in November 2026: a thousand writes, lists, reads; a GB a month.
    "S3 Standard": (0.005, 0.005, 0.0004, 0.023),
    "Blob Hot LRS": (0.0065, 0.0065, 0.0005, 0.018),
}
CONTENT_KB: Final = 60.0
"""A gzipped project file of 1 MB (`benchmarks/vault_series.py`)."""


@dataclass
class Simulation:
    """One resource on virtual time."""

    budget: Budget
    concurrency: int
    now: float = 0.0
    durations: Durations = field(default_factory=Durations)
    requests: Counter[str] = field(default_factory=Counter[str])
    _heap: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list[Any])
    _count: itertools.count[int] = field(default_factory=itertools.count)

    def run(self, works: list[Generator[tuple[str, Any], None, None]]) -> float:
        """Do all works, so many at once; the seconds it takes."""
        waiting = iter(works)

        def next_work() -> None:
            if (work := next(waiting, None)) is not None:
                self._go_on(work, next_work)

        for _ in range(self.concurrency):
            next_work()
        while self._heap:
            self.now, _, go = heapq.heappop(self._heap)
            go()
        return self.now

    def _go_on(self, work: Generator[tuple[str, Any], None, None], after: Callable[[], None]) -> None:
        step = next(work, None)
        if step is None:
            after()
            return
        kind, value = step
        if kind == "sleep":
            self._at(self.now + value, lambda: self._go_on(work, after))
        else:
            ticket = self.budget.join(value)
            self._send(value, ticket, lambda: self._go_on(work, after))

    def _send(self, verb: str, ticket: Any, after: Callable[[], None]) -> None:
        wait = self.budget.wait(ticket, self.now)
        if wait > 0:
            self._at(self.now + wait, lambda: self._send(verb, ticket, after))
            return
        self.requests[verb] += 1
        self._at(self.now + LATENCY, after)

    def _at(self, moment: float, go: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (moment, next(self._count), go))

    def export(self) -> Generator[tuple[str, Any], None, None]:
        """One project: its export beside the lists of its models and deployments, here one after the other."""
        yield "call", "POST"
        started, running, polls = self.now, 0.0, 0
        end = started + JOB_SECONDS
        while True:
            yield "sleep", self._until_the_next_poll(self.now - started, polls)
            asked = self.now
            yield "call", "GET"
            polls += 1
            if self.now >= end:
                break
            running = asked - started
        self.durations.add(running=running, done=self.now - started)
        yield "call", "GET"  # the file
        yield from self.models()

    def _until_the_next_poll(self, age: float, polls: int) -> float:
        if self.durations:
            return self.durations.delay(age, misses=polls, retry_after=None, left=900.0)
        return DEFAULT_SCHEDULE.delay(age, retry_after=None, left=900.0)

    def models(self) -> Generator[tuple[str, Any], None, None]:
        """The lists of one project's models and deployments."""
        yield "call", "GET"
        yield "call", "GET"


def needs(projects: int, changed: int, *, days_since_full: float) -> Counter[Need]:
    """What cluvault decides for the projects of a resource."""
    settings = BackupSettings()
    trust = Trust(
        settle=timedelta(seconds=settings.settle_seconds),
        at_most=timedelta(days=settings.full_days),
        models=timedelta(hours=settings.models_hours),
    )
    digest = "0" * 64
    content = Content(
        key="k", sha256=digest, bytes=1, encoding="gzip", raw_sha256=digest, raw_bytes=1, canonical_sha256=digest
    )
    latest = Manifest(
        snapshot_id="20261101T020000Z-00000001", vault_id="v", resource="prod", endpoint="https://e", project="P",
        captured_at=NOW - timedelta(days=9), reason=Reason.SCHEDULED, api_version="2023-04-01", content=content,
        counts=Counts(intents=1, entities=1, utterances=1), tool=Tool(name="cluvault", version="0"),
    )  # fmt: skip
    found: Counter[Need] = Counter()
    for number in range(projects):
        was = NOW - timedelta(days=30)
        now = NOW - timedelta(hours=1) if number < changed else was
        seen = Seen(
            modified=was, exported_at=NOW - timedelta(days=days_since_full), models_at=NOW - timedelta(hours=24)
        )
        found[decide(Times(now), latest, seen, endpoint="https://e", trust=trust, now=NOW).need] += 1
    return found


def simulate(projects: int, changed: int, *, days_since_full: float) -> tuple[Counter[Need], Simulation]:
    """One nightly backup of one resource."""
    found = needs(projects, changed, days_since_full=days_since_full)
    one = Simulation(Budget(RateLimits()), concurrency=BackupSettings().exports_at_once(RateLimits()))

    def listing() -> Generator[tuple[str, Any], None, None]:
        for _ in range(-(-projects // PAGE)):
            yield "call", "GET"

    one.run([listing()])
    works = [one.export() for _ in range(found[Need.EXPORT])] + [one.models() for _ in range(found[Need.MODELS])]
    one.run(works)
    return found, one


def main(resources: int, projects: int, share: float) -> None:
    """Print the tables of docs/scale.md."""
    changed = round(projects * share)
    nights = {
        "a night, nothing changed": simulate(projects, 0, days_since_full=1),
        f"a night, {changed} of {projects} changed": simulate(projects, changed, days_since_full=1),
        "the weekly full pass": simulate(projects, changed, days_since_full=7),
    }
    print(
        f"One resource of {projects} projects, documented limits (10 POST, 100 GET a minute), jobs of {JOB_SECONDS} s"
    )
    print(f"{'':34} {'exports':>8} {'lists':>6} {'POST':>6} {'GET':>6} {'minutes':>8} {'floor':>6}")
    for name, (found, one) in nights.items():
        floor = max((found[Need.EXPORT] - 10) / 10, (one.requests["GET"] - 100) / 100, 0)
        print(
            f"{name:34} {found[Need.EXPORT]:8} {found[Need.MODELS]:6} {one.requests['POST']:6} {one.requests['GET']:6}"
            f" {one.now / 60:8.1f} {floor:6.1f}"
        )
    _, (found, night), (_, full) = nights.values()
    print(f"\n{resources} such resources, all at 02:00")
    runs = resources
    for name, one, exports in (("a night", night, found[Need.EXPORT]), ("a full pass", full, projects)):
        cpu = runs * (CPU_RUN + exports * CPU_EXPORT + (one.requests["GET"]) * 0.002)
        hours = ", ".join(f"{number} {_wall(cpu, runs, one.now, number):.1f}" for number in (1, 2, 4, 8, 16))
        print(f"{name}: {cpu / 3600:.1f} core hours; hours by workers of 4 cores and 16 GB: {hours}")
    month(resources, projects, changed)


def _wall(cpu: float, runs: int, seconds: float, workers: int) -> float:
    """Hours for all runs: what the cores need, or what the runs at once take one after the other."""
    at_once = workers * int(16 / MEMORY_RUN)
    return max(cpu / (workers * 4), -(-runs // at_once) * seconds) / 3600


def month(resources: int, projects: int, changed: int) -> None:
    """Objects, requests and cost of 30 nights."""
    snapshots = resources * changed * 30
    writes = snapshots * 2 + resources * 30
    objects = resources * projects * SNAPSHOTS_KEPT * 2
    listed = resources * 30 * (-(-projects * SNAPSHOTS_KEPT * 2 // KEYS_IN_A_LISTING) + 3)
    reads = resources * 30 * projects + snapshots * 2
    gigabytes = resources * projects * SNAPSHOTS_KEPT * CONTENT_KB / 1e6
    print(f"\na month: {snapshots:,} snapshots, {writes:,} writes, {listed:,} list requests, {reads:,} reads")
    print(f"kept: {objects:,} objects, {gigabytes:,.0f} GB ({SNAPSHOTS_KEPT} snapshots a project)")
    for name, (write, listing, read, gigabyte) in PRICES.items():
        parts = (writes / 1000 * write, listed / 1000 * listing, reads / 1000 * read, gigabytes * gigabyte)
        words = zip(("writes", "lists", "reads", "storage"), parts, strict=True)
        print(f"{name}: {sum(parts):,.0f} $ ({', '.join(f'{word} {cost:,.0f}' for word, cost in words)})")


if __name__ == "__main__":
    asked = sys.argv[1:]
    main(int(asked[0]) if asked else 2000, int(asked[1]) if asked[1:] else 500, float(asked[2]) if asked[2:] else 0.02)
