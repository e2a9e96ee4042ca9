"""The emulator behind a real socket."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.server import EmulatorServer
from cluvault.errors import ConfigurationError
from tests.emulator.wire import KEY, KEY_HEADER, project_file

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = EmulatorConfig(resources=("dev", "prod"))
QUERY = {"api-version": "2023-04-01"}


def projects_of(server: EmulatorServer, resource: str = "dev") -> str:
    """The URL of a resource's projects."""
    return f"{server.resource_url(resource)}/language/authoring/analyze-conversations/projects"


async def test_a_server_serves_in_the_running_loop() -> None:
    """Its address is known before it starts; job links lead back to it."""
    server = EmulatorServer(CONFIG)
    projects = projects_of(server)
    async with server, httpx.AsyncClient(headers={KEY_HEADER: KEY}, params=QUERY) as client:
        started = await client.post(f"{projects}/A/:import", json=project_file())
        location = started.headers["operation-location"]
        assert location.startswith(f"{projects}/A/import/jobs/")
        assert started.headers["content-length"] == "0"
        assert "server" not in started.headers
        statuses = [(await client.get(location)).json()["status"] for _ in range(2)]
        assert statuses == ["running", "succeeded"]
        missing = await client.get(f"{projects}/global/deletion-jobs/x")
        assert missing.headers["transfer-encoding"] == "chunked"
        assert missing.json()["error"]["code"] == "NotFound"
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(server.url)


def test_a_server_serves_in_a_thread() -> None:
    """Started within a second; many clients at once get their own answers, over connections that stay open."""
    began = time.perf_counter()
    with EmulatorServer(CONFIG) as server, httpx.Client(headers={KEY_HEADER: KEY}, params=QUERY) as client:
        assert time.perf_counter() - began < 1
        assert client.get(f"{server.url}/_emulator/health").json() == {"status": "ok"}
        projects = projects_of(server)

        def create(number: int) -> str:
            body = {"projectKind": "Conversation", "projectName": f"p{number}", "language": "en-us"}
            assert client.patch(f"{projects}/p{number}", json=body).status_code == 201
            server.emulator.add_model("dev", f"p{number}", "v1")
            return client.get(f"{projects}/p{number}").json()["projectName"]

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(create, range(80))) == [f"p{number}" for number in range(80)]
        assert len(client.get(projects).json()["value"]) == 80


def test_a_server_runs_until_it_is_told_to_stop() -> None:
    """SIGTERM ends it in order: `run` returns, and the handlers of before are back."""
    before = signal.getsignal(signal.SIGTERM)
    server = EmulatorServer(CONFIG)
    answers: list[int] = []

    def use_and_stop() -> None:
        answers.append(httpx.get(f"{server.url}/").status_code)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=use_and_stop)
    thread.start()
    server.run()
    thread.join()
    assert answers == [200]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_client_that_goes_away_halfway_starts_nothing() -> None:
    """A request whose body never arrives whole is no request."""
    with EmulatorServer(CONFIG) as server:
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            path = "/dev/language/authoring/analyze-conversations/projects/A/:import?api-version=2023-04-01"
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{KEY_HEADER}: {KEY}\r\nContent-Length: 99\r\n\r\n"
            connection.sendall(head.encode() + b'{"projectFile')
        answer = httpx.get(projects_of(server), params=QUERY, headers={KEY_HEADER: KEY})
        assert answer.json()["value"] == []
        assert not server.emulator.state("dev", server.emulator.clock()).jobs


def test_a_request_without_a_host_gets_links_all_the_same() -> None:
    """HTTP/1.0 clients name no host; the server knows its own address."""
    with EmulatorServer(CONFIG) as server:
        host, port = server.url.removeprefix("http://").split(":")
        httpx.patch(
            f"{projects_of(server)}/A",
            params=QUERY,
            headers={KEY_HEADER: KEY},
            json={"projectKind": "Conversation", "projectName": "A", "language": "en"},
        )
        with socket.create_connection((host, int(port))) as connection:
            path = "/dev/language/authoring/analyze-conversations/projects/A?api-version=2023-04-01"
            connection.sendall(f"DELETE {path} HTTP/1.0\r\n{KEY_HEADER}: {KEY}\r\n\r\n".encode())
            answer = connection.makefile("rb").read()
        assert f"operation-location: {server.url}/dev/language/".encode() in answer


def test_a_server_serves_once() -> None:
    """Its port is gone after that, so using it again is a mistake, and said to be."""
    server = EmulatorServer(CONFIG)
    with server:
        pass
    with pytest.raises(RuntimeError, match="serves once"):
        server.run()


async def test_a_server_that_cannot_start_says_so() -> None:
    """Nobody waits for a server that will never be up."""
    servers = [EmulatorServer(CONFIG) for _ in range(2)]
    for server in servers:
        cast("Any", server)._socket.close()
    with pytest.raises((OSError, ValueError)):
        await servers[0].__aenter__()
    with pytest.raises((OSError, ValueError)):
        servers[1].__enter__()


def test_a_port_that_is_taken_is_refused_in_one_line() -> None:
    """And another address or no resource as well."""
    with EmulatorServer(CONFIG) as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(ConfigurationError, match=f"127.0.0.1 port {port}: Address already in use; choose another"):
            EmulatorServer(CONFIG, port=port)
        with pytest.raises(ConfigurationError, match="port 70000"):
            EmulatorServer(CONFIG, port=70_000)
        with pytest.raises(ConfigurationError, match=r"no resource 'test' \(it has dev, prod\)"):
            server.resource_url("test")


def test_a_server_that_cannot_have_its_state_gives_its_port_back(tmp_path: Path) -> None:
    """Nothing stays open after a refusal."""
    config = EmulatorConfig(seed=tmp_path / "missing")
    with pytest.raises(ConfigurationError, match="seed folder"):
        EmulatorServer(config)
