"""Stories of an inbox of either cloud on a stage: files are put, parts are killed, and every file arrives once."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cluvault.emulator.config import EmulatorConfig
from tests.support.stage import QUIET, stage
from tests.support.world import project_file

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from pathlib import Path

    from tests.support.arrivals import Arrivals
    from tests.support.stage import Stage

DEPLOYMENT: Final = "inbox"
LOOKING: Final = QUIET + "  inbox: {schedules: {look: {cron: null, interval: 30, active: true}}}\n"
"""An environment in which the inboxes are looked through each 30 seconds."""
INBOX: Final = """
[intake.team]
place = "{place}"
resources = ["dev"]
queue = "{queue}"
visibility-seconds = 30
concurrency = {concurrency}
"""
POISON: Final = "Poison"
KEY: Final = "inbox/dev/{}/config.json"


@dataclass
class InboxStory:
    """A stage with an inbox, and what was put into it."""

    stage: Stage
    arrivals: Arrivals
    put_at: dict[str, datetime] = field(default_factory=dict[str, datetime])

    def put(self, project: str, body: bytes | None = None) -> None:
        """Put a file for a project into the inbox."""
        self.put_at[project] = datetime.now(UTC)
        self.arrivals.put(KEY.format(project), body or project_file(project, f"to {project}"))

    def put_all(self, projects: Iterable[str], *, a_second: float = 0, twice: int = 0) -> None:
        """Put a file for each of some projects, one that nobody can import among them.

        Args:
            projects: Their names.
            a_second: So many a second, 0 as fast as it goes.
            twice: Each so many-th event is delivered again at once, and once more after all, the last first; 0: none.
        """
        begun = time.monotonic()
        told: list[str] = []
        self.put(POISON, b"{")
        for number, project in enumerate(projects):
            if a_second and (early := begun + number / a_second - time.monotonic()) > 0:
                time.sleep(early)
            self.put(project)
            if twice and number % twice == 0:
                told.append(KEY.format(project))
                self.arrivals.tell_again(told[-1])
        for key in reversed(told):
            self.arrivals.tell_again(key)

    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self.arrivals.keys("inbox/")

    @property
    def latencies(self) -> dict[str, float]:
        """For each file by its project, seconds from its putting to the start of the flow run that has it."""
        found: dict[str, float] = {}
        for run in self.stage.runs(DEPLOYMENT):
            if run["start_time"] is None:
                continue
            for one in run["parameters"].get("options", {}).get("objects", ()):
                started = datetime.fromisoformat(run["start_time"])
                project = one["key"].split("/")[2]
                found.setdefault(project, (started - self.put_at[project]).total_seconds())
        return found

    def imports(self) -> Counter[str]:
        """How often each project was imported, by the records of the vault."""
        found: Counter[str] = Counter()
        for path in self.stage.vault.glob("runs/*/*.json"):
            record = json.loads(path.read_bytes())
            if record["kind"] == "restore":
                found.update(one["project"] for one in record["items"] if one["outcome"] == "restored")
        return found

    def check(self, projects: Iterable[str]) -> None:
        """Each file has arrived and is put away once; the poison is in refused/ with its reason; nothing waits."""
        wanted = set(projects)
        assert wanted <= self.stage.projects("dev")
        assert self.is_empty()
        done = Counter(key.split("/")[2] for key in self.arrivals.keys("done/dev/"))
        assert done == dict.fromkeys(wanted, 3), done
        refused = self.arrivals.keys(f"refused/dev/{POISON}/")
        assert len(refused) == 3
        (reason,) = [key for key in refused if key.endswith("reason.txt")]
        text = self.arrivals.read(reason).decode()
        assert "the JSON ends too early" in text, text
        imported = self.imports()
        assert set(imported) <= wanted


@contextmanager
def inbox_story(
    folder: Path,
    arrivals: Arrivals,
    *,
    job_seconds: float = 0.0,
    concurrency: int = 4,
    environment: str = QUIET,
    poll_seconds: int = 2,
) -> Generator[InboxStory]:
    """A stage with a server, a worker, and an inbox that tells a queue; nobody attends to it yet.

    Args:
        folder: An empty one.
        arrivals: The inbox and its queue.
        job_seconds: How long an import or export takes.
        concurrency: Projects at once in a flow run.
        environment: What is deployed.
        poll_seconds: How often the worker asks for flow runs; Prefect's default is 10.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    config = EmulatorConfig(resources=("dev",), job_seconds=job_seconds, first_poll_running=False)
    variables = {**arrivals.environment, "PREFECT_WORKER_QUERY_SECONDS": str(poll_seconds)}
    text = INBOX.format(place=arrivals.place, queue=arrivals.queue, concurrency=concurrency)
    with stage(folder, config, text, environment=variables) as found:
        found.deploy(environment)
        found.start_worker()
        yield InboxStory(found, arrivals)


@dataclass(frozen=True)
class Killed:
    """What a death cost.

    Attributes:
        seconds: From the death until all was done.
        again: How many projects were imported a second time.
        runs: Flow runs that began, and how they ended by then.
    """

    seconds: float
    again: int
    runs: Counter[str]


def killed(story: InboxStory, who: str, projects: list[str], *, seconds: float = 400) -> Killed:
    """Put files, kill in the middle of their intake, start again what nobody else would, and wait until all is done.

    Args:
        story: Where.
        who: `intake`, `flow`, `worker` (and its flow), `server`, or `nobody`.
        projects: What is put; as many as a flow run takes in within some seconds.
        seconds: How long the rest may take.
    """
    the_stage = story.stage
    the_stage.start_intake()
    story.put_all(projects)
    if who == "intake":
        the_stage.until(lambda: bool(the_stage.runs(DEPLOYMENT)), seconds=60, what="a flow run")
    else:
        the_stage.until(lambda: bool(the_stage.projects("dev")), seconds=120, what="an intake under way")
    begun = time.monotonic()
    _DEATHS[who](the_stage)
    the_stage.until(story.is_empty, seconds=seconds, what=f"{who} killed: all is taken in")
    took = time.monotonic() - begun
    the_stage.until(lambda: story.arrivals.messages() == 0, seconds=120, what="the queue is empty")
    story.check(projects)
    again = the_stage.imports() - len(projects)  # as the service counts them: the dead wrote no record
    begun_runs = (run for run in the_stage.runs(DEPLOYMENT) if run["start_time"] is not None)
    return Killed(took, again, Counter(str(run["state_name"]) for run in begun_runs))


def _kill_intake(the_stage: Stage) -> None:
    the_stage.kill("intake")
    the_stage.start("intake", "cluvault", "intake")


def _kill_flow(the_stage: Stage) -> None:
    assert the_stage.kill_flows(), "no flow was under way"


def _kill_worker(the_stage: Stage) -> None:
    the_stage.kill("worker")
    the_stage.start_worker()


def _kill_server(the_stage: Stage) -> None:
    the_stage.kill("server")
    time.sleep(5)
    the_stage.start_server()


_DEATHS: Final[dict[str, Callable[[Stage], None]]] = {
    "nobody": lambda _stage: None,
    "intake": _kill_intake, "flow": _kill_flow, "worker": _kill_worker, "server": _kill_server,
}  # fmt: skip
