"""cluvault replicate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.test_promote import route

if TYPE_CHECKING:
    from tests.support.desk import Desk


def serving(desk: Desk) -> Desk:
    """A replica of dev in prod is configured; Desk serves at dev."""
    route(desk, 'kind = "replica"')
    desk.server.emulator.add_model("dev", "Desk", "v1")
    desk.server.emulator.add_deployment("dev", "Desk", "production", model_label="v1")
    return desk


def test_from_status_to_equal(desk: Desk) -> None:
    """Shown first with the steps; done; then nothing is left to do, and the replica serves under the same name."""
    serving(desk)
    before = desk.world()
    shown = desk.done("replicate", "--route", "up", "--project", "Desk")
    assert "behind by 0 min: 35 changes" in shown.out
    assert "  3. deploy replica-" in shown.out
    assert shown.out.endswith("nothing was changed; add --apply to bring the replica up to date\n")
    assert desk.world() == before
    done = desk.done("replicate", "--route", "up", "--apply", "--project", "Desk")
    assert "replicate: 1 replicated. Record: runs/" in done.out
    again = desk.done("replicate", "--route", "up", "--project", "Desk")
    assert again.out.splitlines()[-1] == "replica: 1 equal"
    found = desk.done("replicate", "--route", "up", "--apply", "--project", "Desk", "--json").json
    assert (found["applied"], found["projects"][0]["outcome"]) == (True, "equal")
    assert desk("verify").code == 0


def test_a_project_that_is_not_there(desk: Desk) -> None:
    """Most likely a typing error."""
    outcome = desk("replicate", "--route", "up", "--project", "Desc", "--project", "Mail", "--apply")
    assert outcome.code == 2  # there is no route yet
    outcome = serving(desk)("replicate", "--route", "up", "--project", "Desc", "--project", "Mail", "--apply")
    assert (outcome.code, "'Desc'" in outcome.error) == (3, True)


@pytest.mark.parametrize("command", [("replicate", "--route", "up"), ("replicate",), ("replicate", "--route", "down")])
def test_what_cannot_be_meant_is_usage(desk: Desk, command: tuple[str, ...]) -> None:
    """A route of another kind is refused with one line, and so is a replica that somebody would promote by."""
    route(desk)
    outcome = desk(*command)
    assert (outcome.code, bool(outcome.error)) == (2, True)


def test_a_replica_is_not_promoted(desk: Desk) -> None:
    """One line that names the other command."""
    outcome = serving(desk)("promote", "Desk", "--route", "up", "--apply")
    assert (outcome.code, outcome.error) == (
        2, "route up is a replica, nothing is promoted by it; use cluvault replicate",
    )  # fmt: skip
    desk.configure((desk.folder / "cluvault.toml").read_text("utf-8") + "\ngate = { min-intent-f1 = 0.8 }\n")
    outcome = desk("replicate", "--route", "up")
    assert (outcome.code, "remove gate" in outcome.error) == (2, True)
