"""A gate before a server: connections go through it, and a test shuts it, as a network that is away does."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

_CHUNK: Final = 65_536
_BACKLOG: Final = 64


class Gate:
    """Relays TCP from a port of its own to a server's, as long as it is open.

    Args:
        to: The server's port on 127.0.0.1.
    """

    def __init__(self, to: int) -> None:
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        self.port: int = self._listener.getsockname()[1]
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._is_open = True
        self.dropped = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def shut(self) -> None:
        """Break every connection, and each that comes."""
        with self._lock:
            self._is_open = False
        self.cut()

    def open(self) -> None:
        """Let connections through again."""
        with self._lock:
            self._is_open = True

    def cut(self) -> int:
        """Break the connections that there are, in the middle of what they carry; how many that were."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            _close(*pair)
        self.dropped += len(pairs)
        return len(pairs)

    def end(self) -> None:
        """Listen no more."""
        self.shut()
        _close(self._listener)

    def _accept(self) -> None:
        with suppress(OSError):  # the end
            while True:
                client, _ = self._listener.accept()
                self._relay(client)

    def _relay(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._to), timeout=5)
        except OSError:
            _close(client)
            return
        server.settimeout(None)
        pair = client, server
        with self._lock:
            is_open = self._is_open
            if is_open:
                self._pairs.add(pair)
        if not is_open:
            _close(*pair)
            return
        for source, target in (pair, pair[::-1]):
            threading.Thread(target=self._carry, args=(source, target, pair), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, pair: tuple[socket.socket, socket.socket]) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                target.sendall(data)
        with self._lock:
            self._pairs.discard(pair)
        _close(*pair)


@contextmanager
def gate(to: int) -> Generator[Gate]:
    """A gate before a port; it ends with the block."""
    found = Gate(to)
    try:
        yield found
    finally:
        found.end()


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
