"""The log of requests: one line each, for people and for programs; the last ones are kept for the page at `/`."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_KEPT: Final = 1000
_BAD_REQUEST: Final = 400
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One request and what became of it. It holds no query and no header: those may carry secrets.

    Attributes:
        path: As the client wrote it.
        resource: Empty when the gateway knows no route.
        operation: The title of the operation; empty as above.
        status: None when the connection was reset.
        injected: The rule and kind of a fault that happened.
    """

    at: datetime
    method: str
    path: str
    resource: str
    operation: str
    version: str
    status: int | None
    milliseconds: int
    request_id: str
    injected: str


class RequestLog:
    """The last thousand requests, oldest first; `tell` hears of each as its answer is sent."""

    def __init__(self) -> None:
        self.last: deque[Served] = deque(maxlen=_KEPT)
        self.tell: Callable[[Served], None] | None = None

    def add(self, served: Served) -> None:
        """Keep and tell."""
        self.last.append(served)
        if self.tell is not None:
            self.tell(served)


def short_path(served: Served) -> str:
    """The path without what all paths of the resource have in common."""
    _, _, rest = served.path.partition("/language/authoring/analyze-conversations/")
    return rest if served.resource and rest else served.path


def to_wire(served: Served) -> dict[str, object]:
    """The members of a line for programs."""
    return {
        "time": served.at.isoformat(timespec="milliseconds"),
        "status": served.status,
        "method": served.method,
        "path": served.path,
        "resource": served.resource,
        "operation": served.operation,
        "apiVersion": served.version,
        "milliseconds": served.milliseconds,
        "requestId": served.request_id,
        "injected": served.injected,
    }


def as_json(served: Served) -> str:
    """One line for programs, in ASCII."""
    return json.dumps(to_wire(served))


def as_text(served: Served) -> str:
    """One line for people: time, status, method, resource, path, duration, request id, fault."""
    injected = f"  << {served.injected}" if served.injected else ""
    return (
        f"{served.at:%H:%M:%S}.{served.at.microsecond // 1000:03}  {served.status or 'cut'}  {served.method:<6}  "
        f"{served.resource or '-'}  {short_path(served)}  {served.milliseconds} ms  {served.request_id}{injected}"
    )


def colour_of(served: Served) -> str:
    """The colour of a line on a terminal; none when all is well."""
    if served.injected:
        return "magenta"
    if served.status is None or served.status >= _SERVER_ERROR:
        return "red"
    return "yellow" if served.status >= _BAD_REQUEST else ""
