"""The page at `/`."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.emulator.faults import FaultPlan
from tests.emulator.wire import KEY_HEADER, Wire, project_file

if TYPE_CHECKING:
    from collections.abc import Callable

HOSTILE = "<script>alert(1)</script><img src=x onerror='x'>\"&"
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", KEY_HEADER: ""}


class Tables(HTMLParser):
    """The page's tables by title: rows of cells, without the headings; and every tag that occurs."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: dict[str, list[list[str]]] = {}
        self.tags: set[str] = set()
        self._open = ""
        self._title = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002
        self.tags.add(tag)
        self._open = tag
        if tag == "tr":
            self.rows.setdefault(self._title, []).append([])
        if tag == "td":
            self.rows[self._title][-1].append("")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "h2":
            self._title = data
        elif self._open == "td":
            self.rows[self._title][-1][-1] += data

    def __getitem__(self, title: str) -> list[list[str]]:
        return self.rows[title][1:]


async def look(wire: Wire) -> Tables:
    """Open the page in a browser, without a key."""
    answer = await wire.client.get("http://clu.test/", headers=BROWSER)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "emulator-key" not in answer.text
    return Tables(answer.text)


async def test_an_empty_emulator_says_so(wire: Wire) -> None:
    """Resources are there, all else is none."""
    page = await look(wire)
    assert page["Resources"] == [["dev", "http://clu.test/dev", "0", "0"], ["prod", "http://clu.test/prod", "0", "0"]]
    assert page.rows.keys() == {"Resources"}


async def test_programs_get_json(wire: Wire) -> None:
    """Whoever does not ask for a page; curl and the like."""
    for accept in ("application/json", "*/*"):
        answer = await wire.client.get("http://clu.test/", headers={"accept": accept})
        assert answer.json()["resources"][0]["name"] == "dev"


async def test_what_the_emulator_holds(make_wire: Callable[..., Wire]) -> None:
    """Projects with what is in them, models and deployments; jobs with their status; requests; faults."""
    wire = make_wire(job_seconds=100)
    await wire.start_import("Travel", project_file(metadata={"multilingual": True}))
    wire.clock.advance(100)
    wire.emulator.add_model("dev", "Travel", "v1")
    wire.emulator.add_deployment("dev", "Travel", "production", model_label="v1")
    rule = {"name": "busy", "operations": ["Ex*"], "resources": "d*", "method": "POST", "path": "*/:export"}
    rule |= {"nth": [1, 3], "times": 2, "effect": {"kind": "job-lost"}}
    always = {"effect": {"kind": "status", "status": 503}, "operations": "Import"}
    wire.emulator.faults.use(FaultPlan.model_validate({"rules": [rule, always]}))
    for _ in range(2):
        await wire.start_export("Travel")
    page = await look(wire)
    assert page["Resources"][0] == ["dev", "http://clu.test/dev", "1", "2"]
    ((name, kind, language, content, models, deployments, modified),) = page["Projects of dev"]
    assert (name, kind, language) == ("Travel", "Conversation", "en-us, multilingual")
    assert content == "2 intents, 1 entities, 1 utterances"
    assert (models, modified) == ("v1", "2026-11-22 12:01:40Z")
    assert re.fullmatch(r"production \(v1-\d{8}T\d{6}-[0-9a-f]{32}\)", deployments)
    assert [row[1:5] for row in page["Jobs"]] == [
        ["dev", "Travel", "export", "notStarted"],
        ["dev", "Travel", "export", "lost"],
        ["dev", "Travel", "import", "succeeded"],
    ]
    assert page["Faults in force"] == [
        ["busy", "Ex* on d* (POST */:export)", "call 1 3, times 2", "job-lost", "1"],
        ["rule 2", "Import", "always", "status, status 503", "0"],
    ]
    newest = page["Last requests"][0]
    assert newest[1:5] == ["202", "POST", "dev", "projects/Travel/:export"]
    assert [row[7] for row in page["Last requests"]] == ["", "busy: job-lost", ""]


async def test_others_texts_are_escaped(wire: Wire) -> None:
    """A path, a header of the request, a rule's name: nothing becomes markup."""
    await wire.create("A")
    wire.emulator.add_model("dev", "A", HOSTILE)
    wire.emulator.add_deployment("dev", "A", HOSTILE, model_label=HOSTILE)
    rule = {"name": HOSTILE, "path": HOSTILE, "effect": {"kind": "job-fails", "message": HOSTILE}}
    wire.emulator.faults.use(FaultPlan.model_validate({"rules": [rule]}))
    await wire.client.get(f"http://clu.test/{HOSTILE}")
    answer = await wire.client.get("http://clu.test/", headers=BROWSER | {"host": 'x"><script>'})
    page = Tables(answer.text)
    assert not {"script", "img"} & page.tags
    assert page["Projects of dev"][0][4] == HOSTILE
    assert page["Faults in force"][0][0] == HOSTILE
    assert "<script" not in answer.text


async def test_a_full_resource_does_not_fill_the_page(wire: Wire) -> None:
    """A hundred projects, and how many more."""
    for number in range(103):
        await wire.create(f"p{number}")
    answer = await wire.client.get("http://clu.test/", headers=BROWSER)
    assert len(Tables(answer.text)["Projects of dev"]) == 100
    assert "and 3 more" in answer.text
    assert len(Tables(answer.text)["Last requests"]) == 50


async def test_a_stopped_clock_is_told(wire: Wire) -> None:
    """Whoever wonders why no job ends sees it."""
    wire.emulator.clock.stop()
    assert "clock stopped" in (await wire.client.get("http://clu.test/", headers=BROWSER)).text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_the_page_is_only_looked_at(wire: Wire, method: str) -> None:
    """It takes nothing."""
    assert (await wire.client.request(method, "http://clu.test/")).status_code in (404, 405)
