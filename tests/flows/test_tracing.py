"""A command that runs as a flow, in a process of its own: one trace, and its events arrive though it has ended."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.flows.test_events import told
from tests.support.desk import KEY
from tests.support.receiver import receiving
from tests.support.spans import spans_in

if TYPE_CHECKING:
    from tests.flows.conftest import Prefect

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


def test_a_flow_is_one_trace_and_its_events_arrive(prefect: Prefect) -> None:
    """Prefect's spans of flow and tasks are between the command's and those of the requests."""
    since = datetime.now(UTC)
    with receiving() as collector:
        asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.origin, "OTEL_SERVICE_NAME": "nightly"}
        done = subprocess.run(  # this interpreter, our arguments
            [sys.executable, "-m", "cluvault", "backup", "dev"],
            env=dict(os.environ) | asked,
            cwd=prefect.desk.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        spans = spans_in(collector.received)
    assert done.returncode == 0, done.stderr
    assert {one.service for one in spans} == {"nightly"}
    by_id = {one.id: one for one in spans}
    (post,) = [one for one in spans if one.attributes.get("url.path", "").endswith("/Pizza/:export")]
    above: list[str] = []
    while post.parent:
        post = by_id[post.parent]
        above.append(post.name)
    assert above == ["export dev/Pizza", "backup dev", "cluvault backup"]
    assert KEY not in str(spans)
    names = sorted(one["event"] for one in told(prefect, since, at_least=3))
    assert names == ["cluvault.run.done", "cluvault.snapshot.created", "cluvault.snapshot.created"]
