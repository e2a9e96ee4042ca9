"""cluvault drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.test_promote import route
from tests.support.promoting import desk as project

if TYPE_CHECKING:
    from tests.support.desk import Desk

EDITED = project(Hotfix="fix {} now")


def test_a_table_its_details_and_the_exit_codes(desk: Desk) -> None:
    """0 whatever is found, 1 if asked for, as a diff does; nothing is changed, and without a vault none is made."""
    desk.put("dev", "Desk", project())
    desk.put("prod", "Desk", EDITED)
    before = desk.world()
    shown = desk.done("drift", "dev", "prod")
    assert [line.split()[:2] for line in shown.out.splitlines()[1:-1]] == [
        ["differs", "Desk"],
        ["only-in-source", "Mail"],
        ["only-in-source", "Pizza"],
    ]
    assert shown.out.splitlines()[-1] == "drift: 1 differs, 2 only-in-source"
    assert desk("drift", "dev", "prod", "--project", "Desk", "--exit-code").code == 1
    details = desk.done("drift", "dev", "prod", "--project", "Desk", "--details", "--limit", "1").out
    assert "  - Hotfix" in details
    report = desk.done("drift", "dev", "prod", "--project", "Desk", "--json", "--full").json
    assert report["projects"][0]["difference"]["intents"][0]["name"] == "Hotfix"
    assert report["record"] is None
    assert desk.world() == before
    desk.put("prod", "Desk", project())
    assert desk("drift", "dev", "prod", "--project", "Desk", "--exit-code").code == 0


def test_a_direct_edit(desk: Desk) -> None:
    """Named in the table, shown in the details, and why the promotion is refused."""
    route(desk).done("promote", "Desk", "--route", "up", "--apply")
    desk.put("prod", "Desk", EDITED)
    shown = desk.done("drift", "--route", "up", "--project", "Desk", "--details").out
    assert "edited directly since promotion prod/Desk@" in shown
    assert "  + Hotfix" in shown  # what was added by hand
    assert ". Record: runs/" in shown
    desk.put("dev", "Desk", project(Refund="give me my money back for {}"))
    refused = desk("promote", "Desk", "--route", "up", "--apply")
    assert (refused.code, "`cluvault drift --route up --project Desk` shows how" in refused.error) == (4, True)


@pytest.mark.parametrize(
    "arguments", [(), ("dev",), ("dev", "prod", "--route", "up"), ("dev", "dev"), ("dev", "qa"), ("--route", "qa")]
)
def test_what_cannot_be_meant_is_usage(desk: Desk, arguments: tuple[str, ...]) -> None:
    """One line and exit code 2."""
    outcome = desk("drift", *arguments)
    assert (outcome.code, bool(outcome.error)) == (2, True)


def test_a_project_that_is_not_there(desk: Desk) -> None:
    """Most likely a typing error: not passed over."""
    outcome = desk("drift", "dev", "prod", "--project", "Pizza", "--project", "Desc")
    assert (outcome.code, "'Desc'" in outcome.error) == (3, True)
