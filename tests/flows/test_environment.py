"""restore --environment as a flow: a task a step, and the same end as directly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluvault.ops.restore import RestoreOptions
from tests.cli.test_environment import capturing

if TYPE_CHECKING:
    from tests.flows.conftest import Prefect

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


def test_an_environment_by_flow(prefect: Prefect) -> None:
    """Captured by the backup, rebuilt step by step under a lease; again, there is nothing to do."""
    desk = capturing(prefect.desk)
    desk.done("backup", "dev", "--project", "Desk", "--no-flow")
    options = RestoreOptions(reference="dev/Desk", to="prod/Other", environment=True)
    report = prefect.run("restore", options)
    assert report.plan.deployments == {"production": "v1"}
    run = prefect.last_run()
    names = {one.name for one in prefect.task_runs(run, at_least=5)}
    assert names >= {"settle prod/Other", "deploy v1 to production", "import what v1 was trained on, prove it"}
    assert prefect.run("restore", options).plan.steps == ()
    assert "nothing to do" in desk.done("restore", "dev/Desk", "--environment", "--to", "prod/Other", "--no-flow").out
