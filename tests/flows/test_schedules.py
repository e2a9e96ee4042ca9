"""A schedule fires on a real Prefect server with its services: by a process worker, and by `cluvault serve`."""

# ruff: noqa: S603  # it starts its own processes

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from cluvault.cli.demo.services import free_port, prefect_environment, running
from tests.support.desk import KEY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.support.desk import Desk

pytestmark = [pytest.mark.slow, pytest.mark.prefect]

ENVIRONMENT = "deployments: {nightly: {schedules: {nightly: {cron: null, interval: 5}}}, recover: {enabled: false}}\n"
WORKER = ("prefect", "worker", "start", "--pool", "cluvault", "--type", "process")


async def test_a_schedule_fires(desk: Desk, tmp_path: Path) -> None:
    """Deployed from any folder, due in seconds: a backup appears in the vault, and again by the other way."""
    (tmp_path / "often.yaml").write_text(ENVIRONMENT, "utf-8")
    port = free_port()
    own = {name: text for name, text in os.environ.items() if not name.startswith("PREFECT_")}
    environment = own | prefect_environment(tmp_path / "prefect", port)
    environment |= {"CLUVAULT_CONFIG": str(desk.folder / "cluvault.toml"), "CLU_TEST_KEY": KEY}
    server = ("prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port))
    with pytest.MonkeyPatch.context() as patch:
        for name, text in environment.items():
            patch.setenv(name, text)
        async with running(*server, port=port, path="/api/health", log=tmp_path / "server.log"):
            await asyncio.to_thread(_both_ways, desk, tmp_path, environment)


def _both_ways(desk: Desk, folder: Path, environment: Mapping[str, str]) -> None:
    deploy = [sys.executable, "-m", "cluvault", "deploy", "--environment", "often.yaml"]
    deployed = subprocess.run(deploy, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    assert deployed.returncode == 0, deployed.stderr
    _runs_until_backed_up(WORKER, desk, folder, environment)
    for run in desk.vault.glob("runs/*/*.json"):
        run.unlink()
    served = _runs_until_backed_up(("cluvault", "serve", "--environment", "often.yaml"), desk, folder, environment)
    assert served == 0


def _runs_until_backed_up(command: Sequence[str], desk: Desk, folder: Path, environment: Mapping[str, str]) -> int:
    """Run until the record of a run is in the vault; the exit code after Ctrl-C."""
    with (folder / "output.log").open("ab") as log:
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
        while not list(desk.vault.glob("runs/*/*.json")):
            assert process.poll() is None, (folder / "output.log").read_text("utf-8")
            assert time.monotonic() < deadline, (folder / "output.log").read_text("utf-8")
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        return process.wait(timeout=60)
    finally:
        process.kill()
