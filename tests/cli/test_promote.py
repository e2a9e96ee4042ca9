"""promote, approve, rollback and promotions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from tests.support.promoting import desk as project

if TYPE_CHECKING:
    from tests.support.desk import Desk

GATE = "gate = { each-intent-f1 = 0.7 }"


def route(desk: Desk, *lines: str) -> Desk:
    """The desk with a route and a project to promote."""
    text = (desk.folder / "cluvault.toml").read_text("utf-8")
    desk.configure("\n".join([text, "[routes.up]", 'source = "dev"', 'target = "prod"', *lines]))
    desk.put("dev", "Desk", project())
    return desk


def again(desk: Desk, data: bytes) -> None:
    """Give the source other content."""
    path = desk.folder / "Desk.json"
    path.write_bytes(data)
    desk.done("restore", str(path), "--to", "dev/Desk", "--if-exists", "replace")


def test_from_plan_to_rollback(desk: Desk) -> None:
    """A plan that changes nothing, a good promotion, a bad one that names its intent, the history, and the way back."""
    route(desk, GATE)
    shown = desk.done("promote", "Desk", "--route", "up")
    assert "changes: a new project: 4 intents" in shown.out
    assert shown.out.splitlines()[-1] == "nothing was changed; add --apply to carry the plan out"
    assert desk.projects("prod") == set()
    done = desk.done("promote", "Desk", "--route", "up", "--apply")
    assert "undo: cluvault rollback Desk --route up --apply" in done.out
    assert desk.done("promote", "Desk", "--route", "up", "--apply").out.endswith("promoted with it serves\n")

    again(desk, project(mislabelled=5))
    junit = desk.folder / "gate.xml"
    bad = desk("promote", "Desk", "--route", "up", "--apply", "--junit", str(junit))
    assert bad.code == 4
    assert "refused: Book: f1" in bad.error
    assert "rolled back: " in bad.out
    failures = ET.fromstring(junit.read_bytes()).findall(".//failure")  # noqa: S314  # our own
    assert any("Cancel" in failure.get("message", "") for failure in failures)

    states = [row.split()[0] for row in desk.done("promotions", "prod/Desk").out.splitlines()[1:]]
    assert states == ["promoted", "rolled-back"]
    assert [one["state"] for one in desk.done("promotions", "--json").json] == states
    assert desk("rollback", "Desk", "--route", "up", "--apply").code == 4  # the last one is undone already


def test_rollback_by_hand(desk: Desk) -> None:
    """Shown first; a project that was not there before is deleted, and its content is kept."""
    route(desk)
    desk.done("promote", "Desk", "--route", "up", "--apply")
    shown = desk.done("rollback", "Desk", "--route", "up")
    assert "  2. delete prod/Desk, which was not there before" in shown.out
    assert desk.projects("prod") == {"Desk"}
    assert "add --apply" in shown.out
    report = desk.done("rollback", "Desk", "--route", "up", "--apply", "--reason", "wrong day", "--json").json
    assert report["done"]["why"] == "wrong day"
    assert desk.projects("prod") == set()
    assert "rolled-back" in desk.done("promotions").out


def test_an_approval(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stops and says how to go on; the same person cannot; another can, and goes on at once."""
    route(desk, "gate = { approval = true, second-person = true }")
    monkeypatch.setenv("CLUVAULT_ACTOR", "anna")
    asked = desk.done("promote", "Desk", "--route", "up", "--apply")
    (line,) = [line for line in asked.out.splitlines() if line.startswith("cluvault approve ")]
    key = line.split()[2]
    assert "under way" in desk("promote", "Desk", "--route", "up", "--apply").error
    assert desk("approve", key).code == 4
    monkeypatch.setenv("CLUVAULT_ACTOR", "berta")
    approved = desk.done("approve", key, "--note", "fine")
    assert approved.out.splitlines()[-1] == f"carry it out: cluvault promote --resume {key}"
    resumed = desk.done("promote", "--resume", key.partition("@")[2], "--json").json
    assert resumed["state"] == "promoted"
    assert [one["by"] for one in resumed["records"] if one["facts"]["step"] == "approved"] == ["berta"]
    assert desk("approve", key, "--reject").code == 4


def test_a_rejection(desk: Desk) -> None:
    """Undone at once with --apply."""
    route(desk, "gate = { approval = true }")
    key = desk.done("promote", "Desk", "--route", "up", "--apply", "--json").json["promotion"]
    rejected = desk.done("approve", key, "--reject", "--note", "not today", "--apply")
    assert "rolled back: rejected by" in rejected.out
    assert desk.projects("prod") == set()


def test_a_plan_file(desk: Desk) -> None:
    """Written, applied exactly, and refused when the target has moved."""
    route(desk)
    file = desk.folder / "plan.json"
    shown = desk.done("promote", "Desk", "--route", "up", "--save-plan", str(file))
    assert f"cluvault promote --plan-file {file} --apply" in shown.out
    assert json.loads(file.read_bytes())["route"] == "up"
    desk.put("prod", "Desk", project(Other="other {}"))
    moved = desk("promote", "--plan-file", str(file), "--apply")
    assert (moved.code, "has moved since the plan was made" in moved.error) == (4, True)
    desk.done("promote", "Desk", "--route", "up", "--save-plan", str(file), "--json")
    assert desk.done("promote", "--plan-file", str(file), "--apply", "--json").json["state"] == "promoted"


def test_a_guard_that_refuses(desk: Desk) -> None:
    """Exit code 4, also without --apply, and a failure for the build server."""
    route(desk, "gate = { max-changed-share = 0.1 }")
    desk.put("prod", "Desk", project(Other="other {}"))
    junit = desk.folder / "gate.xml"
    refused = desk("promote", "Desk", "--route", "up", "--junit", str(junit))
    assert (refused.code, "max-changed-share" in refused.error) == (4, True)
    assert "blast radius: removes intent Other with its 10 utterances" in refused.out
    assert b"<failure" in junit.read_bytes()
    assert desk("promote", "Desk", "--route", "up", "--apply").code == 4


@pytest.mark.parametrize(
    "arguments",
    [
        ("promote",), ("promote", "Desk"), ("promote", "--route", "up"),
        ("promote", "Desk", "--route", "up", "--resume", "x"), ("promote", "--resume", "nothing"),
        ("promote", "Desk", "--route", "sideways"), ("promote", "--plan-file", "gone.json"),
        ("approve", "nothing"), ("rollback", "Desk"), ("promotions", "a b"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_usage(desk: Desk, arguments: tuple[str, ...]) -> None:
    """One line and exit code 2."""
    route(desk).done("backup", "dev", "--project", "Desk")
    outcome: Any = desk(*arguments)
    assert (outcome.code, bool(outcome.error)) == (2, True)


def test_there_may_be_no_promotions(backed_up: Desk) -> None:
    """Said so."""
    assert backed_up.done("promotions").out == "there are no promotions\n"
