"""cluvault report: the file, whole or not at all."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from tests.support.desk import Desk


def test_it_writes_a_page(backed_up: Desk) -> None:
    """In place of an older one; nothing else is left beside it."""
    (backed_up.folder / "page.html").write_text("old", "utf-8")
    before = {path.name for path in backed_up.folder.iterdir()}
    line = backed_up.done("report", "-o", "page.html").out
    page = (backed_up.folder / "page.html").read_text("utf-8")
    assert page.startswith("<!doctype html>\n")
    assert "dev/Pizza" in page
    assert line.startswith("page.html: ")
    assert line.endswith("; 2 ok: all fine\n")
    assert {path.name for path in backed_up.folder.iterdir()} == before


def test_for_programs(backed_up: Desk) -> None:
    """Where the page is; or the page itself on standard output."""
    found = backed_up.done("report", "--offline", "--json").json
    assert found["bytes"] == (backed_up.folder / "report.html").stat().st_size
    assert backed_up.done("report", "-o", "-").out.startswith("<!doctype html>")


def test_alarms_are_in_the_page(backed_up: Desk) -> None:
    """Their exit code is that of status; that of the report says whether there is a page."""
    text = (backed_up.folder / "cluvault.toml").read_text("utf-8")
    backed_up.configure(text + "[status]\nfreshness-hours = 0.000001\n")
    assert "alarms" in backed_up.done("report").out


def test_a_resource_that_does_not_answer(backed_up: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3; the page has what the vault knows."""
    monkeypatch.setenv("CLU_TEST_KEY", "another")
    outcome = backed_up("report")
    assert outcome.code == 3
    assert outcome.error.startswith("report: resource dev did not answer: ")
    assert "dev/Pizza" in (backed_up.folder / "report.html").read_text("utf-8")


def test_a_place_where_no_page_can_be(backed_up: Desk) -> None:
    """One line, exit code 2, nothing asked; and bounds are told by the option's name."""
    (backed_up.folder / "folder").mkdir()
    outcome = backed_up("report", "-o", "folder")
    assert (outcome.code, outcome.error) == (
        2, "folder is no file; nothing was written; name a file for the page, or - for none",
    )  # fmt: skip
    assert backed_up("report", "-o", "nowhere/page.html").error.startswith("nowhere is no folder; nothing was written")
    assert backed_up("report", "--changes", "-1").error.startswith("--changes: ")


def test_help_needs_no_template_engine(backed_up: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts as fast as the others."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.delitem(sys.modules, "cluvault.cli.report_page", raising=False)
    assert backed_up.done("report", "--help").out
