"""copy and the other commands on a copy, as flows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.flows.conftest import Prefect


@pytest.mark.prefect
@pytest.mark.slow
def test_a_copy_by_flow(prefect: Prefect, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task a project, a table, and the record in the copy; a flow is told by the environment which vault it uses."""
    monkeypatch.setenv("CLUVAULT_VAULT", "")
    desk = prefect.desk
    desk.done("backup", "dev", "--no-flow")
    lines = desk.done("copy", "--to", "./offsite").out.splitlines()
    assert lines[-2].startswith("copy: 2 copied. Record: runs/")
    run = prefect.last_run()
    assert run.name == "copy to ./offsite"
    assert {one.name for one in prefect.task_runs(run, at_least=5)} >= {"copy dev/Mail", "copy dev/Pizza"}
    rows = json.loads(prefect.artifacts(run)["cluvault-copy"])
    assert {(row["project"], row["outcome"]) for row in rows} == {("Mail", "copied"), ("Pizza", "copied")}
    before = desk.world()
    desk.done("backup", "dev", "--vault", "./offsite")
    assert desk.world() == before
    assert len(list((desk.folder / "offsite").glob("runs/*/*.json"))) == 3


@pytest.mark.prefect
@pytest.mark.slow
def test_a_copy_that_finds_damage_by_flow(prefect: Prefect) -> None:
    """The run fails, and exit code and line are those of the direct way."""
    desk = prefect.desk
    desk.done("backup", "dev", "--no-flow")
    desk.content("Pizza").write_bytes(b"")
    by_flow, directly = desk("copy", "--to", "./one"), desk("copy", "--to", "./two", "--no-flow")
    assert by_flow.code == directly.code == 5
    assert by_flow.error == directly.error
    state = prefect.last_run().state
    assert state is not None
    assert state.is_failed()
