"""promote and rollback as flows: every step is a task run, refusals fail the run and name their reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluvault.ops.promote import PromoteOptions, PromotionRefused
from cluvault.ops.rollback import RollbackOptions
from tests.cli.test_promote import GATE, again, route
from tests.support.promoting import desk as project

if TYPE_CHECKING:
    from tests.flows.conftest import Prefect

pytestmark = pytest.mark.prefect
OPTIONS = PromoteOptions(project="Desk", route="up", apply=True)


def test_a_good_one_a_bad_one_and_the_way_back(prefect: Prefect) -> None:
    """The good one serves; the bad one fails its run, with the intent named; the command says the same; then undo."""
    route(prefect.desk, GATE)
    report = prefect.run("promote", OPTIONS)
    assert report.state == "promoted"
    run = prefect.last_run()
    assert run.name == "promote Desk by up"
    steps = {one.name.split()[0] for one in prefect.task_runs(run, at_least=14)}
    assert steps >= {"begin", "safety", "import", "prove", "train", "evaluate", "stage", "judge", "swap", "finish"}
    assert set(prefect.artifacts(run)) == {"cluvault-promotion-plan", "cluvault-promotion"}

    again(prefect.desk, project(mislabelled=5))
    before = prefect.desk.done("cat", "live:prod/Desk").stdout
    with pytest.raises(PromotionRefused, match="Book: f1"):
        prefect.run("promote", OPTIONS)
    run = prefect.last_run()
    assert run.state is not None
    assert run.state.is_failed()
    assert "refused" in prefect.artifacts(run)["cluvault-promotion"]
    assert prefect.desk("promote", "Desk", "--route", "up", "--apply").code == 4
    assert prefect.desk.done("cat", "live:prod/Desk").stdout == before


def test_undone_by_a_flow(prefect: Prefect) -> None:
    """What was not there before is gone again."""
    route(prefect.desk)
    prefect.run("promote", OPTIONS)
    assert prefect.desk.projects("prod") == {"Desk"}
    report = prefect.run("rollback", RollbackOptions(project="Desk", route="up", apply=True))
    assert report.done is not None
    assert prefect.last_run().name == "rollback Desk by up"
    assert prefect.desk.projects("prod") == set()
