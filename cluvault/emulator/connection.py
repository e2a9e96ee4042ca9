"""The connection behind a request: ASGI hides it, faults break it, and an answer leaves through it in one piece."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Generator

    from starlette.types import Scope
    from uvicorn.protocols.http.h11_impl import H11Protocol as HttpProtocol
else:
    from uvicorn.protocols.http.auto import AutoHTTPProtocol as HttpProtocol

_KEY: Final = "cluvault.connection"
_SMALL: Final = 64 * 1024
"""Answers up to this size are worth copying to save a system call."""


class Connection:
    """A transport that can hold back what is written to it; in all else it is the transport."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held: list[bytes] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send, or hold back."""
        if self._held is None:
            self._transport.write(data)
        else:
            self._held.append(data)

    def close(self) -> None:
        """Send what is held back, and close."""
        self.release()
        self._transport.close()

    def hold(self) -> None:
        """Hold back what is written from now on."""
        self._held = []

    def release(self) -> None:
        """Send what is held back, at once."""
        held, self._held = self._held, None
        if held:
            self._transport.write(b"".join(held))


class Protocol(HttpProtocol):
    """uvicorn's own HTTP protocol over such a connection, which the scope's `state` has besides."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Take hold of the transport."""
        connection = Connection(transport)
        super().connection_made(cast("asyncio.Transport", connection))
        self.app_state = {**self.app_state, _KEY: connection}


def connection_of(scope: Scope) -> Connection | None:
    """The connection of a request; None when the application is called within a process."""
    state: dict[str, Any] = scope.get("state", {})
    return state.get(_KEY)


@contextmanager
def in_one_piece(scope: Scope, size: int) -> Generator[None]:
    """Send the head and the body of an answer of this size together: half the system calls, twice the answers."""
    connection = connection_of(scope) if size <= _SMALL else None
    if connection is None:
        yield
        return
    connection.hold()
    try:
        yield
    finally:
        connection.release()
