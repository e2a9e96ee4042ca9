"""Commands that act run the flow when a Prefect API is configured."""

# ruff: noqa: S603  # it starts its own processes

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cluvault.cli.invocation import has_prefect_api

if TYPE_CHECKING:
    from pathlib import Path

    from tests.flows.conftest import Prefect


@pytest.mark.prefect
def test_a_command_runs_the_flow(prefect: Prefect) -> None:
    """With PREFECT_API_URL set; what it prints is the same as without."""
    before = prefect.count_runs()
    outcome = prefect.desk.done("backup", "dev")
    assert prefect.count_runs() == before + 1
    assert outcome.out.splitlines()[-1].startswith("backup: 2 stored. Record: runs/")


@pytest.mark.prefect
def test_a_command_runs_no_flow_when_told_so(prefect: Prefect) -> None:
    """`--no-flow` does the same work directly."""
    before = prefect.count_runs()
    assert prefect.desk.done("backup", "dev", "--no-flow").out.splitlines()[-1].startswith("backup: 2 stored.")
    assert prefect.count_runs() == before


@pytest.mark.prefect
def test_the_other_commands_by_flow(prefect: Prefect) -> None:
    """restore, create and cleanup print what they print without Prefect, the guard's refusal included."""
    desk = prefect.desk
    desk.done("backup", "dev", "--no-flow")
    before = prefect.count_runs()
    assert "restored prod/Pizza from dev/Pizza@" in desk.done("restore", "dev/Pizza", "--to", "prod").out
    assert "created prod/New" in desk.done("create", "prod/New", "--language", "de").out
    assert desk.done("cleanup", "dev").out.splitlines()[-1] == "nothing to delete"
    refused = desk("cleanup", "dev", "--all", "--apply")
    assert refused.code == 4
    assert refused.error.startswith("clean-up of dev: ")
    assert prefect.count_runs() == before + 4


@pytest.mark.prefect
def test_a_run_that_fails_in_part_by_flow(prefect: Prefect) -> None:
    """Exit code and line are those of the direct way, and no stack trace of Prefect's comes with them."""
    by_flow = prefect.desk("backup", "dev", "--project", "Pizza", "--project", "Piza")
    directly = prefect.desk("backup", "dev", "--project", "Pizza", "--project", "Piza", "--no-flow")
    assert by_flow.code == directly.code == 3
    assert by_flow.error == directly.error.replace("1 unchanged", "1 stored")


@pytest.mark.prefect
def test_a_flow_that_fails_in_a_process_of_its_own(prefect: Prefect) -> None:
    """Standard error has our one line; Prefect's stack trace is in the run's logs."""
    command = [sys.executable, "-m", "cluvault", "backup", "dev", "--project", "Piza"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("cluvault: backup: 1 failed; dev/Piza: ")
    assert len(done.stderr.splitlines()) == 1
    run = prefect.last_run()
    assert run.state is not None
    assert run.state.is_failed()


@pytest.mark.prefect
def test_a_prefect_api_that_does_not_answer(prefect: Prefect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 2, its address and the mend; nothing was done."""
    from prefect.settings import PREFECT_API_URL, temporary_settings  # noqa: PLC0415  # slow

    address = "http://127.0.0.1:9/api"
    monkeypatch.setenv("PREFECT_API_URL", address)
    before = prefect.desk.world()
    with temporary_settings({PREFECT_API_URL: address}):
        outcome = prefect.desk("backup", "dev")
    assert outcome.code == 2
    assert outcome.error == (
        f"the Prefect API at {address} does not answer; start it, correct PREFECT_API_URL, or run with --no-flow"
    )
    assert prefect.desk.world() == before


PROFILES = '[profiles.local]\nPREFECT_API_URL = "http://127.0.0.1:4200/api"\n[profiles.ephemeral]\n'


@pytest.mark.parametrize(
    "profiles, variables, expected",
    [
        (None, {}, False),
        (None, {"PREFECT_API_URL": "http://127.0.0.1:4200/api"}, True),
        (None, {"PREFECT_API_URL": ""}, False),
        ('active = "local"\n' + PROFILES, {}, True),
        ('active = "ephemeral"\n' + PROFILES, {}, False),
        ('active = "ephemeral"\n' + PROFILES, {"PREFECT_PROFILE": "local"}, True),
        (PROFILES, {}, False),
        ("active = [\n", {}, False),
        ('active = "local"\nprofiles = 3\n', {}, False),
    ],
)
def test_where_a_prefect_api_is_configured(
    tmp_path: Path, profiles: str | None, variables: dict[str, str], *, expected: bool
) -> None:
    """By PREFECT_API_URL or the active profile; a profile file that cannot be read names none."""
    if profiles is not None:
        (tmp_path / "profiles.toml").write_text(profiles, "utf-8")
    assert has_prefect_api({"PREFECT_HOME": str(tmp_path)} | variables) is expected
