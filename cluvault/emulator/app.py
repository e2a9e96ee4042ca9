"""The wire: the gateway that every request passes, and the application around it.

The gateway does what Azure's does, in its order: route and api-version (404), key or token (401, 403), calls a minute
(429). Then the operation runs, and every answer, good or bad, gets the same set of headers. A fault that was asked for
is drawn behind the key: whoever is refused does not count.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

from starlette.applications import Starlette
from starlette.routing import Mount, Route

from cluvault.emulator.authority import Authority
from cluvault.emulator.calls import AUTHORING, Answer, Call, Later, Router, Unread
from cluvault.emulator.connection import in_one_piece
from cluvault.emulator.control import control_routes
from cluvault.emulator.core import Emulator, utc_now
from cluvault.emulator.delivery import Delivery, Unanswered
from cluvault.emulator.errors import INTERNAL_ERROR, Refusal, rate_exceeded, route_not_found
from cluvault.emulator.faults_wire import reset, tear
from cluvault.emulator.page import Page
from cluvault.emulator.request_log import Served
from cluvault.emulator.routes import OPERATIONS
from cluvault.emulator.versions import EVERY_VERSION

if TYPE_CHECKING:
    import uuid
    from collections.abc import AsyncGenerator, Callable, Mapping
    from datetime import datetime

    from starlette.types import Message, Receive, Scope, Send

    from cluvault.emulator.calls import Operation
    from cluvault.emulator.config import EmulatorConfig
    from cluvault.emulator.faults_effects import Fault
    from cluvault.emulator.versions import ApiVersion

_log: Final = logging.getLogger(__name__)

_LARGE: Final = 256 * 1024
"""Bodies from this size are read in a thread, so that polls of others are answered meanwhile."""

_API: Final = "/language/"
_COMMON: Final = (
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains; preload"),
    (b"x-content-type-options", b"nosniff"),
    (b"access-control-expose-headers", b"*"),
)


def create_app(
    config: EmulatorConfig,
    *,
    clock: Callable[[], datetime] = utc_now,
    ids: Callable[[], uuid.UUID] | None = None,
) -> Starlette:
    """The emulator as an ASGI application; `app.state.emulator` is its Python API.

    Raises:
        ConfigurationError: the state file or the seed folder cannot be used.
    """
    return application(Emulator(config, clock=clock) if ids is None else Emulator(config, clock=clock, ids=ids))


def application(emulator: Emulator) -> Starlette:
    """The ASGI application of an emulator; it closes the emulator on shutdown."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None, None]:
        yield
        emulator.close()

    gateway = Gateway(emulator)
    lifetime = timedelta(seconds=emulator.config.token_seconds)
    authority = Authority(emulator.access, secrets=emulator.config.keys, lifetime=lifetime, clock=emulator.clock)
    routes = [
        Route("/", Page(emulator).answer),
        Mount("/_emulator", routes=control_routes(emulator)),
        *authority.routes(),
        Mount("/", gateway),
    ]
    app = _Application(gateway, routes=routes, lifespan=lifespan)
    app.state.emulator = emulator
    return app


class _Application(Starlette):
    """Starlette for the emulator's own pages; the resources' requests, which are many, take the short way past it."""

    def __init__(self, gateway: Gateway, **options: Any) -> None:
        super().__init__(**options)
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _API in scope["path"]:
            await self._gateway(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


@dataclass(slots=True)
class _Visit:
    """What becomes known of a request on its way."""

    resource: str = ""
    operation: str = ""
    version: str = ""
    fault: Fault | None = None


class Gateway:
    """The ASGI application of all resources."""

    def __init__(self, emulator: Emulator) -> None:
        config = emulator.config
        self._emulator = emulator
        self._router = Router(OPERATIONS)
        self._versions = {name: EVERY_VERSION[name] for name in config.api_versions}
        self._resources = frozenset(config.resources)
        self._region = config.region.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, unless its sender goes away before it is complete."""
        started = time.perf_counter()
        body = b"" if scope["method"] == "GET" else await _read_all(receive)
        if body is None:
            return
        visit = _Visit()
        delivery = await self._delivery(scope, body, visit)
        if delivery.wait:
            await self._emulator.faults.wait(delivery.wait)
        now = self._emulator.clock()
        request_id = str(self._emulator.ids())
        milliseconds = int((time.perf_counter() - started) * 1000)
        self._note(scope, visit, delivery, now=now, request_id=request_id, milliseconds=milliseconds)
        if delivery.is_reset:
            await reset(scope, receive)
            return
        answer = delivery.answer
        headers = self._headers(answer, now + delivery.skew, milliseconds, request_id.encode())
        start: Message = {"type": "http.response.start", "status": answer.status, "headers": headers}
        if delivery.sends is not None:
            await tear(scope, receive, send, start=start, part=answer.body[: delivery.sends])
            return
        with in_one_piece(scope, len(answer.body)):
            await send(start)
            await send({"type": "http.response.body", "body": answer.body})

    async def _delivery(self, scope: Scope, body: bytes, visit: _Visit) -> Delivery:
        """The answer to a request, with what the fault that was drawn for it does to it."""
        try:
            answer = await self._answer(scope, body, visit)
        except Refusal as refusal:
            answer = _refused(refusal)
        except Unanswered:
            return Delivery(answer=Answer(0), is_reset=True)
        except Exception:  # noqa: BLE001  # a client gets an envelope whatever goes wrong, the log gets the rest
            _log.exception("%s %s failed", scope["method"], scope["path"])
            answer = _refused(INTERNAL_ERROR)
        return Delivery(answer=answer) if visit.fault is None else visit.fault.spoil(answer)

    async def _answer(self, scope: Scope, body: bytes, visit: _Visit) -> Answer:
        resource, *rest = _segments(scope) or [""]
        query = _query(scope)
        version = self._versions.get(query.get("api-version", ""))
        found = self._router.find(scope["method"], rest)
        if resource not in self._resources or version is None or found is None:
            raise route_not_found()
        operation, names = found
        if version.name not in operation.versions:
            raise route_not_found()
        visit.resource, visit.operation, visit.version = resource, operation.title, version.name
        headers = dict(scope["headers"])
        now = self._emulator.clock()
        self._emulator.access.check(resource, operation, headers, now=now)
        visit.fault = self._emulator.faults.draw(
            resource=resource,
            operation=operation.title,
            method=operation.method,
            path="/".join(rest[operation.root.count("/") + 1 :]),
        )
        if visit.fault is not None:
            visit.fault.prevent(operation, names)
        self._check_rate(resource, operation, version, now)
        request = Unread(emulator=self._emulator, names=names, query=query, version=version, body=body)
        document = await _read(operation, request)
        with self._emulator.lock:
            now = self._emulator.clock()
            call = Call(
                emulator=self._emulator,
                resource=resource,
                base="/".join((_origin(scope, headers), resource, AUTHORING)),
                names=names,
                query=query,
                version=version,
                document=document,
                state=self._emulator.state(resource, now),
                now=now,
                fault=visit.fault,
            )
            answer = operation.handle(call)
        return await asyncio.to_thread(answer.work) if isinstance(answer, Later) else answer

    def _check_rate(self, resource: str, operation: Operation, version: ApiVersion, now: datetime) -> None:
        seconds = self._emulator.rates[resource].admit(operation.budget, now)
        if seconds is not None:
            raise rate_exceeded(operation=operation.title, api=operation.api, version=version.name, seconds=seconds)

    def _note(
        self, scope: Scope, visit: _Visit, delivery: Delivery, *, now: datetime, request_id: str, milliseconds: int
    ) -> None:
        """Write the log of requests, and that of faults."""
        emulator, fault = self._emulator, visit.fault
        injected = fault if fault is not None and fault.happened else None
        emulator.requests.add(
            Served(
                at=now,
                method=scope["method"],
                path=scope["raw_path"].decode("ascii", "replace"),
                resource=visit.resource,
                operation=visit.operation,
                version=visit.version,
                status=None if delivery.is_reset else delivery.answer.status,
                milliseconds=milliseconds,
                request_id=request_id,
                injected=str(injected or ""),
            )
        )
        if injected is not None:
            emulator.faults.record(
                injected, at=now, resource=visit.resource, operation=visit.operation, request_id=request_id
            )

    def _headers(
        self, answer: Answer, date: datetime, milliseconds: int, request_id: bytes
    ) -> list[tuple[bytes, bytes]]:
        headers = [
            (b"apim-request-id", request_id),
            (b"request-id", request_id),
            (b"x-envoy-upstream-service-time", b"%d" % milliseconds),
            (b"x-ms-region", self._region),
            *_COMMON,
            (b"date", _written(date.replace(microsecond=0))),
        ]
        headers += ((name.encode(), value.encode()) for name, value in answer.headers)
        if answer.body:
            headers.append((b"content-type", answer.content_type.encode()))
        if not answer.is_chunked:
            headers.append((b"content-length", b"%d" % len(answer.body)))
        return headers


@lru_cache(maxsize=16)
def _written(moment: datetime) -> bytes:
    """A date as HTTP has it; kept, because many answers share a second."""
    return format_datetime(moment, usegmt=True).encode()


def _refused(refusal: Refusal) -> Answer:
    """The answer to a refused request; the service's own 404s were recorded in another transport than all else."""
    retry_after = (("retry-after", str(refusal.retry_after)),) if refusal.retry_after is not None else ()
    if refusal.problem.code == "NotFound":
        return Answer(refusal.status, refusal.body(), content_type="application/json", is_chunked=True)
    return Answer(refusal.status, refusal.body(), headers=retry_after)


async def _read(operation: Operation, request: Unread) -> Any:
    if operation.read is None:
        return None
    if len(request.body) < _LARGE:
        return operation.read(request)
    return await asyncio.to_thread(operation.read, request)


async def _read_all(receive: Receive) -> bytes | None:
    """The whole body, or None when the sender went away."""
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _segments(scope: Scope) -> list[str]:
    """The path's segments, decoded one by one, without empty ones: clients of old write `//language`.

    An action may hang on its object (`models/m:load-snapshot`) or be a segment of its own (`models/m/:load-snapshot`).
    """
    *raw, last = scope["raw_path"].decode("ascii", "replace").split("/")
    owner, colon, action = last.partition(":")
    raw += [owner, colon + action]
    return [unquote(segment) for segment in raw if segment]


def _query(scope: Scope) -> dict[str, str]:
    """The query; its names match in any letter case."""
    pairs = parse_qsl(scope["query_string"].decode("ascii", "replace"), keep_blank_values=True)
    return {name.lower(): value for name, value in pairs}


def _origin(scope: Scope, headers: Mapping[bytes, bytes]) -> str:
    host = headers.get(b"host", b"").decode("latin-1") or ":".join(map(str, scope["server"]))
    return f"{scope['scheme']}://{host}"
