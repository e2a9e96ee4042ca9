"""Processes of this interpreter for tests that need whole programs: a Prefect worker, a `cluvault intake`."""

# ruff: noqa: S603  # our own arguments

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

_END_SECONDS = 30


@contextmanager
def running(*arguments: str, log: Path) -> Generator[subprocess.Popen[bytes]]:
    """`python -m ARGUMENTS`, told to end with the block."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(condition: Callable[[], bool], *, seconds: float, log: Path) -> None:
    """Wait until something is so; after that time, what a process said is shown."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not after {seconds} s:\n{log.read_text('utf-8', 'replace')[-3000:]}")
        time.sleep(0.2)
