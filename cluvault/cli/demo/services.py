"""The demo's own Prefect server and emulator: child processes on free loopback ports, ended with the demo."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from cluvault.errors import CluvaultError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

STARTED_WITHIN: Final = 90.0
"""Seconds; a Prefect server makes its database at the first start, which takes about ten on two quiet cores."""
_ENDED_WITHIN: Final = 15.0
"""Seconds; the guardian itself gives the service ten."""

_GUARDED: Final = (sys.executable, "-m", "cluvault.cli.demo.guardian")


class ServiceFailed(CluvaultError):
    """A part of the demo did not start; its log says why."""


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def prefect_environment(home: Path, port: int) -> dict[str, str]:
    """Settings of a Prefect server and its clients that keep to this machine and to their own home."""
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_UI_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # log lines belong into the UI, not between the tables
        "DO_NOT_TRACK": "1",
    }


@asynccontextmanager
async def running(name: str, *arguments: str, port: int, path: str, log: Path) -> AsyncGenerator[None]:
    """Run `python -m NAME …` until the block ends; entered when `http://127.0.0.1:PORT/PATH` answers 200.

    Raises:
        ServiceFailed: it ended by itself or did not answer in time.
    """
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *_GUARDED,
            *(sys.executable, "-m", name, *arguments),
            stdin=asyncio.subprocess.PIPE,  # its end is the end of the service
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C reaches the demo, which then ends its children in order
        )
    try:
        await _until_it_answers(process, name, port=port, path=path, log=log)
        yield
    finally:
        await _end(process)


async def _until_it_answers(process: asyncio.subprocess.Process, name: str, *, port: int, path: str, log: Path) -> None:
    deadline = asyncio.get_running_loop().time() + STARTED_WITHIN
    while not await _answers(port, path):
        if process.returncode is not None:
            raise ServiceFailed(f"{name} ended with code {process.returncode} before it answered: {_last_line(log)}")
        if asyncio.get_running_loop().time() > deadline:
            raise ServiceFailed(f"{name} did not answer within {STARTED_WITHIN:.0f} s: {_last_line(log)}")
        await asyncio.sleep(0.1)


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


async def _answers(port: int, path: str) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        status = await asyncio.wait_for(reader.readline(), timeout=5)
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
    return b" 200 " in status


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), timeout=_ENDED_WITHIN)
    except TimeoutError:
        process.kill()
        await process.wait()
