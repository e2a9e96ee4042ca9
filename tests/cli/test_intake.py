"""`cluvault intake` and `cluvault listen` on the command line."""

# ruff: noqa: S603  # it starts its own processes

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.support.desk import CONFIGURATION

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from tests.support.desk import Desk
    from tests.support.s3_server import S3Server

SECRET = "a-secret-of-the-tests"


@pytest.fixture
def bucket(desk: Desk, s3_server: S3Server, cloudless: pytest.MonkeyPatch) -> str:
    """An inbox of the desk, with its queue."""
    for name, value in s3_server.environment.items():
        cloudless.setenv(name, value)
    cloudless.setenv("LISTEN_SECRET", SECRET)
    name = s3_server.new_bucket()
    inbox = f'\n[intake.team]\nplace = "s3://{name}"\nresources = ["dev"]\nqueue = "{s3_server.notify_queue(name)}"\n'
    listen = '[listen]\nsecret = { env = "LISTEN_SECRET" }\n'
    desk.configure(CONFIGURATION.format(url=desk.server.url) + inbox + listen)
    return name


def put(s3_server: S3Server, bucket: str, project: str, body: bytes) -> str:
    """Put a file into the inbox."""
    key = f"inbox/dev/{project}/config.json"
    s3_server.client.put_object(Bucket=bucket, Key=key, Body=body)
    return f"s3://{bucket}/{key}"


def test_once(desk: Desk, bucket: str, s3_server: S3Server, sample: Callable[[str], bytes]) -> None:
    """A table and an exit code; the second time there is nothing to do; a poison file is named."""
    put(s3_server, bucket, "Mail", sample("pizza-small"))
    outcome = desk.done("intake", "--once")
    assert outcome.out.splitlines()[-1].startswith("intake: 1 restored. Record: runs/")
    assert desk.done("intake", "team", "--once").out.splitlines()[-1].startswith("intake: nothing to do.")
    put(s3_server, bucket, "Bad", b"{")
    outcome = desk("intake", "--once", "--json")
    assert outcome.code == 1
    assert json.loads(outcome.out)["items"][0]["outcome"] == "refused"
    assert "intake: 1 refused" in outcome.error


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("intake", "other", "--once"), "intake 'other' is not configured (configured: none)"),
        (("intake", "--once"), "no inbox is configured"),
        (("listen",), "no inbox is configured"),
        (("listen", "--host", "10.0.0.1"), "without TLS would show the secret"),
        (("listen", "--certfile", "cluvault.toml"), "https takes both"),
    ],
)
def test_what_cannot_be(desk: Desk, arguments: tuple[str, ...], said: str) -> None:
    """One line and exit code 2."""
    outcome = desk(*arguments, "--no-flow")
    assert outcome.code == 2
    assert said in outcome.error


def test_a_door_that_nobody_keeps(desk: Desk, bucket: str) -> None:
    """Without a secret, or with one that is not there, nothing listens; nor on a port that is taken."""
    assert bucket
    text = (desk.folder / "cluvault.toml").read_text("utf-8")
    desk.configure(text.partition("[listen]")[0])
    assert "nothing in [listen] says who may bring events" in desk("listen", "--no-flow").error
    desk.configure(text.replace("LISTEN_SECRET", "NOT_SET"))
    assert "listen.secret: environment variable NOT_SET is not set" in desk("listen", "--no-flow").error
    desk.configure(text)
    port = desk.server.url.rpartition(":")[2]
    assert "cannot listen on 127.0.0.1 port" in desk("listen", "--no-flow", "--port", port).error


@pytest.fixture
def running(tmp_path: Path) -> Generator[Callable[..., subprocess.Popen[str]]]:
    """Start a command as a process of its own; it is ended."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        with (tmp_path / "errors").open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "cluvault", *arguments], stdout=subprocess.PIPE, stderr=errors, text=True
            )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def end(process: subprocess.Popen[str]) -> int:
    """SIGTERM, and the exit code."""
    process.send_signal(signal.SIGTERM)
    return process.wait(30)


@pytest.mark.slow
def test_listening(
    desk: Desk,
    bucket: str,
    s3_server: S3Server,
    sample: Callable[[str], bytes],
    running: Callable[..., subprocess.Popen[str]],
) -> None:
    """An event brings its object in, and is answered then; figures are for who shows the secret, which nobody sees."""
    url = put(s3_server, bucket, "New", sample("pizza-small"))
    process = running("listen", "--port", "0", "--json", "--no-flow")
    assert process.stdout is not None
    address = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")["url"]
    event = {"specversion": "1.0", "type": "cluvault.inbox.put", "source": "test", "id": "1", "data": {"url": url}}
    assert httpx.post(address, json=event).status_code == 401
    answer = httpx.post(address, json=event, headers={"Authorization": f"Bearer {SECRET}"}, timeout=60)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
    assert "New" in desk.projects("dev")
    bad = event | {"id": "2", "data": {"url": f"s3://{bucket}/inbox/dev//config.json"}}
    assert httpx.post(address, json=bad, headers={"Authorization": f"Bearer {SECRET}"}).status_code == 400
    figures = address.replace("/events", "/metrics")
    assert httpx.get(figures).status_code == 401
    found = httpx.get(figures, headers={"Authorization": f"Bearer {SECRET}"}, timeout=60)
    assert 'cluvault_resource_up{resource="dev"} 1\n' in found.text
    assert end(process) == 0
    assert SECRET not in process.stdout.read()


@pytest.mark.slow
def test_staying(
    desk: Desk,
    bucket: str,
    s3_server: S3Server,
    sample: Callable[[str], bytes],
    running: Callable[..., subprocess.Popen[str]],
) -> None:
    """What waits and what comes later is imported; SIGTERM ends it with 0."""
    put(s3_server, bucket, "First", sample("pizza-small"))
    process = running("intake", "--no-flow")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("attending to team")
    assert "dev/First: restored" in process.stdout.readline()
    put(s3_server, bucket, "Later", sample("pizza-small"))
    assert "dev/Later: restored" in process.stdout.readline()
    deadline = time.monotonic() + 30
    assert end(process) == 0
    assert time.monotonic() < deadline
    assert {"First", "Later"} <= desk.projects("dev")
