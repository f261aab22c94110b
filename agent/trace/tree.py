"""The open spans of a run: started under its root, ended before it, whatever threads do in between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import Token
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from . import conventions as names
from .attributes import Attributes, Event, known
from .content import ContentRule
from .guard import guarded
from .handles import Closing, SpanHandle
from .metrics import RunMeter
from .rows import SpanRow
from .timeline import Timeline

ENCLOSING_RUN: Final = otel_context.create_key("shotclock-run")
"""The context's key under which it stands what a run that starts in it is nested in: an `Around`."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a run is nested in: the tree of another run, and the call in it; its root where there is none."""

    tree: SpanTree
    handle: SpanHandle | None

    @classmethod
    def current(cls) -> Around | None:
        """What a run that starts now is nested in."""
        found = otel_context.get_value(ENCLOSING_RUN)
        return found if isinstance(found, Around) else None


class SpanTree:
    """The root span of a run and what is open under it.

    Attributes:
        root: the root span.
        rule: what content is written.
        timeline: when things happen.
        meter: what is measured; `None` where nobody measures.
        recording: whether spans and events go anywhere.
        live: whether a call's handle needs to know anything: somebody records, or measures.
        nests: whether foreign spans can nest under the root.
    """

    def __init__(
        self, tracer: Tracer, root: Span, rule: ContentRule, timeline: Timeline, meter: RunMeter | None
    ) -> None:
        context = root.get_span_context()
        self.root = root
        self.rule = rule
        self.timeline = timeline
        self.meter = meter
        self.recording = root.is_recording()
        self.live = self.recording or meter is not None
        self.nests = context.is_valid
        self._tracer = tracer
        self._lock = threading.Lock()
        self._open: dict[SpanHandle, None] = {}
        self._nested: dict[SpanHandle | None, list[SpanTree]] = {}
        self._usage: dict[str, int] = {}
        # The root's events are handed to it when it ends: nothing shows them sooner, and all at once they cost half.
        self._events: list[tuple[float, Callable[..., Event], tuple[Any, ...]]] = []
        self._late: list[tuple[SpanHandle, Closing]] = []
        self._started = 0
        self._ended = False
        self._context = self._within(root, None)

    def start(
        self,
        handle: SpanHandle,
        operation: str,
        target: str,
        attributes: Attributes,
        parent: SpanHandle | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        *,
        lazy: bool = False,
    ) -> None:
        """Open a handle, with a span where somebody records; nothing opens once the run has ended.

        A `lazy` one gets its span when something is to nest under it, or else with the run's end, when spans cost half.
        """
        attributes = known(attributes)
        if self.rule.openinference:
            attributes |= self.rule.kind(operation)
        context = self.context_of(parent)
        with self._lock:
            if self._ended:
                return
            self._started += 1
            handle.opened(f"{operation} {target}", attributes, self.timeline.instant(), self._started, parent)
            if self.recording and not lazy:
                self._record(handle, context, kind)
            self._open[handle] = None

    def _record(self, handle: SpanHandle, context: Context, kind: SpanKind = SpanKind.INTERNAL) -> None:
        start, attributes = self._tracer.start_span, handle.attributes
        handle.span = guarded(start, handle.name, context, kind, attributes, None, handle.started_ns, False)

    def closed(self, handle: SpanHandle, closing: Closing) -> None:
        """Write how a handle ended into its span, at once or with the run's end."""
        if handle.span is not None:
            guarded(closing.write, handle.span)
        elif self.recording:
            self._late.append((handle, closing))  # appending is atomic

    def close(self, handle: SpanHandle, usage: Mapping[str, int]) -> int | None:
        """Take a handle out of those that are open: the instant it ended, or `None` if it had.

        A run that is nested in it and still goes on ends first, so that nothing outlives its parent.
        """
        while True:
            with self._lock:
                if handle not in self._open:
                    return None
                nested = self._nested.pop(handle, None)
                if nested is None:
                    del self._open[handle]
                    for name, tokens in usage.items():
                        self._usage[name] = self._usage.get(name, 0) + tokens
                    # Taken under the lock: an end that races with the run's end still lies before it.
                    return self.timeline.instant()
            for each in nested:
                each.cut()

    def adopt(self, handle: SpanHandle | None, nested: SpanTree) -> None:
        """Hold a run that is nested in a call, or in the root: it is cut where it still goes on when that ends."""
        with self._lock:
            if handle in self._open or (handle is None and not self._ended):
                self._nested.setdefault(handle, []).append(nested)

    def cut(self) -> None:
        """End everything where it still goes on, as cancelled: what the run is nested in has ended. What it used is not
        known yet, so that no figure is written."""
        stragglers = self.take_stragglers()
        if stragglers is not None:
            for handle in stragglers:
                handle.interrupt("cancelled")
            self.end({names.RUN_STOP_REASON: "cancelled", names.ERROR_TYPE: "cancelled", **self.usage()})

    def measure(self, handle: SpanHandle, ended: Attributes, instant: int) -> None:
        """Record a call that has ended, in the context of its span."""
        if self.meter is not None:
            self.meter.ended(handle.row(ended, instant), self.context_of(handle))

    def event(self, elapsed: float, make: Callable[..., Event], *given: Any) -> None:
        """Add an event to the root, `elapsed` seconds after the run began: what `make` makes of what is given."""
        if not self._ended:
            self._events.append((elapsed, make, given))  # appending is atomic

    def take_stragglers(self) -> list[SpanHandle] | None:
        """What is still open, the newest first so that children end before the spans they belong to; nothing opens any
        more. `None` where that was asked before."""
        with self._lock:
            if self._ended:
                return None
            self._ended = True
            stragglers, nested = list(self._open)[::-1], self._nested.pop(None, [])
        for each in nested:
            each.cut()
        return stragglers

    def usage(self) -> dict[str, int]:
        """Tokens of the chat spans together, not the ledger's worst case: viewers add the children up and compare."""
        return dict(self._usage)

    def end(self, attributes: Attributes) -> None:
        """End the root, with its events."""
        instant = self.timeline.instant()
        for handle, closing in self._late:
            handle.attributes |= closing.attributes
            self._record(handle, self.context_of(handle.parent))
            if handle.span is not None:
                guarded(closing.write, handle.span, known=True)
        for elapsed, make, given in self._events:
            guarded(_add, self.root, self.timeline.after(elapsed), make, given)
        guarded(_end, self.root, attributes, instant)

    def as_row(self, name: str, attributes: Attributes) -> SpanRow:
        """The root as it ends now, for what is measured of it."""
        return SpanRow(
            trace_id="", span_id="", name=name, started_ns=self.timeline.started_ns,
            ended_ns=self.timeline.instant(), attributes=attributes,
        )  # fmt: skip

    def context_of(self, handle: SpanHandle | None) -> Context:
        """The context in which a call's span is current; the root's where it has none."""
        if handle is None:
            return self._context
        if handle.span is None and self.recording and handle in self._open:
            self._record(handle, self.context_of(handle.parent))
        return self._context if handle.span is None else self._within(handle.span, handle)

    def current(self, handle: SpanHandle | None) -> AbstractContextManager[None]:
        """Make a call's span current; nothing at all where there is no valid span to nest under."""
        return _Attached(self.context_of(handle)) if self.nests else _NOTHING

    def _within(self, span: Span, handle: SpanHandle | None) -> Context:
        return otel.set_span_in_context(span, otel_context.set_value(ENCLOSING_RUN, Around(self, handle)))


def _add(root: Span, instant: int, make: Callable[..., Event], given: tuple[Any, ...]) -> None:
    name, attributes = make(*given)
    root.add_event(name, attributes, instant)


def _end(root: Span, attributes: Attributes, instant: int) -> None:
    try:
        if attributes:
            root.set_attributes(attributes)
        if names.ERROR_TYPE in attributes:
            root.set_status(Status(StatusCode.ERROR))
    finally:
        root.end(instant)


_NOTHING: Final = nullcontext()


class _Attached:
    """A context that is current for a while. A class, because a generator takes twice the time."""

    __slots__ = ("_context", "_token")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._token: Token[Context]

    def __enter__(self) -> None:
        self._token = otel_context.attach(self._context)

    def __exit__(self, *raised: object) -> None:
        otel_context.detach(self._token)
