"""It runs by itself: what happens outside leads to flow runs on a real Prefect server and worker, and to their effects.

Each story has a stage of its own: server, worker and whoever attends are processes, and some of them are killed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cluvault.cli.demo.services import free_port
from cluvault.emulator.config import EmulatorConfig
from cluvault.plan.notices import VALIDATION
from tests.support.arrivals import BlobArrivals, S3Arrivals
from tests.support.inbox_stories import DEPLOYMENT, LOOKING, POISON, inbox_story, killed
from tests.support.promoting import desk
from tests.support.stage import QUIET, stage
from tests.support.world import project_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.azurite import AzuriteQueues
    from tests.support.s3_server import S3Server
    from tests.support.stage import Stage

pytestmark = [pytest.mark.prefect, pytest.mark.long]

SECRET = "a-secret-of-the-tests"
QUICK = {"PREFECT_WORKER_QUERY_SECONDS": "1"}
CHAIN = """
[watch]
quiet-minutes = 0.02

[routes.up]
source = "dev"
target = "prod"
on-snapshot = true
chained = ["Desk*"]
gate = { min-intent-f1 = 0.5 }
"""
LISTEN = """
[intake.team]
place = "s3://{bucket}"
resources = ["dev"]

[listen]
secret = {{ env = "LISTEN_SECRET" }}
"""
PROJECTS = [f"P{number}" for number in range(8)]


def triggered(run: dict[str, Any]) -> Any:
    """The options that an automation gave a flow run, which has to be completed."""
    assert (run["state_type"], run["created_by"]["type"]) == ("COMPLETED", "AUTOMATION"), run
    return run["parameters"]["options"]


def test_an_edit_goes_all_the_way_to_production(tmp_path: Path) -> None:
    """Watch → backup → promotion → backup of the target, each once; what does not change any more starts nothing.

    A second resource that changed at the same time is backed up beside the first, and not at some later look.
    """
    config = EmulatorConfig(resources=("dev", "prod"), first_poll_running=False)
    with stage(tmp_path, config, CHAIN, environment=QUICK) as found:
        found.deploy()
        found.start_worker()
        found.put("dev", "Desk", desk())
        found.put("dev", "Other", desk("Other"))
        found.put("prod", "Else", desk("Else"))
        assert look(found)["state_type"] == "COMPLETED"
        found.until(lambda: found.are_over("promoted"), seconds=240, what="the backup of what was promoted")
        found.until(lambda: found.are_over("changed", at_least=2), seconds=60, what="both resources are backed up")
        (chained,), (promoted,) = (found.runs(name) for name in ("chained", "promoted"))
        changed = [triggered(one) for one in found.runs("changed")]
        assert sorted(changed, key=lambda one: one["resources"]) == [
            {"reason": "event", "resources": ["dev"], "projects": ["Desk", "Other"]},
            {"reason": "event", "resources": ["prod"], "projects": ["Else"]},
        ]
        assert triggered(chained) == {"project": "Desk", "route": "up", "apply": True}
        assert triggered(promoted) == {"reason": "event", "resources": ["prod"], "projects": ["Desk"]}
        (production,) = (one for one in found.manifests("prod") if one["project"] == "Desk")
        assert production["reason"] == "event"
        assert [one["name"] for one in production["deployments"]] == ["production", "staging"]

        before = len(found.runs())
        found.run_ends(found.start_deployment("backup/nightly"))
        assert look(found)["state_type"] == "COMPLETED"
        found.until(lambda: len(found.events("cluvault.snapshot.unchanged")) == 4, seconds=60, what="nothing changed")
        assert len(found.runs()) == before + 2  # those two
        assert len(found.events("cluvault.promotion.due", "cluvault.promotion.promoted")) == 2


def look(found: Stage) -> dict[str, Any]:
    """A run of the watcher after the quiet time of all edits."""
    import time  # noqa: PLC0415

    time.sleep(2.5)
    return found.run_ends(found.start_deployment("watch/watch"))


def test_events_by_https(tmp_path: Path, s3_server: S3Server) -> None:
    """Handshakes; an event becomes a flow run, a Prefect event and a project, and is answered when the run exists.

    The same again does nothing; without Prefect nothing is acknowledged, and what the sender repeats later arrives.
    """
    bucket, port = s3_server.new_bucket(), free_port()
    variables = QUICK | {"LISTEN_SECRET": SECRET} | s3_server.environment
    config = EmulatorConfig(resources=("dev",), first_poll_running=False)

    def put(project: str) -> dict[str, Any]:
        key = f"inbox/dev/{project}/config.json"
        s3_server.client.put_object(Bucket=bucket, Key=key, Body=project_file(project, "to Rome"))
        event = {"specversion": "1.0", "type": "cluvault.inbox.put", "source": "test", "id": project}
        return event | {"time": datetime.now(UTC).isoformat(), "data": {"url": f"s3://{bucket}/{key}"}}

    with (
        stage(tmp_path, config, LISTEN.format(bucket=bucket), environment=variables) as found,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client,
    ):
        found.deploy()
        found.start_worker()
        found.start("listen", "cluvault", "listen", "--port", str(port))
        found.until(lambda: answers(client), seconds=60, what="it listens")
        shakes_hands(client)
        client.headers["Authorization"] = f"Bearer {SECRET}"
        one = put("One")
        assert client.post("/events", json=one).json() == {"accepted": 1, "ignored": 0}
        (run,) = found.runs(DEPLOYMENT)  # it exists when the sender is answered
        found.until(lambda: "One" in found.projects("dev"), seconds=120, what="One is imported")
        assert client.post("/events", json=one).status_code == 200
        assert client.post("/events", json=one | {"id": "the same under another id"}).status_code == 200
        found.until(lambda: found.are_over(DEPLOYMENT, at_least=2), seconds=120, what="both runs are over")
        found.until(lambda: bool(found.events("cluvault.inbox.imported")), seconds=60, what="it is told")
        assert len(found.runs(DEPLOYMENT)) == 2
        assert found.events("cluvault.inbox.received")[0]["payload"]["runId"] == run["id"]

        found.kill("server")
        two = put("Two")
        for _ in range(2):
            answer = client.post("/events", json=two)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        found.start_server()
        assert client.post("/events", json=two).status_code == 200
        found.until(lambda: "Two" in found.projects("dev"), seconds=240, what="Two is imported")
        assert found.imports() == 2
        assert found.stop("listen") == 0


def answers(client: httpx.Client) -> bool:
    """Whether somebody listens."""
    try:
        return client.get("/healthz").is_success
    except httpx.HTTPError:
        return False


def shakes_hands(client: httpx.Client) -> None:
    """The handshakes of CloudEvents and of Event Grid, and that others stay outside."""
    answer = client.options("/events", headers={"WebHook-Request-Origin": "eventgrid.azure.net"})
    assert answer.headers["webhook-allowed-origin"] == "eventgrid.azure.net"
    asked = {"id": "1", "topic": "/t", "subject": "", "eventType": VALIDATION, "dataVersion": "2"}
    asked |= {"eventTime": datetime.now(UTC).isoformat()}
    asked_for = [asked | {"data": {"validationCode": "512d38b6"}}]
    assert client.post("/events", json=asked_for).status_code == 401
    answer = client.post("/events", json=asked_for, params={"access_token": SECRET})
    assert answer.json() == {"validationResponse": "512d38b6"}


def test_a_burst(tmp_path: Path, s3_server: S3Server) -> None:
    """Thirty files that come one by one make few flow runs; each arrives once, the poison does not stop the others."""
    projects = [f"P{number}" for number in range(30)]
    with inbox_story(tmp_path, S3Arrivals(s3_server), poll_seconds=1) as story:
        story.stage.start_intake()
        story.put_all(projects, a_second=5)
        story.stage.until(story.is_empty, seconds=240, what="all is taken in")
        story.stage.until(lambda: story.stage.are_over(DEPLOYMENT), seconds=60, what="all runs are over")
        story.check(projects)
        assert story.imports() == dict.fromkeys(projects, 1)
        assert len(story.latencies) == len(projects) + 1
        assert len(story.stage.runs(DEPLOYMENT)) <= 4


def test_a_burst_from_azure(tmp_path: Path, azurite_queues: AzuriteQueues) -> None:
    """Five hundred, each third told of three times and in another order: each arrives once, in few flow runs."""
    projects = [f"P{number}" for number in range(500)]
    with inbox_story(tmp_path, BlobArrivals(azurite_queues), concurrency=8, poll_seconds=1) as story:
        story.stage.start_intake()
        story.put_all(projects, a_second=50, twice=3)
        story.stage.until(story.is_empty, seconds=600, every=1, what="all is taken in")
        story.stage.until(lambda: story.arrivals.messages() == 0, seconds=60, what="the queue is empty")
        story.stage.until(lambda: story.stage.are_over(DEPLOYMENT), seconds=60, what="all runs are over")
        story.check(projects)
        assert story.imports() == dict.fromkeys(projects, 1)
        assert story.latencies.keys() == {*projects, POISON}
        assert len(story.stage.runs(DEPLOYMENT)) <= 8


@pytest.mark.parametrize("who", ["intake", "flow", "worker", "server"])
def test_somebody_dies(tmp_path: Path, s3_server: S3Server, who: str, record_property: Callable[..., None]) -> None:
    """SIGKILL in the middle of an intake: every file arrives, none is imported twice, the poison is put away."""
    environment = LOOKING if who == "worker" else QUIET  # nobody tells of the flow that died with its worker
    options: dict[str, Any] = {"job_seconds": 1.5, "concurrency": 2, "poll_seconds": 1}
    with inbox_story(tmp_path, S3Arrivals(s3_server), environment=environment, **options) as story:
        found = killed(story, who, PROJECTS)
    record_property("seconds", found.seconds)
    assert found.again == 0
