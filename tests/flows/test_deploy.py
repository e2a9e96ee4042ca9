"""`cluvault deploy` on a real Prefect server: what is missing is made, what drifted is shown and mended, no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from prefect.blocks.notifications import SlackWebhook
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.events.actions import DoNothing
from prefect.events.schemas.automations import AutomationCore, EventTrigger
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import SecretStr

from deployments.desired import PREFIX, TAG

if TYPE_CHECKING:
    from collections.abc import Generator

    from prefect.client.orchestration import PrefectClient

    from tests.flows.conftest import Prefect

pytestmark = [pytest.mark.prefect, pytest.mark.slow]

NOTIFYING = '[prefect]\nnotify = "slack-webhook/ops"\n'


async def _clear(client: PrefectClient) -> None:
    for deployment in await client.read_deployments():
        await client.delete_deployment(deployment.id)
    for automation in await client.read_automations():
        await client.delete_automation(automation.id)
    for pool in await client.read_work_pools():
        await client.delete_work_pool(pool.name)


@pytest.fixture
def cleared(prefect: Prefect) -> Generator[Prefect]:
    """A Prefect server without deployments, automations and pools; it is left like that, too."""
    prefect.ask(_clear)
    yield prefect
    prefect.ask(_clear)


def _plan(cleared: Prefect, *arguments: str) -> list[tuple[str, str]]:
    changes: list[Any] = cleared.desk.done("deploy", "--json", *arguments).json["changes"]
    return [(one["action"], one["name"]) for one in changes if one["action"] != "keep"]


@pytest.mark.slow
def test_a_second_deploy_changes_nothing(cleared: Prefect) -> None:
    """The first makes everything; what has drifted since, and only that, is mended by another."""
    desk = cleared.desk
    assert ("create", "backup/nightly") in _plan(cleared, "--dry-run")
    assert cleared.ask(lambda client: client.read_deployments()) == []
    first = desk.done("deploy")
    assert "left out until prefect.notify in the configuration names a notification block:" in first.out
    assert "cluvault: a run failed" in first.out
    assert desk.done("deploy").out.splitlines()[-1].startswith("nothing to change; ")

    cleared.ask(_drift)
    shown = desk.done("deploy", "--dry-run").out
    assert "schedules.nightly.cron: 0 9 * * * -> 0 2 * * *" in shown
    assert "schedules.nightly.active: False -> True" in shown
    assert _plan(cleared) == [("update", "backup/nightly"), ("remove", "theirs/stale")]
    nightly = cleared.ask(lambda client: client.read_deployment_by_name("backup/nightly"))
    (schedule,) = nightly.schedules
    assert isinstance(schedule.schedule, CronSchedule)
    assert (schedule.slug, schedule.active, schedule.schedule.cron) == ("nightly", True, "0 2 * * *")
    assert nightly.paused
    assert _plan(cleared) == []
    theirs = {one.name for one in cleared.ask(lambda client: client.read_deployments())}
    assert "theirs" in theirs
    assert [one.name for one in cleared.ask(lambda client: client.read_automations_by_name("theirs"))] == ["theirs"]


async def _drift(client: PrefectClient) -> None:
    """A person changes a schedule, adds one, and pauses the deployment; others deploy their own."""
    nightly = await client.read_deployment_by_name("backup/nightly")
    (schedule,) = nightly.schedules
    changed = CronSchedule(cron="0 9 * * *", timezone="Etc/UTC")
    await client.update_deployment_schedule(nightly.id, schedule.id, active=False, schedule=changed)
    await client.create_deployment_schedules(nightly.id, [(CronSchedule(cron="1 1 * * *"), False)])
    await client.pause_deployment(nightly.id)
    flow = await client.create_flow_from_name("theirs")
    await client.create_deployment(flow, "theirs", entrypoint="a.b", tags=["cluvault"])
    await client.create_deployment(
        flow, "stale", entrypoint="a.b", tags=[TAG], schedules=[DeploymentScheduleCreate(schedule=changed)]
    )
    trigger = EventTrigger(expect={"theirs.*"}, threshold=1)
    await client.create_automation(AutomationCore(name="theirs", trigger=trigger, actions=[DoNothing()]))


@pytest.mark.long
def test_automations_name_blocks_and_deployments(cleared: Prefect) -> None:
    """A block that is not there is named before anything refers to it; then ids are put in, and read back as names."""
    desk = cleared.desk
    cleared.desk.configure(NOTIFYING)
    outcome = desk("deploy", "--only", "block types", "--only", "automations")
    assert outcome.code == 2
    assert "which is not deployed; deploy that as well" in outcome.stderr.splitlines()[-1]
    outcome = desk("deploy")
    assert outcome.code == 2
    assert "the Prefect server has no block 'slack-webhook/ops'; create it in the Prefect UI" in outcome.stderr
    SlackWebhook(url=SecretStr("http://127.0.0.1:9/hook")).save("ops", overwrite=True, _sync=True)  # pyright: ignore[reportCallIssue]
    assert _plan(cleared)
    assert _plan(cleared) == []
    names = {one.name for one in cleared.ask(lambda client: client.read_automations())}
    assert {f"{PREFIX}a run failed", f"{PREFIX}no backup for 26 hours"} <= names
    desk.configure("")
    assert ("remove", f"{PREFIX}a run failed") in _plan(cleared, "--only", "automations")


def test_somebody_elses_deployment_is_refused(cleared: Prefect) -> None:
    """Nothing is changed, one line says which; a pool of theirs is used as it is."""

    async def theirs(client: PrefectClient) -> None:
        await client.create_work_pool(WorkPoolCreate(name="cluvault", type="process"))
        await client.create_deployment(await client.create_flow_from_name("backup"), "nightly", entrypoint="a.b")

    cleared.ask(theirs)
    outcome = cleared.desk("deploy", "--only", "backup/*", "--only", "work pools", "--json")
    assert outcome.code == 4
    assert outcome.error.startswith("nothing was deployed: deployment backup/nightly: somebody else made it")
    assert _plan(cleared, "--only", "backup/nightly", "--adopt") == [("update", "backup/nightly")]
    assert _plan(cleared, "--only", "backup/nightly", "--only", "work pools") == []
    outcome = cleared.desk("deploy", "--pool-type", "docker", "--only", "work pools")
    assert outcome.code == 4
    assert "type: process -> docker; this cannot be changed" in outcome.stderr


def test_deploying_to_nowhere(cleared: Prefect, monkeypatch: pytest.MonkeyPatch) -> None:
    """No API configured, none that answers, an image for processes: exit code 2 and the mend."""
    assert "an image is for pools of type docker" in cleared.desk("deploy", "--image", "x").error
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        outcome = cleared.desk("deploy")
    assert outcome.code == 2
    assert "the Prefect API at http://127.0.0.1:9/api/ does not answer; start it" in outcome.stderr
    monkeypatch.delenv("PREFECT_API_URL")
    monkeypatch.setenv("PREFECT_HOME", str(cleared.desk.folder))
    assert cleared.desk("deploy").error.startswith("no Prefect API is configured; set PREFECT_API_URL")
    assert cleared.desk("serve").code == 2
