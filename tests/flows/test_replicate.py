"""replicate as a flow: a task a project, a table, and the same ends as directly."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cluvault.ops.replicate import ReplicateOptions
from tests.cli.test_replicate import serving

if TYPE_CHECKING:
    from tests.flows.conftest import Prefect

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


def test_a_replication_by_flow(prefect: Prefect) -> None:
    """Shown, done, and a failure of one that fails the run."""
    desk = serving(prefect.desk)
    report = prefect.run("replicate", ReplicateOptions(route="up", projects=("Desk",)))
    assert [one.outcome for one in report.projects] == ["behind"]
    assert desk.projects("prod") == set()
    report = prefect.run("replicate", ReplicateOptions(route="up", apply=True, projects=("Desk",)))
    run = prefect.last_run()
    assert run.name == "replicate by up"
    assert {one.name for one in prefect.task_runs(run, at_least=3)} >= {"replicate Desk", "record replicate"}
    (row,) = json.loads(prefect.artifacts(run)["cluvault-replica"])
    assert (row["project"], row["status"]) == ("Desk", "replicated")

    failed = desk("replicate", "--route", "up", "--project", "Desk", "--project", "Tipo")
    assert (failed.code, "'Tipo'" in failed.error, "equal" in failed.out) == (3, True, True)
    last = prefect.last_run().state
    assert last is not None
    assert last.is_failed()
