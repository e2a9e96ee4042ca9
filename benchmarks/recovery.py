"""A schedule on a real Prefect server and worker, and what their deaths cost: seconds until all is backed up again.

    uv run python -m benchmarks.recovery [PATIENCE] [--postgres]

A schedule backs up every 20 s. Then, each time in the middle of a backup of edited projects: the flow's process is
killed (SIGKILL), the Prefect server is killed and started again 5 s later, worker and flow are killed together and a
new worker is started. The server keeps its state in SQLite, that is in its own process; with `--postgres` in
PostgreSQL, which is then killed, too, and away for 5 s. Each line says after how many seconds the last edited project
was in the vault. PATIENCE (900) is how many seconds one of these may take. At the end every snapshot is read back, and
none may be there twice.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cluvault.emulator.config import EmulatorConfig
from tests.support.services import postgres
from tests.support.stage import SERVER, WORKER, Stage, stage
from tests.support.world import project_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.services import Part

RESOURCE: Final = "bench"
PROJECTS: Final = 8
JOB_SECONDS: Final = 2.0
AWAY: Final = 5.0
"""Seconds between a death and the next life, of what somebody else starts again."""
CONFIGURATION: Final = """
[backup]
concurrency = 2
"""
ENVIRONMENT: Final = """\
deployments:
  nightly: {schedules: {nightly: {cron: null, interval: 20}}}
  hourly-status: {enabled: false}
  recover: {enabled: false}
"""


class Story:
    """Edits of all projects, of which each has to be in the vault at some time, whoever dies meanwhile."""

    def __init__(self, on: Stage, patience: float) -> None:
        self._stage = on
        self._patience = patience
        self.round = 0

    def tell(self, what: str, kill: Callable[[], None] | None = None) -> None:
        """Edit, kill in the middle of the backup, and print after how long all was there."""
        there = self._count()
        self.round += 1
        for number in range(PROJECTS):
            name = f"P{number}"
            self._stage.put(RESOURCE, name, project_file(name, f"say version {self.round} of project {number}"))
        edited = time.monotonic()
        if kill is not None:
            self._wait(there + 2, "a backup under way")
            kill()
        else:
            self._stage.start_worker()
        self._wait(there + PROJECTS, what)
        took = time.monotonic() - edited
        print(f"{what:34} {took:6.1f} s until all {PROJECTS} projects are in the vault", flush=True)

    def _wait(self, number: int, what: str) -> None:
        self._stage.until(lambda: self._count() >= number, seconds=self._patience, what=what)

    def _count(self) -> int:
        """Snapshots with content of their own."""
        return sum(1 for _ in self._stage.vault.glob("snapshots/*/*/*/config.json.gz"))


def tell_all(on: Stage, patience: float, database: Part | None) -> None:
    """Deploy, let the schedule fire, kill one after the other."""

    def flow_dies() -> None:
        assert on.kill_flows(), "no flow is under way"

    def server_restarts() -> None:
        on.kill(SERVER)
        time.sleep(AWAY)
        on.start_server()

    def host_is_replaced() -> None:
        on.kill(WORKER)
        on.start_worker()

    story = Story(on, patience)
    story.tell("nothing is killed")
    story.tell("the flow's process is killed", flow_dies)
    story.tell("the server is killed, 5 s away", server_restarts)
    if database is not None:
        story.tell("the database is killed, 5 s away", lambda: _restarts(database))
    story.tell("worker and flow are killed", host_is_replaced)
    on.kill(WORKER)
    _judge(on, story.round)


def _restarts(part: Part) -> None:
    part.kill()
    time.sleep(AWAY)
    part.start()


def _judge(on: Stage, rounds: int) -> None:
    """Every snapshot can be read back, and no content is there twice."""
    found: Counter[tuple[str, str]] = Counter()
    for manifest in on.manifests(RESOURCE):
        if manifest["content"]["key"].split("/")[3] == manifest["snapshotId"]:
            found[manifest["project"], manifest["content"]["canonicalSha256"]] += 1
    twice = sum(number - 1 for number in found.values())
    print(f"{len(found)} contents of {PROJECTS} projects in {rounds} rounds, {twice} of them stored twice")
    del on.environment["PREFECT_API_URL"]  # no flow run is needed for it
    print(on.command("verify", "--read-data").splitlines()[0])


def main(patience: float, *, on_postgres: bool) -> None:
    """Start the parts, measure, print."""
    config = EmulatorConfig(resources=(RESOURCE,), job_seconds=JOB_SECONDS)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, database, variables = Path(name), None, dict[str, str]()
        if on_postgres:
            database, url = stack.enter_context(postgres(folder))
            variables["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = url
        on = stack.enter_context(stage(folder, config, CONFIGURATION, environment=variables))
        on.deploy(ENVIRONMENT)
        tell_all(on, patience, database)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patience", type=float, nargs="?", default=900.0)
    parser.add_argument("--postgres", action="store_true")
    asked = parser.parse_args()
    main(asked.patience, on_postgres=asked.postgres)
