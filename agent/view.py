"""What a person sees in the terminal: calls against the deadline while they run, then the answer and its account."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live as RichLive
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..policies.budget import Budget
from ..tools.call import Evidence
from ..tools.tool import Tool
from .events import CallFinished, CallStarted, Event, RunStarted, TextDelta
from .result import Result

_BAR = 32
_MARKS = {"pass": "[green]✓[/]", "fail": "[red]✗[/]", "unsure": "[yellow]?[/]"}
_ENDS = {"ok": "green", "error": "red", "timed_out": "red", "cancelled": "yellow", "skipped": "yellow"}


class Live:
    """The progress of one run on the terminal, drawn from its events; a context manager."""

    def __init__(self, budget: Budget, console: Console | None = None) -> None:
        self._budget = budget
        self._began = time.monotonic()
        self._soft: float | None = None
        self._calls: dict[str, tuple[CallStarted, CallFinished | None]] = {}
        self._words = 0
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
                case TextDelta():
                    self._words += 1

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


def show_result(result: Result, console: Console | None = None) -> None:
    """Print the answer, what was checked, what was spent, and where the trace is."""
    out = console or Console(highlight=False)
    out.print(escape(result.answer))
    out.print()
    verdict = "verified" if result.verified else "not verified"
    out.print(f"{_MARKS[result.verdict.outcome]} [bold]{verdict}[/]: {escape(result.verdict.reason)}")
    for item in result.evidence:
        out.print(Padding(_evidence_line(item), (0, 0, 0, 2)))
    for warning in result.warnings:
        out.print(f"[yellow]![/] {escape(warning)}")
    out.print(f"[dim]{escape(_account(result))}[/]")
    out.print(f"[dim]trace {result.trace_id[:12]}: shotclock trace show {result.trace_id[:12]}[/]")


def show_evidence(item: Evidence, console: Console | None = None) -> None:
    """Print one call: how it ended, what its checks said, and what a model would see of it."""
    out = console or Console(highlight=False)
    out.print(_evidence_line(item))
    out.print(escape(item.content))


def show_tools(tools: Iterable[Tool], console: Console | None = None) -> None:
    """Print each tool with its parameters and its author's promises."""
    out = console or Console(highlight=False)
    for tool in tools:
        out.print(f"[bold]{escape(tool.name)}[/]({escape(_parameters(tool))})  [dim]{escape(_promises(tool))}[/]")
        out.print(Padding(escape(tool.description.split("\n\n")[0]), (0, 0, 0, 4)))


def _evidence_line(item: Evidence) -> str:
    mark = _MARKS[item.verdict.outcome]
    arguments = ", ".join(f"{k}={json.dumps(v, ensure_ascii=False, default=str)}" for k, v in item.arguments.items())
    shown = arguments if len(arguments) <= 90 else arguments[:87] + "..."
    said = item.verdict.reason if item.outcome.name == "ok" else item.content
    took = f"{item.duration * 1000:.0f} ms" if item.duration < 1 else f"{item.duration:.2f} s"
    return f"{mark} {escape(item.tool)}({escape(shown)}) [dim]{took}[/] {escape(said)}"


def _account(result: Result) -> str:
    spend, budget = result.spend, result.budget
    limit = "" if budget.latency is None else f" of {budget.latency:g} s"
    parts = [f"{result.status}, {result.stop_reason.replace('_', ' ')}", f"{result.elapsed:.3f}{limit}"]
    if budget.latency is None:
        parts[-1] += " s"
    parts.append(_counted(spend.tool_calls, budget.tool_calls, "tool call"))
    parts.append(_counted(spend.model_calls, budget.model_calls, "model call"))
    if spend.tokens:
        parts.append(f"{spend.tokens:,} tokens")
    parts.append(
        "price unknown" if spend.cost_usd is None else f"US$ {spend.cost_usd:.4f}" if spend.cost_usd else "free"
    )
    return " · ".join(parts)


def _counted(used: int, limit: int | None, noun: str) -> str:
    plural = "" if (used if limit is None else limit) == 1 else "s"
    return f"{used} {noun}{plural}" if limit is None else f"{used} of {limit} {noun}{plural}"


def _parameters(tool: Tool) -> str:
    properties = tool.schema.parameters["properties"]
    required = tool.schema.parameters.get("required", [])
    return ", ".join(name if name in required else f"{name}?" for name in properties)


def _promises(tool: Tool) -> str:
    words = ["read only" if tool.read_only else "idempotent" if tool.idempotent else "may change things"]
    if tool.timeout is not None:
        words.append(f"timeout {tool.timeout:g} s")
    if not tool.trusted:
        words.append("untrusted content")
    return ", ".join(words)
