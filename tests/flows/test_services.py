"""Prefect as in production, on PostgreSQL and Redis, whose parts are killed in the middle of a fleet's backups."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.support.fleet_stage import FleetStage, fleet_stage
from tests.support.services import Part, ServicesMissing, production

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

pytestmark = pytest.mark.services
AWAY = 5.0
"""Seconds between a part's death and its new life."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Generator[FleetStage]:
    """Three resources with projects, in a service that allows ten exports in two seconds; deployed."""
    try:
        with (
            production(tmp_path_factory.mktemp("services")) as servers,
            fleet_stage(servers, resources=3, projects=30, minute=2.0) as stage,
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
    seen = {
        (item["resource"], item["project"])
        for record in stage.records()
        for item in record["items"]
        if item["outcome"] in {"stored", "unchanged"}
    }
    assert len(seen) == stage.wanted


@pytest.mark.parametrize("name", ["redis", "postgres", "server"])
def test_a_part_is_killed(stage: FleetStage, name: str) -> None:
    """And is away for a while: runs go on, the fleet ends complete, nothing is stored twice."""
    stage.new_vault(f"vault-{name}")
    part: Part = getattr(stage.production, name)
    with stage.workers(1, limit=3):
        stage.run_fleet(at=10, strike=killed(part))
    is_complete(stage)
