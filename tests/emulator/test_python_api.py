"""What tests and demos do to an emulator besides HTTP."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.core import Emulator
from cluvault.errors import NotFound, ProjectNotFound
from tests.emulator.wire import Wire, project_file

LONG_AGO = datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC)


async def test_a_project_can_be_made_old(wire: Wire) -> None:
    """Clean-up rules need projects that nobody has touched for long."""
    await wire.put("A", project_file())
    wire.emulator.backdate("dev", "A", created_at=LONG_AGO, modified_at=LONG_AGO)
    project = (await wire.get("projects/A")).json()
    assert project["createdDateTime"] == project["lastModifiedDateTime"] == "2020-02-03T04:05:06Z"


def test_what_is_missing_is_named() -> None:
    """One line that names the project or model."""
    emulator = Emulator(EmulatorConfig())
    with pytest.raises(ProjectNotFound, match="'A'"):
        emulator.add_model("emulator", "A", "v1")
    with pytest.raises(ProjectNotFound, match="'A'"):
        emulator.backdate("emulator", "A", created_at=LONG_AGO, modified_at=LONG_AGO)


async def test_a_deployment_needs_its_model(wire: Wire) -> None:
    """As at the service."""
    await wire.create("A")
    with pytest.raises(NotFound, match="'v1'"):
        wire.emulator.add_deployment("dev", "A", "production", model_label="v1")


async def test_a_project_is_seen_with_its_due_jobs_done(wire: Wire) -> None:
    """The Python API sees the same state as the wire."""
    await wire.start_import("A", project_file())
    assert wire.emulator.project("dev", "A").name == "A"
