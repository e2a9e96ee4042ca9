"""The intake and the watcher as flows, on a real Prefect server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.errors import ConfigurationError, NotHandedOver
from cluvault.ops.intake import IntakeOptions
from cluvault.ops.report import RunFailed
from cluvault.ops.take_in import InboxObject
from cluvault.ops.watch import WatchOptions
from tasks.intake import start_intake
from tests.cli.test_intake import Meanwhile, until
from tests.flows.test_deployments import DEPLOYMENTS
from tests.support.desk import CONFIGURATION

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from prefect.client.orchestration import PrefectClient

    from tests.flows.conftest import Prefect
    from tests.support.s3_server import S3Server

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


@pytest.fixture
def bucket(prefect: Prefect, s3_server: S3Server, cloudless: pytest.MonkeyPatch) -> str:
    """A bucket that tells a queue of its objects; the desk's configuration has it as an inbox."""
    for name, value in s3_server.environment.items():
        cloudless.setenv(name, value)
    name = s3_server.new_bucket()
    inbox = f'\n[intake.team]\nplace = "s3://{name}"\nresources = ["dev"]\nqueue = "{s3_server.notify_queue(name)}"\n'
    prefect.desk.configure(CONFIGURATION.format(url=prefect.desk.server.url) + inbox)
    return name


def test_a_burst_in_one_run(prefect: Prefect, bucket: str, s3_server: S3Server, sample: Callable[[str], bytes]) -> None:
    """A task run an object; a second run has nothing to do; a poison file makes the run fail and is named."""
    for project in ("Mail", "New"):
        s3_server.client.put_object(Bucket=bucket, Key=f"inbox/dev/{project}/config.json", Body=sample("pizza-small"))
    s3_server.client.put_object(Bucket=bucket, Key="inbox/dev/Bad/config.json", Body=b"{")
    with pytest.raises(RunFailed) as caught:
        prefect.run("intake", IntakeOptions())
    assert {(item.project, item.outcome) for item in caught.value.report.items} == {
        ("Mail", "restored"), ("New", "restored"), ("Bad", "refused"),
    }  # fmt: skip
    run = prefect.last_run()
    assert run.name == "intake of what waits"
    names = {one.name for one in prefect.task_runs(run, at_least=4)}
    assert names >= {f"take in inbox/dev/{name}/config.json" for name in ("Mail", "New", "Bad")}
    assert prefect.run("intake", IntakeOptions()).items == ()


def test_handing_over(prefect: Prefect, bucket: str) -> None:
    """Makes a flow run; the same events again make none; without the deployment nothing is believed to be done."""
    assert bucket
    objects = [InboxObject(inbox="team", key="inbox/dev/Mail/config.json", events=("e1",))]
    with pytest.raises(ConfigurationError, match="Prefect has no deployment 'intake/nobody'"):
        asyncio.run(start_intake(objects, deployment="intake/nobody"))
    prefect.ask(_deploy)
    first = asyncio.run(start_intake(objects, deployment="intake/test"))
    again = asyncio.run(start_intake(objects, deployment="intake/test"))
    other = asyncio.run(start_intake([objects[0].model_copy(update={"events": ("e2",)})], deployment="intake/test"))
    assert first == again != other
    run: Any = prefect.ask(lambda client: client.read_flow_run(first))  # type: ignore[arg-type]
    assert run.parameters["options"]["objects"][0]["key"] == "inbox/dev/Mail/config.json"


def test_handing_over_from_the_command_line(prefect: Prefect, bucket: str, s3_server: S3Server) -> None:
    """`cluvault intake` makes a run of what its queue tells, and acknowledges it; nothing is imported here."""
    prefect.ask(_deploy)
    s3_server.client.put_object(Bucket=bucket, Key="inbox/dev/New/config.json", Body=b"{}")

    def runs() -> list[Any]:
        found = prefect.ask(lambda client: client.read_flow_runs(limit=200))
        return [one for one in found if "inbox/dev/New" in str(one.parameters)]

    with Meanwhile(lambda: until(lambda: bool(runs()))):
        outcome = prefect.desk("intake", "--deployment", "intake/test")
    assert outcome.code == 0, outcome.stderr
    assert "1 handed over to flow run" in outcome.out
    assert len(runs()) == 1
    assert "New" not in prefect.desk.projects("dev")


async def _deploy(client: PrefectClient) -> None:
    from flows.intake import intake  # noqa: PLC0415  # it needs Prefect

    flow_id = await client.create_flow(intake)
    await client.create_deployment(flow_id, "test", entrypoint="flows.intake:intake")


def test_a_prefect_api_that_is_away(prefect: Prefect) -> None:
    """Hands nothing over, and that may pass."""
    from prefect.settings import PREFECT_API_URL, temporary_settings  # noqa: PLC0415  # slow

    assert prefect
    objects = [InboxObject(inbox="team", key="inbox/dev/Mail/config.json")]
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}), pytest.raises(NotHandedOver) as caught:
        asyncio.run(start_intake(objects, deployment="intake/inbox"))
    assert caught.value.retryable


def test_the_watcher(prefect: Prefect) -> None:
    """Finds what no snapshot holds."""
    found = prefect.run("watch", WatchOptions(quiet_minutes=0))
    assert {one.project for one in found.changed} == {"Mail", "Pizza"}
    assert found.busy == ()


def test_the_watcher_leaves_a_backup_under_way_alone(prefect: Prefect) -> None:
    """A run of `changed` that waits for its turn is not followed by another for the same resource."""

    async def deploy(client: PrefectClient) -> UUID:
        from flows.backup import backup  # noqa: PLC0415  # it needs Prefect

        flow_id = await client.create_flow(backup)
        made = await client.create_deployment(flow_id, "changed", entrypoint="flows.backup:backup", paused=True)
        await client.create_flow_run_from_deployment(made, parameters={"options": {"resources": ["dev"]}})
        return made

    made = prefect.ask(deploy)
    try:
        found = prefect.run("watch", WatchOptions(quiet_minutes=0))
    finally:
        prefect.ask(lambda client: client.delete_deployment(made))
    assert found.busy == ("dev",)


TRIGGERED = [
    (name, trigger)
    for name, one in DEPLOYMENTS.items()
    for trigger in one.get("triggers", [])
    if trigger["expect"][0].startswith("cluvault.")
]


@pytest.mark.parametrize("name, trigger", TRIGGERED, ids=[name for name, _ in TRIGGERED])
def test_what_triggers_ask_for(name: str, trigger: dict[str, Any]) -> None:
    """Events that there are; and what their payload makes of the parameters is what the flow takes."""
    from tests.support.triggers import parameters_of  # noqa: PLC0415  # it needs Prefect

    parameters_of(DEPLOYMENTS[name], trigger)
