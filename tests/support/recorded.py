"""Every answer of every emulator of the test session, held against the published documents while the tests run.

The application builds its gateway from a subclass that listens to what is sent. What does not fit is written down, and
the fixture in tests/conftest.py fails the test that was running. Answers that a fault was injected into are no
promises of anybody and are left out, as are requests from which the sender goes away.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import jsonschema_rs
import orjson

from cluvault.emulator import app as emulator_app
from tests.support.published import published, versions

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    import pytest
    from starlette.types import Message, Receive, Scope, Send

    from cluvault.emulator.core import Emulator
    from tests.support.published import PublishedOperation

ERRORS: Final = frozenset({400, 401, 403, 404, 408, 409, 429, 500, 501, 502, 503, 504})
"""The documents say `default` for every error; these are the statuses of the service's error codes.

501 is the emulator's own: it has nothing to train with.
"""

_PREFIXES: Final = (("language", "authoring", "analyze-conversations"), ("language",))
_MOST_FAULTS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and its answer.

    Attributes:
        segments: The path below the resource, decoded, without empty parts; an action is a segment of its own.
        headers: Names in lower case.
    """

    method: str
    segments: tuple[str, ...]
    version: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def operation(self) -> PublishedOperation | None:
        """The operation of the version's documents; None for what they do not have."""
        for prefix in _PREFIXES:
            if self.version in versions() and self.segments[: len(prefix)] == prefix:
                return published(self.version).find(self.method, self.segments[len(prefix) :])
        return None

    def __str__(self) -> str:
        path = "/".join(self.segments)
        return f"{self.method} {path} ({self.version or 'no version'}) answered {self.status}"


@dataclass(slots=True)
class Record:
    """What was seen since the session began, and what of it did not fit since somebody last asked.

    Attributes:
        is_deaf: Somebody provokes what no document allows; nothing is written down.
    """

    seen: Counter[tuple[str, str, int]] = field(default_factory=Counter[tuple[str, str, int]])
    misfits: list[str] = field(default_factory=list[str])
    is_deaf: bool = False

    def add(self, exchange: Exchange) -> None:
        """Take in an exchange."""
        if self.is_deaf:
            return
        operation = exchange.operation
        self.seen[operation.name if operation else "unknown", exchange.version, exchange.status] += 1
        self.misfits += (f"{exchange}: {fault}" for fault in faults_of(exchange))

    def take(self) -> list[str]:
        """What did not fit, once."""
        misfits, self.misfits = self.misfits, []
        return misfits


def record_everything(monkeypatch: pytest.MonkeyPatch) -> Record:
    """Let every emulator that is made from now on be listened to."""
    record = Record()
    monkeypatch.setattr(emulator_app, "Gateway", _listening_to(record))
    return record


def _listening_to(record: Record) -> type[emulator_app.Gateway]:
    class RecordedGateway(emulator_app.Gateway):
        def __init__(self, emulator: Emulator) -> None:
            super().__init__(emulator)
            self._spoilt = emulator.faults.injected

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            start: MutableMapping[str, Any] = {}
            body = bytearray()

            async def listen(message: Message) -> None:
                if message["type"] == "http.response.start":
                    start.update(message)
                else:
                    body.extend(message.get("body", b""))
                await send(message)

            await super().__call__(scope, receive, listen)
            if not start:
                return
            exchange = _exchange(scope, start, bytes(body))
            if exchange.headers["request-id"] not in {fault.request_id for fault in self._spoilt}:
                record.add(exchange)

    return RecordedGateway


def _exchange(scope: Scope, start: Mapping[str, Any], body: bytes) -> Exchange:
    *raw, last = scope["raw_path"].decode("ascii", "replace").split("/")
    owner, colon, action = last.partition(":")
    _resource, *segments = [part for part in (*raw, owner, colon + action) if part] or [""]
    query = {name.lower(): value for name, value in parse_qsl(scope["query_string"].decode("ascii", "replace"))}
    return Exchange(
        method=scope["method"],
        segments=tuple(map(unquote, segments)),
        version=query.get("api-version", ""),
        status=start["status"],
        headers={name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]},
        body=body,
    )


# --- what fits -----------------------------------------------------------------------------------------------------


def faults_of(exchange: Exchange) -> list[str]:
    """What the published documents have against an answer."""
    says = _said_of(exchange)
    if says is None:
        return ["no document has this status for the operation"]
    if says == "job":
        return _faults_of_start(exchange)
    if says == "nothing":
        return [] if not exchange.body else ["a body that no document has"]
    if not exchange.headers.get("content-type", "").startswith("application/json"):
        return [f"content-type {exchange.headers.get('content-type')!r}"]
    version = exchange.version if exchange.version in versions() else versions()[-1]
    try:
        document = orjson.loads(exchange.body)
    except ValueError as err:
        return [f"no JSON: {err}"]
    return _faults_of_document(document, version=version, type_name=says)


def _said_of(exchange: Exchange) -> str | None:
    """What the body should be; None for a status that no document has."""
    operation = exchange.operation
    if operation is not None and exchange.status in operation.answers:
        return operation.answers[exchange.status]
    may_fail = exchange.status in ERRORS if operation is not None else exchange.status in {401, 404, 500}
    return "ErrorResponse" if may_fail else None


def _faults_of_start(exchange: Exchange) -> list[str]:
    location = urlsplit(exchange.headers.get("operation-location", ""))
    version = dict(parse_qsl(location.query)).get("api-version")
    faults: list[str] = []
    if exchange.body:
        faults.append("a body that no document has")
    if not (location.scheme and location.netloc):
        faults.append(f"operation-location {location.geturl()!r} is not absolute")
    if version != exchange.version:
        faults.append(f"operation-location is of version {version}")
    return faults


def _faults_of_document(document: object, *, version: str, type_name: str) -> list[str]:
    errors = _validator(version, type_name).iter_errors(cast("Any", document))
    listed = [f"{_place(leaf.instance_path)}: {leaf.message}" for error in errors for leaf in _leaves(error)]
    more = [f"and {len(listed) - _MOST_FAULTS} more"] if len(listed) > _MOST_FAULTS else []
    return listed[:_MOST_FAULTS] + more


def _leaves(error: jsonschema_rs.ValidationError) -> list[jsonschema_rs.ValidationError]:
    """The error, or what the alternative that was meant has against the value: the one whose discriminator fits."""
    if not isinstance(error.kind, jsonschema_rs.ValidationErrorKind.AnyOf):
        return [error]
    for alternative in error.kind.context:
        leaves = [leaf for inner in alternative for leaf in _leaves(inner)]
        if not any(leaf.kind.name in ("const", "type") for leaf in leaves):
            return leaves
    return [error]


def _place(path: list[str | int]) -> str:
    return "/".join(map(str, path)) or "body"


@cache
def _validator(version: str, type_name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(published(version).schema(type_name), validate_formats=True)
