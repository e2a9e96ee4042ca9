"""Spans of commands, as a collector receives them, and what they cost where nobody asked for any."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.desk import KEY
from tests.support.receiver import receiving
from tests.support.spans import spans_in

if TYPE_CHECKING:
    from tests.support.desk import Desk


def cluvault(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own: OpenTelemetry's provider is one a process, and exports at its end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return subprocess.run(  # noqa: S603  # this interpreter, our arguments
        [sys.executable, "-m", "cluvault", *arguments],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.slow
@pytest.mark.usefixtures("desk")
def test_a_direct_backup_is_one_trace() -> None:
    """Its root is the command; below it the steps, the requests and what was done in the vault; no key is in it."""
    with receiving() as collector:
        done = cluvault("backup", "dev", "--no-flow", OTEL_EXPORTER_OTLP_ENDPOINT=collector.origin)
        spans = spans_in(collector.received)
    assert (done.returncode, done.stderr) == (0, "")
    assert {one.path for one in collector.received} == {"/v1/traces"}
    assert len({one.trace for one in spans}) == 1
    assert {one.service for one in spans} == {"cluvault"}
    (root,) = [one for one in spans if not one.parent]
    assert root.name == "cluvault backup"
    steps = {one.name: one for one in spans if one.parent == root.id}
    assert set(steps) >= {"plan_backup", "export_backup", "finish_run"}
    assert steps["export_backup"].attributes["cluvault.resource"] == "dev"
    exports = [one for one in spans if one.attributes.get("url.path", "").endswith("/Pizza/:export")]
    assert [one.attributes["http.response.status_code"] for one in exports] == [202]
    assert exports[0].attributes["server.address"] == "127.0.0.1"
    assert exports[0].attributes["cluvault.project"] == "Pizza"
    assert sum(one.name == "vault put_new" for one in spans) >= 4
    assert KEY not in str(spans)
    assert not any(one.failed for one in spans if one.name != "vault get")


@pytest.mark.slow
@pytest.mark.usefixtures("desk")
def test_a_collector_that_is_away_costs_a_line_and_little_time() -> None:
    """The command does what it should; its exit code is its own."""
    with receiving() as gone:
        pass
    began = time.monotonic()
    done = cluvault("backup", "dev", "--no-flow", "--json", OTEL_EXPORTER_OTLP_ENDPOINT=gone.origin)
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("warning: spans are lost: ")
    assert time.monotonic() - began < 40


@pytest.mark.slow
def test_nothing_is_imported_where_nobody_asks(desk: Desk) -> None:
    """Not even by a backup."""
    code = (
        "import sys\nfrom cluvault.cli.app import run\n"
        "assert run(['backup', 'dev', '--no-flow']) == 0\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run(  # noqa: S603  # this interpreter, our code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=desk.folder, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"
