"""recover as a flow: started by hand, and by Prefect itself when a worker's promotion has crashed."""

# ruff: noqa: S603  # it starts its own processes

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName

from cluvault.ops.recover import PromotionsUnread, RecoverOptions
from tests.cli.test_promote import route
from tests.cli.test_recover import left_by_a_dead_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

    from tests.flows.conftest import Prefect

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
ROOT = Path(__file__).parents[2]


def test_by_hand(prefect: Prefect) -> None:
    """A task for each promotion, an artifact, a record; what cannot be understood fails the run."""
    left_by_a_dead_worker(prefect.desk)
    (lease,) = prefect.desk.vault.glob("leases/prod/Desk/*.json")
    os.utime(lease, (time.time() - 3600, time.time() - 3600))
    report = prefect.run("recover", RecoverOptions(apply=True))
    assert [item.outcome for item in report.run.items] == ["promoted"]
    run = prefect.last_run()
    names = {one.name.split()[0] for one in prefect.task_runs(run, at_least=3)}
    assert "recover" in names
    assert set(prefect.artifacts(run)) == {"cluvault-recover"}
    (record, *_) = prefect.desk.vault.glob("promotions/prod/Desk/*/002.json")
    record.write_bytes(b"{}")
    with pytest.raises(PromotionsUnread, match=r"002\.json"):
        prefect.run("recover", RecoverOptions(apply=True))


@pytest.mark.long
def test_a_killed_worker_process_is_followed_by_recover(
    prefect: Prefect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill -9 in the middle of a promotion: Prefect calls it crashed, the trigger starts recover, and that ends it."""
    route(prefect.desk, "[promotions]", "lease-seconds = 10")
    monkeypatch.setenv("CLUVAULT_CONFIG", str(prefect.desk.folder / "cluvault.toml"))
    monkeypatch.setenv("PREFECT_WORKER_QUERY_SECONDS", "1")
    _create_pool(prefect)
    _deploy()
    records = prefect.desk.vault / "promotions" / "prod" / "Desk"
    with _worker(tmp_path) as worker:
        _start(prefect, "promote/promote", {"project": "Desk", "route": "up", "apply": True})
        _until(lambda: len(list(records.glob("*/*.json"))) > 3, worker)
        for child in _children(worker.pid):
            os.kill(child, signal.SIGKILL)
        (folder,) = records.iterdir()
        assert not _steps(folder) & {"promoted", "rolled-back"}
        _until(lambda: bool(_steps(folder) & {"promoted", "rolled-back"}), worker)
        found = _until(lambda: [one for one in _runs_of(prefect, "recover") if _is_done(one)], worker)
    assert "promoted" in _steps(folder)
    assert "AUTOMATION" in {one.created_by.type for one in found if one.created_by is not None}


def _is_done(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_completed()


def _steps(folder: Path) -> set[str]:
    texts = [one.read_text("utf-8") for one in folder.glob("*.json")]
    return {step for step in ("promoted", "rolled-back") if any(f'"step": "{step}"' in text for text in texts)}


def _create_pool(prefect: Prefect) -> None:
    async def create(client: PrefectClient) -> None:
        await client.create_work_pool(WorkPoolCreate(name="cluvault", type="process"), overwrite=True)

    prefect.ask(create)


def _deploy() -> None:
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--prefect-file", "deployments/prefect.yaml"]
    done = subprocess.run(
        [*command, "--all"], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def _worker(folder: Path) -> Generator[subprocess.Popen[str]]:
    """A process worker, and the end of it and of all that it started."""
    with (
        (folder / "worker.log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", "cluvault", "--type", "process"],
            cwd=folder,
            env=dict(os.environ),
            stdout=log,
            stderr=log,
            text=True,
        ) as worker,
    ):
        try:
            yield worker
        finally:
            for process in [*_children(worker.pid), worker.pid]:
                os.kill(process, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()]


def _start(prefect: Prefect, deployment: str, options: dict[str, Any]) -> None:
    async def start(client: PrefectClient) -> None:
        found = await client.read_deployment_by_name(deployment)
        await client.create_flow_run_from_deployment(found.id, parameters={"options": options})

    prefect.ask(start)


def _runs_of(prefect: Prefect, deployment: str) -> list[FlowRun]:
    named = DeploymentFilter(name=DeploymentFilterName(any_=[deployment]))
    return prefect.ask(lambda client: client.read_flow_runs(deployment_filter=named, limit=50))


def _until(condition: Callable[[], Any], worker: subprocess.Popen[str], *, seconds: float = 120) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to that"
        assert worker.poll() is None, "the worker ended"
        time.sleep(0.02)
    return found
