"""What a person sees while a run is under way: its calls against the deadline."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live as RichLive
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ..policies.budget import Budget
from .events import CallFinished, CallStarted, Event, RunStarted

_BAR = 32
_ENDS = {"ok": "green", "error": "red", "timed_out": "red", "cancelled": "yellow", "skipped": "yellow"}


class Live:
    """The progress of one run on the terminal, drawn from its events; a context manager."""

    def __init__(self, budget: Budget, console: Console | None = None) -> None:
        self._budget = budget
        self._began = time.monotonic()
        self._soft: float | None = None
        self._calls: dict[str, tuple[CallStarted, CallFinished | None]] = {}
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
                case CallFinished(evidence=evidence) if evidence.id in self._calls:
                    self._calls[evidence.id] = (self._calls[evidence.id][0], event)

    def _draw(self) -> RenderableType:
        now = time.monotonic() - self._began
        with self._lock:
            rows = list(self._calls.values())
        table = Table.grid(padding=(0, 1))
        table.add_row("[bold]time[/]", self._bar(0.0, now, "cyan"), self._clock(now))
        for started, finished in rows:
            end = finished.at if finished else now
            name = finished.evidence.outcome.name if finished else "running"
            table.add_row(escape(started.call.tool), self._bar(started.at, end, _ENDS.get(name, "cyan")),
                          f"{end - started.at:.2f} s  {name.replace('_', ' ')}")  # fmt: skip
        return Group(table)

    def _clock(self, now: float) -> str:
        if self._budget.latency is None:
            return f"{now:.1f} s"
        return f"{now:.1f} of {self._budget.latency:g} s"

    def _bar(self, start: float, end: float, colour: str) -> Text:
        scale = self._budget.latency or max(end, 1.0)
        first = min(_BAR - 1, int(start / scale * _BAR))
        last = max(first + 1, min(_BAR, round(end / scale * _BAR)))
        return Text("·" * first, "dim") + Text("━" * (last - first), colour) + Text("·" * (_BAR - last), "dim")
