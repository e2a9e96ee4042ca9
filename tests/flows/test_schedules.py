"""A schedule fires on a real Prefect server with its services, by worker and by serve; a failure finds a person."""

# ruff: noqa: S603  # it starts its own processes

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.cli.demo.services import free_port, prefect_environment, running
from tests.support.desk import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path

    from tests.support.desk import Desk

pytestmark = [pytest.mark.long, pytest.mark.prefect]

ENVIRONMENT = """\
deployments:
  nightly:
    schedules: {nightly: {cron: null, interval: 5}}
    concurrency-limit: "off"                   # a run that ends with its worker would keep its place for minutes
  recover: {enabled: false}
"""
BLOCK = """\
import sys
from prefect.blocks.notifications import CustomWebhookNotificationBlock

data = {"subject": "{{subject}}", "body": "{{body}}"}
CustomWebhookNotificationBlock(name="x", url=sys.argv[1], method="POST", json_data=data).save("ops", _sync=True)
"""
NOWHERE = {"reference": "dev/Nowhere", "to": "dev"}
WORKER = ("prefect", "worker", "start", "--pool", "cluvault", "--type", "process")


@pytest.fixture
def told() -> Generator[tuple[str, list[Any]]]:
    """A person's address, and what is sent there."""
    sent: list[Any] = []

    class Person(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Listen."""
            sent.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(HTTPStatus.OK)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class calls it so
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Person) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", sent
        server.shutdown()


async def test_a_schedule_fires(desk: Desk, tmp_path: Path, told: tuple[str, list[Any]]) -> None:
    """Deployed from any folder, due in seconds: a backup appears in the vault, and again by the other way.

    A run that fails is told to the block that the configuration names.
    """
    (tmp_path / "often.yaml").write_text(ENVIRONMENT, "utf-8")
    port = free_port()
    own = {name: text for name, text in os.environ.items() if not name.startswith("PREFECT_")}
    environment = own | prefect_environment(tmp_path / "prefect", port)
    environment |= {"CLUVAULT_CONFIG": str(desk.folder / "cluvault.toml"), "CLU_TEST_KEY": KEY}
    environment |= {"CLUVAULT_PREFECT__NOTIFY": "custom-webhook/ops"}
    server = ("prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port))
    with pytest.MonkeyPatch.context() as patch:
        for name, text in environment.items():
            patch.setenv(name, text)
        async with running(*server, port=port, path="/api/health", log=tmp_path / "server.log"):
            await asyncio.to_thread(_both_ways, desk, tmp_path, environment, told)


def _both_ways(desk: Desk, folder: Path, environment: Mapping[str, str], told: tuple[str, list[Any]]) -> None:
    address, sent = told
    subprocess.run([sys.executable, "-c", BLOCK, address], cwd=folder, env=environment, check=True)
    deploy = [sys.executable, "-m", "cluvault", "deploy", "--environment", "often.yaml"]
    deployed = subprocess.run(deploy, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    assert deployed.returncode == 0, deployed.stderr
    restore = ("prefect", "deployment", "run", "restore/restore", "--params", json.dumps({"options": NOWHERE}))
    subprocess.run([sys.executable, "-m", *restore], cwd=folder, env=environment, check=True, capture_output=True)
    _runs_until(lambda: _has_run(desk) and bool(sent), WORKER, folder, environment)
    for run in desk.vault.glob("runs/*/*.json"):
        run.unlink()
    serve = ("cluvault", "serve", "--environment", "often.yaml")
    assert _runs_until(lambda: _has_run(desk), serve, folder, environment) == 0
    (found,) = sent
    assert found["subject"] == "cluvault: restore Failed"
    assert "dev/Nowhere" in found["body"]


def _has_run(desk: Desk) -> bool:
    return any(desk.vault.glob("runs/*/*.json"))


def _runs_until(holds: Callable[[], bool], command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> int:
    """Run a command until something holds; the exit code after Ctrl-C."""
    output = folder / "output.log"
    with output.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 120
        while not holds():
            assert process.poll() is None, output.read_text("utf-8")
            assert time.monotonic() < deadline, output.read_text("utf-8")
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        return process.wait(timeout=60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
