"""The vault's store dies in the middle of a backup that runs as a Prefect flow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.support.store_scene import scene

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.prefect, pytest.mark.long]
PROJECTS = 30


def test_azurite_is_killed_and_started_again(prefect_api: str, tmp_path: Path) -> None:
    """The same flow run ends complete: no export is started twice, no project is stored twice."""
    with scene(tmp_path, "az", projects=PROJECTS) as found:
        found.environment["PREFECT_API_URL"] = prefect_api
        with found.running("backup", "--flow") as process:
            found.until(lambda: len(found.exports()) >= PROJECTS // 3)
            found.take_away()
            time.sleep(2)
            found.bring_back()
            assert process.wait(240) == 0, found.said()[-3000:]
        assert sorted(found.exports()) == found.names
        del found.environment["PREFECT_API_URL"]
        found.assert_complete()
