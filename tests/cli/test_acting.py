"""The commands that store, import and delete."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.desk import Desk

ROWS = "text,intent\nmy screen is black,Hardware\nI forgot my password,Account\n"


def test_backup_stores_what_changed(desk: Desk) -> None:
    """The first run stores all, the second nothing; each project has its row, the record its key."""
    *rows, summary = desk.done("backup").out.splitlines()
    assert [row.split()[:2] for row in rows[1:]] == [["stored", "dev/Mail"], ["stored", "dev/Pizza"]]
    assert summary.startswith("backup: 2 stored. Record: runs/")
    assert (desk.vault / summary.split("Record: ")[1]).is_file()
    assert desk.done("backup", "dev").out.splitlines()[-1].startswith("backup: 2 unchanged.")


def test_backup_of_chosen_projects_for_programs(desk: Desk) -> None:
    """A glob chooses, tags are kept, and the JSON has the documented keys."""
    report = desk.done("backup", "dev", "--project", "Piz*", "--tag", "release", "--json").json
    assert set(report) == {"kind", "runId", "summary", "record", "items"}
    (item,) = report["items"]
    assert (item["project"], item["outcome"]) == ("Pizza", "stored")
    assert json.loads(desk.manifest("Pizza").read_bytes())["tags"] == ["release"]


def test_backup_done_in_part(desk: Desk) -> None:
    """One resource that does not answer does not stop the others: exit code 3, and it is named."""
    desk.configure((desk.folder / "cluvault.toml").read_text("utf-8").replace("/prod", "/nothing-here"))
    outcome = desk("backup", "--json")
    assert outcome.code == 3
    assert {(item["resource"], item["outcome"]) for item in outcome.json["items"]} == {
        ("dev", "stored"), ("prod", "failed"),
    }  # fmt: skip


def test_restore_to_another_resource(backed_up: Desk) -> None:
    """The plan is shown, then what was done and proven; the target means what the snapshot means."""
    outcome = backed_up.done("restore", "dev/Pizza", "--to", "prod")
    plan, done = outcome.out.splitlines()
    assert plan.startswith("plan: create prod/Pizza from dev/Pizza@")
    assert done.startswith("restored prod/Pizza from dev/Pizza@")
    assert backed_up.projects("prod") == {"Pizza"}
    assert backed_up.done("diff", "dev/Pizza", "live:prod/Pizza").out == "no difference in meaning\n"


def test_restore_refuses_to_overwrite(backed_up: Desk) -> None:
    """The default is to fail; nothing is changed and the line says how to go on."""
    before = backed_up.world()
    outcome = backed_up("restore", "dev/Pizza", "--to", "dev")
    assert outcome.code == 1
    assert outcome.error.startswith("dev/Pizza exists already, nothing was changed; add --if-exists replace")
    assert backed_up.world() == before


def test_restore_replaces_and_keeps_what_stood_there(backed_up: Desk) -> None:
    """The safety snapshot is named and can be read."""
    outcome = backed_up.done("restore", "dev/Pizza", "--to", "dev/Mail", "--if-exists", "replace")
    safety = outcome.out.splitlines()[-1].removeprefix("what stood there before: ")
    assert backed_up.done("show", safety, "--json").json["reason"] == "safety"
    assert backed_up.done("diff", "dev/Pizza", "live:dev/Mail", "--json").json["intents"] == []


def test_restore_under_another_name_for_programs(backed_up: Desk) -> None:
    """Rename leaves the project alone; the JSON has the documented keys and nothing else is printed."""
    report = backed_up.done("restore", "dev/Pizza", "--to", "dev", "--if-exists", "rename", "--json").json
    assert set(report) == {
        "resource", "project", "source", "replaced", "safetySnapshot", "digest", "apiVersion", "changes", "notes",
        "losses", "warnings", "record",
    }  # fmt: skip
    assert backed_up.projects("dev") == {"Pizza", "Mail", report["project"]}


def test_restore_says_how_it_upgraded(desk: Desk, sample: Callable[[str], bytes]) -> None:
    """A file of an older version is upgraded in the open."""
    (desk.folder / "old.json").write_bytes(sample("clock-2021-preview"))
    outcome = desk.done("restore", "./old.json", "--to", "prod/Clock")
    assert any(line.startswith("  note: ") for line in outcome.out.splitlines())


def test_create_and_seed(desk: Desk) -> None:
    """A project from rows; running it again changes nothing."""
    (desk.folder / "rows.csv").write_text(ROWS, "utf-8")
    command = ("create", "dev/Desk", "--language", "en-us", "--seed", "rows.csv")
    assert desk.done(*command).out.splitlines()[0] == "plan: create dev/Desk"
    assert "Desk" in desk.projects("dev")
    before = desk.world()
    assert desk.done(*command).out == "plan: dev/Desk has this content already; nothing to do\n"
    assert desk.world() == before


def test_create_for_programs(desk: Desk) -> None:
    """The JSON has the documented keys."""
    (desk.folder / "rows.csv").write_text(ROWS, "utf-8")
    report = desk.done("create", "dev/Desk", "--language", "en-us", "--seed", "rows.csv", "--json").json
    assert set(report) == {
        "outcome", "resource", "project", "digest", "notes", "findings", "apiVersion", "losses", "warnings", "record",
    }  # fmt: skip
    assert report["outcome"] == "created"


def test_create_takes_settings(desk: Desk) -> None:
    """Kind, language, description, threshold and multilingual reach the service."""
    desk.done("create", "prod/Empty", "--kind", "Conversation", "--language", "de", "--multilingual",
              "--description", "for later", "--confidence-threshold", "0.7")  # fmt: skip
    metadata: Any = json.loads(desk.done("cat", "live:prod/Empty").stdout)["metadata"]
    assert (metadata["language"], metadata["multilingual"], metadata["description"]) == ("de", True, "for later")
    assert metadata["settings"]["confidenceThreshold"] == 0.7


def test_create_refuses_other_content(desk: Desk) -> None:
    """A project of that name with other content is left alone."""
    (desk.folder / "rows.csv").write_text(ROWS, "utf-8")
    before = desk.world()
    outcome = desk("create", "dev/Pizza", "--language", "en-us", "--seed", "rows.csv")
    assert outcome.code == 1
    assert outcome.error.startswith("dev/Pizza exists with other content, nothing was changed: ")
    assert desk.world() == before


def test_an_import_that_lost_something_is_an_error(forgetful: Desk) -> None:
    """The service accepted it; the difference is shown, exit code 1, one line."""
    outcome = forgetful("restore", "./described.json", "--to", "prod/Pizza")
    assert outcome.code == 1
    assert "when somebody wants to cancel" in outcome.out
    assert outcome.error.startswith("prod/Pizza differs from what was imported: ")
    assert forgetful("create", "dev/Pizza", "--seed", "./described.json").error.startswith("dev/Pizza differs from ")


@pytest.fixture
def drafts(desk: Desk, sample: Callable[[str], bytes]) -> None:
    """Three drafts in prod, one in dev."""
    for number in range(3):
        desk.put("prod", f"Try{number}-draft", sample("pizza-small"))
    desk.put("dev", "Old-draft", sample("pizza-small"))


@pytest.mark.usefixtures("drafts")
class TestCleanup:
    """The clean-up."""

    def test_plans_only(self, desk: Desk) -> None:
        """Every project has its decision and reason; nothing is deleted or stored."""
        before = desk.world()
        heading, *rows, last = desk.done("cleanup", "dev").out.splitlines()
        assert heading.split() == ["plan", "project", "rule", "reason"]
        assert [row.split()[:2] for row in rows] == [["delete", "Old-draft"], ["keep", "Mail"], ["keep", "Pizza"]]
        assert last == "nothing was deleted; add --apply to carry the plan out"
        assert desk.world() == before

    def test_applies_and_can_be_undone(self, desk: Desk) -> None:
        """The project goes after its content was kept; the printed command brings it back."""
        outcome = desk.done("cleanup", "dev", "--apply")
        assert desk.projects("dev") == {"Pizza", "Mail"}
        undo = outcome.out.split("undo: cluvault ")[1].splitlines()[0].split()
        desk.done(*undo)
        assert desk.projects("dev") == {"Pizza", "Mail", "Old-draft"}

    def test_for_programs(self, desk: Desk) -> None:
        """Plan, refusal and run have the same keys."""
        planned = desk.done("cleanup", "dev", "--json").json
        applied = desk.done("cleanup", "dev", "--apply", "--json").json
        assert set(planned) == set(applied) == {"resource", "plan", "run"}
        assert planned["run"] is None
        assert [item["outcome"] for item in applied["run"]["items"]] == ["deleted"]

    @pytest.mark.parametrize("json_wanted", [False, True])
    def test_a_guard_refuses(self, desk: Desk, *, json_wanted: bool) -> None:
        """Too much at once: the plan is shown, exit code 4, one line, nothing is deleted."""
        before = desk.world()
        outcome = desk("cleanup", "prod", "--apply", *(["--json"] if json_wanted else []))
        assert outcome.code == 4
        assert outcome.error.startswith("clean-up of prod: ")
        if json_wanted:
            assert set(outcome.json) == {"resource", "plan", "run"}
        else:
            assert outcome.out.count("delete ") == 3
        assert desk.world() == before

    def test_nothing_to_delete(self, desk: Desk) -> None:
        """Is said; after the drafts are gone there is none."""
        desk.done("cleanup", "dev", "--apply")
        assert desk.done("cleanup", "dev", "--apply").out.splitlines()[-1] == "nothing to delete"

    def test_limits_can_be_given(self, desk: Desk) -> None:
        """For a resource that is retired on purpose."""
        desk.done("cleanup", "prod", "--all", "--max-deletions", "3", "--max-share", "1", "--apply")
        assert desk.projects("prod") == set()
        assert desk.done("snapshots", "prod", "--json").json[0]["reason"] == "pre-delete"

    def test_a_deletion_that_fails_is_told(self, desk: Desk) -> None:
        """Exit code 1 when all fail; the project is still there."""
        desk.done("cleanup", "dev")
        (desk.folder / "vault").write_text("in the way", "utf-8")
        outcome = desk("cleanup", "dev", "--apply")
        assert outcome.code in {1, 2}
        assert "Old-draft" in desk.projects("dev")
