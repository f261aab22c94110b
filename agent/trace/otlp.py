"""Spans to any OTLP endpoint, as the standard `OTEL_*` variables ask for it."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

logger = logging.getLogger(__name__)

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN: Final = "http/protobuf"


def otlp_exporter() -> SpanExporter | None:
    """An exporter to the endpoint that the environment names, or `None` where it names none.

    | `OTEL_TRACES_EXPORTER` | an endpoint is named | spans are sent                   |
    |------------------------|----------------------|----------------------------------|
    | not set                | no                   | no                               |
    | not set                | yes                  | there                            |
    | holds `otlp`           | no                   | to `http://localhost:4318`       |
    | `none`, or others      | yes                  | no                               |

    `OTEL_SDK_DISABLED=true` sends nothing. Where it cannot be done (the extra `otlp` is missing, or another protocol
    than `http/protobuf` is asked for) that is logged, and nothing is sent.
    """
    if not _asked():
        return None
    protocol = _first(_PROTOCOLS) or _SPOKEN
    if protocol != _SPOKEN:
        logger.warning("no spans are sent by OTLP: the protocol %s is asked for, and %s is spoken", protocol, _SPOKEN)
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        logger.warning("no spans are sent by OTLP: install what it takes with: pip install 'shotclock[otlp]'")
        return None
    exporter: SpanExporter = OTLPSpanExporter()
    return exporter


def _asked() -> bool:
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if exporters:
        return "otlp" in {each.strip() for each in exporters.split(",")}
    return _first(_ENDPOINTS) is not None


def _first(variables: tuple[str, ...]) -> str | None:
    return next((value for name in variables if (value := os.environ.get(name, "").strip())), None)
