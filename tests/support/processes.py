"""Processes of whole programs: started, waited for, and those they started found."""

# ruff: noqa: S603  # our own arguments

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

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


def descendants(ancestor: int) -> list[int]:
    """The processes that a process started, and those that they started: a worker's flows are in their own sessions."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = status.read_text("utf-8").rpartition(")")[2].split()
            parents[int(status.parent.name)] = int(fields[1])
    found = [ancestor]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]
