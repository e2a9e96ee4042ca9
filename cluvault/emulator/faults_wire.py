"""Answers that break off: a connection that is reset, or closed in mid-body. ASGI has no word for either."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Final

from cluvault.emulator.connection import connection_of

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

_LINGER_NOT: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of no seconds: closing sends RST instead of FIN."""


async def reset(scope: Scope, receive: Receive) -> None:
    """Reset the connection; the client sees no more of it than that.

    Raises:
        ConnectionResetError: there is no connection, the application is called within a process.
    """
    connection = connection_of(scope)
    if connection is None:
        raise ConnectionResetError("the connection is reset because a fault was asked for")
    lent: socket.socket = connection.get_extra_info("socket")
    with socket.socket(fileno=socket.dup(lent.fileno())) as own:  # not every loop lets its own be changed
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    connection.abort()
    await _until_gone(receive)


async def tear(scope: Scope, receive: Receive, send: Send, *, start: Message, part: bytes) -> None:
    """Send the head of an answer and a part of its body, and close the connection."""
    await send(start)
    await send({"type": "http.response.body", "body": part, "more_body": True})
    connection = connection_of(scope)
    if connection is None:
        await send({"type": "http.response.body", "body": b""})
        return
    connection.close()
    await _until_gone(receive)


async def _until_gone(receive: Receive) -> None:
    """Wait until uvicorn has noticed; it would complain of an answer that is not complete."""
    while (await receive())["type"] != "http.disconnect":
        pass
