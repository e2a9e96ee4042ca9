"""Two backups of one resource share its calls a minute by a ledger in Azurite and in moto's S3: real processes."""

from __future__ import annotations

import time
from collections import deque
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.support.store_scene import scene

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.store_scene import Scene

pytestmark = pytest.mark.long
POSTS = 12
WINDOW = 20
LIMITS = f"{{ post = {POSTS}, get = 240, window = {WINDOW} }}"
SERVICE = {"limits": "documented", "posts_per_minute": POSTS, "gets_per_minute": 240, "minute": WINDOW}
GROUPS = {"first": "P00*", "second": "P01*", "third": "P02*"}


def most_in_a_window(times: Sequence[float]) -> int:
    """How many calls the fullest window had."""
    most, window = 0, deque[float]()
    for at in sorted(times):
        window.append(at)
        while at - window[0] >= WINDOW:
            window.popleft()
        most = max(most, len(window))
    return most


def throttled(found: Scene) -> int:
    """How many calls were refused by 429."""
    return sum(one.status == 429 for one in tuple(found.service.emulator.requests.last))


def post_times(found: Scene) -> list[float]:
    """When an export was asked for, refused or not."""
    return [one.at.timestamp() for one in found.requests("/:export")]


def start(found: Scene, stack: ExitStack, *groups: str) -> list[int]:
    """Backups of groups of projects side by side; their exit codes."""
    running = [
        stack.enter_context(found.running("backup", "--project", GROUPS[group], "-v", log=group)) for group in groups
    ]
    return [one.wait(240) for one in running]


@pytest.mark.parametrize("kind", ["az", "s3"])
def test_both_keep_the_limit_together(tmp_path: Path, kind: str) -> None:
    """Each alone may use all of it; together they stay below it, and neither starves."""
    with scene(tmp_path, kind, projects=30, **SERVICE) as found, ExitStack() as stack:
        found.configure(limits=LIMITS)
        found.run("backup", "--project", GROUPS["third"])  # makes the vault
        time.sleep(WINDOW + 1)
        before = len(post_times(found))
        assert start(found, stack, "first", "second") == [0, 0]
        times = post_times(found)[before:]
        assert most_in_a_window(times) <= POSTS
        assert throttled(found) == 0
        begun = found.exports()[before : before + POSTS]
        assert {name[:3] for name in begun} == {"P00", "P01"}
        assert "cannot be shared" not in found.said("first") + found.said("second")
        found.assert_complete()


@pytest.mark.parametrize("kind", ["az", "s3"])
def test_a_ledger_that_is_away_stops_nobody(tmp_path: Path, kind: str) -> None:
    """The store dies, or says nothing, for 25 seconds: exports are started meanwhile, by each process's own count."""
    with scene(tmp_path, kind, projects=30, **SERVICE) as found, ExitStack() as stack:
        found.configure(limits=LIMITS, concurrency=15)
        found.run("backup", "--project", GROUPS["third"])
        time.sleep(WINDOW + 1)
        before = len(found.exports())
        running = [
            stack.enter_context(found.running("backup", "--project", GROUPS[group], "-v", log=group))
            for group in ("first", "second")
        ]
        found.until(lambda: len(found.exports()) >= before + 4)
        found.take_away()
        away = len(found.exports())
        time.sleep(25)
        meanwhile = len(found.exports()) - away
        found.bring_back()
        assert [one.wait(240) for one in running] == [0, 0], found.said("first")[-2000:] + found.said("second")[-2000:]
        assert meanwhile
        assert sorted(found.exports()) == found.names

        found.assert_complete()
