"""prune and hold on the command line."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.errors import StorageFull
from cluvault.vault.folder import FolderStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.desk import Desk

RETENTION = 'url = "vault"\nretention = { keep-last = 1 }\n'


def configure(desk: Desk, vault: str = RETENTION, more: str = "") -> None:
    """Say what is to stay."""
    text = (desk.folder / "cluvault.toml").read_text("utf-8")
    desk.configure(text.replace('url = "vault"\n', vault) + more)


@pytest.fixture
def edited(backed_up: Desk, sample: Callable[[str], bytes]) -> Desk:
    """Pizza has a second snapshot; the newest of each project is to stay."""
    document: Any = json.loads(sample("pizza-small"))
    document["assets"]["utterances"].pop()
    backed_up.put("dev", "Pizza", json.dumps(document).encode())
    configure(backed_up)
    backed_up.done("backup", "dev")
    return backed_up


def ids(desk: Desk) -> list[str]:
    """The snapshots of Pizza, oldest first."""
    return [one["snapshotId"] for one in desk.done("snapshots", "dev/Pizza", "--json").json]


class TestPrune:
    """prune."""

    def test_plans_only(self, edited: Desk) -> None:
        """Every snapshot has its decision and reasons; nothing is removed or written."""
        before = edited.world()
        old, new = ids(edited)
        heading, *rows, waiting, last = edited.done("prune").out.splitlines()
        assert heading.split() == ["plan", "snapshot", "captured", "reasons"]
        assert [(row.split()[0], row.split()[1].partition("@")[0], row.split("Z ")[-1].strip()) for row in rows] == [
            ("keep", "dev/Mail", "last"), ("remove", "dev/Pizza", "no rule keeps it"), ("keep", "dev/Pizza", "last"),
        ]  # fmt: skip
        assert [row.split()[1] for row in rows[1:]] == [f"dev/Pizza@{old}", f"dev/Pizza@{new}"]
        assert waiting.startswith("1 contents wait for their grace period before a later run removes them: ")
        assert last == "nothing was removed; add --apply to carry the plan out"
        assert edited.world() == before

    def test_applies(self, edited: Desk) -> None:
        """The snapshot goes, its content stays for now; what is left verifies; a second run has nothing to remove."""
        old, new = ids(edited)
        *_, row, summary = edited.done("prune", "--apply").out.splitlines()
        assert row.split()[:3] == ["removed", "dev/Pizza", old]
        assert summary.startswith("prune: 1 removed. Record: runs/")
        assert (edited.vault / summary.split("Record: ")[1]).is_file()
        assert ids(edited) == [new]
        assert len(list(edited.vault.glob("snapshots/dev/Pizza/*/config.json.gz"))) == 2
        assert "2 snapshots, 2 contents, names and sizes checked" in edited.done("verify").out
        assert "removed" not in edited.done("prune", "--apply").out.splitlines()[-1]
        assert ids(edited) == [new]

    def test_for_programs(self, edited: Desk) -> None:
        """Plan and run have the same keys; standard output is one JSON value."""
        planned = edited.done("prune", "--json").json
        applied = edited.done("prune", "dev/Pizza", "--apply", "--json").json
        assert set(planned) == set(applied) == {"projects", "damaged", "run"}
        assert planned["run"] is None
        assert [one["project"] for one in planned["projects"]] == ["Mail", "Pizza"]
        assert set(planned["projects"][0]) == {"resource", "project", "goneSince", "snapshots", "contents"}
        assert applied["projects"] == planned["projects"][1:]
        assert [item["outcome"] for item in applied["run"]["items"]] == ["removed"]

    def test_nothing_to_remove(self, backed_up: Desk) -> None:
        """Is said, with the reasons why all stays."""
        configure(backed_up)
        before = backed_up.world()
        assert backed_up.done("prune", "--apply").out.splitlines()[-1] == "nothing to remove"
        assert backed_up.world() == before

    def test_contents_whose_time_is_over(self, edited: Desk) -> None:
        """Are told before they go."""
        edited.done("prune", "--apply")
        _age_records(edited)
        assert edited.done("prune").out.splitlines()[-2].startswith("1 contents that nothing refers to can go: ")
        assert edited.done("prune", "--apply").out.splitlines()[-2].split()[:2] == ["removed", "dev/Pizza"]
        assert len(list(edited.vault.glob("snapshots/dev/Pizza/*/config.json.gz"))) == 1
        assert "2 snapshots, 2 contents" in edited.done("verify", "--read-data").out

    def test_damaged_and_unreadable_ones(self, edited: Desk) -> None:
        """Stay with their reasons; `--drop-damaged` lets go of what is known to be damaged."""
        old, new = ids(edited)
        (edited.vault / f"snapshots/dev/Pizza/{new}/config.json.gz").unlink()
        edited.manifest("Mail").write_bytes(b"{")
        shown = edited.done("prune", "dev").out
        assert "damaged: mend it with verify --repair, or drop it with --drop-damaged" in shown
        assert "not a manifest" in shown
        edited.done("prune", "dev/Pizza", "--drop-damaged", "--apply")
        assert ids(edited) == [old]

    def test_a_promotion_that_cannot_be_read(self, edited: Desk) -> None:
        """Is named on standard error with exit code 5, also where nothing is removed; the rest goes."""
        before = edited.vault / "promotions/dev/Mail/20260101T000000Z-00000001/000.json"
        before.parent.mkdir(parents=True)
        before.write_text("{")
        target = edited.vault / "promotions/dev/Pizza/20260101T000000Z-00000001/000.json"
        target.parent.mkdir(parents=True)
        target.write_text("{")
        shown = edited("prune")
        assert (shown.code, shown.stderr.count("000.json: not a promotion's record")) == (5, 2)
        assert "which cannot be read, may need it" in shown.out
        assert shown.out.splitlines()[-1] == "nothing to remove"
        target.unlink()
        applied = edited("prune", "--apply")
        assert applied.code == 5
        assert [row.split()[0] for row in applied.out.splitlines()[-3:-1]] == ["damaged", "removed"]
        assert edited("prune", "--json").json["damaged"][0]["promotion"] == "dev/Mail"

    def test_a_snapshot_that_comes_back(self, edited: Desk) -> None:
        """It is held, and a prune that was killed had removed it."""
        old, _ = ids(edited)
        edited.done("hold", f"dev/Pizza@{old}", "--reason", "audit")
        hold = next(edited.vault.glob("holds/dev/Pizza/*/*.json"))
        body = hold.read_bytes()
        hold.unlink()
        edited.done("prune", "--apply")
        hold.parent.mkdir(parents=True, exist_ok=True)
        hold.write_bytes(body)
        assert f"put back  dev/Pizza@{old}" in edited.done("prune").out
        row = edited.done("prune", "--apply").out.splitlines()[-2]
        assert row.split()[:3] == ["restored", "dev/Pizza", old]
        assert "3 snapshots, 3 contents" in edited.done("verify", "--read-data").out

    @pytest.mark.parametrize("json_wanted", [False, True])
    def test_a_project_that_fails(self, edited: Desk, monkeypatch: pytest.MonkeyPatch, *, json_wanted: bool) -> None:
        """Exit code 1 when all that was to be done failed, one line; the snapshots are all there."""
        put_new = FolderStore.put_new

        async def full(store: FolderStore, key: str, body: bytes) -> None:
            if key.startswith("prunes/"):
                raise StorageFull("no space left on device", mend="make room")
            await put_new(store, key, body)

        monkeypatch.setattr(FolderStore, "put_new", full)
        before = ids(edited)
        outcome = edited("prune", "--apply", *(["--json"] if json_wanted else []))
        assert outcome.code == 1
        assert outcome.error == "prune: 1 failed; dev/Pizza: no space left on device; make room"
        if json_wanted:
            assert [item["outcome"] for item in outcome.json["run"]["items"]] == ["failed"]
        else:
            assert outcome.out.splitlines()[-2].split()[:2] == ["failed", "dev/Pizza"]
        assert ids(edited) == before

    def test_a_file_in_the_way(self, edited: Desk) -> None:
        """It is named, exit code 1, and nothing is removed."""
        (edited.vault / "prunes").write_text("in the way", "utf-8")
        outcome = edited("prune", "--apply")
        assert outcome.code == 1
        assert str(edited.vault / "prunes") in outcome.error
        assert len(ids(edited)) == 2


def _age_records(desk: Desk) -> None:
    """Let the records of prunes be a day old, and the contents older still."""
    yesterday = time.time() - 86400
    for path in [*desk.vault.glob("prunes/*/*/*.json"), *desk.vault.glob("snapshots/*/*/*/config.json.gz")]:
        os.utime(path, (yesterday, yesterday))


@pytest.mark.parametrize(
    "vault, more, sentence",
    [
        ('url = "vault"\n', "", "vault.retention is not set, so nothing says which snapshots may go; nothing was "),
        ('url = "vault"\nretention = { keep-lasst = 1 }\n', "", "vault.retention: 'keep-lasst' is no rule; there are "),
        ('url = "vault"\nretention = { keep-last = 0 }\n', "", "vault.retention: keeps nothing; give at least one "),
        ('url = "vault"\nretention = { keep-last = -1 }\n', "", "vault.retention: keep-last should be a number from 0"),
        ('url = "vault"\nretention = { keep-last = true }\n', "", "at vault.retention.keep-last: should be a whole "),
        ('url = "vault"\nretention = { keep-last = 1.5 }\n', "", "at vault.retention.keep-last: should be a whole num"),
        ('url = "vault"\nretention = { keep-tag = [1] }\n', "", "at vault.retention.keep-tag: should be a whole num"),
        ('url = "vault"\nretention = { keep-within = 3 }\n', "", "vault.retention: keep-within should be a length of "),
        ('url = "vault"\nretention = { keep-last = 1, time-zone = "Mars" }\n', "", "vault.retention: time-zone 'Mars'"),
        ('url = "vault"\nretention = 5\n', "", "at vault.retention: should be a table"),
        (RETENTION + "vanished = { keep-daily = 0 }\n", "", "vault.vanished: keeps nothing; give at least one rule"),
        (RETENTION + 'vanished = { forget-after-days = "soon" }\n', "", "vault.vanished: forget-after-days should be "),
        (RETENTION, "[prune]\ngrace-hours = 2\n", "at prune.grace-hours: should be greater than or equal to 3"),
        (RETENTION, "[prune]\ngrace-hours = 721\n", "at prune.grace-hours: should be less than or equal to 720"),
        (RETENTION, "[prune]\nsafety-days = 99999999999\n", "at prune.safety-days: should be less than or equal to"),
    ],
)  # fmt: skip
def test_a_configuration_that_says_nothing_sensible(backed_up: Desk, vault: str, more: str, sentence: str) -> None:
    """Exit code 2, one line with its place, nothing removed."""
    configure(backed_up, vault, more)
    before = backed_up.world()
    outcome = backed_up("prune", "--apply")
    assert (outcome.code, outcome.out) == (2, "")
    assert sentence in outcome.error
    assert backed_up.world() == before


def test_a_tag_may_be_a_number(desk: Desk) -> None:
    """It is not taken for one."""
    configure(desk, 'url = "vault"\nretention = { keep-tag = "2026" }\n')
    desk.done("backup", "dev", "--project", "Pizza", "--tag", "2026")
    assert "tag 2026" in desk.done("prune").out


@pytest.mark.parametrize(
    "arguments, code, sentence",
    [
        (("prune", "dev/Piza"), 1, "dev/Piza is not in "),
        (("prune", "nowhere", "--apply"), 1, "nowhere is not in "),
        (("prune", "a b"), 2, "resource name 'a b' is not usable"),
        (("prune", "dev/a/b"), 2, "project name 'a/b' contains '/'"),
        (("hold", "dev/Pizza"), 2, "a hold needs a reason; whoever meets it later will want to know"),
        (("hold", "dev/Pizza", "--reason", " "), 2, "a hold needs a reason"),
        (("hold", "dev/Pizza", "--reason", "x" * 501), 2, "the reason has 501 characters; use at most 500"),
        (("hold", "dev/Piza", "--reason", "x"), 1, "dev/Piza is not in "),
        (("hold", "live:dev/Pizza", "--reason", "x"), 2, "'live:dev/Pizza' is not in the vault"),
        (("hold", "dev/Pizza", "--release"), 2, " is not held; `cluvault hold` lists what is"),
        (("hold", "--release"), 2, "no snapshot is named; cluvault hold RESOURCE/PROJECT@ID --reason TEXT"),
        (("hold", "--reason", "x"), 2, "no snapshot is named"),
    ],
)
def test_bad_input(backed_up: Desk, arguments: tuple[str, ...], code: int, sentence: str) -> None:
    """One line, the right exit code, nothing changed."""
    configure(backed_up)
    before = backed_up.world()
    outcome = backed_up(*arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert sentence in outcome.error
    assert backed_up.world() == before


@pytest.mark.parametrize("arguments", [("prune", "--apply"), ("hold",), ("hold", "dev/Pizza", "--reason", "x")])
def test_without_a_vault(desk: Desk, arguments: tuple[str, ...]) -> None:
    """Exit code 2, and none is made."""
    configure(desk)
    outcome = desk(*arguments)
    assert outcome.code == 2
    assert "no vault here" in outcome.error
    assert not desk.vault.exists() or not list(desk.vault.iterdir())


class TestHold:
    """hold."""

    def test_keeps_a_snapshot_until_it_is_released(self, edited: Desk) -> None:
        """The printed command releases it."""
        old, new = ids(edited)
        held = edited.done("hold", f"dev/Pizza@{old}", "--reason", "audit").out
        assert held == f"held dev/Pizza@{old}; undo: cluvault hold dev/Pizza@{old} --release\n"
        assert ": audit" in edited.done("prune", "--apply").out
        assert ids(edited) == [old, new]
        undo = held.split("undo: cluvault ")[1].split()
        assert edited.done(*undo).out == f"released dev/Pizza@{old}: 1 hold\n"
        edited.done("prune", "--apply")
        assert ids(edited) == [new]

    def test_lists_what_is_held(self, backed_up: Desk) -> None:
        """Snapshot, since when, who and why; text of strangers is shown, not obeyed."""
        assert backed_up.done("hold").out == "nothing is held\n"
        assert backed_up.done("hold", "--json").json == []
        backed_up.done("hold", "dev/Pizza", "--reason", "first \x1b[2Jcase")
        backed_up.done("hold", "dev/Pizza", "--reason", "second")
        heading, *rows = backed_up.done("hold").out.splitlines()
        assert heading.split() == ["snapshot", "held", "since", "by", "reason"]
        assert {row.split()[-1] for row in rows} == {"\\u001b[2Jcase", "second"}
        released = backed_up.done("hold", "dev/Pizza", "--release").out
        assert released.endswith(": 2 holds\n")

    def test_for_programs(self, backed_up: Desk) -> None:
        """The JSON has the documented keys."""
        placed = backed_up.done("hold", "dev/Pizza", "--reason", " audit ", "--json").json
        assert set(placed) == {"snapshot", "holdId", "reason"}
        [row] = backed_up.done("hold", "--json").json
        assert set(row) == {"snapshot", "holdId", "heldAt", "by", "reason"}
        assert (row["snapshot"], row["holdId"], row["reason"]) == (
            placed["snapshot"],
            placed["holdId"],
            placed["reason"],
        )
        assert backed_up.done("hold", "dev/Pizza", "--release", "--reason", "over", "--json").json == [row]
        assert backed_up.done("hold", "--json").json == []
