"""promote and rollback as flows: every step is a task run, refusals fail the run and name their reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluvault.ops.promotion_planning import PromoteOptions
from cluvault.ops.rollback import RollbackOptions
from tests.cli.test_promote import GATE, again, route
from tests.support.promoting import desk as project

if TYPE_CHECKING:
    from tests.flows.conftest import Prefect

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
OPTIONS = PromoteOptions(project="Desk", route="up", apply=True)


def test_a_good_one_and_the_way_back(prefect: Prefect) -> None:
    """Every step is a task run; plan and verdict are artifacts; undone, what was not there before is gone again."""
    route(prefect.desk, GATE)
    assert prefect.run("promote", OPTIONS).state == "promoted"
    run = prefect.last_run()
    assert run.name == "promote Desk by up"
    steps = {one.name.split()[0] for one in prefect.task_runs(run, at_least=13)}
    assert steps >= {"begin", "safety", "import", "prove", "train", "evaluate", "stage", "judge", "swap", "finish"}
    assert set(prefect.artifacts(run)) == {"cluvault-promotion-plan", "cluvault-promotion"}

    report = prefect.run("rollback", RollbackOptions(project="Desk", route="up", apply=True))
    assert report.done is not None
    assert prefect.last_run().name == "rollback Desk by up"
    assert prefect.desk.projects("prod") == set()


def test_a_bad_one(prefect: Prefect) -> None:
    """Run by the command: exit code 4, the run fails, the intent is named, and nothing has changed."""
    route(prefect.desk, GATE)
    prefect.desk.put("prod", "Desk", project())
    again(prefect.desk, project(mislabelled=5))
    before = prefect.desk.done("cat", "live:prod/Desk").stdout
    bad = prefect.desk("promote", "Desk", "--route", "up", "--apply")
    assert bad.code == 4
    assert "Book: f1" in bad.error
    run = prefect.last_run()
    assert run.state is not None
    assert run.state.is_failed()
    shown = prefect.artifacts(run)
    assert set(shown) >= {"cluvault-promotion-plan", "cluvault-promotion-difference", "cluvault-promotion"}
    assert "refused" in shown["cluvault-promotion"]
    assert prefect.desk.done("cat", "live:prod/Desk").stdout == before
