"""The report's page: whole in itself, safe whatever is in it, the same in a real browser."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from cluvault.cli.report_page import render_report
from cluvault.model.measurement import Score, Scores
from cluvault.model.promotion import Evaluated, Judged
from cluvault.model.verdict import Check, Verdict
from cluvault.ops.fleet_report import Change, FleetReport
from tests.plan.promotions import promotion
from tests.plan.statuses import FRESH, ago, item, live, look, run, snapshot
from tests.support.chromium import ChromiumMissing, dump_dom, take_screenshot

if TYPE_CHECKING:
    from pathlib import Path

EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
_VOID = {"meta", "input", "link", "br", "img"}


class Page(HTMLParser):
    """What a page is made of; fails where its tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def fleet() -> FleetReport:
    """Everything that a page can show; names and details are those of somebody who means ill."""
    score = Scores(Score(0.9, 0.9, 0.9), {})
    check = Check("min-intent-f1", "all intents", 0.9, 0.95, passed=False, sentence=f"f1 0.900 < 0.950 {EVIL}")
    records = (
        run("backup", ago(hours=2), item("failed", project="Other", detail=EVIL)),
        run("drill", ago(days=2), item("proven", FRESH.snapshot_id, seconds=3.5)),
        run("copy", ago(days=3)),
    )
    old = snapshot(ago(days=3), utterances=90)
    projects = (live(), live(name=EVIL), live(name="New", created_at=ago(hours=1)))
    status = look(old, FRESH, records=records, projects=projects, notes=("see `x` &",))
    lines = ((" ", "Utterances"), ("-", f"[Book] {EVIL}"), ("+", "hidden \u202e text"))
    changes = (
        Change(old, FRESH, "utterances: 1 added, 1 removed", lines),
        Change(old, FRESH, problem=f"cannot be read: {EVIL}"),
    )
    promotions = (
        promotion(Evaluated(intents=score, entities=None), Judged(verdict=Verdict((check,)))),
        promotion(),
    )
    return FleetReport(status, "s3://bucket/" + EVIL, promotions, changes, status.notes)


def test_it_shows_everything() -> None:
    """State, alarms with their mends, projects, history, runs, promotions with scores, changes."""
    page = Page(render_report(fleet()))
    for text in (
        "prod/Mail", "never-backed-up", "What to do: run", "cluvault backup prod --project", "failed", "3.5 s",
        "0.900", "min-intent-f1", "utterances: 1 added, 1 removed", "new, the next backup takes it", "see x &",
        "nothing to do",
    ):  # fmt: skip
        assert text in page.text, text


def test_whatever_is_in_it_is_text() -> None:
    """No tag, no attribute and no script comes out of names and details; what hides or reorders is shown."""
    text = render_report(fleet())
    page = Page(text)
    assert [len(page.all(tag)) for tag in ("script", "style", "img", "iframe", "object", "link")] == [1, 1, 0, 0, 0, 0]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "style"]
    assert EVIL in page.text
    assert "\u202e" not in text
    assert "hidden ⟨U+202E⟩ text" in page.text


def test_it_loads_nothing() -> None:
    """No address but those of its own parts; the policy forbids the rest."""
    page = Page(render_report(fleet()))
    links = [
        value or "" for _, attributes in page.tags for name, value in attributes.items() if name in ("href", "src")
    ]
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert links
    assert all(link.startswith("#") and link[1:] in ids for link in links)
    (policy,) = [one["content"] or "" for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_for_those_who_do_not_see_it() -> None:
    """Landmarks, a caption and scopes for each table, a name for each chart and region, no id twice."""
    page = Page(render_report(fleet()))
    names = [name for name, _ in page.tags]
    assert all(names.count(tag) == 1 for tag in ("header", "nav", "main", "footer", "h1"))
    assert names.count("table") == names.count("caption") == 4
    assert all("scope" in one for one in page.all("th"))
    assert all(
        (one["aria-label"] or "").startswith(("intents of", "entities of", "utterances of")) for one in page.all("svg")
    )
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = [one["aria-labelledby"] for one in page.all("section")]
    assert set(labelled) <= set(ids)
    (html,) = page.all("html")
    assert html["lang"] == "en"


def test_an_empty_fleet() -> None:
    """Says so in each section."""
    report = FleetReport(look(projects=None), "vault", (), (), ())
    text = Page(render_report(report)).text
    for what in (
        "are no projects",
        "are no snapshots",
        "No run is",
        "are no promotions",
        "No project has two snapshots",
    ):
        assert what in text, what
    assert "Nothing asks for anything to be done." in text


def test_thousands_of_projects() -> None:
    """The page stays of a bounded size: those with alarms are shown first, how many are left out is said."""
    base = look(FRESH)
    (fine,) = base.rows
    (bad,) = look().rows
    rows = (*(replace(fine, project=f"P{number}") for number in range(1100)), bad)
    text = render_report(FleetReport(replace(base, rows=rows), "vault", (), (), ()))
    assert len(text) < 4_000_000
    page = Page(text)
    assert "101 without an alarm are left out" in page.text
    assert "never-backed-up" in page.text


def test_thousands_of_alarms() -> None:
    """Some are shown, the others counted."""
    base = look()
    rows = base.rows * 250
    text = Page(render_report(FleetReport(replace(base, rows=rows), "vault", (), (), ()))).text
    assert "and 50 alarms more" in text


@pytest.mark.browser
@pytest.mark.slow
def test_in_a_real_browser(tmp_path: Path) -> None:
    """Its script runs, its style counts, the policy lets both through and nothing else; nobody owned it."""
    file = tmp_path / "report.html"
    file.write_text(render_report(fleet()), "utf-8")
    try:
        dom, console = dump_dom(file)
        take_screenshot(file, tmp_path / "page.png", size=(1200, 1600))
    except ChromiumMissing as err:
        pytest.fail(str(err), pytrace=False)
    page = Page(dom)
    assert "Content Security Policy" not in console
    assert "<title>cluvault: 1 ok" in dom
    assert len(page.all("img")) == 0
    (toggle,) = [one for one in page.all("button") if one.get("id") == "theme"]
    assert ("hidden" not in toggle, toggle["aria-pressed"]) == (True, "false")
    assert len(page.all("button")) > 10  # the script made every sortable heading one
    assert "hidden" not in page.all("form")[0]
    assert (tmp_path / "page.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "page.png").stat().st_size > 50_000
