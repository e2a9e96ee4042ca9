"""Broken connections as a client sees them, over real sockets."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.faults import FaultPlan
from cluvault.emulator.server import EmulatorServer
from tests.emulator.wire import KEY, KEY_HEADER

if TYPE_CHECKING:
    from collections.abc import Generator

QUERY = {"api-version": "2023-04-01"}
BODY = {"projectKind": "Conversation", "projectName": "A", "language": "en-us"}


@pytest.fixture
def server() -> Generator[EmulatorServer]:
    """A running emulator."""
    with EmulatorServer(EmulatorConfig(resources=("dev",))) as running:
        yield running


@pytest.fixture
def client(server: EmulatorServer) -> Generator[httpx.Client]:
    """A client of its projects."""
    base = f"{server.resource_url('dev')}/language/authoring/analyze-conversations"
    with httpx.Client(base_url=base, headers={KEY_HEADER: KEY}, params=QUERY) as client:
        yield client


def use(server: EmulatorServer, effect: dict[str, Any], **conditions: Any) -> None:
    """Put one rule in force."""
    rule = {"effect": effect} | conditions
    server.emulator.faults.use(FaultPlan.model_validate({"rules": [rule]}))


@pytest.mark.parametrize("when, status", [("before", 404), ("after", 200)])
def test_a_connection_is_reset(
    server: EmulatorServer,
    client: httpx.Client,
    capfd: pytest.CaptureFixture[str],
    when: str,
    status: int,
) -> None:
    """The client reads ECONNRESET; the work is done, or not; the next call gets a new connection. Nobody complains."""
    use(server, {"kind": "reset", "when": when}, operations="Create Project")
    assert client.get("/projects").status_code == 200
    with pytest.raises(httpx.ReadError, match="reset"):
        client.patch("/projects/A", json=BODY)
    assert client.get("/projects/A").status_code == status
    assert capfd.readouterr() == ("", "")


def test_a_body_breaks_off(server: EmulatorServer, client: httpx.Client, capfd: pytest.CaptureFixture[str]) -> None:
    """Fewer bytes than Content-Length says, then the end of the connection."""
    client.patch("/projects/A", json=BODY)
    use(server, {"kind": "torn", "share": 0.9}, times=1)
    with pytest.raises(httpx.RemoteProtocolError, match=r"received .* bytes, expected"):
        client.get("/projects")
    assert len(client.get("/projects").json()["value"]) == 1
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("share", [0, 0.5])
def test_a_chunked_body_breaks_off(server: EmulatorServer, client: httpx.Client, share: float) -> None:
    """The last chunk never comes."""
    use(server, {"kind": "torn", "share": share})
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
        client.get("/projects/global/deletion-jobs/none")


def test_a_slow_answer_ends_with_the_server() -> None:
    """A request under way is answered before the server is gone, however slow it was to be."""
    config = EmulatorConfig(
        resources=("dev",),
        faults=FaultPlan.model_validate({"rules": [{"effect": {"kind": "slow", "seconds": 3600}}]}),
    )
    server = EmulatorServer(config)
    answers: list[int] = []

    def ask() -> None:
        url = f"{server.resource_url('dev')}/language/authoring/analyze-conversations/projects"
        answers.append(httpx.get(url, params=QUERY, headers={KEY_HEADER: KEY}, timeout=30).status_code)

    thread = threading.Thread(target=ask)
    with server:
        thread.start()
        deadline = time.monotonic() + 10
        while not server.emulator.faults.waiting and time.monotonic() < deadline:
            time.sleep(0.005)
        assert server.emulator.faults.waiting == 1
    thread.join()
    assert answers == [200]


def test_a_client_that_gave_up_is_no_trouble(server: EmulatorServer, capfd: pytest.CaptureFixture[str]) -> None:
    """Its slow answer is thrown away; others are served."""
    use(server, {"kind": "slow", "seconds": 0.1}, nth=1)
    host, port = server.url.removeprefix("http://").split(":")
    path = "/dev/language/authoring/analyze-conversations/projects?api-version=2023-04-01"
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n{KEY_HEADER}: {KEY}\r\n\r\n".encode()
    with socket.create_connection((host, int(port))) as gone:
        gone.sendall(request)
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 200")
    assert capfd.readouterr() == ("", "")
