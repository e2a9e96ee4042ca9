"""A promotion over HTTP into a real store dies by kill -9, or meets errors; then all is as it was or as it was meant.

`tests/support/killed_promotion.py` has the lives. By default a few points stand for all, on a folder;
CLUVAULT_TEST_DEATHS=all takes every one, on a folder, S3 and Blob storage, in hours (`just promotions-killed`); all/20
takes each twentieth.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.learning.learner import Learner
from cluvault.emulator.server import EmulatorServer
from cluvault.emulator.teacher import Teacher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.azurite import Azurite
    from tests.support.s3_server import S3Server

pytestmark = pytest.mark.slow

ROOT: Final = Path(__file__).parents[2]
DEATHS: Final = os.environ.get("CLUVAULT_TEST_DEATHS", "")
ALL: Final = DEATHS.startswith("all")
KEY: Final = "key-of-the-killed-1"
STORES: Final = ("file", "s3", "az") if ALL else ("file",)
FEW: Final = {
    ("good", "killed"): "35,82",
    ("refused", "killed"): "60",
    ("undo", "killed"): "65",
    ("good", "fails"): "55",
    ("good", "down"): "80",
}
"""Shares of the way, in percent."""
WALKS: Final = [(way, fate) for way in ("good", "refused", "undo") for fate in ("killed", "fails", "down")]


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    """The address of an emulator whose jobs take a moment, as all waiting is shortened."""
    config = EmulatorConfig(resources=("dev", "prod"), keys=(KEY,), first_poll_running=False, job_seconds=0.03)
    with EmulatorServer(config) as server:
        server.emulator.teacher = Teacher(Learner())  # it remembers what it has fitted
        yield server.url


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("walk", WALKS if ALL else FEW, ids="-".join)
async def test_all_old_or_all_new(
    kind: str, walk: tuple[str, str], emulator: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Before, during and after each change: on the good way, on that of a refused promotion, and on the way back."""
    way, fate = walk
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.killed_promotion", kind, way, fate, DEATHS if ALL else FEW[way, fate]),
        cwd=ROOT,
        env=os.environ | {"CLU_PLACE": emulator, "KEY": KEY, "CLU_ROUND": fate} | _place(kind, tmp_path, request),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()[-6000:]
    print(kind, way, fate, out.decode())  # noqa: T201  # figures, shown by -s
    assert json.loads(out)["points"] >= 1


@pytest.mark.long
async def test_a_worker_that_was_stopped_beyond_its_lease_changes_nothing_more(emulator: str, tmp_path: Path) -> None:
    """SIGSTOP between its look at the lease and what it would do; another takes over; then it wakes up."""
    looks = ",".join(map(str, range(1, 20))) if DEATHS == "all" else "3,4,16"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.stopped_promotion", str(tmp_path), looks),
        cwd=ROOT,
        env=os.environ | {"CLU_PLACE": emulator, "KEY": KEY, "CLU_ROUND": "stopped"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()[-6000:]
    print("stopped at", out.decode())  # noqa: T201  # shown by -s
    assert len(set(json.loads(out))) >= 3


def _place(kind: str, folder: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    if kind == "file":
        return {"CRASH_PLACE": str(folder)}
    if kind == "s3":
        server: S3Server = request.getfixturevalue("s3_server")
        return {**server.environment, "CRASH_PLACE": server.new_bucket()}
    azurite: Azurite = request.getfixturevalue("azurite")
    return {
        "AZURE_STORAGE_CONNECTION_STRING": azurite.connection_string,
        "CRASH_PLACE": f"{azurite.account}/{azurite.new_container()}",
        "NO_PROXY": "127.0.0.1",
    }
