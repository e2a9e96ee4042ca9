"""The whole way, in real parts: from objects in both clouds over queues and Prefect to projects on the emulator."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from prefect.client.schemas.actions import WorkPoolCreate

from cluvault.ops.watch import WatchOptions
from tests.flows.test_deployments import FILE, ROOT
from tests.flows.test_deployments import _create_pool as create_pool  # pyright: ignore[reportPrivateUsage]
from tests.flows.test_deployments import _prefect as run_prefect  # pyright: ignore[reportPrivateUsage]
from tests.support.desk import CONFIGURATION
from tests.support.processes import running, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

    from tests.flows.conftest import Prefect
    from tests.support.azurite import AzuriteQueues
    from tests.support.s3_server import S3Server

pytestmark = [pytest.mark.prefect, pytest.mark.long]


async def _deploy(client: PrefectClient) -> None:
    """The deployment `intake/inbox`, for a process worker that has the code installed."""
    from flows.intake import intake  # noqa: PLC0415  # it needs Prefect

    await client.create_work_pool(WorkPoolCreate(name="intake", type="process"), overwrite=True)
    flow_id = await client.create_flow(intake)
    await client.create_deployment(
        flow_id, "inbox", entrypoint="flows.intake:intake", work_pool_name="intake", pull_steps=[]
    )


def test_from_both_clouds(  # noqa: PLR0917  # fixtures
    prefect: Prefect,
    s3_server: S3Server,
    azurite_queues: AzuriteQueues,
    cloudless: pytest.MonkeyPatch,
    sample: Callable[[str], bytes],
    tmp_path: Path,
) -> None:
    """Each arrival becomes a project by a flow run; delivered again, it imports nothing; messages are gone."""
    bucket, container, queue = s3_server.new_bucket(), azurite_queues.blobs.new_container(), azurite_queues.new_queue()
    sqs, account = s3_server.notify_queue(bucket), azurite_queues.blobs.account
    for name, value in s3_server.environment.items():
        cloudless.setenv(name, value)
    cloudless.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite_queues.connection_string)
    cloudless.setenv("CLUVAULT_CONFIG", str(prefect.desk.folder / "cluvault.toml"))
    cloudless.setenv("PREFECT_WORKER_QUERY_SECONDS", "1")
    prefect.desk.configure(
        CONFIGURATION.format(url=prefect.desk.server.url)
        + f'\n[intake.amazon]\nplace = "s3://{bucket}"\nresources = ["dev"]\nqueue = "{sqs}"\n'
        + f'[intake.azure]\nplace = "az://{account}/{container}"\nresources = ["dev"]\nqueue = "{queue}"\n'
    )
    prefect.ask(_deploy)
    key = "inbox/dev/{}/config.json"
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/subscriptions/s",
        "type": "Microsoft.Storage.BlobCreated",
        "time": datetime.now(UTC).isoformat(),
        "subject": f"/blobServices/default/containers/{container}/blobs/{key.format('FromAzure')}",
        "data": {"api": "PutBlob", "url": f"https://{account}.blob.core.windows.net/{container}"},
    }
    message = b64encode(json.dumps(event).encode()).decode()
    messages: Any = azurite_queues.service.get_queue_client(queue.rpartition("/")[2], message_encode_policy=None)
    intake, worker = tmp_path / "intake.log", tmp_path / "worker.log"
    with (
        running("prefect", "worker", "start", "--pool", "intake", "--type", "process", log=worker),
        running("cluvault", "intake", log=intake),
    ):
        until(lambda: b"attending to" in intake.read_bytes(), seconds=60, log=intake)
        put = datetime.now(UTC)
        s3_server.client.put_object(Bucket=bucket, Key=key.format("FromAmazon"), Body=sample("pizza-small"))
        azurite_queues.blobs.service.get_blob_client(container, key.format("FromAzure")).upload_blob(
            sample("pizza-small")
        )
        messages.send_message(message)
        until(lambda: {"FromAmazon", "FromAzure"} <= prefect.desk.projects("dev"), seconds=180, log=worker)
        until(lambda: all(_is_done(run) for run in _runs(prefect)), seconds=120, log=worker)
        seconds = [(run.start_time - put).total_seconds() for run in _runs(prefect) if run.start_time is not None]
        print(f"from event to flow start: {', '.join(f'{one:.1f} s' for one in sorted(seconds))}")  # noqa: T201
        imports = _imports(prefect)
        messages.send_message(message)
        until(lambda: len(_runs(prefect)) > len(seconds) or _is_empty(messages), seconds=60, log=intake)
        until(lambda: all(_is_done(run) for run in _runs(prefect)), seconds=120, log=worker)
        assert _imports(prefect) == imports
        assert _is_empty(messages)
    assert 2 <= len(seconds) <= 4  # each inbox has its own; what is moved to done/ concerns nobody
    assert {one.state_name for one in _runs(prefect)} == {"Completed"}


def _runs(prefect: Prefect) -> list[FlowRun]:
    found: list[FlowRun] = prefect.ask(lambda client: client.read_flow_runs(limit=200))
    return [one for one in found if one.deployment_id is not None and "objects" in str(one.parameters)]


def _is_done(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_final()


def _is_empty(messages: Any) -> bool:
    return messages.get_queue_properties().approximate_message_count == 0


def _imports(prefect: Prefect) -> int:
    return sum("/:import" in one.path for one in prefect.desk.server.emulator.requests.last)


def test_a_change_is_backed_up(prefect: Prefect) -> None:
    """What the watcher announces makes a run of the deployment `changed`, for what changed, by its trigger."""
    create_pool(prefect)
    run_prefect("--no-prompt", "deploy", "--prefect-file", "deployments/prefect.yaml", "--all", folder=ROOT)
    prefect.run("watch", WatchOptions(resources=("dev",), quiet_minutes=0))
    found: list[FlowRun] = []

    def is_there() -> bool:
        runs = prefect.ask(lambda client: client.read_flow_runs(limit=200))
        found[:] = [one for one in runs if one.created_by is not None and one.created_by.type == "AUTOMATION"]
        return bool(found)

    until(is_there, seconds=60, log=FILE)
    assert found[0].parameters == {"options": {"reason": "event", "resources": ["dev"], "projects": ["Mail", "Pizza"]}}
