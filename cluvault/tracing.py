"""Spans of OpenTelemetry, where an OTLP endpoint is configured; anywhere else nothing is imported and nothing costs.

OpenTelemetry is configured by its own variables, OTEL_EXPORTER_OTLP_ENDPOINT first of all. Attributes are methods,
paths, states, names and ids: never a header, a query, a body or a secret.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

from cluvault import __version__
from cluvault.errors import CluvaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

Value = str | int | float | bool
EXTRA: Final = "cluvault[otel]"
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HTTP: Final = "http/protobuf"
_LONGEST: Final = 300


class Span:
    """A span; or nothing, where nobody traces."""

    def __init__(self, inner: Any = None) -> None:
        self._inner = inner

    def note(self, attributes: Mapping[str, Value | None]) -> None:
        """Add attributes; those that are None or empty are left out."""
        if self._inner is not None:
            known = {name: value for name, value in attributes.items() if value is not None and value != ""}
            self._inner.set_attributes(known)

    def fail(self, error_type: str, why: str = "") -> None:
        """Say that it did not succeed."""
        if self._inner is not None:
            from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

            self._inner.set_attribute("error.type", error_type)
            self._inner.set_status(Status(StatusCode.ERROR, why[:_LONGEST] or None))


_NOTHING: Final = Span()


class _Tracing:
    """Whether this process traces. OpenTelemetry's own provider is one a process as well."""

    tracer: Any = None


def is_tracing() -> bool:
    """Whether spans go anywhere."""
    return _Tracing.tracer is not None


def start_tracing(environment: Mapping[str, str], *, warn: Callable[[str], None]) -> None:
    """Trace from now on when the environment configures an OTLP endpoint; a provider that is set already is used.

    Args:
        environment: The OTEL_… variables.
        warn: Told, in a line, why nothing is traced though it is asked for; later, once, that spans cannot be exported.
    """
    if _Tracing.tracer is not None or not _is_asked_for(environment):
        return
    protocol = next((found for name in _PROTOCOLS if (found := environment.get(name))), _HTTP)
    if protocol != _HTTP:
        warn(f"nothing is traced: {EXTRA} exports by {_HTTP}, and {protocol} is configured")
        return
    try:
        _provide(environment, warn)
    except ImportError:
        warn(f"nothing is traced: an OTLP endpoint is configured, and {EXTRA} is not installed")


def use_provider(provider: Any) -> None:
    """Trace with a provider of OpenTelemetry; with None, no more."""
    _Tracing.tracer = None if provider is None else provider.get_tracer("cluvault", __version__)


@contextmanager
def span(
    name: str, attributes: Mapping[str, Value | None] | None = None, *, kind: Literal["internal", "client"] = "internal"
) -> Generator[Span]:
    """A span around what is done inside; an error that leaves it is its state."""
    if _Tracing.tracer is None:
        yield _NOTHING
        return
    from opentelemetry.trace import SpanKind  # noqa: PLC0415

    started = _Tracing.tracer.start_as_current_span(
        name,
        kind=SpanKind.CLIENT if kind == "client" else SpanKind.INTERNAL,
        record_exception=False,  # a stack trace may quote anything
        set_status_on_exception=False,
    )
    with started as inner:
        found = Span(inner)
        found.note(attributes or {})
        try:
            yield found
        except BaseException as err:
            found.fail(type(err).__name__, str(err) if isinstance(err, CluvaultError) else "")
            raise


def _is_asked_for(environment: Mapping[str, str]) -> bool:
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip()
    return exporter in ("", "otlp") and any(environment.get(name) for name in _ENDPOINTS)


def _provide(environment: Mapping[str, str], warn: Callable[[str], None]) -> None:
    from opentelemetry import trace  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    present = trace.get_tracer_provider()
    if isinstance(present, TracerProvider):
        use_provider(present)
        return
    own = {"service.version": __version__}
    if not environment.get("OTEL_SERVICE_NAME") and "service.name=" not in environment.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    ):
        own["service.name"] = "cluvault"
    log = logging.getLogger("opentelemetry")
    log.addHandler(_Once(warn))
    log.propagate = False
    provider = TracerProvider(resource=Resource.create(dict(own)))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    use_provider(provider)


class _Once(logging.Handler):
    """Says the first trouble of the exporter in one line; a collector that is away is away for every batch."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._warn: Callable[[str], None] | None = warn

    def emit(self, record: logging.LogRecord) -> None:
        """Warn, the first time."""
        warn, self._warn = self._warn, None
        if warn is not None:
            warn(f"spans are lost: {' '.join(record.getMessage().split())[:_LONGEST]}")
