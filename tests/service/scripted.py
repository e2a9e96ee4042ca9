"""A scripted stand-in for the service, a clock that only sleeping moves, and a client over both.

The script says, for a verb and a path, which answers come one after the other; the last one repeats. An answer may be
a function of the request. What has no script is the gateway's 404. Every request is kept for the test to look at.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cluvault.service.auth import KeyCredential
from cluvault.service.budget import Budget
from cluvault.service.client import CluClient
from cluvault.settings import RateLimits, ResourceSettings

if TYPE_CHECKING:
    from cluvault.service.signing import Credential

ENDPOINT: Final = "https://contoso-dev.cognitiveservices.azure.com"
KEY: Final = "k3y-0f-c0nt0s0-dev"
PROJECTS: Final = "/language/authoring/analyze-conversations/projects"
VERSION: Final = "2023-04-01"

Step = Response | Callable[[Request], Response]


_ROUNDS = 60
"""Of the event loop, in which nobody begins or ends to sleep: then everybody does."""


@dataclass
class FakeTime:
    """Seconds that pass only while everybody sleeps; whoever wakes first wakes first. `sleeps` says how long each."""

    now: float = 1000.0
    sleeps: list[float] = field(default_factory=list[float])
    _wakes: list[float] = field(default_factory=list[float])
    _changes: int = 0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        wake = self.now + seconds
        self._wakes.append(wake)
        self._changes += 1
        try:
            await asyncio.sleep(0)
            quiet = 0
            while self.now < wake and quiet < _ROUNDS:
                before = self._changes
                await asyncio.sleep(0)
                quiet = quiet + 1 if self._changes == before and wake == min(self._wakes) else 0
        finally:
            self._wakes.remove(wake)
            self._changes += 1
        self.now = max(self.now, wake)


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    url: str


class ScriptedService:
    """An ASGI application that answers by script."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self._script: dict[tuple[str, str], list[Step]] = defaultdict(list)
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=methods)])

    def on(self, method: str, path: str, *steps: Step) -> None:
        """Answer requests for a path below the projects, or for an absolute one that starts with `//`."""
        self._script[method, path.removeprefix("/") if path.startswith("//") else PROJECTS + path] = list(steps)

    def sent(self, method: str, path: str = "") -> list[Seen]:
        """The requests for a path below the projects, in order."""
        return [seen for seen in self.requests if (seen.method, seen.path) == (method, PROJECTS + path)]

    async def _answer(self, request: Request) -> Response:
        raw_path = request.scope["raw_path"].decode()
        body = await request.body()
        query, headers = dict(request.query_params), dict(request.headers)
        self.requests.append(Seen(request.method, raw_path, query, headers, body, str(request.url)))
        steps = self._script[request.method, raw_path]
        if not steps:
            return gateway_error(404, "Resource not found")
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        return step(request) if callable(step) and not isinstance(step, Response) else step


def answer(body: object, status: int = 200, **headers: str) -> Response:
    """A JSON answer with the service's own headers; `retry_after="3"` makes a Retry-After."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse(body, status, {"apim-request-id": str(uuid.UUID(int=7)), **named})


def accepted(location: str, **headers: str) -> Response:
    """The 202 that starts a job."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status_code=202, headers={"operation-location": location, **named})


def error(status: int, code: str, message: str = "said the service", **headers: str) -> Response:
    """An error of the authoring service."""
    return answer({"error": {"code": code, "message": message}}, status, **headers)


def gateway_error(status: int, message: str, **headers: str) -> Response:
    """An error of the gateway: the status as a string for a code."""
    return error(status, str(status), message, **headers)


def job(status: str, **members: Any) -> Response:
    """The status of a job."""
    times = {"createdDateTime": "2026-01-02T03:04:05Z", "lastUpdatedDateTime": "2026-01-02T03:04:06Z"}
    return answer(
        {"jobId": "job-1", "status": status, "expirationDateTime": "2026-01-09T03:04:05Z", **times, **members}
    )


def job_url(name: str, kind: str) -> str:
    """Where a job's status is, as the service writes it."""
    return f"{ENDPOINT}{PROJECTS}/{name}/{kind}/jobs/job-1?api-version={VERSION}"


def project(name: str, **members: Any) -> dict[str, Any]:
    """A project as the service lists it."""
    return {
        "createdDateTime": "2026-01-02T03:04:05Z",
        "lastModifiedDateTime": "2026-01-02T03:04:05.1234567Z",
        "projectKind": "Conversation",
        "projectName": name,
        "multilingual": False,
        "description": "",
        "language": "en-us",
        **members,
    }


def settings(**members: Any) -> ResourceSettings:
    """The resource of most tests: a fixed api-version, so that nothing is probed."""
    return ResourceSettings.model_validate(
        {"endpoint": ENDPOINT, "api-version": VERSION, "key": {"env": "K"}} | members
    )


def key_credential(key: str = KEY) -> KeyCredential:
    """The key that the tests sign in with."""
    return KeyCredential(SecretStr(key), source="environment variable CLU_DEV_KEY")


@dataclass
class Bench:
    """A client on the bench: its service, its time."""

    service: ScriptedService = field(default_factory=ScriptedService)
    time: FakeTime = field(default_factory=FakeTime)

    def client(
        self,
        resource: ResourceSettings | None = None,
        *,
        credential: Credential | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        limits: RateLimits | None = None,
    ) -> CluClient:
        """A client called `dev`."""
        return CluClient(
            resource or settings(),
            credential or key_credential(),
            name="dev",
            budget=Budget(limits or "off"),
            transport=transport or httpx.ASGITransport(self.service.app),
            clock=self.time.clock,
            sleep=self.time.sleep,
            jitter=lambda: 0.0,
        )
