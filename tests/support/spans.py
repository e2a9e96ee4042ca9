"""Spans as a collector receives them."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.receiver import Received


class SentSpan(NamedTuple):
    """One span."""

    name: str
    trace: bytes
    id: bytes
    parent: bytes
    attributes: dict[str, Any]
    service: str
    failed: bool


def spans_in(requests: Iterable[Received]) -> list[SentSpan]:
    """The spans of OTLP requests."""
    found: list[SentSpan] = []
    for request in requests:
        body = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
        sent: Any = ExportTraceServiceRequest.FromString(body)
        for group in sent.resource_spans:
            service = _attributes(group.resource.attributes).get("service.name", "")
            found += [
                SentSpan(
                    one.name,
                    one.trace_id,
                    one.span_id,
                    one.parent_span_id,
                    _attributes(one.attributes),
                    service,
                    one.status.code == 2,
                )
                for scope in group.scope_spans
                for one in scope.spans
            ]
    return found


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}
