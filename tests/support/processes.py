"""Processes that tests and benchmarks kill."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


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
