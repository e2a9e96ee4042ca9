"""The wire: the gateway that every request passes, and the application around it.

The gateway does what Azure's does, in its order: route and api-version (404), key (401), calls a minute (429). Then the
operation runs, and every answer, good or bad, gets the same set of headers.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from contextlib import asynccontextmanager
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from cluvault.emulator.calls import Answer, Call, Router, Unread
from cluvault.emulator.core import Emulator, utc_now
from cluvault.emulator.errors import INTERNAL_ERROR, Refusal, key_refused, rate_exceeded, route_not_found
from cluvault.emulator.routes import OPERATIONS
from cluvault.emulator.versions import API_VERSIONS

if TYPE_CHECKING:
    import uuid
    from collections.abc import AsyncGenerator, Callable, Mapping
    from datetime import datetime

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from cluvault.emulator.calls import Operation
    from cluvault.emulator.config import EmulatorConfig
    from cluvault.emulator.versions import ApiVersion

_log: Final = logging.getLogger(__name__)

_PREFIX: Final = ["language", "authoring", "analyze-conversations"]
_KEY_HEADER: Final = b"ocp-apim-subscription-key"
_LARGE: Final = 256 * 1024
"""Bodies from this size are read in a thread, so that polls of others are answered meanwhile."""

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

    routes = [Route("/", _index), Route("/_emulator/health", _health), Mount("/", Gateway(emulator))]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.emulator = emulator
    return app


async def _index(request: Request) -> JSONResponse:
    """What there is, for people who open the address in a browser."""
    emulator: Emulator = request.app.state.emulator
    base = str(request.base_url).rstrip("/")
    now = emulator.clock()
    resources = [
        {"name": name, "endpoint": f"{base}/{name}", "projects": len(emulator.state(name, now).projects)}
        for name in emulator.config.resources
    ]
    return JSONResponse({"resources": resources, "apiVersions": list(emulator.config.api_versions)})


async def _health(_: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


class Gateway:
    """The ASGI application of all resources."""

    def __init__(self, emulator: Emulator) -> None:
        config = emulator.config
        self._emulator = emulator
        self._router = Router(OPERATIONS)
        self._versions = {name: API_VERSIONS[name] for name in config.api_versions}
        self._keys = {name: [key.encode() for key in config.keys_of(name)] for name in config.resources}
        self._region = config.region.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, unless its sender goes away before it is complete."""
        started = time.perf_counter()
        body = b"" if scope["method"] == "GET" else await _read_all(receive)
        if body is None:
            return
        now = self._emulator.clock()
        try:
            answer = await self._answer(scope, body, now)
        except Refusal as refusal:
            answer = _refused(refusal)
        except Exception:  # noqa: BLE001  # a client gets an envelope whatever goes wrong, the log gets the rest
            _log.exception("%s %s failed", scope["method"], scope["path"])
            answer = _refused(INTERNAL_ERROR)
        milliseconds = int((time.perf_counter() - started) * 1000)
        headers = self._headers(answer, now, milliseconds)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, body: bytes, now: datetime) -> Answer:
        resource, *rest = _segments(scope) or [""]
        query = _query(scope)
        version = self._versions.get(query.get("api-version", ""))
        found = self._router.find(scope["method"], rest[len(_PREFIX) :])
        if resource not in self._keys or rest[: len(_PREFIX)] != _PREFIX or version is None or found is None:
            raise route_not_found()
        operation, names = found
        headers = dict(scope["headers"])
        self._check_key(resource, headers)
        self._check_rate(resource, operation, version, now)
        request = Unread(emulator=self._emulator, names=names, query=query, version=version, body=body)
        document = await _read(operation, request)
        with self._emulator.lock:
            now = self._emulator.clock()
            call = Call(
                emulator=self._emulator,
                resource=resource,
                base="/".join((_origin(scope, headers), resource, *_PREFIX)),
                names=names,
                query=query,
                version=version,
                document=document,
                state=self._emulator.state(resource, now),
                now=now,
            )
            return operation.handle(call)

    def _check_key(self, resource: str, headers: Mapping[bytes, bytes]) -> None:
        given = headers.get(_KEY_HEADER, b"")
        if not any(hmac.compare_digest(given, key) for key in self._keys[resource]):
            raise key_refused()

    def _check_rate(self, resource: str, operation: Operation, version: ApiVersion, now: datetime) -> None:
        seconds = self._emulator.rates[resource].admit(operation.method, now)
        if seconds is not None:
            raise rate_exceeded(operation=operation.title, version=version.name, seconds=seconds)

    def _headers(self, answer: Answer, now: datetime, milliseconds: int) -> list[tuple[bytes, bytes]]:
        request_id = str(self._emulator.ids()).encode()
        headers = [
            (b"apim-request-id", request_id),
            (b"request-id", request_id),
            (b"x-envoy-upstream-service-time", b"%d" % milliseconds),
            (b"x-ms-region", self._region),
            *_COMMON,
            (b"date", format_datetime(now, usegmt=True).encode()),
        ]
        headers += ((name.encode(), value.encode()) for name, value in answer.headers)
        if answer.body:
            headers.append((b"content-type", answer.content_type.encode()))
        if not answer.is_chunked:
            headers.append((b"content-length", b"%d" % len(answer.body)))
        return headers


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
