"""Prefect as in production, on PostgreSQL and Redis, whose parts are killed in the middle of a fleet's backups."""

from __future__ import annotations

import time
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.support.fleet_stage import FleetStage, fleet_stage
from tests.support.processes import descendants
from tests.support.services import Part, ServicesMissing, production

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("services")]
AWAY = 5.0
"""Seconds between a part's death and its new life."""
EXPORTED_AGAIN = 8
"""Exports of a run that were under way when it died: no more than it has places for."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Generator[FleetStage]:
    """Three resources with projects, of which an export takes half a second; deployed."""
    try:
        with (
            production(tmp_path_factory.mktemp("services")) as servers,
            fleet_stage(servers, resources=3, projects=30, job_seconds=0.5) as stage,
        ):
            stage.deploy()
            yield stage
    except ServicesMissing as err:
        pytest.skip(str(err))


def killed(*parts: Part, away: float = AWAY) -> Callable[[], None]:
    """Kill parts and start them again."""

    def strike() -> None:
        for part in parts:
            part.kill()
        time.sleep(away)
        for part in parts:
            part.start()

    return strike


def is_complete(stage: FleetStage) -> None:
    """Each project has its one snapshot, and a run record has it."""
    assert stage.faults() == []
    assert is_recorded(stage)


@contextmanager
def new_runs(stage: FleetStage) -> Generator[list[str]]:
    """The states in which the backups ended that began within the block; never two of one resource at once."""
    before = {one["id"] for one in stage.flow_runs("backup")}
    states: list[str] = []
    yield states
    runs = [one for one in stage.flow_runs("backup") if one["id"] not in before and one["start_time"]]
    for earlier, later in pairwise(sorted(runs, key=lambda one: (one["name"], one["start_time"]))):
        assert earlier["name"] != later["name"] or earlier["end_time"] <= later["start_time"]
    states += [one["state"]["name"] for one in runs]


def test_database_and_broker_are_killed(stage: FleetStage) -> None:
    """Both at once, in the middle of a fleet: its runs go on, it ends complete, nothing is stored twice."""
    stage.new_vault("vault-both")
    with stage.workers(1, limit=3), new_runs(stage) as states:
        stage.run_fleet(at=10, strike=killed(stage.production.postgres, stage.production.redis, away=2.0), seconds=120)
    assert states == ["Completed"] * 3
    is_complete(stage)


@pytest.mark.long
@pytest.mark.parametrize("name", ["redis", "postgres", "server"])
def test_a_part_is_killed(stage: FleetStage, name: str) -> None:
    """And is away for a while: runs go on, the fleet ends complete, nothing is stored twice."""
    stage.new_vault(f"vault-{name}")
    with stage.workers(1, limit=3), new_runs(stage) as states:
        stage.run_fleet(at=10, strike=killed(getattr(stage.production, name)), seconds=120)
    assert states == ["Completed"] * 3
    is_complete(stage)


@pytest.mark.long
def test_a_worker_is_killed(stage: FleetStage) -> None:
    """With its flows: they are called crashed and started again on another, which exports only what is missing.

    The records of the new runs say what they took over.
    """
    stage.new_vault("vault-worker")
    with stage.workers(2, limit=3) as workers, new_runs(stage) as states:
        stage.run_fleet(at=10, strike=lambda: busiest(workers).kill(), seconds=400)
    assert "Crashed" in states
    assert sorted(states) == ["Completed"] * 3 + ["Crashed"] * (len(states) - 3)
    assert stage.requests["POST", 202] <= stage.wanted + EXPORTED_AGAIN * states.count("Crashed")
    is_complete(stage)
    details = [item["detail"] for record in stage.records() for item in record["items"]]
    assert any("taken over from a run that did not end" in one for one in details)


def busiest(workers: list[Part]) -> Part:
    """The worker with the most flows."""
    return max(workers, key=lambda one: len(descendants(one.pid)))


@pytest.mark.long
def test_a_fleet_is_killed(stage: FleetStage) -> None:
    """Its runs go on; another fleet waits for those that are under way, and nothing is exported twice."""
    stage.new_vault("vault-fleet")
    with stage.workers(1, limit=3), new_runs(stage) as states:
        with stage.fleet():
            stage.wait(lambda: stage.count() >= 10, seconds=120, what="a fleet under way")
        stage.run_fleet(seconds=120)
    assert set(states) == {"Completed"}
    assert stage.requests["POST", 202] == stage.wanted
    is_complete(stage)


@pytest.mark.long
def test_an_event_starts_a_backup(stage: FleetStage) -> None:
    """By its trigger: of the projects that it names."""
    stage.new_vault("vault-events")
    with stage.workers(1, limit=3):
        stage.emit("cluvault.resource.changed", "cluvault.resource.r0", resource="r0", projects=["P001", "P002"])
        stage.wait(lambda: stage.count() == 2, seconds=100, what="the backup of what changed")
        stage.wait(lambda: len(stage.records()) == 1, seconds=60, what="its record")


@pytest.mark.long
@pytest.mark.parametrize("deployment", ["backup/nightly", "fleet/nightly-fleet"])
def test_flows_are_killed(stage: FleetStage, deployment: str) -> None:
    """A run of a deployment, and those that it started: an automation starts it again after a minute."""
    stage.new_vault(f"vault-{deployment.partition('/')[2]}")
    with stage.workers(1, limit=4) as (worker,):
        stage.run("prefect", "deployment", "run", deployment)
        stage.wait(lambda: stage.count() >= 10, seconds=150, what="a backup under way")
        assert worker.kill_children() > 0
        stage.wait(lambda: stage.count() == stage.wanted, seconds=300, what="the backup after it")
        stage.wait(lambda: is_recorded(stage), seconds=100, what="its records")
    is_complete(stage)


def is_recorded(stage: FleetStage) -> bool:
    """Whether run records have every project."""
    seen = {(item["resource"], item["project"]) for record in stage.records() for item in record["items"]}
    return len(seen) == stage.wanted


@pytest.mark.long
def test_several_servers(tmp_path: Path) -> None:
    """Two replicas of the API and the services apart, a worker at each; one of the replicas dies."""
    try:
        with (
            production(tmp_path, replicas=1) as servers,
            fleet_stage(servers, resources=2, projects=30, job_seconds=0.5) as stage,
        ):
            stage.deploy()
            with stage.workers(1, limit=1), stage.workers(1, limit=1, server=1):
                _survive_a_replica(stage)
    except ServicesMissing as err:
        pytest.skip(str(err))


def _survive_a_replica(stage: FleetStage) -> None:
    stage.run_fleet(at=10, strike=killed(*stage.production.replicas), seconds=200)
    is_complete(stage)
    stage.new_vault("vault-event")
    stage.emit("cluvault.resource.changed", "cluvault.resource.r0", resource="r0", projects=["P001"])
    stage.wait(lambda: stage.count() == 1, seconds=100, what="the backup of what changed")
