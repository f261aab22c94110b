"""Tracing into the local store with the OpenTelemetry SDK, for our own command line and server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .store import KEEP_BYTES, KEEP_RUNS, KEEP_SECONDS, TraceStore

if TYPE_CHECKING:
    from .local import LocalTracerProvider


def local_tracing(
    path: str | Path | None = None,
    *,
    openinference: bool = False,
    keep_runs: int = KEEP_RUNS,
    keep_seconds: float = KEEP_SECONDS,
    keep_bytes: int = KEEP_BYTES,
) -> LocalTracerProvider:
    """A tracer provider that writes into the trace store, off the event loop. It is not made the global one.

    Sampling and resource follow the standard `OTEL_*` variables, and where `OTEL_EXPORTER_OTLP_ENDPOINT` or
    `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` names an endpoint the same spans are sent there too (extra `otlp`); an endpoint
    that does not answer delays no run, and the end of the program by half a second at most. A process that is about to
    end calls `flush()`, which takes at most half a second; what is queued at exit is written within the same bound.
    What keeps spans from being stored is logged once as a warning and stands in `problem`.

    Args:
        path: the store's file; `None` is the default path.
        openinference: whether spans get OpenInference's attributes beside ours, for viewers that know only those; also
            asked for by `SHOTCLOCK_OPENINFERENCE=1`. Default no.
        keep_runs: runs the store keeps, the newest. Default 100,000.
        keep_seconds: age at which a run is dropped from it. Default 30 days.
        keep_bytes: size past which the oldest runs are dropped from it. Default 1 GiB.
    """
    # The SDK takes 60 ms to import; only those who record pay for it.
    from .exporter import StoreExporter
    from .local import LocalTracerProvider

    store = TraceStore(path, keep_runs=keep_runs, keep_seconds=keep_seconds, keep_bytes=keep_bytes)
    return LocalTracerProvider(StoreExporter(store), openinference=openinference)
