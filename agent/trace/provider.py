"""Tracing into the local store with the OpenTelemetry SDK, for our own command line and server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .exporter import LocalTracerProvider


def local_tracing(path: str | Path | None = None) -> LocalTracerProvider:
    """A tracer provider that writes into the trace store, off the event loop. It is not made the global one.

    Sampling and resource follow the standard `OTEL_*` variables. A process that is about to end calls
    `flush()`, which takes at most half a second; what is queued at exit is written within the same bound. What keeps
    spans from being stored is logged once as a warning and stands in `problem`.

    Args:
        path: the store's file; `None` is the default path.
    """
    # The SDK takes 60 ms to import; only those who record pay for it.
    from .exporter import LocalTracerProvider, StoreExporter

    return LocalTracerProvider(StoreExporter(path))
