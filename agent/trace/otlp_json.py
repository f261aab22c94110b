"""Stored traces as OTLP in JSON, one object a line, as OpenTelemetry's file exporter writes it.

A collector reads such files with its `otlpjsonfile` receiver and hands them on to whatever viewer there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from .rows import EventRow, SpanRow

SERVICE: Final = "shotclock"
"""What the resource's `service.name` says: the store does not keep resources."""

_KINDS: Final = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_STATUSES: Final = {"unset": 0, "ok": 1, "error": 2}


def traces_data(spans: Sequence[SpanRow]) -> dict[str, Any]:
    """Spans as one `TracesData` object of OTLP/JSON."""
    resource = {"attributes": _attributes({"service.name": SERVICE})}
    scope = {"scope": {"name": "shotclock"}, "spans": [_span(span) for span in spans]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}


def _span(span: SpanRow) -> dict[str, Any]:
    status: dict[str, Any] = {"code": _STATUSES.get(span.status, 0)}
    if span.description:
        status["message"] = span.description
    found = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": _KINDS.get(span.kind, 1),
        # 64-bit integers are text in the JSON form of protocol buffers.
        "startTimeUnixNano": str(span.started_ns),
        "endTimeUnixNano": str(span.ended_ns),
        "attributes": _attributes(span.attributes),
        "events": [_event(event) for event in span.events],
        "status": status,
    }
    return found | ({"parentSpanId": span.parent_id} if span.parent_id else {})


def _event(event: EventRow) -> dict[str, Any]:
    return {"timeUnixNano": str(event.at_ns), "name": event.name, "attributes": _attributes(event.attributes)}


def _attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in attributes.items()]


def _value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list() | tuple():
            return {"arrayValue": {"values": [_value(item) for item in value]}}
        case Mapping():
            return {"kvlistValue": {"values": _attributes(value)}}
        case _:
            return {"stringValue": str(value)}
