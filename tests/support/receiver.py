"""A webhook's receiver on a real loopback port: it answers as it is told to and remembers what it was sent."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Generator


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """What was received, and what comes next: (status, headers, seconds to wait before); 204 when nothing is told."""

    url: str
    received: list[Received] = field(default_factory=list[Received])
    script: deque[tuple[int, dict[str, str], float]] = field(default_factory=deque[tuple[int, dict[str, str], float]])

    @property
    def origin(self) -> str:
        """Scheme, host and port of its URL."""
        return self.url.partition("/hooks")[0]

    def answer(self, status: int, *, seconds: float = 0.0, **headers: str) -> None:
        """Answer so, once."""
        self.script.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, seconds))

    @property
    def types(self) -> list[str]:
        """The types of the CloudEvents, in order."""
        return [one.json["type"] for one in self.received]


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Generator[Receiver]:
    """A receiver that runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(Received(self.path, headers, body))
            status, extra, seconds = receiver.script.popleft() if receiver.script else (204, {}, 0.0)
            time.sleep(seconds)
            self.send_response(status)
            for name, value in {"content-length": "0", **extra}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name in the base class
            """Nobody listens."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme = "https" if tls else "http"
        receiver = Receiver(f"{scheme}://127.0.0.1:{server.server_address[1]}/hooks/very-private?token=quiet")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
