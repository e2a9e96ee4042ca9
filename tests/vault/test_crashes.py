"""Promise 2 for the vault: killed or failed by its store at any operation, on each of the four stores.

`tests/support/crashes.py` has the operations. On S3 and Blob a few points stand for all; CRASHES=all takes them all.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from cluvault.errors import StoreUnavailable
from tests.support.crashes import DEEDS, Deed, assert_finished, assert_whole, fill, operations, run, template
from tests.support.faulty_store import FaultyStore, Killed, fault_points, raising, stop_points

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cluvault.vault.store import ObjectStore
    from tests.support.azurite import Azurite
    from tests.support.faulty_store import StopPoint
    from tests.support.s3_server import S3Server

pytestmark = pytest.mark.crashes

ROOT: Final = Path(__file__).parents[2]
ALL: Final = os.environ.get("CRASHES") == "all"
_EVERY: Final = {"memory": 2, "folder": 3, "folder without hard links": 11, "s3": 19, "az": 23}
"""In the small form every so manieth point is one to die at."""


@pytest.fixture(autouse=True)
def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unlike a power cut, a kill loses nothing that was written."""

    def nothing(_descriptor: int) -> None:
        pass

    monkeypatch.setattr(os, "fsync", nothing)


@pytest.fixture(params=DEEDS)
def deed(request: pytest.FixtureRequest) -> Deed:
    """Each operation."""
    return DEEDS[request.param]


@pytest.fixture
def every(request: pytest.FixtureRequest) -> int:
    """How many points there are to one that is tried."""
    node = cast("Any", request).node
    return 1 if ALL else _EVERY[node.callspec.params["new_store"]]


def some(points: Iterator[StopPoint], every: int) -> list[StopPoint]:
    """One of so many points, the middle one in any case."""
    found = list(points)
    return found[len(found) // 2 % every :: every]


async def test_killed_at_every_operation(deed: Deed, new_store: Callable[[], ObjectStore], every: int) -> None:
    """Before and after each: what is listed is whole, what is held is there, the next run completes."""
    objects = await template(deed)
    for point in some(stop_points(await operations(deed)), every):
        store = new_store()
        await fill(store, objects)
        with pytest.raises(Killed):
            await run(deed, FaultyStore(store, point=point), life=1)
        await assert_whole(deed, store)
        await assert_finished(deed, store)


@pytest.mark.parametrize("stays_down", [False, True], ids=["once", "from then on"])
async def test_the_store_fails_at_every_operation(
    deed: Deed, new_store: Callable[[], ObjectStore], every: int, *, stays_down: bool
) -> None:
    """Before, in the middle of, and after each, readings too, once or from then on: the same holds."""
    objects = await template(deed)
    fault = raising(StoreUnavailable("the cable"))
    for point in some(fault_points(await operations(deed)), every * 2 - 1):
        store = new_store()
        await fill(store, objects)
        faulty = FaultyStore(store, point=point, fault=fault, stays_down=stays_down)
        try:
            await run(deed, faulty, life=1)
        except StoreUnavailable:
            pass
        else:
            assert point.when == "during"  # of a listing in which nothing was
        if not stays_down:
            await assert_whole(deed, faulty)
        await assert_whole(deed, store)
        await assert_finished(deed, store)


_FEW: Final = [("s3", "prune", ("5", "9")), ("az", "backup", ("3", "5"))]
_SOME: Final = [(kind, name, ()) for kind in ("s3", "az") for name in DEEDS] if ALL else _FEW


@pytest.mark.parametrize("kind, name, points", _SOME)
async def test_killed_while_a_request_is_on_its_way(
    kind: str, name: str, points: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    """Kill -9 between a request and its reply: the store may have done it or not."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.crashes", kind, name, *points),
        cwd=ROOT,
        env=os.environ | _place(kind, request),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert json.loads(out)["points"] >= 2


def _place(kind: str, request: pytest.FixtureRequest) -> dict[str, str]:
    if kind == "s3":
        server: S3Server = request.getfixturevalue("s3_server")
        return {**server.environment, "CRASH_PLACE": server.new_bucket()}
    azurite: Azurite = request.getfixturevalue("azurite")
    return {
        "AZURE_STORAGE_CONNECTION_STRING": azurite.connection_string,
        "CRASH_PLACE": f"{azurite.account}/{azurite.new_container()}",
        "NO_PROXY": "127.0.0.1",
    }
