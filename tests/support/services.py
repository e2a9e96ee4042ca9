"""PostgreSQL, Redis and Prefect servers on both, as a production has them: each part can be killed and started again.

Programs that are on this machine are used as they are; others come from Debian's packages, into the checkout's cache.
Everything listens on free ports of 127.0.0.1, is ended by its process id, and leaves nothing behind.
"""

# ruff: noqa: S603  # it starts its own processes

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.request import urlopen

from cluvault.cli.demo.services import free_port, prefect_environment
from tests.support.debian import PackagesMissing, libraries, unpacked
from tests.support.processes import descendants

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

_POSTGRES: Final = "postgresql-15"
_REDIS: Final = "redis-server"
_UNPRIVILEGED: Final = 65534
"""Users and groups `nobody`: PostgreSQL refuses to run as root."""
_START_SECONDS: Final = 120
_END_SECONDS: Final = 20


class ServicesMissing(Exception):
    """PostgreSQL or Redis can neither be found nor fetched, or does not start; one line says what is needed."""


@dataclass
class Part:
    """A process that can be killed and started again in the same place.

    Attributes:
        name: What messages call it.
        command: How it is started.
        answers: Whether it is ready.
        log: Where it writes what it says.
        environment: Its whole environment.
        user: As which user it runs; None is our own.
        ending: What ends it; nothing of it is kept, and most take seconds to end in order.
    """

    name: str
    command: Sequence[str]
    answers: Callable[[], bool]
    log: Path
    environment: Mapping[str, str]
    user: int | None = None
    ending: signal.Signals = signal.SIGKILL
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> float:
        """Start it; the seconds until it is ready. Raises ServicesMissing."""
        begun = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment,
                start_new_session=True, user=self.user, group=self.user, cwd=self.log.parent,
                extra_groups=None if self.user is None else [],
            )  # fmt: skip
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > begun + _START_SECONDS:
                last = self.log.read_text("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
                self.kill()
                raise ServicesMissing(f"{self.name} does not start: {last[0]}")
            time.sleep(0.05)
        return time.monotonic() - begun

    def kill(self) -> None:
        """SIGKILL to it and to all that it started."""
        if self._process is None:
            return
        for pid in [self._process.pid, *descendants(self._process.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def kill_children(self) -> int:
        """SIGKILL to what it started, not to itself; how many there were."""
        found = descendants(self.pid)
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(found)

    def end(self) -> None:
        """End it, and all that it started."""
        if self._process is not None and self.ending is not signal.SIGKILL:
            with suppress(subprocess.TimeoutExpired):
                self._process.send_signal(self.ending)
                self._process.wait(_END_SECONDS)
        self.kill()


@dataclass(frozen=True)
class Production:
    """Prefect on PostgreSQL and Redis.

    Attributes:
        postgres: The database.
        redis: Events, leases and the server's own queue.
        server: The API server; one replica of several when `services` is there.
        replicas: The others.
        services: The background services, in a process of their own.
        apis: The addresses of the API servers.
        environment: Of clients: PREFECT_API_URL and what keeps them to this machine.
        folder: Of everybody's logs.
    """

    postgres: Part
    redis: Part
    server: Part
    replicas: tuple[Part, ...]
    services: Part | None
    apis: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path

    @property
    def servers(self) -> tuple[Part, ...]:
        """All API servers and the services."""
        return (self.server, *self.replicas, *([self.services] if self.services else []))

    @contextmanager
    def worker(self, name: str, *options: str, api: str | None = None, **environment: str) -> Generator[Part]:
        """A process worker of the pool `cluvault`."""
        own = {**self.environment, **environment} | ({"PREFECT_API_URL": api} if api else {})
        command = (sys.executable, "-m", "prefect", "worker", "start", "--pool", "cluvault", "--type", "process")
        part = Part(name, (*command, "--name", name, *options), lambda: True, self.folder / f"{name}.log", own)
        part.start()
        try:
            yield part
        finally:
            part.end()


@contextmanager
def postgres(folder: Path) -> Generator[tuple[Part, str]]:
    """An empty database in a cluster of its own, and its URL for asyncpg.

    Args:
        folder: For its log.

    Raises:
        ServicesMissing: it can neither be found nor fetched, or does not start.
    """
    binaries, environment = _postgres_programs()
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    password = secrets.token_urlsafe(16)
    with _data_folder(user) as data:
        word = data / "password"
        word.write_text(password, "utf-8")
        _give(word, user)
        initdb = [str(binaries / "initdb"), "-D", str(data / "data"), "-U", "prefect", "--auth=scram-sha-256"]
        initdb += [f"--pwfile={word}", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        made = subprocess.run(
            initdb, env=environment, check=False, capture_output=True, text=True, cwd=data,
            user=user, group=user, extra_groups=None if user is None else [],
        )  # fmt: skip
        if made.returncode:
            raise ServicesMissing(f"PostgreSQL's initdb fails: {' '.join(made.stderr.split())[-300:]}")
        port = free_port()
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "port": str(port),
            "timezone": "UTC",
            "log_timezone": "UTC",
            "max_connections": "200",
            "jit": "off",
        }
        words = [word for name, text in options.items() for word in ("-c", f"{name}={text}")]
        part = Part(
            "PostgreSQL", (str(binaries / "postgres"), "-D", str(data / "data"), *words), _listens(port),
            folder / "postgres.log", environment, user, signal.SIGINT,  # killed, it leaves shared memory
        )  # fmt: skip
        with _running(part):
            yield part, f"postgresql+asyncpg://prefect:{password}@127.0.0.1:{port}/postgres"


@contextmanager
def redis(folder: Path) -> Generator[tuple[Part, int]]:
    """A Redis that keeps nothing on disk: who kills it loses all that was in it. And its port.

    Raises:
        ServicesMissing: see `postgres`.
    """
    program, environment = _redis_program()
    port = free_port()
    command = (str(program), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
    part = Part("Redis", command, _listens(port), folder / "redis.log", environment)
    with _running(part):
        yield part, port


@contextmanager
def production(folder: Path, *, replicas: int = 0, **settings: str) -> Generator[Production]:
    """Prefect on PostgreSQL and Redis: one server with its services, or as many more replicas and services apart.

    Args:
        folder: For logs and PREFECT_HOME.
        replicas: API servers besides the first.
        settings: More variables of servers and clients.

    Raises:
        ServicesMissing: see `postgres`.
    """
    with ExitStack() as stack:
        database, url = stack.enter_context(postgres(folder))
        broker, port = stack.enter_context(redis(folder))
        ports = [free_port() for _ in range(1 + replicas)]
        client = {name: text for name, text in os.environ.items() if not name.startswith("PREFECT_")}
        client |= prefect_environment(folder / "prefect", ports[0]) | settings
        server = client | on_services(url, port)
        alone = ("--no-services",) if replicas else ()
        parts = [
            Part(
                f"Prefect server {number}",
                (sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(one), *alone),
                _is_healthy(one),
                folder / f"server-{number}.log",
                server,
            )
            for number, one in enumerate(ports)
        ]
        for part in parts:  # one after the other: the first makes the tables
            stack.enter_context(_running(part))
        services = None
        if replicas:
            command = (sys.executable, "-m", "prefect", "server", "services", "start")
            services = Part("Prefect services", command, lambda: True, folder / "services.log", server)
            stack.enter_context(_running(services))
        apis = tuple(f"http://127.0.0.1:{one}/api" for one in ports)
        yield Production(database, broker, parts[0], tuple(parts[1:]), services, apis, client, folder)


def on_services(database: str, redis_port: int) -> dict[str, str]:
    """The variables of a Prefect server that has its state in PostgreSQL and Redis."""
    return {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
        "PREFECT_SERVER_EVENTS_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1",
        "PREFECT_REDIS_MESSAGING_PORT": str(redis_port),
        "PREFECT_REDIS_MESSAGING_DB": "0",
        "PREFECT_SERVER_DOCKET_URL": f"redis://127.0.0.1:{redis_port}/1",
    }


@contextmanager
def _running(part: Part) -> Generator[None]:
    part.start()
    try:
        yield
    finally:
        part.end()


def _postgres_programs() -> tuple[Path, dict[str, str]]:
    """The folder of PostgreSQL's programs, and their environment."""
    for found in (shutil.which("postgres"), *sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)):
        if found is not None and (binaries := Path(found).resolve().parent).joinpath("initdb").exists():
            return binaries, _plain_environment()
    folder = _fetched(_POSTGRES)
    (binaries,) = folder.glob("usr/lib/postgresql/*/bin")
    return binaries, _plain_environment() | {"LD_LIBRARY_PATH": libraries(folder)}


def _redis_program() -> tuple[Path, dict[str, str]]:
    if (found := shutil.which("redis-server")) is not None:
        return Path(found), _plain_environment()
    folder = _fetched(_REDIS)
    # `redis-server` is a link to the program that checks its files, an absolute one in some releases
    return folder / "usr/bin/redis-server", _plain_environment() | {"LD_LIBRARY_PATH": libraries(folder)}


def _fetched(package: str) -> Path:
    try:
        return unpacked(package, package)
    except PackagesMissing as err:
        last = (str(err).strip().splitlines() or ["it said nothing"])[-1]
        raise ServicesMissing(
            f"neither is {package} on this machine, nor can apt fetch it: install it, or let this machine reach a "
            f"Debian mirror ({last})"
        ) from err


def _plain_environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}


@contextmanager
def _data_folder(user: int | None) -> Generator[Path]:
    """A folder that belongs to the user; not below a test's own, which others may not enter."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    _give(folder, user)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _give(path: Path, user: int | None) -> None:
    if user is not None:
        os.chown(path, user, user)


def _listens(port: int) -> Callable[[], bool]:
    def answers() -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False

    return answers


def _is_healthy(port: int) -> Callable[[], bool]:
    def answers() -> bool:
        with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/api/health", timeout=2) as answer:
            return answer.status == 200
        return False

    return answers
