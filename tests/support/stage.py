"""The whole thing as processes that can be killed: a Prefect server, a process worker, `cluvault intake` and `listen`.

Everything is deployed by `cluvault deploy`, as users do it; the emulator lives in this process, and so its state can be
looked at.
"""

# ruff: noqa: S603  # our own programs

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import httpx

from cluvault.cli.demo.services import free_port, prefect_environment
from cluvault.emulator.seed import read_seed
from cluvault.emulator.server import EmulatorServer
from tests.support.processes import descendants

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path

    from cluvault.emulator.config import EmulatorConfig

KEY: Final = "emulator-key-1"
SERVER: Final = "server"
WORKER: Final = "worker"
RESOURCE: Final = """\
[resources.{name}]
endpoint = "{url}/{name}"
key = {{ env = "STAGE_KEY" }}
limits = "off"
"""
QUIET: Final = """\
deployments:
  nightly: {schedules: {nightly: {active: false}}}
  hourly-status: {schedules: {hourly: {active: false}}}
  daily-expiry: {schedules: {daily: {active: false}}}
  weekly-prune: {schedules: {weekly: {active: false}}}
  weekly-verify: {schedules: {weekly: {active: false}}}
  recover: {schedules: {quarter-hourly: {active: false}}}
"""
"""An environment in which nothing is due by itself."""
_END_SECONDS: Final = 30.0
_PAGE: Final = 200


class Stage:
    """The parts, each a process of its own but the emulator.

    Args:
        folder: Configuration, logs, and whatever the parts keep.
        emulator: The Language resources.
        environment: Variables of all processes, besides those of Prefect.
    """

    def __init__(self, folder: Path, emulator: EmulatorServer, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.emulator = emulator
        self.port = free_port()
        inherited = {name: text for name, text in os.environ.items() if not name.startswith(("PREFECT_", "CLUVAULT_"))}
        self.environment = inherited | prefect_environment(folder / "prefect", self.port)
        self.environment |= {"CLUVAULT_CONFIG": str(folder / "cluvault.toml"), "STAGE_KEY": KEY}
        self.environment |= environment
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}/api", timeout=30, trust_env=False)

    # --- processes

    def start(self, name: str, *command: str) -> None:
        """Start `python -m COMMAND`; its output is added to a file of that name."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.folder,
                env=self.environment,
            )

    def log(self, name: str) -> str:
        """What a part has said."""
        path = self.folder / f"{name}.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def kill(self, name: str) -> None:
        """SIGKILL to a part and all that it started."""
        process = self._running.pop(name)
        slay([process.pid, *descendants(process.pid)])
        process.wait()

    def stop(self, name: str) -> int:
        """SIGTERM to a part; its exit code."""
        process = self._running.pop(name)
        process.terminate()
        try:
            return process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            slay([process.pid, *descendants(process.pid)])
            return process.wait()

    def kill_flows(self) -> int:
        """SIGKILL to what the worker started, and leave the worker alone; how many there were."""
        flows = descendants(self._running[WORKER].pid)
        slay(flows)
        return len(flows)

    def end(self) -> None:
        """End everything, and be sure of it."""
        for name in list(self._running):
            self.kill(name)
        self._client.close()

    def command(self, *arguments: str) -> str:
        """Run a command of cluvault, which has to succeed; what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "cluvault", *arguments],
            cwd=self.folder,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start_server(self) -> None:
        """Start the Prefect server, and wait until it answers."""
        self.start(SERVER, "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port))
        self.until(self._answers, seconds=180, what="the Prefect server answers")

    def start_worker(self) -> None:
        """Start a process worker."""
        self.start(WORKER, "prefect", "worker", "start", "--pool", "cluvault", "--type", "process")

    def start_intake(self) -> None:
        """Start `cluvault intake`, and wait until it attends to its queues."""
        before = self.log("intake").count("attending to")
        self.start("intake", "cluvault", "intake")
        self.until(lambda: self.log("intake").count("attending to") > before, seconds=60, what="the intake attends")

    def deploy(self, environment: str = QUIET) -> None:
        """Deploy with an environment of one's own."""
        (self.folder / "stage.yaml").write_text(environment, "utf-8")
        self.command("deploy", "--environment", "stage.yaml")

    def until(self, condition: Callable[[], bool], *, seconds: float, what: str, every: float = 0.1) -> float:
        """Wait until something is so, and look each `every` seconds; how long that took.

        After that time an error shows what the parts said.
        """
        begun = time.monotonic()
        while not condition():
            if time.monotonic() - begun > seconds:
                said = "\n".join(
                    f"--- {path.name}\n{path.read_text('utf-8', 'replace')[-2000:]}" for path in self._logs
                )
                raise AssertionError(f"not after {seconds:.0f} s: {what}\n{said}")
            time.sleep(every)
        return time.monotonic() - begun

    # --- what Prefect knows

    def ask(self, path: str, body: Mapping[str, Any]) -> Any:
        """POST to the Prefect API."""
        return self._client.post(path, json=body).raise_for_status().json()

    def runs(self, *deployments: str) -> list[dict[str, Any]]:
        """The flow runs of deployments by their names, in the order of their making; those that wait for a time too."""
        found: list[dict[str, Any]] = []
        asked: dict[str, Any] = {"limit": _PAGE, "sort": "EXPECTED_START_TIME_ASC"}
        if deployments:
            asked["deployments"] = {"name": {"any_": list(deployments)}}
        while page := self.ask("/flow_runs/filter", asked | {"offset": len(found)}):
            found += page
            if len(page) < _PAGE:
                break
        return sorted(found, key=lambda run: str(run["created"]))

    def are_over(self, *deployments: str, at_least: int = 1) -> bool:
        """Whether so many flow runs of deployments exist, and all of them have ended."""
        found = self.runs(*deployments)
        return len(found) >= at_least and all(one["state_type"] in ENDED for one in found)

    def events(self, *prefixes: str) -> list[dict[str, Any]]:
        """The Prefect events whose names begin so, oldest first."""
        wanted = {"event": {"prefix": list(prefixes)}, "order": "ASC"}
        page = self.ask("/events/filter", {"filter": wanted, "limit": 50})
        found: list[dict[str, Any]] = page["events"]
        while page.get("next_page"):
            page = self._client.get(page["next_page"]).raise_for_status().json()
            found += page["events"]
        return found

    def start_deployment(self, name: str, options: Mapping[str, Any] | None = None) -> str:
        """Make a flow run of a deployment, FLOW/NAME; its id."""
        found = self._client.get(f"/deployments/name/{name}").raise_for_status().json()
        parameters = {"options": dict(options)} if options else {}
        return self.ask(f"/deployments/{found['id']}/create_flow_run", {"parameters": parameters})["id"]

    def run_ends(self, run: str, *, seconds: float = 240) -> dict[str, Any]:
        """Wait for the end of a flow run, and return it."""
        found: dict[str, Any] = {}

        def has_ended() -> bool:
            found.update(self._client.get(f"/flow_runs/{run}").raise_for_status().json())
            return found["state_type"] in ENDED

        self.until(has_ended, seconds=seconds, what=f"flow run {run} ends")
        return found

    # --- the emulator

    def put(self, resource: str, project: str, data: bytes) -> None:
        """Give a resource a project, or another content of it."""
        seed = self.folder / "seed" / f"{time.monotonic_ns()}"
        (seed / resource).mkdir(parents=True)
        (seed / resource / f"{project}.json").write_bytes(data)
        emulator = self.emulator.emulator
        changes = read_seed(emulator.config, folder=seed, now=datetime.now(UTC))
        with emulator.lock:
            emulator.commit({resource: changes[resource]})

    def projects(self, resource: str) -> set[str]:
        """The projects of a resource."""
        return set(self.emulator.emulator.state(resource, datetime.now(UTC)).projects)

    def imports(self) -> int:
        """How many imports the emulator was asked for, of those that it remembers."""
        return sum("/:import" in one.path for one in self.emulator.emulator.requests.last)

    @property
    def vault(self) -> Path:
        """The folder of the vault."""
        return self.folder / "vault"

    def manifests(self, resource: str) -> list[dict[str, Any]]:
        """The manifests of a resource's snapshots."""
        return [json.loads(path.read_bytes()) for path in self.vault.glob(f"snapshots/{resource}/*/*/manifest.json")]

    @property
    def _logs(self) -> Sequence[Path]:
        return sorted(self.folder.glob("*.log"))

    def _answers(self) -> bool:
        with suppress(httpx.HTTPError):
            return self._client.get("/health").is_success
        return False


ENDED: Final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def slay(pids: Sequence[int]) -> None:
    """SIGKILL to processes, those that are gone already left out."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextmanager
def stage(
    folder: Path, config: EmulatorConfig, configuration: str, *, environment: Mapping[str, str] | None = None
) -> Generator[Stage]:
    """A stage with its server, without deployments or a worker; everything ends with the block.

    Args:
        folder: An empty one.
        config: Of the emulator.
        configuration: What cluvault.toml says besides the vault and the resources.
        environment: Variables of all processes.
    """
    with EmulatorServer(config) as emulator:
        found = Stage(folder, emulator, environment or {})
        resources = "".join(RESOURCE.format(name=name, url=emulator.url) for name in config.resources)
        text = f'[vault]\nurl = "{found.vault}"\n{resources}{configuration}'
        (folder / "cluvault.toml").write_text(text, "utf-8")
        try:
            found.start_server()
            yield found
        finally:
            found.end()
