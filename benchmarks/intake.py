"""The intake: a burst of objects in an S3 inbox, and the time from an object to its flow run.

    uv run python benchmarks/intake.py [OBJECTS]

OBJECTS (500 by default) are put into a bucket of moto's that tells an SQS queue; then the queue is worked off by the
operation itself, into an emulator whose jobs take no time and a folder vault. Every message is then sent once more: a
second delivery. After that a Prefect server, a process worker and `cluvault intake` run in processes of their own, and
three objects are put one after the other: how long until the flow run exists, until its code runs, until the project is
there. The times on a machine that does other things as well are of that machine.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluvault.cli.demo.services import free_port, prefect_environment
from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.server import EmulatorServer
from cluvault.ops.intake import IntakeOptions, intake
from cluvault.ops.workspace import Workspace
from cluvault.settings import load_settings
from tests.support.processes import running, until
from tests.support.s3_server import S3Server, s3_server_running
from tests.support.world import project_file

if TYPE_CHECKING:
    from cluvault.ops.report import Report

KEY = "emulator-key-1"
CONFIGURATION = """\
[vault]
url = "{folder}/vault"

[resources.dev]
endpoint = "{emulator}/dev"
key = {{ env = "CLU_KEY" }}
limits = "off"

[intake.bench]
place = "s3://{bucket}"
resources = ["dev"]
queue = "{queue}"
concurrency = 8
"""


def main(number: int) -> None:
    """Measure and print."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    config = EmulatorConfig(resources=("dev",), keys=(KEY,), job_seconds=0.0, first_poll_running=False)
    with tempfile.TemporaryDirectory() as name, s3_server_running() as s3, EmulatorServer(config) as emulator:
        os.environ.update(s3.environment | {"CLU_KEY": KEY})
        folder, bucket = Path(name), s3.new_bucket()
        queue = s3.notify_queue(bucket)
        text = CONFIGURATION.format(folder=folder, emulator=emulator.url, bucket=bucket, queue=queue)
        (folder / "cluvault.toml").write_text(text, "utf-8")
        burst(s3, bucket, queue, folder, number)
        by_flow(s3, bucket, folder, emulator)


def burst(s3: S3Server, bucket: str, queue: str, folder: Path, number: int) -> None:
    """Many objects at once, and then all of their events again."""
    bodies: list[str] = []
    for one in range(number):
        key = f"inbox/dev/P{one}/config.json"
        s3.client.put_object(Bucket=bucket, Key=key, Body=project_file(f"P{one}", "to Rome"))
        obj = {"key": key, "eTag": str(one)}
        record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": obj}}
        bodies.append(json.dumps({"Records": [record]}))
    for title in ("burst", "second delivery"):
        began = time.perf_counter()
        report = asyncio.run(_take_in(folder))
        seconds = time.perf_counter() - began
        counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        left: dict[str, str] = s3.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=counts)["Attributes"]
        print(
            f"{title}: {report.summary} in {seconds:.1f} s ({seconds / number * 1000:.0f} ms an event), "
            f"{sum(map(int, left.values()))} messages left"
        )
        for body in bodies if title == "burst" else ():
            s3.sqs.send_message(QueueUrl=queue, MessageBody=body)


async def _take_in(folder: Path) -> Report:
    async with Workspace(load_settings(folder / "cluvault.toml", environment=os.environ)) as workspace:
        return await intake(workspace, IntakeOptions())


def by_flow(s3: S3Server, bucket: str, folder: Path, emulator: EmulatorServer) -> None:
    """From an object to its flow run, by a real server and worker."""
    with ExitStack() as stack:
        port = free_port()
        os.environ.update(prefect_environment(folder / "prefect", port))
        os.environ |= {"CLUVAULT_CONFIG": str(folder / "cluvault.toml"), "PREFECT_WORKER_QUERY_SECONDS": "2"}
        log = folder / "log"
        stack.enter_context(running("prefect", "server", "start", "--port", str(port), log=folder / "server.log"))
        until(lambda: asyncio.run(_deployed()), seconds=180, log=folder / "server.log")
        stack.enter_context(
            running("prefect", "worker", "start", "--pool", "bench", "--type", "process", log=folder / "worker.log")
        )
        stack.enter_context(running("cluvault", "intake", log=log))
        until(lambda: b"attending to" in log.read_bytes(), seconds=60, log=log)
        for number in range(3):
            put = datetime.now(UTC)
            s3.client.put_object(
                Bucket=bucket, Key=f"inbox/dev/Flow{number}/config.json", Body=project_file("Flow", "to Rome")
            )
            until(lambda: _is_there(emulator, f"Flow{number}"), seconds=180, log=log)  # noqa: B023  # waited for
            there = (datetime.now(UTC) - put).total_seconds()
            run: Any = asyncio.run(_last_run())
            created, started = ((at - put).total_seconds() for at in (run.created, run.start_time))
            print(f"object {number + 1}: run exists {created:.1f} s, runs {started:.1f} s, there {there:.1f} s after")


def _is_there(emulator: EmulatorServer, project: str) -> bool:
    return project in emulator.emulator.state("dev", datetime.now(UTC)).projects


async def _deployed() -> bool:
    """Deploy, if the server answers."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415  # after its environment is there
    from prefect.client.schemas.actions import WorkPoolCreate  # noqa: PLC0415

    from flows.intake import intake as flow  # noqa: PLC0415

    try:
        async with get_client() as client:
            await client.create_work_pool(WorkPoolCreate(name="bench", type="process"), overwrite=True)
            await client.create_deployment(
                await client.create_flow(flow), "inbox", entrypoint="flows.intake:intake", work_pool_name="bench",
                pull_steps=[],
            )  # fmt: skip
    except Exception:  # noqa: BLE001  # not yet
        return False
    return True


async def _last_run() -> Any:
    from prefect.client.orchestration import get_client  # noqa: PLC0415
    from prefect.client.schemas.sorting import FlowRunSort  # noqa: PLC0415

    async with get_client() as client:
        return (await client.read_flow_runs(sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=1))[0]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
