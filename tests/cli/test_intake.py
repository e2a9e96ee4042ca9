"""`cluvault intake` and `cluvault listen` on the command line."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from cluvault.cli.demo.services import free_port
from tests.support.desk import CONFIGURATION

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tests.support.desk import Desk
    from tests.support.s3_server import S3Server

SECRET = "a-secret-of-the-tests"
FORMS = pytest.mark.parametrize("form", [(), pytest.param(("--json",), marks=pytest.mark.slow)])


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


class Meanwhile(threading.Thread):
    """Does something beside a command that runs for ever, and then ends it with SIGTERM."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._work()
        except BaseException as err:  # noqa: BLE001  # raised in the test
            self.error = err
        os.kill(os.getpid(), signal.SIGTERM)

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self.join()
        if self.error is not None:
            raise self.error


def until(condition: Callable[[], bool]) -> None:
    """Wait for something."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def _sigterm_of_pytest() -> Generator[None]:
    """A signal that comes too late ends nothing."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGTERM, before)


def answers(address: str) -> bool:
    """Whether somebody listens there."""
    try:
        return httpx.get(f"{address}/healthz").status_code == 200
    except httpx.ConnectError:
        return False


@FORMS
def test_listening(
    desk: Desk, bucket: str, s3_server: S3Server, sample: Callable[[str], bytes], form: tuple[str, ...]
) -> None:
    """An event brings its object in, and is answered after that; SIGTERM ends it; the secret is shown nowhere."""
    url = put(s3_server, bucket, "New", sample("pizza-small"))
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    event = {"specversion": "1.0", "type": "cluvault.inbox.put", "source": "test", "id": "1", "data": {"url": url}}
    bad = event | {"id": "2", "data": {"url": f"s3://{bucket}/inbox/dev//config.json"}}
    signed = {"Authorization": f"Bearer {SECRET}"}

    def send() -> None:
        until(lambda: answers(address))
        assert httpx.post(f"{address}/events", json=event).status_code == 401
        answer = httpx.post(f"{address}/events", json=event, headers=signed, timeout=60)
        assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
        assert "New" in desk.projects("dev")
        assert httpx.post(f"{address}/events", json=bad, headers=signed).status_code == 400

    with Meanwhile(send):
        outcome = desk("listen", "--port", str(port), "--no-flow", *form)
    assert outcome.code == 0, outcome.stderr
    assert f"{address}/events" in outcome.out
    assert SECRET not in outcome.out + outcome.stderr


@FORMS
def test_staying(
    desk: Desk, bucket: str, s3_server: S3Server, sample: Callable[[str], bytes], form: tuple[str, ...]
) -> None:
    """What waits and what comes later is imported; SIGTERM ends it with 0."""
    put(s3_server, bucket, "First", sample("pizza-small"))

    def work() -> None:
        until(lambda: "First" in desk.projects("dev"))
        put(s3_server, bucket, "Later", sample("pizza-small"))
        until(lambda: "Later" in desk.projects("dev"))

    with Meanwhile(work):
        outcome = desk("intake", "--no-flow", *form)
    assert outcome.code == 0, outcome.stderr
    assert "restored" in outcome.out


def test_an_object_that_has_to_wait(
    desk: Desk, bucket: str, s3_server: S3Server, sample: Callable[[str], bytes], cloudless: pytest.MonkeyPatch
) -> None:
    """With a key that opens nothing the sender is told to come again."""
    url = put(s3_server, bucket, "New", sample("pizza-small"))
    cloudless.setenv("CLU_TEST_KEY", "wrong")
    port = free_port()
    event = {"specversion": "1.0", "type": "cluvault.inbox.put", "source": "test", "id": "1", "data": {"url": url}}

    def send() -> None:
        until(lambda: answers(f"http://127.0.0.1:{port}"))
        query = f"http://127.0.0.1:{port}/events?access_token={SECRET}"
        assert httpx.post(query, json=event, timeout=60).status_code == 503

    with Meanwhile(send):
        outcome = desk("listen", "--port", str(port), "--no-flow")
    assert outcome.code == 0
    assert "dev/New: failed" in outcome.out
