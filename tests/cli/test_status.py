"""cluvault status: for people, for programs, for Prometheus; its exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from tests.support.world import project_file

if TYPE_CHECKING:
    import pytest

    from tests.support.desk import Desk


def configured(desk: Desk) -> str:
    """The configuration."""
    return (desk.folder / "cluvault.toml").read_text("utf-8")


def test_all_is_fine(backed_up: Desk) -> None:
    """Exit code 0, a line for each project, the runs, one sentence at the end."""
    lines = backed_up.done("status").out.splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [["state", "project"], ["ok", "dev/Mail"], ["ok", "dev/Pizza"]]
    assert lines[3].split()[:2] == ["run", "last"]
    assert lines[-1] == "2 ok: all fine"


def test_an_alarm(backed_up: Desk) -> None:
    """Exit code 4; the alarm with its mend is shown, and the one line on standard error names it."""
    backed_up.put("prod", "Late", project_file("Late"))
    backed_up.configure(configured(backed_up) + "\n[status]\nfreshness-hours = 0.000001\n")
    outcome = backed_up("status", "prod")
    assert outcome.code == 4
    assert outcome.error.startswith("status: prod/Late has never been backed up; run `cluvault backup prod --project")
    assert "never-backed-up" in outcome.out


def test_damage(backed_up: Desk) -> None:
    """Exit code 5, as of verify itself."""
    backed_up.content("Pizza").write_bytes(b"damaged")
    assert backed_up("verify", "--read-data").code == 5
    outcome = backed_up("status", "--offline")
    assert (outcome.code, "is damaged" in outcome.error) == (5, True)


def test_a_resource_that_does_not_answer(backed_up: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3; what the vault tells is told. Offline nobody asks."""
    monkeypatch.setenv("CLU_TEST_KEY", "another")
    outcome = backed_up("status")
    assert outcome.code == 3
    assert outcome.error.startswith("status: resource dev does not answer: ")
    assert "dev/Pizza" in outcome.out
    assert backed_up.done("status", "--offline").out.splitlines()[-1] == "2 ok: all fine"


def test_for_programs(backed_up: Desk) -> None:
    """JSON with the exit code in it; and the text format of Prometheus."""
    found = backed_up.done("status", "--json").json
    assert (found["exitCode"], [one["state"] for one in found["projects"]]) == (0, ["ok", "ok"])
    families = text_string_to_metric_families(backed_up.done("status", "--metrics", "--deep").out)
    assert "cluvault_project_last_good_timestamp_seconds" in {one.name for one in families}
    assert backed_up("status", "--metrics", "--json").error.startswith("--metrics and --json are two forms")
    outcome = backed_up("status", "--offline", "--deep")
    assert (outcome.code, outcome.error) == (
        2, "--deep: details come from the resources, which offline does not ask",
    )  # fmt: skip


def test_without_projects(desk: Desk) -> None:
    """Nothing to be said of nothing; what limits the status is said."""
    assert desk.done("status", "prod").out == "no projects: all fine\n"
    desk.done("backup", "dev", "--project", "Pizza", "--no-flow")
    desk.configure(configured(desk).replace("[resources.dev]", "[resources.other]"))
    assert "note: the vault has snapshots of resources that are not configured: dev" in desk("status", "prod").out
