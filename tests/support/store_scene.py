"""Many projects, and a vault in a store that tests take away: processes of `cluvault` come to it through a gate."""

# ruff: noqa: S603  # our own program

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.server import EmulatorServer
from tests.support.azurite import AzuriteOnDisk
from tests.support.gate import Gate, gate
from tests.support.s3_server import S3Server, s3_process_running
from tests.support.world import project_file

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

KEY: Final = "key-that-nobody-may-ever-see-1"
_SECONDS: Final = 300
_CONFIGURATION: Final = """\
[vault]
url = "{vault}"
cache = false
patience = {patience}

[backup]
concurrency = {concurrency}
settle-seconds = 0

[resources.dev]
endpoint = "{url}/dev"
key = {{ env = "CLU_TEST_KEY" }}
limits = {limits}
share-budget = {share}
"""


class Scene:
    """Emulator, store, gate, and the processes of `cluvault`.

    Attributes:
        folder: Configuration and logs.
        names: The projects.
        service: The emulator.
        gate: Before the store.
        take_away: Makes the store's process die, or stand still.
        bring_back: Starts it again, or lets it go on.
    """

    def __init__(self, folder: Path, names: list[str], service: EmulatorServer, store: _Store) -> None:
        self.folder = folder
        self.names = names
        self.service = service
        self.gate = store.gate
        self.take_away = store.take_away
        self.bring_back = store.bring_back
        self.environment = os.environ | store.environment | {"CLU_TEST_KEY": KEY, "NO_PROXY": "127.0.0.1"}
        self.environment["CLUVAULT_CONFIG"] = str(folder / "cluvault.toml")
        self.url = store.url

    def configure(
        self, *, patience: float = 120, concurrency: int = 6, limits: str = '"off"', share: bool = True
    ) -> None:
        """Write the configuration."""
        text = _CONFIGURATION.format(
            vault=self.url,
            url=self.service.url,
            patience=patience,
            concurrency=concurrency,
            limits=limits,
            share=str(share).lower(),
        )
        (self.folder / "cluvault.toml").write_text(text, "utf-8")

    @contextmanager
    def running(self, *arguments: str, log: str = "first") -> Generator[subprocess.Popen[bytes]]:
        """`cluvault ARGUMENTS` in the background; killed with the block, if it is still there."""
        with (self.folder / log).open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "cluvault", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self.environment,
                cwd=self.folder,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def said(self, log: str = "first") -> str:
        """What a process has printed."""
        return (self.folder / log).read_text("utf-8", "replace")

    def run(self, *arguments: str) -> Any:
        """What `cluvault ARGUMENTS --json` prints; it has to succeed."""
        done = subprocess.run(
            [sys.executable, "-m", "cluvault", *arguments, "--json"],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return json.loads(done.stdout)

    def requests(self, end: str) -> list[Any]:
        """The calls that the service got, of those that end so."""
        return [one for one in tuple(self.service.emulator.requests.last) if one.path.endswith(end)]

    def exports(self) -> list[str]:
        """The projects of which an export was started."""
        return [one.path.split("/")[-2] for one in self.requests("/:export") if (one.status or 500) < 400]

    def until(self, condition: Callable[[], bool], *, seconds: float = 60, log: str = "first") -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.said(log)[-3000:]
            time.sleep(0.05)

    def assert_complete(self) -> None:
        """Each project has one snapshot, every byte is right, and no started export is left over."""
        listed = self.run("snapshots")
        assert sorted(one["project"] for one in listed) == self.names
        assert self.run("verify", "--read-data")["summary"].endswith("0 missing, 0 damaged")


class _Store:
    """A store's process behind a gate."""

    def __init__(
        self,
        found: Gate,
        environment: dict[str, str],
        url: str,
        take_away: Callable[[], None],
        bring_back: Callable[[], None],
    ) -> None:
        self.gate = found
        self.environment = environment
        self.url = url
        self.take_away = take_away
        self.bring_back = bring_back


@contextmanager
def scene(folder: Path, kind: str, *, projects: int, **config: Any) -> Generator[Scene]:
    """A scene with a store of a kind, `az` or `s3`; all ends with the block.

    Args:
        folder: An empty one.
        kind: Which store.
        projects: How many.
        config: Of the emulator.
    """
    seed = folder / "seed" / "dev"
    seed.mkdir(parents=True)
    names = [f"P{number:03}" for number in range(projects)]
    for name in names:
        (seed / f"{name}.json").write_bytes(project_file(name, f"to {name}"))
    options: dict[str, Any] = {"resources": ("dev",), "keys": (KEY,), "seed": folder / "seed", "strict_members": False}
    options |= {"job_seconds": 1.0} | config
    with ExitStack() as stack:
        service = stack.enter_context(EmulatorServer(EmulatorConfig(**options)))
        store = stack.enter_context(_blob(folder / "azurite") if kind == "az" else _s3(folder / "moto.log"))
        found = Scene(folder, names, service, store)
        found.configure()
        yield found


@contextmanager
def _blob(folder: Path) -> Generator[_Store]:
    folder.mkdir()
    azurite = AzuriteOnDisk(folder)
    azurite.start()
    try:
        container = azurite.at(azurite.port).new_container()
        with gate(azurite.port) as found:
            account = azurite.at(found.port)
            environment = {"AZURE_STORAGE_CONNECTION_STRING": account.connection_string}

            def take_away() -> None:
                found.shut()  # what is acknowledged from now on would be lost: it saves each five seconds only
                azurite.wait_until_written_down()
                azurite.kill()

            def bring_back() -> None:
                azurite.start()
                found.open()

            yield _Store(found, environment, f"az://{account.account}/{container}/clu", take_away, bring_back)
    finally:
        azurite.kill()


@contextmanager
def _s3(log: Path) -> Generator[_Store]:
    with s3_process_running(log) as (process, port), gate(port) as found:
        bucket = S3Server(f"http://127.0.0.1:{port}").new_bucket()
        environment = S3Server(f"http://127.0.0.1:{found.port}").environment
        yield _Store(
            found,
            environment,
            f"s3://{bucket}/clu",
            lambda: process.send_signal(signal.SIGSTOP),
            lambda: process.send_signal(signal.SIGCONT),
        )
