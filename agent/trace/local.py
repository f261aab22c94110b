"""The tracer provider of our own command line and server: it writes into the trace store, and to where the standard
variables say."""

from __future__ import annotations

import atexit
import time
from pathlib import Path
from typing import Final

from opentelemetry.sdk.trace import SpanLimits, TracerProvider

from .background import FLUSH_SECONDS, BackgroundProcessor
from .exporter import StoreExporter
from .otlp import otlp_exporter

MAX_EVENTS: Final = 4_096
"""Events a span may hold. The SDK's own limit of 128 would lose the decisions of a long run; they stand on its root."""


class LocalTracerProvider(TracerProvider):
    """A tracer provider that writes into the trace store; see `provider.local_tracing`.

    Attributes:
        openinference: whether spans get OpenInference's attributes beside ours.
    """

    def __init__(self, exporter: StoreExporter, *, openinference: bool = False) -> None:
        # The SDK's own hook at exit is not used: it would wait for every processor without a bound.
        super().__init__(span_limits=SpanLimits(max_events=MAX_EVENTS), shutdown_on_exit=False)
        self.openinference = openinference
        self._store = exporter
        self._stored = BackgroundProcessor(exporter)
        sent = otlp_exporter()
        self._processors = [self._stored, *([] if sent is None else [BackgroundProcessor(sent)])]
        for each in self._processors:
            self.add_span_processor(each)
        atexit.register(self._close)

    @property
    def path(self) -> Path:
        """The store's file."""
        return self._store.store.path

    @property
    def problem(self) -> str | None:
        """What keeps spans from being stored, in one sentence; `None` while all is well."""
        return self._store.problem

    def flush(self, timeout: float = FLUSH_SECONDS) -> bool:
        """Wait until the spans so far are stored, at most `timeout` seconds; whether they are."""
        return self._stored.force_flush(int(timeout * 1_000))

    def shutdown(self) -> None:
        """Hand over what is queued and stop, within half a second for all together."""
        self._close()
        super().shutdown()

    def _close(self) -> None:
        for each in self._processors:
            each.close()
        until = time.monotonic() + FLUSH_SECONDS
        for each in self._processors:
            each.join(max(0.0, until - time.monotonic()))
