"""Events out, for real: what flows announce arrives at a Prefect server."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cluvault.errors import ProjectExists
from cluvault.model.event import Event, project_subject
from cluvault.ops.backup import BackupOptions
from cluvault.ops.report import RunFailed
from cluvault.ops.restore import RestoreOptions
from cluvault.plan.event_names import COMMON, EVENTS
from tasks.events import publish_events
from tests.support.desk import CONFIGURATION, KEY
from tests.support.receiver import receiving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.flows.conftest import Prefect

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
ARRIVED_WITHIN = 30.0


def told(prefect: Prefect, since: datetime, *, at_least: int) -> list[dict[str, Any]]:
    """The events of cluvault that the server has since, oldest first; they arrive after the fact, so this waits."""
    wanted = {
        "occurred": {"since": since.isoformat()}, "event": {"prefix": ["cluvault."]}, "order": "ASC"
    }  # fmt: skip
    deadline = time.monotonic() + ARRIVED_WITHIN
    while True:
        answer = httpx.post(f"{prefect.api}/events/filter", json={"filter": wanted, "limit": 50}, timeout=20)
        page = answer.raise_for_status().json()
        found = page["events"]
        while page.get("next_page"):
            page = httpx.get(page["next_page"], timeout=20).raise_for_status().json()
            found += page["events"]
        if len(found) >= at_least or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def test_of_a_backup_arrive(prefect: Prefect) -> None:
    """One a project and one of the run, as documented, related to the flow run; failures too; no key in them."""
    since = datetime.now(UTC)
    with pytest.raises(RunFailed) as raised:
        prefect.run("backup", BackupOptions(resources=("dev",), projects=("Pizza", "Piza")))
    found = {one["event"]: one for one in told(prefect, since, at_least=3)}
    assert set(found) == {"cluvault.snapshot.created", "cluvault.snapshot.failed", "cluvault.run.failed"}
    created = found["cluvault.snapshot.created"]
    assert created["resource"]["prefect.resource.id"] == "cluvault.project.dev/Pizza"
    assert set(created["payload"]) == {*COMMON, *EVENTS["cluvault.snapshot.created"].payload}
    assert created["payload"]["runId"] == raised.value.report.run_id
    related = {one["prefect.resource.role"]: one["prefect.resource.id"] for one in created["related"]}
    assert related["resource"] == "cluvault.resource.dev"
    assert related["flow-run"] == f"prefect.flow-run.{prefect.last_run().id}"
    assert KEY not in str(found)


@pytest.mark.slow
def test_of_an_error_arrive(prefect: Prefect, vault_of_dev: Path) -> None:
    """A flow that an error ends tells of the project and of its own end before it fails."""
    prefect.desk.use_vault(vault_of_dev)
    since = datetime.now(UTC)
    with pytest.raises(ProjectExists):
        prefect.run("restore", RestoreOptions(reference="dev/Pizza", to="dev/Pizza"))
    found = {one["event"]: one for one in told(prefect, since, at_least=2)}
    assert set(found) == {"cluvault.restore.failed", "cluvault.run.failed"}
    assert found["cluvault.restore.failed"]["resource"]["prefect.resource.id"] == "cluvault.project.dev/Pizza"
    assert found["cluvault.run.failed"]["payload"]["error"] == "ProjectExists"


@pytest.mark.slow
def test_are_the_same_when_told_twice(prefect: Prefect) -> None:
    """The server keeps an event of one run, name and subject once; any name of a project is taken."""
    since = datetime.now(UTC)
    subject = project_subject("dev", "Wünsch_dir.was-*! 100%")
    event = Event("cluvault.snapshot.created", subject, {"runId": since.isoformat()})
    asyncio.run(publish_events([event]))
    asyncio.run(publish_events([event]))
    asyncio.run(publish_events([Event("cluvault.run.done", subject, {"runId": since.isoformat()})]))
    found = told(prefect, since, at_least=2)
    assert [one["event"] for one in found] == ["cluvault.snapshot.created", "cluvault.run.done"]
    assert found[0]["resource"]["prefect.resource.id"] == subject


@pytest.mark.slow
def test_a_webhook_that_refuses_is_an_event_too(prefect: Prefect) -> None:
    """The flow is done, its webhook was asked once, and whoever watches Prefect knows that it was not told."""
    with receiving() as receiver:
        prefect.desk.configure(
            CONFIGURATION.format(url=prefect.desk.server.url) + f'[events]\nwebhook = "{receiver.url}"\n'
        )
        receiver.answer(401)
        since = datetime.now(UTC)
        prefect.run("backup", BackupOptions(resources=("dev",), projects=("Pizza",)))
    names = [one["event"] for one in told(prefect, since, at_least=3)]
    assert sorted(names) == ["cluvault.run.done", "cluvault.snapshot.created", "cluvault.webhook.failed"]
    assert receiver.types == ["cluvault.snapshot.created"]
