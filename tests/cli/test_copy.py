"""`cluvault copy`, and every command on a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.desk import Desk


@pytest.fixture
def offsite(backed_up: Desk) -> Desk:
    """A desk whose configuration has a second vault with a retention of its own."""
    text = (backed_up.folder / "cluvault.toml").read_text("utf-8")
    copies = 'copies = { offsite = { url = "offsite", retention = { keep-last = 1 } } }'
    backed_up.configure(text.replace('url = "vault"', f'url = "vault"\n{copies}', 1))
    return backed_up


def test_copy_and_use_the_copy(offsite: Desk) -> None:
    """It says what it did and what to do next; then every command takes the copy by name."""
    lines = offsite.done("copy", "--to", "offsite").out.splitlines()
    assert [line.split()[:2] for line in lines[1:3]] == [["copied", "dev/Mail"], ["copied", "dev/Pizza"]]
    assert lines[3].startswith("copy: 2 copied. Record: runs/")
    assert lines[4] == "next: cluvault verify --vault offsite"
    assert "2 snapshots, " in offsite.done("verify", "--vault", "offsite").out
    assert offsite.done("snapshots", "--vault", "offsite").out == offsite.done("snapshots").out
    assert offsite.done("prune", "--vault", "offsite").out.splitlines()[-1] == "nothing to remove"
    assert offsite("prune").code == 2
    assert "restored prod/Pizza" in offsite.done("restore", "dev/Pizza", "--to", "prod", "--vault", "offsite").out
    assert offsite.done("hold", "dev/Pizza", "--reason", "audit", "--vault", "offsite").code == 0
    assert offsite.done("hold").out == "nothing is held\n"


def test_copy_to_a_place(backed_up: Desk) -> None:
    """A folder by its path, of one project; for programs the report."""
    report = backed_up.done("copy", "dev/Pizza", "--to", "./second", "--json").json
    assert (report["kind"], report["summary"]) == ("copy", "1 copied")
    assert (backed_up.folder / "second" / report["record"]).is_file()
    assert len(backed_up.done("snapshots", "--vault", "second/").out.splitlines()) == 2


def test_a_damaged_snapshot_is_named(backed_up: Desk) -> None:
    """Exit code 5; the other one is copied."""
    content = backed_up.content("Pizza")
    content.write_bytes(content.read_bytes()[:-9])
    outcome = backed_up("copy", "--to", "./second")
    assert outcome.code == 5
    assert content.parent.name in outcome.out
    assert "dev/Pizza" in outcome.error
    assert "1 snapshot, " in backed_up.done("verify", "--vault", "./second").out


def test_a_vault_nobody_knows(backed_up: Desk) -> None:
    """One line, exit code 2, the same for `--to` and `--vault`."""
    for arguments in (("copy", "--to", "offsite"), ("snapshots", "--vault", "offsite")):
        outcome = backed_up(*arguments)
        assert outcome.code == 2
        assert outcome.error.startswith("no vault is called 'offsite' (configured: main); ")
    assert backed_up("copy", "--to", "").code == 2
    assert backed_up("validate", "--vault", "offsite", "x").code == 2
