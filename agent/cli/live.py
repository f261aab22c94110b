"""What is seen while a run is under way: by a person its calls against the deadline and what is being written, by a
program each event as a line of JSON."""

from __future__ import annotations

import json
import queue
import threading
import time
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live as RichLive
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ...policies.budget import Budget
from ..events import CallFinished, CallProgress, CallStarted, Event, RunStarted, TextDelta, TextWithdrawn

_BAR = 32
_TEXT = 600
"""Characters of the text that is being written which are shown: its end."""
_ENDS = {"ok": "green", "error": "red", "timed_out": "red", "cancelled": "yellow", "skipped": "yellow"}


class Live:
    """The progress of one run on the terminal, drawn from its events; a context manager."""

    def __init__(self, budget: Budget, console: Console | None = None) -> None:
        self._budget = budget
        self._began = time.monotonic()
        self._soft: float | None = None
        self._calls: dict[str, tuple[CallStarted, CallFinished | None]] = {}
        self._progress: dict[str, CallProgress] = {}
        self._text = ""
        self._lock = threading.Lock()
        self._live = RichLive(
            console=console or Console(stderr=True), get_renderable=self._draw, transient=True, refresh_per_second=15
        )

    def __enter__(self) -> Live:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def take(self, event: Event) -> None:
        """Note an event; any thread may call it."""
        with self._lock:
            match event:
                case RunStarted(soft=soft):
                    self._began, self._soft = time.monotonic(), soft
                case CallStarted(call=call):
                    self._calls[call.id] = (event, None)
                case CallProgress(call=call_id):
                    self._progress[call_id] = event
                case TextDelta(text=text):
                    self._text += text
                case TextWithdrawn():
                    self._text = ""
                case CallFinished(evidence=evidence) if evidence.id in self._calls:
                    self._calls[evidence.id] = (self._calls[evidence.id][0], event)

    def _draw(self) -> RenderableType:
        now = time.monotonic() - self._began
        with self._lock:
            rows, progress, text = list(self._calls.values()), dict(self._progress), self._text
        table = Table.grid(padding=(0, 1))
        table.add_row("[bold]time[/]", self._bar(0.0, now, "cyan"), self._clock(now))
        for started, finished in rows:
            end = finished.at if finished else now
            name = finished.evidence.outcome.name if finished else "running"
            far = "" if finished else _far(progress.get(started.call.id))
            table.add_row(escape(started.call.tool), self._bar(started.at, end, _ENDS.get(name, "cyan")),
                          f"{end - started.at:.2f} s  {name.replace('_', ' ')}{escape(far)}")  # fmt: skip
        return Group(table, Text(text[-_TEXT:], "dim")) if text.strip() else Group(table)

    def _clock(self, now: float) -> str:
        if self._budget.latency is None:
            return f"{now:.1f} s"
        return f"{now:.1f} of {self._budget.latency:g} s"

    def _bar(self, start: float, end: float, colour: str) -> Text:
        scale = self._budget.latency or max(end, 1.0)
        first = min(_BAR - 1, int(start / scale * _BAR))
        last = max(first + 1, min(_BAR, round(end / scale * _BAR)))
        return Text("·" * first, "dim") + Text("━" * (last - first), colour) + Text("·" * (_BAR - last), "dim")


def _far(said: CallProgress | None) -> str:
    """How far a running call is, in words."""
    if said is None:
        return ""
    inner = "".join(f" > {each.tool}" for each in said.inner)
    share = "" if said.fraction is None else f" {said.fraction:.0%}"
    return f"{inner}{share} {said.message}".rstrip()


class Lines:
    """Each event as a line of JSON on standard output, the result last; a context manager.

    They are written by a thread of their own, so that a reader who does not read holds up no run.
    """

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="shotclock-lines", daemon=True)

    def __enter__(self) -> Lines:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.put(None)
        self._thread.join()

    def take(self, event: Event) -> None:
        """Write an event when its turn comes; any thread may call it."""
        self._waiting.put(event)

    def _write(self) -> None:
        while (event := self._waiting.get()) is not None:
            try:
                print(json.dumps(event.to_dict()), flush=True)
            except (OSError, ValueError):  # nobody reads any more; the command says so when it ends
                return
