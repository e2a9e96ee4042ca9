"""drift as a flow: a task a project, a table, the direct edits, and an event for each project that drifts."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from prefect.events.filters import EventFilter, EventNameFilter

from cluvault.ops.drift import DriftOptions
from tests.cli.test_promote import route
from tests.support.promoting import desk as project

if TYPE_CHECKING:
    from tests.flows.conftest import Prefect

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


def test_a_look_by_flow(prefect: Prefect) -> None:
    """Drift is no failure; what could not be compared is."""
    desk = route(prefect.desk)
    desk.done("promote", "Desk", "--route", "up", "--apply", "--no-flow")
    desk.put("prod", "Desk", project(Hotfix="fix {} now"))
    report = prefect.run("drift", DriftOptions(route="up"))
    assert [one.project for one in report.drifting] == ["Desk", "Mail", "Pizza"]
    run = prefect.last_run()
    assert run.name == "drift by up"
    assert {one.name for one in prefect.task_runs(run, at_least=5)} >= {"compare Desk and Desk", "record drift"}
    found = prefect.artifacts(run)
    assert json.loads(found["cluvault-drift"])[0]["edited directly"] == "yes"
    assert "Hotfix" in found["cluvault-direct-edits"]
    assert emitted(prefect, "cluvault.project.prod/Desk")

    failed = desk("drift", "dev", "prod", "--project", "Desk", "--project", "Tipo")
    assert (failed.code, "'Tipo'" in failed.error, "Desk" in failed.out) == (3, True, True)
    last = prefect.last_run()
    assert last.name == "drift from dev to prod"
    assert last.state is not None
    assert last.state.is_failed()


def emitted(prefect: Prefect, subject: str) -> bool:
    """Whether the server has the event; it arrives a moment later."""
    wanted = EventFilter(event=EventNameFilter(name=["cluvault.drift.found"]))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        page = prefect.ask(lambda client: client.read_events(filter=wanted, limit=50))
        if any(one.resource.id == subject and one.payload["editedDirectly"] for one in page.events):
            return True
        time.sleep(0.2)
    return False
