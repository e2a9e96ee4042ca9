"""The vault's store dies in the middle of a backup, or says nothing, or cuts the line: real processes and sockets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.support.store_scene import scene

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long
PROJECTS = 40


def test_azurite_is_killed_and_started_again(tmp_path: Path) -> None:
    """SIGKILL in the middle, back after some seconds: the same run ends complete, and no export was wasted."""
    with scene(tmp_path, "az", projects=PROJECTS) as found:
        with found.running("backup", "-v") as process:
            found.until(lambda: len(found.exports()) >= PROJECTS // 3)
            found.take_away()
            assert process.poll() is None
            time.sleep(2)
            found.bring_back()
            assert process.wait(120) == 0, found.said()[-3000:]
        assert sorted(found.exports()) == found.names
        assert "waiting for it" in found.said()
        assert "the store answers again, after" in found.said()
        found.assert_complete()
        assert found.run("backup")["summary"] == f"{PROJECTS} unchanged"
        assert sorted(found.exports()) == found.names


def test_s3_stands_still_and_cuts_the_line(tmp_path: Path) -> None:
    """Connections are reset in the middle of what they carry, then nothing answers, then nothing listens."""
    with scene(tmp_path, "s3", projects=PROJECTS) as found:
        with found.running("backup") as process:
            found.until(lambda: len(found.exports()) >= PROJECTS // 4)
            broken, until = 0, time.monotonic() + 4
            while time.monotonic() < until:
                broken += found.gate.cut()
                time.sleep(0.05)
            assert broken
            found.take_away()
            time.sleep(8)
            found.bring_back()
            time.sleep(0.5)
            found.gate.shut()
            time.sleep(5)
            found.gate.open()
            assert process.wait(180) == 0, found.said()[-3000:]
        assert sorted(found.exports()) == found.names
        found.assert_complete()


@pytest.mark.parametrize("kind", ["az", "s3"])
def test_a_store_that_stays_away_ends_the_run(tmp_path: Path, kind: str) -> None:
    """One line, exit code 1, and no more exports than were under way; the next run takes these up."""
    with scene(tmp_path, kind, projects=PROJECTS) as found:
        found.configure(patience=5)
        with found.running("backup") as process:
            found.until(lambda: len(found.exports()) >= PROJECTS // 3)
            found.gate.shut()
            assert process.wait(180) == 1, found.said()[-3000:]
        begun = found.exports()
        assert len(begun) <= PROJECTS // 3 + 15
        waiting, said = found.said().splitlines()
        assert waiting.startswith("warning: ")
        assert waiting.endswith("waiting for it, for 5 s at most")
        assert found.url in said
        assert "check the network" in said or "try again" in said
        assert "only the record of this backup is missing" in said
        found.gate.open()
        listed = found.run("snapshots")
        report = found.run("backup")
        assert {"failed"}.isdisjoint(one["outcome"] for one in report["items"])
        taken_up = {one["project"] for one in report["items"] if one["takenUp"]}
        assert taken_up
        assert taken_up <= set(begun) - {one["project"] for one in listed}
        again = [name for name in found.exports() if name not in taken_up]
        assert len(found.exports()) <= PROJECTS + 15
        assert set(again) | taken_up == set(found.names)
        found.assert_complete()
