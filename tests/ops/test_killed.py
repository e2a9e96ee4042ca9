"""Promise 2: killed at any moment, no half snapshot is listed, no project is lost, the next run finishes the work."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.crashes

ROOT = Path(__file__).parents[2]
MEMORY = Path("/dev/shm")  # noqa: S108  # where there is one, the emulator's state file costs no waiting for a disk

POINTS = [("backup", 30), ("restore", 12), ("cleanup", 18), ("prune", 12), ("sweep", 10), ("hold", 5), ("intake", 90)]
EACH = {} if os.environ.get("CRASHES") == "all" else {"intake": 5}
"""Operation → which of its points are died at: the intake has more than a hundred."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, or else on disk."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else tmp_path) as name:
        yield Path(name)


@pytest.mark.parametrize("operation, at_least", POINTS)
async def test_killed_at_every_point(folder: Path, operation: str, at_least: int) -> None:
    """Kill -9 between any two changes of vault and service: `tests/support/killed_run.py` checks after each."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.killed_run", operation, str(folder), str(EACH.get(operation, 1))),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert json.loads(out)["points"] >= at_least
