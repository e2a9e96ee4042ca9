"""A fleet on Prefect with PostgreSQL and Redis: emulated resources, a vault in a folder, and what becomes of it."""

# ruff: noqa: S603  # it starts its own processes

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.request import Request, urlopen
from uuid import uuid4

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.server import EmulatorServer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    from cluvault.emulator.request_log import Served
    from tests.support.services import Part, Production

KEY: Final = "emulator-key-1"
_RESOURCE: Final = """
[resources.{name}]
endpoint = "{url}/{name}"
key = {{ env = "STAGE_KEY" }}
limits = {limits}
"""
_ENVIRONMENT: Final = """\
deployments:
  recover: {enabled: false}
  hourly-status: {enabled: false}
"""
_FLEET: Final = """\
import asyncio, sys
from flows.fleet import FleetOptions, fleet
asyncio.run(fleet(FleetOptions.model_validate_json(sys.argv[1])))
"""


@dataclass
class FleetRun:
    """How a fleet went.

    Attributes:
        curve: Seconds since its start, and snapshots in the vault.
        struck: When something was done to the parts.
    """

    curve: list[tuple[float, int]]
    struck: float | None

    @property
    def first(self) -> float:
        """When the first snapshot was there: processes have started by then."""
        return next(seconds for seconds, number in self.curve if number)

    @property
    def last(self) -> float:
        """When the last one was there."""
        return next(seconds for seconds, number in self.curve if number == self.curve[-1][1])


@dataclass
class FleetStage:
    """Resources with projects, and what a fleet of backups makes of them.

    Attributes:
        production: The servers.
        emulator: The service.
        resources: Their names.
        projects: So many each.
        limits: What the configuration says of the resources' limits, in TOML.
        vault: The present vault.
        requests: How many calls ended how: method and status.
    """

    production: Production
    emulator: EmulatorServer
    resources: tuple[str, ...]
    projects: int
    limits: str
    vault: Path
    requests: Counter[tuple[str, int | None]] = field(default_factory=Counter[tuple[str, "int | None"]])

    @property
    def folder(self) -> Path:
        """Of all files and logs."""
        return self.production.folder

    @property
    def environment(self) -> Mapping[str, str]:
        """Of commands, workers and flows."""
        return {**self.production.environment, **self._own}

    @property
    def _own(self) -> dict[str, str]:
        return {"CLUVAULT_CONFIG": str(self.folder / "cluvault.toml"), "STAGE_KEY": KEY}

    def new_vault(self, name: str) -> None:
        """From now on an empty vault, and calls are counted anew."""
        self.vault = self.folder / name
        parts = [
            f'[vault]\nurl = "{self.vault}"\n\n[prefect]\nenvironment = "{self.folder}/stage.yaml"\n',
            "\n[backup]\nsettle-seconds = 0\n",  # nobody has edited the projects lately
        ]
        url, limits = self.emulator.url, self.limits
        parts += [_RESOURCE.format(name=name, url=url, limits=limits) for name in self.resources]
        (self.folder / "cluvault.toml").write_text("".join(parts), "utf-8")
        self.requests.clear()

    def deploy(self) -> str:
        """`cluvault deploy`; its last line."""
        done = self.run("cluvault", "deploy")
        return done.strip().splitlines()[-1]

    def run(self, *arguments: str) -> str:
        """`python -m ARGUMENTS` to its end; its output."""
        done = subprocess.run(
            [sys.executable, "-m", *arguments], cwd=self.folder, env=self.environment, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    @contextmanager
    def fleet(self, options: Mapping[str, Any] | None = None) -> Generator[subprocess.Popen[bytes]]:
        """The flow `fleet` in a process of its own, beside the workers."""
        with (self.folder / "fleet.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", _FLEET, json.dumps(options or {})],
                cwd=self.folder, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    @contextmanager
    def workers(self, number: int, *, limit: int, server: int = 0) -> Generator[list[Part]]:
        """Process workers that ask one of the servers for runs every two seconds; each takes so many at once."""
        api = self.production.apis[server]
        with ExitStack() as stack:
            yield [
                stack.enter_context(
                    self.production.worker(
                        f"worker-{server}-{one}",
                        "--limit",
                        str(limit),
                        api=api,
                        **self._own,
                        PREFECT_WORKER_QUERY_SECONDS="2",
                    )
                )
                for one in range(number)
            ]

    def run_fleet(self, *, at: int = 0, strike: Callable[[], object] | None = None, seconds: float = 600) -> FleetRun:
        """Run a fleet to its end, which has to be a good one.

        Args:
            at: At so many snapshots something is done to the parts.
            strike: What.
            seconds: For so long is waited.
        """
        begun = time.monotonic()
        curve: list[tuple[float, int]] = []

        def holds(number: int) -> bool:
            curve.append((time.monotonic() - begun, self.count()))
            return curve[-1][1] >= number or process.poll() is not None

        with self.fleet() as process:
            struck = None
            if strike is not None:
                self.wait(lambda: holds(at), seconds=seconds, what="a fleet under way")
                struck = time.monotonic() - begun
                strike()
            self.wait(lambda: holds(self.wanted), seconds=seconds, what="a fleet's last snapshot")
            self.wait(lambda: process.poll() is not None, seconds=seconds, what="a fleet's end")
            assert process.returncode == 0, (self.folder / "fleet.log").read_text("utf-8")[-3000:]
        curve.append((time.monotonic() - begun, self.count()))
        return FleetRun(curve, struck)

    def ask(self, path: str, **body: Any) -> Any:
        """Ask the server's API."""
        return json.loads(self._post(path, body))

    def _post(self, path: str, body: object) -> bytes:
        request = Request(  # noqa: S310  # our own server
            f"{self.production.environment['PREFECT_API_URL']}/{path}",
            data=json.dumps(body).encode(), headers={"Content-Type": "application/json"},
        )  # fmt: skip
        with urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.read()

    def emit(self, event: str, about: str, **payload: Any) -> None:
        """An event from outside."""
        told = {"occurred": datetime.now(UTC).isoformat(), "event": event, "id": str(uuid4()), "payload": payload}
        self._post("events", [told | {"resource": {"prefect.resource.id": about}}])

    def flow_runs(self, name: str) -> list[dict[str, Any]]:
        """The runs of a flow, the oldest first."""
        flows = {"name": {"any_": [name]}}
        return self.ask("flow_runs/filter", flows=flows, sort="START_TIME_ASC", limit=200)

    def count(self) -> int:
        """Snapshots in the vault."""
        return sum(1 for _ in self.vault.glob("snapshots/*/*/*/manifest.json"))

    @property
    def wanted(self) -> int:
        """How many there have to be."""
        return len(self.resources) * self.projects

    def faults(self) -> list[str]:
        """What is not as it should be: a project without a snapshot, one with two, a content twice."""
        found: Counter[tuple[str, str]] = Counter()
        for path in self.vault.glob("snapshots/*/*/*/manifest.json"):
            manifest = json.loads(path.read_text("utf-8"))
            found[manifest["resource"], manifest["project"]] += 1
        every = {(resource, f"P{number:03}") for resource in self.resources for number in range(self.projects)}
        said = [f"{resource}/{project} has no snapshot" for resource, project in sorted(every - found.keys())]
        return said + [
            f"{'/'.join(name)} has {number} snapshots" for name, number in sorted(found.items()) if number > 1
        ]

    def records(self) -> list[dict[str, Any]]:
        """The run records in the vault, the oldest first."""
        found = [json.loads(path.read_text("utf-8")) for path in self.vault.glob("runs/*/*.json")]
        return sorted(found, key=lambda record: record["startedAt"])

    def wait(self, holds: Callable[[], bool], *, seconds: float, what: str) -> float:
        """Wait until something holds, and return how long that took."""
        begun = time.monotonic()
        while not holds():
            if time.monotonic() - begun > seconds:
                logs = {one.name: one.read_text("utf-8", "replace")[-2000:] for one in self.folder.glob("*.log")}
                raise AssertionError(
                    f"{what}: not within {seconds:.0f} s\n" + "\n".join(map("{0[0]}:\n{0[1]}".format, logs.items()))
                )
            time.sleep(0.25)
        return time.monotonic() - begun


@contextmanager
def fleet_stage(
    production: Production, *, resources: int, projects: int, minute: float | None = None, job_seconds: float = 0.0
) -> Generator[FleetStage]:
    """A stage with an empty vault, not yet deployed.

    Args:
        production: The servers.
        resources: How many.
        projects: In each.
        minute: Seconds in which the documented calls a minute are allowed; None is no limit.
        job_seconds: How long an export takes.
    """
    names = tuple(f"r{number}" for number in range(resources))
    seed = production.folder / "seed"
    for name in names:
        (seed / name).mkdir(parents=True)
        for number in range(projects):
            (seed / name / f"P{number:03}.json").write_text(json.dumps(project(number)), "utf-8")
    (production.folder / "stage.yaml").write_text(_ENVIRONMENT, "utf-8")
    limits = '"off"' if minute is None else f"{{ window = {minute} }}"
    config = EmulatorConfig(
        resources=names, seed=seed, job_seconds=job_seconds, minute=minute,
        limits="off" if minute is None else "documented",
    )  # fmt: skip
    with EmulatorServer(config) as emulator:
        stage = FleetStage(production, emulator, names, projects, limits, production.folder)

        def tell(served: Served) -> None:
            stage.requests[served.method, served.status] += 1

        emulator.emulator.requests.tell = tell
        stage.new_vault("vault")
        yield stage


def project(number: int, version: int = 0) -> dict[str, Any]:
    """A small project with content of its own."""
    utterances: list[dict[str, Any]] = [
        {"text": f"say number {line} of project {number}, version {version}", "intent": "Say", "entities": []}
        for line in range(20)
    ]
    return {
        "projectFileVersion": "2023-04-01",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {"projectKind": "Conversation", "projectName": f"P{number:03}", "language": "en-us"},
        "assets": {"projectKind": "Conversation", "intents": [{"category": "Say"}], "utterances": utterances},
    }
