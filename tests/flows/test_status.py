"""The status by flow: its table, its events, how it fails."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from prefect.events.filters import EventFilter, EventNameFilter

from cluvault.ops.status import StatusAlarm, StatusOptions
from tests.support.world import project_file

if TYPE_CHECKING:
    from pathlib import Path

    from tests.flows.conftest import Prefect

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


OBJECTIVE = "[status]\nresources = { prod = { freshness-hours = 0.000001 } }\n"


def test_fails_with_a_table_and_events(prefect: Prefect, vault_of_dev: Path) -> None:
    """What is overdue is at the top of the table, and an event."""
    desk = prefect.desk
    desk.use_vault(vault_of_dev)
    desk.put("prod", "Overdue", project_file("Overdue"))
    desk.configure(configured(prefect) + OBJECTIVE)
    with pytest.raises(StatusAlarm) as raised:
        prefect.run("status", StatusOptions())
    assert raised.value.status.summary == "2 ok, 1 alarm: 1 alarm"
    run = prefect.last_run()
    assert run.state is not None
    assert run.state.is_failed()
    assert {one.name for one in prefect.task_runs(run, at_least=3)} >= {"survey dev", "survey prod"}
    first, *_ = json.loads(prefect.artifacts(run)["cluvault-status"])
    assert (first["project"], first["state"]) == ("prod/Overdue", "alarm")
    assert told(prefect, "cluvault.project.prod/Overdue")


@pytest.mark.slow
def test_by_the_command(prefect: Prefect, vault_of_dev: Path) -> None:
    """Its exit code is that without Prefect; what can wait until tomorrow fails no hourly run."""
    desk = prefect.desk
    desk.use_vault(vault_of_dev)
    desk.configure(configured(prefect) + "[status]\nverify-days = 1\n")
    assert prefect.run("status", StatusOptions(resources=("dev",), urgent_only=True)).exit_code == 4
    outcome = desk("status", "dev", "--flow")
    assert (outcome.code, outcome.error) == (4, desk("status", "dev").error)
    assert outcome.error.startswith("status: the vault was never verified as a whole")


def configured(prefect: Prefect) -> str:
    """The configuration."""
    return (prefect.desk.folder / "cluvault.toml").read_text("utf-8")


def told(prefect: Prefect, subject: str) -> bool:
    """Whether the server has the event; it arrives a moment later."""
    wanted = EventFilter(event=EventNameFilter(name=["cluvault.freshness.missed"]))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        page = prefect.ask(lambda client: client.read_events(filter=wanted, limit=50))
        if any(one.resource.id == subject for one in page.events):
            return True
        time.sleep(0.2)
    return False
