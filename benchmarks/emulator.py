"""How many requests the emulator answers on loopback: lists of projects, and exports of a project of one megabyte.

    uv run python benchmarks/emulator.py [SECONDS] [CONNECTIONS]

The emulator is the real command in a process of its own, without its request log; this process is the client. It
speaks just enough HTTP over asyncio's transports to cost far less than the server, so that the server is what is
measured. An export is a start, polls until it has succeeded (two, when jobs take no time) and the result. Prints
requests a second over several connections that stay open, and how much CPU time the server spent on each.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Generator

KEY: Final = "emulator-key-1"
API: Final = "/bench/language/authoring/analyze-conversations/projects"
QUERY: Final = "api-version=2023-04-01"
PROJECTS: Final = 10
_LENGTH: Final = re.compile(rb"content-length: (\d+)")
_LOCATION: Final = re.compile(rb"operation-location: https?://[^/]+(\S+)")
_RESULT: Final = re.compile(rb'"resultUrl":"https?://[^/]+([^"]+)"')


class Connection(asyncio.Protocol):
    """One connection: sends the requests of a script, one after the other; the script is sent each answer."""

    def __init__(self, script: Generator[bytes, bytes]) -> None:
        self.requests = 0
        self.received = 0
        self.is_over = False
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._script = script
        self._buffer = bytearray()
        self._needed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        transport.write(next(self._script))

    def data_received(self, data: bytes) -> None:
        """Collect an answer; when it is whole, send the next request."""
        self._buffer += data
        if not self._needed and (head := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._buffer, 0, head)
            assert length is not None
            self._needed = head + 4 + int(length[1])
        if self._needed and len(self._buffer) >= self._needed:
            self._next()

    def _next(self) -> None:
        answer = bytes(self._buffer)
        assert answer[9:12] in (b"200", b"202"), answer[:1000]
        self._buffer.clear()
        self._needed = 0
        self.requests += 1
        self.received += len(answer)
        if self.is_over:
            self._transport.close()
        else:
            self._transport.write(self._script.send(answer))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Tell who waits."""
        self.ended.set_result(None)


def get(target: str) -> bytes:
    """A GET request."""
    return f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nOcp-Apim-Subscription-Key: {KEY}\r\n\r\n".encode()


def lists() -> Generator[bytes, bytes]:
    """The list of projects, over and over."""
    while True:
        yield get(f"{API}?{QUERY}")


def exports() -> Generator[bytes, bytes]:
    """Exports of the large project, one after the other."""
    start = get(f"{API}/Large/:export?{QUERY}&stringIndexType=Utf16CodeUnit").replace(b"GET", b"POST", 1)
    start = start.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")
    while True:
        location = _LOCATION.search((yield start))
        assert location is not None
        poll = get(location[1].decode())
        while (result := _RESULT.search((yield poll))) is None:
            pass
        yield get(result[1].decode())


async def measure(name: str, script: Any, *, port: int, server: int, seconds: float, connections: int) -> None:
    """Run a script on several connections at once and print one line."""
    loop = asyncio.get_running_loop()
    made = [
        (await loop.create_connection(lambda: Connection(script()), "127.0.0.1", port))[1] for _ in range(connections)
    ]
    await asyncio.sleep(0.5)  # caches warm, connections up
    before, began, cpu = sum(one.requests for one in made), time.perf_counter(), cpu_seconds(server)
    received = sum(one.received for one in made)
    await asyncio.sleep(seconds)
    requests, took = sum(one.requests for one in made) - before, time.perf_counter() - began
    cpu, received = cpu_seconds(server) - cpu, sum(one.received for one in made) - received
    for one in made:
        one.is_over = True
    await asyncio.gather(*(one.ended for one in made))
    print(
        f"{name:<24} {requests / took:8.0f} requests/s   {received / took / 1e6:7.1f} MB/s   "
        f"{cpu / requests * 1e6:5.0f} us of the server's CPU each"
    )


def cpu_seconds(process: int) -> float:
    """CPU time that a process has used (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def seed(folder: Path) -> None:
    """Small projects and one whose file has a megabyte."""
    (folder / "bench").mkdir()
    names = [*(f"Small{number}" for number in range(PROJECTS - 1)), "Large"]
    for name in names:
        count = 7500 if name == "Large" else 10
        utterances: list[Any] = [
            {"text": f"say number {line} out loud, and then say it again", "intent": "Say", "entities": []}
            for line in range(count)
        ]
        metadata = {"projectKind": "Conversation", "projectName": name, "language": "en-us"}
        assets: dict[str, Any] = {
            "projectKind": "Conversation",
            "intents": [{"category": "Say"}],
            "utterances": utterances,
        }
        document = {"projectFileVersion": "2023-04-01", "stringIndexType": "Utf16CodeUnit", "metadata": metadata}
        (folder / "bench" / f"{name}.json").write_text(json.dumps(document | {"assets": assets}), "utf-8")


def main() -> None:
    """Start the emulator, measure, print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    connections = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    with tempfile.TemporaryDirectory() as name:
        seed(Path(name))
        options = ["--port", "0", "--resource", "bench", "--seed", name, "--job-seconds", "0", "--quiet", "--json"]
        command = [sys.executable, "-m", "cluvault", "emulator", *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603  # this interpreter
            assert server.stdout is not None
            said = ""
            while not said.rstrip().endswith("}\n}") and (line := server.stdout.readline()):
                said += line
            port = int(json.loads(said)["url"].rpartition(":")[2])
            for title, script in ((f"list of {PROJECTS} projects", lists), ("export of 1 MB", exports)):
                asyncio.run(
                    measure(title, script, port=port, server=server.pid, seconds=seconds, connections=connections)
                )
            server.terminate()


if __name__ == "__main__":
    main()
