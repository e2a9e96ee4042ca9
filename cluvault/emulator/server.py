"""The emulator as a server on this machine: inside an event loop, in a thread of its own, or as a whole process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Self

import uvicorn

from cluvault.emulator.app import application
from cluvault.emulator.connection import Protocol
from cluvault.emulator.core import Emulator, utc_now
from cluvault.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Generator
    from concurrent.futures import Future
    from datetime import datetime
    from types import FrameType

    from cluvault.emulator.config import EmulatorConfig

_GRACE_SECONDS: Final = 5
_TICK_SECONDS: Final = 0.005
_FAREWELL_SECONDS: Final = 0.5
_BACKLOG: Final = 2048
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # it does not bind, it translates
"""All addresses → the one at which this machine reaches them."""


class EmulatorServer:
    """An emulator that listens on a loopback address; use it once.

    `async with` serves in the running event loop, `with` in a thread, `run` until the process is told to stop. It has
    its address and its state from the moment it exists, so a test can fill it before anybody asks.

    Args:
        config: How the emulator behaves.
        host: The address to listen on.
        port: Its port; 0 takes a free one.
        tls: Serves https with it; see `tls.py`.
        clock: The time in UTC.

    Raises:
        ConfigurationError: the port is taken, or the state file or seed folder cannot be used.
    """

    def __init__(
        self,
        config: EmulatorConfig,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._socket = _listen(host, port)
        address, bound_port = self._socket.getsockname()[:2]
        address = _EVERYWHERE.get(str(address), str(address))
        scheme = "http" if tls is None else "https"
        self._url = f"{scheme}://[{address}]:{bound_port}" if ":" in address else f"{scheme}://{address}:{bound_port}"
        try:
            self.emulator = Emulator(config, clock=clock)
        except BaseException:
            self._socket.close()
            raise
        uvicorn_config = uvicorn.Config(
            application(self.emulator),
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            http=Protocol,
            ws="none",
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        uvicorn_config.load()
        uvicorn_config.ssl = tls  # which uvicorn itself would only make from files
        self._server = _Server(uvicorn_config, before_shutdown=self.emulator.faults.hurry)
        self._task: asyncio.Task[None]  # of `async with`
        self._thread: Future[None]  # of `with`

    @property
    def url(self) -> str:
        """Where the server is, without a trailing slash."""
        return self._url

    def resource_url(self, name: str) -> str:
        """The endpoint of a resource.

        Raises:
            ConfigurationError: the emulator has no such resource.
        """
        if name not in self.emulator.config.resources:
            known = ", ".join(self.emulator.config.resources)
            raise ConfigurationError(f"the emulator has no resource {name!r} (it has {known})")
        return f"{self._url}/{name}"

    async def __aenter__(self) -> Self:
        self._check_unused()
        self._task = asyncio.create_task(self._server.serve([self._socket]))
        self._task.add_done_callback(lambda _: self._server.is_up.set())
        await self._server.is_up.wait()
        if self._task.done():
            self._task.result()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        await self._task
        self.emulator.close()

    def __enter__(self) -> Self:
        self._check_unused()
        pool = ThreadPoolExecutor(1, thread_name_prefix="cluvault-emulator")
        self._thread = pool.submit(self._serve)
        pool.shutdown(wait=False)
        while not self._server.started:
            with contextlib.suppress(TimeoutError):
                self._thread.result(timeout=_TICK_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.result()
        self.emulator.close()

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM, then finish what was begun and return."""
        self._check_unused()
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._serve()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self.emulator.close()

    def _check_unused(self) -> None:
        if self._server.started:
            raise RuntimeError("an EmulatorServer serves once; make another")

    def _serve(self) -> None:
        asyncio.run(self._server.serve([self._socket]))

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._server.handle_exit(number, frame)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: signals belong to the process, and `run` takes them itself."""

    def __init__(self, config: uvicorn.Config, *, before_shutdown: Callable[[], None]) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()
        self._before_shutdown = before_shutdown

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._before_shutdown()
        farewell = asyncio.create_task(self._leave_the_silent())
        try:
            await super().shutdown(sockets)
        finally:
            farewell.cancel()

    async def _leave_the_silent(self) -> None:
        """End connections that are closed on this side and have nothing left to send.

        Over TLS a close waits for the other side's, which a client that is idle does not send.
        """
        while True:
            await asyncio.sleep(_FAREWELL_SECONDS)
            for connection in list(self.server_state.connections):
                transport = connection.transport
                if transport.is_closing() and not transport.get_write_buffer_size():
                    transport.abort()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay (40 ms an answer) off only on sockets that name their protocol
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as err:
        listener.close()
        reason = err.strerror if isinstance(err, OSError) else str(err)
        raise ConfigurationError(
            f"the emulator cannot listen on {host} port {port}: {reason}",
            mend="choose another port; 0 takes a free one",
        ) from err
    return listener
