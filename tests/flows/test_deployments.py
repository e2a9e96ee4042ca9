"""deployments/prefect.yaml fits the flows, and Prefect takes it."""

# ruff: noqa: S603  # it starts its own processes

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.flows import load_flow_from_entrypoint
from pydantic import TypeAdapter

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

    from tests.flows.conftest import Prefect

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deployments" / "prefect.yaml"
DOCUMENT: Any = yaml.safe_load(FILE.read_text("utf-8"))
DEPLOYMENTS: dict[str, Any] = {one["name"]: one for one in DOCUMENT["deployments"]}


def test_every_flow_is_deployed() -> None:
    """And each by a name of its own."""
    assert len(DEPLOYMENTS) == len(DOCUMENT["deployments"])
    flows = {path.stem for path in (ROOT / "flows").glob("*.py")} - {"__init__"}
    assert {one["entrypoint"].split(":")[1] for one in DEPLOYMENTS.values()} == flows


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_parameters_fit_the_flow(name: str) -> None:
    """The entrypoint is importable; what is given passes the flow's model; what is missing is for the caller."""
    module, _, function = DEPLOYMENTS[name]["entrypoint"].partition(":")
    flow = getattr(import_module(module), function)
    given = DEPLOYMENTS[name].get("parameters", {})
    assert set(given) <= set(flow.parameters.properties)
    model = load_flow_from_entrypoint(DEPLOYMENTS[name]["entrypoint"]).fn.__annotations__["options"]
    if "options" in given:
        TypeAdapter(_resolved(module, model)).validate_python(given["options"])


def _resolved(module: str, annotation: Any) -> Any:
    return getattr(import_module(module), annotation) if isinstance(annotation, str) else annotation


SCHEDULES = [(name, one) for name, deployment in DEPLOYMENTS.items() for one in deployment.get("schedules", [])]


@pytest.mark.parametrize("name, schedule", SCHEDULES, ids=[name for name, _ in SCHEDULES])
def test_schedules_can_be_read(name: str, schedule: dict[str, Any]) -> None:
    """Cron and time zone are valid; nothing that deletes is on a schedule unasked: recover ends what was asked for."""
    ZoneInfo(schedule["timezone"])
    assert CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"]).cron == schedule["cron"]
    assert DEPLOYMENTS[name].get("parameters", {}).get("options", {}).get("apply", False) is (name == "recover")


def test_no_deployment_holds_a_secret_or_a_path() -> None:
    """Configuration and keys come from the worker's environment."""
    text = FILE.read_text("utf-8")
    assert "key" not in {word.strip(":") for word in text.split() if word.endswith(":")}
    assert DOCUMENT["pull"] == []


@pytest.mark.prefect
@pytest.mark.slow
def test_prefect_deploys_all_from_another_folder(prefect: Prefect, tmp_path: Path) -> None:
    """Module entrypoints need no checkout."""

    async def forget_all(client: PrefectClient) -> None:
        for one in await client.read_deployments():  # of other tests
            await client.delete_deployment(one.id)

    prefect.ask(forget_all)
    _create_pool(prefect)
    _prefect("--no-prompt", "deploy", "--prefect-file", str(FILE), "--all", folder=tmp_path)
    names = {one.name for one in prefect.ask(lambda client: client.read_deployments())}
    assert names == set(DEPLOYMENTS)


@pytest.mark.prefect
@pytest.mark.slow
def test_a_worker_runs_a_deployment(prefect: Prefect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deployed from the repository's root; a process worker that has nothing but the configuration's name backs up."""
    monkeypatch.setenv("CLUVAULT_CONFIG", str(prefect.desk.folder / "cluvault.toml"))
    _create_pool(prefect)
    _prefect("--no-prompt", "deploy", "--prefect-file", "deployments/prefect.yaml", "--name", "nightly", folder=ROOT)

    async def start(client: PrefectClient) -> Any:
        deployment = await client.read_deployment_by_name("backup/nightly")
        return await client.create_flow_run_from_deployment(deployment.id)

    run = prefect.ask(start)
    _prefect("worker", "start", "--pool", "cluvault", "--type", "process", "--run-once", folder=tmp_path)
    ended = prefect.ask(lambda client: client.read_flow_run(run.id))
    assert ended.state is not None
    assert ended.state.is_completed(), ended.state
    assert len(list(prefect.desk.vault.glob("snapshots/dev/*/*/manifest.json"))) == 2


def _create_pool(prefect: Prefect) -> None:
    async def create(client: PrefectClient) -> None:
        await client.create_work_pool(WorkPoolCreate(name="cluvault", type="process"), overwrite=True)

    prefect.ask(create)


def _prefect(*arguments: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", *arguments],
        cwd=folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
