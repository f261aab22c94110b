"""From ended spans to the trace store: an exporter that never fails a run."""

from __future__ import annotations

import logging
import math
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import INVALID_SPAN_CONTEXT

from ...policies.errors import StoreError
from .background import MAX_WAITING
from .rows import EventRow, SpanRow
from .schema import is_busy
from .store import BUSY_SECONDS, TraceStore

logger = logging.getLogger(__name__)

_PRUNE_EVERY: Final = 200


class StoreExporter(SpanExporter):
    """Writes spans into a trace store. It never raises: a store that cannot be written costs the trace, not the run.

    A lock held by another process is transient: the spans wait for the next export. Anything else that is wrong with
    the file is said once, as a logged warning and in `problem`.

    Args:
        store: the store, or its path; `None` is the default path.
    """

    def __init__(self, store: TraceStore | str | Path | None = None) -> None:
        self.store = store if isinstance(store, TraceStore) else TraceStore(store)
        self.problem: str | None = None
        """What keeps spans from being stored, in one sentence; `None` while all is well."""
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._pid = os.getpid()
        self._waiting: deque[SpanRow] = deque(maxlen=MAX_WAITING)
        self._runs_to_prune = 0
        self._broken = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write spans and what waits from before; `FAILURE` where they could not be written."""
        with self._lock:
            if self._broken:
                return SpanExportResult.FAILURE
            self._waiting.extend(row_of(span) for span in spans)
            return self._write()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Try once more to write what waits; whether nothing waits afterwards."""
        with self._lock:
            return not self._waiting or self._write() is SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Write what waits, if it can be, and close the file."""
        with self._lock:
            if self._waiting and not self._broken:
                self._write()
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _write(self) -> SpanExportResult:
        try:
            connection = self._open()
            self._runs_to_prune -= self.store.write(connection, self._waiting)
        except (sqlite3.Error, OSError, StoreError, ValueError, OverflowError) as error:
            self._fail(error)
            return SpanExportResult.FAILURE
        self._waiting.clear()
        self.problem = None
        self._prune(connection)
        return SpanExportResult.SUCCESS

    def _open(self) -> sqlite3.Connection:
        if self._pid != os.getpid():
            # SQLite forbids using, or even closing, a parent's connection after a fork.
            self._connection, self._pid = None, os.getpid()
        if self._connection is None:
            self._connection = self.store.connect()
        return self._connection

    def _prune(self, connection: sqlite3.Connection) -> None:
        # The first write prunes too: short processes would never get to the two-hundredth run.
        if self._runs_to_prune > 0:
            return
        self._runs_to_prune = _PRUNE_EVERY
        try:
            self.store.prune(connection)
        except sqlite3.Error as error:
            logger.debug("the trace store %s was not pruned: %s", self.store.path, error)

    def _fail(self, error: Exception) -> None:
        """Say once what is wrong, and decide whether trying again makes sense."""
        busy = is_busy(error)
        problem = self._sentence(error, busy)
        if problem != self.problem:
            logger.warning("%s", problem)
        self.problem = problem
        # The lock of another process passes, and a disk may be freed; a damaged or foreign file stays what it is.
        if not busy and not _disk_full(error):
            self._waiting.clear()
            # A value that SQLite cannot hold costs its own batch only.
            self._broken = not isinstance(error, (ValueError, OverflowError))

    def _sentence(self, error: Exception, busy: bool) -> str:
        if isinstance(error, StoreError):
            return f"this trace is not stored: {error}"
        if busy:
            held = f"another process has held the trace store {self.store.path} for over {BUSY_SECONDS:g} s"
            return f"this trace is not stored yet: {held}"
        return (
            f"this trace is not stored: {self.store.path} cannot be written ({error}); "
            "free or move that file, or name another with SHOTCLOCK_TRACES"
        )


def row_of(span: ReadableSpan) -> SpanRow:
    """A span of the SDK as a row of the store."""
    context = span.context or INVALID_SPAN_CONTEXT
    started = span.start_time or 0
    return SpanRow(
        trace_id=f"{context.trace_id:032x}",
        span_id=f"{context.span_id:016x}",
        parent_id=None if span.parent is None else f"{span.parent.span_id:016x}",
        name=_text(span.name),
        kind=span.kind.name.lower(),
        started_ns=started,
        ended_ns=span.end_time or started,
        status=span.status.status_code.name.lower(),
        description=None if span.status.description is None else _text(span.status.description),
        attributes=_plain(span.attributes or {}),
        events=tuple(_event(event) for event in span.events),
    )


def _event(event: Event) -> EventRow:
    return EventRow(name=event.name, at_ns=event.timestamp, attributes=_plain(event.attributes or {}))


def _plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {_text(name): _value(value) for name, value in attributes.items()}


def _value(value: Any) -> Any:
    """A value as JSON can hold it: what is not finite as text, what is no text in UTF-8 repaired."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, (tuple, list)):
        return [_value(item) for item in value]
    return _plain(value) if isinstance(value, Mapping) else value


def _text(text: str) -> str:
    # Models write lone surrogates now and then, and SQLite refuses them.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _disk_full(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
