"""Spans, with OpenTelemetry's own SDK and an exporter in memory."""

from __future__ import annotations

import logging
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.credentials import AccessTokenInfo
from azure.core.exceptions import ClientAuthenticationError
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cluvault.errors import ObjectExists, SignInRefused, Throttled
from cluvault.ops.backup import BackupOptions, backup
from cluvault.service.entra import EntraCredential
from cluvault.tracing import is_tracing, span, start_tracing, use_provider
from cluvault.vault.memory import MemoryStore
from cluvault.vault.traced import TracedStore
from tests.support.world import World, new_world, project_file

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import httpx

    from tests.support.world import Send

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.fixture
def spans() -> Generator[Callable[[], list[ReadableSpan]]]:
    """What was traced until now."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    use_provider(provider)
    yield lambda: list(exporter.get_finished_spans())
    use_provider(None)


def about(one: ReadableSpan) -> dict[str, Any]:
    """The attributes."""
    return dict(one.attributes or {})


async def test_each_request_is_a_span(world: World, spans: Callable[[], list[ReadableSpan]]) -> None:
    """Every try, with its number and state; the key and the query are in none."""
    await world.put("dev", "Travel", project_file("Travel", "to Rome"))
    refusals = iter([429, 503])

    async def busy(request: httpx.Request, send: Send) -> httpx.Response:
        import httpx  # noqa: PLC0415

        status = next(refusals, None) if request.url.path.endswith(":export") else None
        return await send(request) if status is None else httpx.Response(status)

    world.hook = busy
    async with world.workspace() as workspace:
        await backup(workspace, BackupOptions(resources=("dev",)))
    exports = [one for one in spans() if str(about(one).get("url.path", "")).endswith(":export")]
    assert [about(one)["http.response.status_code"] for one in exports] == [429, 503, 202]
    assert [about(one).get("http.request.resend_count") for one in exports] == [None, 1, 2]
    assert [one.status.is_ok for one in exports] == [False, False, True]
    assert about(exports[0])["error.type"] == "429"
    assert {about(one)["cluvault.resource"] for one in exports} == {"dev"}
    assert {one.kind for one in exports} == {trace.SpanKind.CLIENT}
    assert world.key not in str([one.to_json() for one in spans()])
    assert "api-version" not in str([one.to_json() for one in spans()])


async def test_no_answer_is_a_span_too(world: World, spans: Callable[[], list[ReadableSpan]]) -> None:
    """It says why there was none."""

    async def away(request: httpx.Request, _send: Send) -> httpx.Response:
        import httpx  # noqa: PLC0415

        raise httpx.ConnectError("refused", request=request)

    world.hook = away
    async with world.workspace() as workspace:
        await backup(workspace, BackupOptions(resources=("dev",)))
    (first, *_) = [one for one in spans() if one.kind is trace.SpanKind.CLIENT and "url.path" in about(one)]
    assert about(first)["error.type"] == "no answer"
    assert first.status.description == "no connection: refused"


async def test_steps_and_vault_are_spans(world: World, spans: Callable[[], list[ReadableSpan]]) -> None:
    """A step that runs directly is the parent of what it does."""
    await world.put("dev", "Travel", project_file("Travel", "to Rome"))
    async with world.workspace() as workspace:
        await backup(workspace, BackupOptions(resources=("dev",)))
    (step,) = [one for one in spans() if one.name == "export_backup"]
    assert about(step) == {"cluvault.resource": "dev", "cluvault.project": "Travel"}
    puts = [one for one in spans() if one.name == "vault put_new" and "Travel" in about(one)["cluvault.vault.key"]]
    assert len(puts) == 2
    assert step.context is not None
    assert {one.parent.span_id for one in puts if one.parent is not None} == {step.context.span_id}
    assert about(puts[0])["cluvault.vault.bytes"] > 0


async def test_a_traced_store_is_a_store(spans: Callable[[], list[ReadableSpan]]) -> None:
    """All verbs reach the store inside; an error is the span's state, with its class and our own words."""
    inner = MemoryStore()
    store = TracedStore(inner)
    async with aclosing(store):
        await store.put_new("a/b", b"one")
        with pytest.raises(ObjectExists):
            await store.put_new("a/b", b"two")
        assert await store.get("a/b") == b"one"
        assert [one.key async for one in store.list()] == ["a/b"]
        assert [one async for one in store.folders()] == ["a/"]
        await store.delete("a/b")
        assert store.url == inner.url
    assert [one.name.removeprefix("vault ") for one in spans()] == ["put_new", "put_new", "get", "delete"]
    assert about(spans()[1])["error.type"] == "ObjectExists"
    assert spans()[1].status.description is not None


async def test_the_sign_in_is_a_span(spans: Callable[[], list[ReadableSpan]]) -> None:
    """A slow one explains a slow first request; the token is in none, and what the authority says neither."""

    class Authority:
        failure: Exception | None = None

        async def get_token(self, *_scopes: str) -> AccessTokenInfo:
            if self.failure is not None:
                raise self.failure
            return AccessTokenInfo("t0k3n", 4_000_000_000)

        async def close(self) -> None:
            """Nothing is open."""

    authority = Authority()
    signed_in, refused = (EntraCredential("scope", open_source=lambda: authority) for _ in range(2))
    assert (await signed_in.headers())["Authorization"] == "Bearer t0k3n"
    authority.failure = ClientAuthenticationError("the secret s3cr3t is wrong")
    with pytest.raises(SignInRefused):
        await refused.headers()
    good, bad = spans()
    assert (good.name, good.status.is_ok, bad.status.is_ok) == ("sign in to Microsoft Entra ID", True, False)
    assert all(secret not in one.to_json() for one in (good, bad) for secret in ("t0k3n", "s3cr3t"))


def test_what_is_not_ours_is_not_quoted(spans: Callable[[], list[ReadableSpan]]) -> None:
    """Of another error there is the class only; of ours, the sentence."""
    with pytest.raises(RuntimeError), span("work", {"known": 1, "unknown": None}):
        raise RuntimeError("the key is 1234")
    with pytest.raises(Throttled), span("work"):
        raise Throttled("dev: too many calls")
    first, second = spans()
    assert "1234" not in first.to_json()
    assert about(first) == {"known": 1, "error.type": "RuntimeError"}
    assert second.status.description == "dev: too many calls"


def test_without_tracing_a_span_is_nothing() -> None:
    """It takes whatever it is told."""
    assert not is_tracing()
    with span("work") as found:
        found.note({"a": 1})
        found.fail("because")


@pytest.mark.parametrize(
    "variables",
    [
        {},
        ENDPOINT | {"OTEL_SDK_DISABLED": "true"},
        ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
    ],
)
def test_is_off_unless_asked_for(variables: dict[str, str]) -> None:
    """By OpenTelemetry's own variables."""
    start_tracing(variables, warn=pytest.fail)
    assert not is_tracing()


@pytest.mark.parametrize(
    "variables, said",
    [
        (ENDPOINT, "cluvault[otel] is not installed"),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "grpc is configured"),
    ],
)
def test_says_why_it_does_not_trace(variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, and all else goes on."""
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    warnings: list[str] = []
    start_tracing(variables, warn=warnings.append)
    assert not is_tracing()
    assert len(warnings) == 1
    assert said in warnings[0]


@pytest.fixture
def provided(monkeypatch: pytest.MonkeyPatch) -> Generator[list[TracerProvider]]:
    """OpenTelemetry as it is in a fresh process; the providers that were set."""
    set_up: list[TracerProvider] = []
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: set_up[-1] if set_up else trace.ProxyTracerProvider())
    monkeypatch.setattr(trace, "set_tracer_provider", set_up.append)
    log = logging.getLogger("opentelemetry")
    handlers, propagate = list(log.handlers), log.propagate
    yield set_up
    log.handlers, log.propagate = handlers, propagate
    for one in set_up:
        one.shutdown()
    use_provider(None)


@pytest.mark.parametrize(
    "variables, name",
    [
        ({}, "cluvault"),
        ({"OTEL_SERVICE_NAME": "mine"}, "mine"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs"}, "theirs"),
    ],
)
def test_takes_part_in_what_is_set_up(
    variables: dict[str, str], name: str, provided: list[TracerProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service has the name that is configured; a provider that somebody has set is used; trouble is told once."""
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    warnings: list[str] = []
    start_tracing(ENDPOINT | variables, warn=warnings.append)
    (provider,) = provided
    assert is_tracing()
    assert provider.resource.attributes["service.name"] == name
    for _ in range(2):
        logging.getLogger("opentelemetry.exporter").error("no\nway")
    assert warnings == ["spans are lost: no way"]
    use_provider(None)
    start_tracing(ENDPOINT | variables, warn=warnings.append)
    assert is_tracing()
    assert len(provided) == 1


@pytest.fixture
def world() -> World:
    """One resource."""
    from cluvault.emulator.config import EmulatorConfig  # noqa: PLC0415
    from cluvault.settings import Settings  # noqa: PLC0415

    resources = {"dev": {"endpoint": "http://127.0.0.1:9/dev", "key": {"env": "KEY"}, "limits": "off"}}
    settings = Settings.model_validate({"resources": resources})
    return new_world(settings, EmulatorConfig(resources=("dev",), first_poll_running=False))
