"""Ended spans on their way to an exporter: queued where they end, handed over on a thread of its own."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter

from .guard import guarded

MAX_WAITING: Final = 20_000
"""Spans that wait for an exporter at most; past it further ones are dropped."""
LINGER_SECONDS: Final = 0.1
"""Seconds the processor gathers spans before it hands them over: one transaction, or one request, for many spans."""
FLUSH_SECONDS: Final = 0.5
"""Seconds a flush or a shutdown takes at most, unless the caller says otherwise."""

_BATCH: Final = 2_000


class BackgroundProcessor(SpanProcessor):
    """Hands ended spans to an exporter on a thread of its own, off the event loop.

    It stands in for the SDK's batch processor because that one ignores the timeout of a flush and may take thirty
    seconds to shut down; here both are bounded (0.5 s unless the caller says otherwise), and the thread starts with the
    first span, so that it also survives a fork.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self.exporter = exporter
        self.dropped = 0
        """Spans that were lost because the exporter could not keep up."""
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._queue: deque[ReadableSpan] = deque()
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy = False
        self._hurry = False
        self._closed = False

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing: only ended spans are stored."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue an ended span; takes microseconds."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        if self._pid != os.getpid():
            self._reset()
        with self._condition:
            if self._closed or len(self._queue) >= MAX_WAITING:
                self.dropped += 1
                return
            self._queue.append(span)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="shotclock-traces", daemon=True)
                self._thread.start()
            if len(self._queue) == 1:
                self._condition.notify_all()

    def force_flush(self, timeout_millis: int | None = None) -> bool:
        """Wait until everything queued was handed over; `False` where the time was up first or it is not kept.

        Args:
            timeout_millis: the most to wait; default 500. The SDK's own default of 30 s is cut to it.
        """
        seconds = FLUSH_SECONDS if timeout_millis is None or timeout_millis >= 30_000 else timeout_millis / 1_000
        with self._condition:
            self._hurry = True
            self._condition.notify_all()
            idle = self._condition.wait_for(lambda: not self._queue and not self._busy, seconds)
            self._hurry = False
        return idle and getattr(self.exporter, "problem", None) is None

    def close(self) -> None:
        """Take no further spans and hand over what is queued, without waiting for it."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def join(self, seconds: float) -> None:
        """Wait until a closed processor has handed over what was queued, so many seconds at most."""
        thread = self._thread
        if thread is not None and self._pid == os.getpid():
            thread.join(seconds)

    def shutdown(self) -> None:
        """Hand over what is queued and stop, within 0.5 s; an exporter that hangs is left behind."""
        self.close()
        self.join(FLUSH_SECONDS)

    def _work(self) -> None:
        while batch := self._next_batch():
            guarded(self.exporter.export, batch)
            with self._condition:
                self._busy = False
                self._condition.notify_all()
        guarded(self.exporter.shutdown)

    def _next_batch(self) -> list[ReadableSpan]:
        """Wait for spans and gather for a moment; empty once closed with nothing left."""
        with self._condition:
            self._condition.wait_for(lambda: bool(self._queue) or self._closed)
            until = time.monotonic() + LINGER_SECONDS
            while not (self._closed or self._hurry or len(self._queue) >= _BATCH):
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._condition.wait(left)
            batch = [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]
            self._busy = bool(batch)
            return batch
