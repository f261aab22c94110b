"""What the trace of a run must hold, whatever went wrong in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider


class Kept(SpanProcessor):
    """Keeps every span that was started and every one that ended."""

    def __init__(self) -> None:
        self.started: Counter[int] = Counter()
        self.ended: list[ReadableSpan] = []
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(self)

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.started[span.context.span_id] += 1

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)

    def clear(self) -> None:
        self.started.clear()
        self.ended.clear()


def check_tree(kept: Kept) -> list[ReadableSpan]:
    """Every span ended once, under a parent that is there and ended no earlier; the roots are handed back."""
    by_id = {span.context.span_id: span for span in kept.ended}
    assert set(by_id) == set(kept.started), "a span never ended"
    assert len(by_id) == len(kept.ended), "a span ended twice"
    for span in kept.ended:
        assert span.end_time >= span.start_time, span.name
        error = (span.attributes or {}).get("error.type")
        assert (span.status.status_code.name == "ERROR") == (error is not None), f"{span.name}: {error}"
        if span.parent is not None:
            parent = by_id.get(span.parent.span_id)
            assert parent is not None, f"{span.name} is an orphan"
            assert parent.start_time <= span.start_time <= span.end_time <= parent.end_time, span.name
    return [span for span in kept.ended if span.parent is None]


def gaps(root: ReadableSpan, spans: Iterable[ReadableSpan]) -> list[float]:
    """Seconds of the stretches of a run in which no call was under way and that were no wait that it decided on."""
    busy = [_of(span) for span in spans if span.parent and span.parent.span_id == root.context.span_id]
    busy += [(event.timestamp, event.timestamp + _wait(event.attributes or {})) for event in root.events]
    found, until = [], root.start_time
    for start, end in sorted([*busy, (root.end_time, root.end_time)]):
        if start > until:
            found.append((start - until) / 1e9)
        until = max(until, end)
    return found


def _of(call: ReadableSpan) -> tuple[int, int]:
    """When a call was under way, what it waited for its place included."""
    queued = (call.attributes or {}).get("shotclock.call.queue.duration", 0.0)
    return call.start_time - round(queued * 1e9), call.end_time


def _wait(event: Any) -> int:
    return 0 if event.get("shotclock.choice") == "give_up" else round(event.get("shotclock.figure.wait", 0.0) * 1e9)
