"""The lines of the request log, and how many are kept."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cluvault.emulator.request_log import RequestLog, Served, as_json, as_text, colour_of, short_path
from tests.emulator.wire import NOON

SERVED = Served(
    at=NOON,
    method="POST",
    path="/dev/language/authoring/analyze-conversations/projects/A/:export",
    resource="dev",
    operation="Export",
    version="2023-04-01",
    status=202,
    milliseconds=3,
    request_id="7f0c",
    injected="",
)


def test_a_line_for_people() -> None:
    """Aligned, the common part of the path left out, a fault at the end."""
    assert as_text(SERVED) == "12:00:00.250  202  POST    dev  projects/A/:export  3 ms  7f0c"
    cut = replace(SERVED, status=None, injected="busy: reset")
    assert as_text(cut) == "12:00:00.250  cut  POST    dev  projects/A/:export  3 ms  7f0c  << busy: reset"


def test_a_line_for_programs() -> None:
    """ASCII whatever the path holds."""
    line = as_json(replace(SERVED, path="/\u202e\n"))
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line)["path"] == "/\u202e\n"


@pytest.mark.parametrize(
    "path, resource, short",
    [
        ("/dev/language/authoring/analyze-conversations/projects", "dev", "projects"),
        ("/dev/language/:analyze-conversations", "dev", "/dev/language/:analyze-conversations"),
        ("/x/language/authoring/analyze-conversations/y", "", "/x/language/authoring/analyze-conversations/y"),
        ("/dev/language/authoring/analyze-conversations/", "dev", "/dev/language/authoring/analyze-conversations/"),
    ],
)
def test_only_what_is_common_is_left_out(path: str, resource: str, short: str) -> None:
    """Paths that lead nowhere are shown whole."""
    assert short_path(replace(SERVED, path=path, resource=resource)) == short


@pytest.mark.parametrize(
    "status, injected, colour",
    [
        (200, "", ""),
        (202, "", ""),
        (404, "", "yellow"),
        (500, "", "red"),
        (None, "", "red"),
        (200, "r: skew", "magenta"),
    ],
)
def test_colours(status: int | None, injected: str, colour: str) -> None:
    """What was asked for is no error."""
    assert colour_of(replace(SERVED, status=status, injected=injected)) == colour


def test_the_log_forgets_and_tells() -> None:
    """The last thousand are kept; whoever listens hears all."""
    log, heard = RequestLog(), list[int]()
    log.add(SERVED)
    log.tell = lambda served: heard.append(served.milliseconds)
    for number in range(1000):
        log.add(replace(SERVED, milliseconds=number))
    assert heard == list(range(1000))
    assert [served.milliseconds for served in log.last] == heard
