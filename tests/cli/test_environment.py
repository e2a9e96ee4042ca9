"""cluvault restore --environment, and what is said of what is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli.test_promote import route

if TYPE_CHECKING:
    from tests.support.desk import Desk


def capturing(desk: Desk) -> Desk:
    """Backups of dev capture what is deployed; Desk serves there."""
    route(desk)
    configuration = (desk.folder / "cluvault.toml").read_text("utf-8")
    desk.configure(configuration.replace("[resources.dev]", '[resources.dev]\ncapture = "environment"'))
    desk.server.emulator.add_model("dev", "Desk", "v1")
    desk.server.emulator.add_deployment("dev", "Desk", "production", model_label="v1")
    return desk


def test_from_backup_to_a_rebuilt_environment(desk: Desk) -> None:
    """Captured, shown, named, planned, rebuilt; then there is nothing to do."""
    capturing(desk)
    assert (
        "1 of 1 deployed models; exported what v1 was trained on" in desk.done("backup", "dev", "--project", "Desk").out
    )
    assert "trained on " in desk.done("show", "dev/Desk").out
    assert desk.done("cat", "dev/Desk#production").stdout == desk.done("cat", "dev/Desk").stdout
    assert desk.done("diff", "dev/Desk#production", "dev/Desk").out == "no difference in meaning\n"
    assert "#production" in desk.done("show", "dev/Desk#production").out
    assert desk.done("show", "dev/Desk#production", "--json").json["deployment"] == "production"
    missing = desk("cat", "dev/Desk#staging")
    assert (missing.code, "has no service deployment staging; captured: production" in missing.error) == (1, True)
    before = desk.world()
    shown = desk.done("restore", "dev/Desk", "--environment", "--to", "prod/Other", "--dry-run")
    assert "plan: create prod/Other from dev/Desk@" in shown.out
    assert "  2. import what v1 was trained on, prove it" in shown.out
    assert "  4. deploy v1 to production" in shown.out
    assert desk.world() == before
    done = desk.done("restore", "dev/Desk", "--environment", "--to", "prod/Other")
    assert "production serves v1; the draft means the same" in done.out
    again = desk.done("restore", "dev/Desk", "--environment", "--to", "prod/Other", "--json").json
    assert (again["steps"], again["deployments"]) == ([], {"production": "v1"})
    assert desk.done("restore", "dev/Desk", "--environment", "--to", "prod/Other", "--dry-run", "--json").json["exists"]


def test_what_is_refused(desk: Desk) -> None:
    """One line each: no target, no environment, a project of others."""
    route(desk)
    outcome = desk("restore", "dev/Desk")
    assert (outcome.code, "--to" in outcome.error) == (2, True)
    desk.done("backup", "dev", "--project", "Desk")
    outcome = desk("restore", "dev/Desk", "--environment", "--to", "prod/Other")
    assert (outcome.code, 'set capture = "environment"' in outcome.error) == (2, True)
    shown = desk("restore", "dev/Desk", "--environment", "--dry-run")
    assert (shown.code, "refused: " in shown.out) == (2, True)
