"""A schedule on a real Prefect server and worker, and what their deaths cost: seconds until all is backed up again.

    uv run python benchmarks/recovery.py [PATIENCE]

A schedule backs up every 20 s. Then, each time in the middle of a backup of edited projects: the flow's process is
killed (SIGKILL), the Prefect server is killed and started again 5 s later, worker and flow are killed together and a
new worker is started. Each line says after how many seconds the last edited project was in the vault. PATIENCE (900) is
how many seconds one of these may take. At the end every snapshot is read back, and none may be there twice.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from cluvault.cli.demo.services import free_port, prefect_environment
from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.seed import read_seed
from cluvault.emulator.server import EmulatorServer

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECTS = 8
JOB_SECONDS = 2.0
EVERY = 20
CONFIGURATION = """\
[vault]
url = "{vault}"

[resources.bench]
endpoint = "{url}/bench"
key = {{ env = "BENCH_KEY" }}
limits = "off"

[backup]
concurrency = 2

[prefect]
environment = "{environment}"
"""
ENVIRONMENT = """\
deployments:
  nightly: {{schedules: {{nightly: {{cron: null, interval: {every}}}}}}}
  hourly-status: {{enabled: false}}
  recover: {{enabled: false}}
"""


class Stage:
    """The parts, each a process of its own but the emulator."""

    def __init__(self, folder: Path, emulator: EmulatorServer, port: int) -> None:
        self.folder = folder
        self.vault = folder / "vault"
        self.port = port
        self.round = 0
        self._emulator = emulator
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str) -> None:
        """Start a part in a session of its own, with its output in a file."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603  # our own
                [sys.executable, "-m", *command], stdout=log, stderr=log, start_new_session=True, cwd=self.folder
            )

    def kill(self, name: str) -> None:
        """SIGKILL to a part and all that it started; a worker's flows are in sessions of their own."""
        process = self._running.pop(name)
        for pid in [process.pid, *descendants(process.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def end(self) -> None:
        """End everything."""
        for name in list(self._running):
            self.kill(name)

    def start_server(self) -> None:
        """Start the Prefect server and wait until it answers."""
        self.start("server", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port))
        wait_until(self._answers, seconds=120, what="the Prefect server")

    def start_worker(self) -> None:
        """Start a process worker."""
        self.start("worker", "prefect", "worker", "start", "--pool", "cluvault", "--type", "process")

    def kill_flow(self) -> None:
        """SIGKILL to the processes that the worker started."""
        flows = descendants(self._running["worker"].pid)
        assert flows, "no flow is under way"
        for pid in flows:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def edit(self) -> float:
        """Change every project; the moment at which it was done."""
        self.round += 1
        seed = self.folder / f"seed-{self.round}"
        (seed / "bench").mkdir(parents=True)
        for number in range(PROJECTS):
            (seed / "bench" / f"P{number}.json").write_text(json.dumps(project(number, self.round)), "utf-8")
        emulator = self._emulator.emulator
        changes = read_seed(emulator.config, folder=seed, now=datetime.now(UTC))
        with emulator.lock:
            emulator.commit({"bench": changes["bench"]})
        return time.monotonic()

    def count(self) -> int:
        """Snapshots with content of their own."""
        return sum(1 for _ in self.vault.glob("snapshots/*/*/*/config.json.gz"))

    def _answers(self) -> bool:
        with suppress(OSError), urlopen(f"http://127.0.0.1:{self.port}/api/health", timeout=2) as answer:
            return answer.status == 200
        return False


def descendants(ancestor: int) -> list[int]:
    """The processes that a process started, and those that they started."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = status.read_text("utf-8").rpartition(")")[2].split()
            parents[int(status.parent.name)] = int(fields[1])
    found = [ancestor]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def project(number: int, version: int) -> dict[str, Any]:
    """A small project with content of its own."""
    text = f"say version {version} of project {number}"
    return {
        "projectFileVersion": "2023-04-01",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {"projectKind": "Conversation", "projectName": f"P{number}", "language": "en-us"},
        "assets": {
            "projectKind": "Conversation",
            "intents": [{"category": "Say"}],
            "utterances": [{"text": text, "intent": "Say", "entities": []}],
        },
    }


def wait_until(holds: Callable[[], bool], *, seconds: float, what: str) -> float:
    """Wait until it holds, and return how long that took."""
    begun = time.monotonic()
    while not holds():
        if time.monotonic() - begun > seconds:
            sys.exit(f"{what} took more than {seconds:.0f} s")
        time.sleep(0.1)
    return time.monotonic() - begun


def story(stage: Stage, patience: float) -> None:
    """Deploy, let the schedule fire, kill one after the other."""
    stage.start_server()
    deployed = subprocess.run(
        [sys.executable, "-m", "cluvault", "deploy"], cwd=stage.folder, check=True, capture_output=True
    )
    print(deployed.stdout.decode().splitlines()[-1])
    edited = stage.edit()
    stage.start_worker()
    seconds = wait_until(lambda: stage.count() >= PROJECTS, seconds=patience, what="the first scheduled backup")
    print(f"{'nothing is killed':34} {seconds:6.1f} s until all {PROJECTS} projects are in the vault")

    def killed(what: str, kill: Callable[[], None]) -> None:
        nonlocal edited
        before = stage.count()
        edited = stage.edit()
        wait_until(lambda: stage.count() >= before + 2, seconds=patience, what="a backup under way")
        kill()
        wait_until(lambda: stage.count() >= before + PROJECTS, seconds=patience, what=f"{what}: recovery")
        print(f"{what:34} {time.monotonic() - edited:6.1f} s until all {PROJECTS} edited projects are in the vault")

    def server_restarts() -> None:
        stage.kill("server")
        time.sleep(5)
        stage.start_server()

    def worker_is_replaced() -> None:
        stage.kill("worker")
        stage.start_worker()

    killed("the flow's process is killed", stage.kill_flow)
    killed("the server is killed, 5 s away", server_restarts)
    killed("worker and flow are killed", worker_is_replaced)


def judge(stage: Stage) -> None:
    """Every snapshot can be read back, and no content is there twice."""
    found: Counter[tuple[str, str]] = Counter()
    for path in stage.vault.glob("snapshots/*/*/*/manifest.json"):
        manifest = json.loads(path.read_text("utf-8"))
        if manifest["content"]["key"].split("/")[3] == manifest["snapshotId"]:
            found[manifest["project"], manifest["content"]["canonicalSha256"]] += 1
    twice = sum(number - 1 for number in found.values())
    print(f"{len(found)} contents of {PROJECTS} projects in {stage.round} rounds, {twice} of them stored twice")
    os.environ.pop("PREFECT_API_URL")
    done = subprocess.run(
        [sys.executable, "-m", "cluvault", "verify", "--read-data"], cwd=stage.folder, check=True, capture_output=True
    )
    print(done.stdout.decode().splitlines()[0])


def main(patience: float) -> None:
    """Start the parts, measure, print."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        port = free_port()
        os.environ |= prefect_environment(folder / "prefect", port) | {"BENCH_KEY": "emulator-key-1"}
        config = EmulatorConfig(resources=("bench",), job_seconds=JOB_SECONDS)
        emulator = stack.enter_context(EmulatorServer(config))
        stage = Stage(folder, emulator, port)
        stack.callback(stage.end)
        (folder / "environment.yaml").write_text(ENVIRONMENT.format(every=EVERY), "utf-8")
        text = CONFIGURATION.format(vault=stage.vault, url=emulator.url, environment=folder / "environment.yaml")
        (folder / "cluvault.toml").write_text(text, "utf-8")
        os.environ["CLUVAULT_CONFIG"] = str(folder / "cluvault.toml")
        try:
            story(stage, patience)
        finally:
            stage.end()
        judge(stage)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 900)
