"""What a person sees in the terminal: the answer and its account, one call, the tools."""

from __future__ import annotations

import json
from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from ...policies.outcome import Verdict
from ...tools.call import Evidence
from ...tools.tool import Tool
from ..result import Result

_MARKS = {"pass": "[green]✓[/]", "fail": "[red]✗[/]", "unsure": "[yellow]?[/]"}
_PLAIN_MARKS = {"pass": "[green]+[/]", "fail": "[red]x[/]", "unsure": "[yellow]?[/]"}
"""For a terminal or pipe that has no check mark: a question mark in its place would say `unsure`."""


def show_result(result: Result, console: Console | None = None) -> None:
    """Print the answer, what was checked, what was spent, and where the trace is."""
    out = console or Console(highlight=False)
    out.print(escape(result.answer))
    out.print()
    verdict = "verified" if result.verified else "not verified"
    out.print(f"{_mark(out, result.verdict)} [bold]{verdict}[/]: {escape(result.verdict.reason)}")
    for item in result.evidence:
        out.print(Padding(_evidence_line(out, item), (0, 0, 0, 2)))
    for warning in result.warnings:
        out.print(f"[yellow]![/] {escape(warning)}")
    out.print(f"[dim]{escape(_account(result))}[/]")
    out.print(f"[dim]trace {result.trace_id[:12]}: shotclock trace show {result.trace_id[:12]}[/]")


def show_evidence(item: Evidence, console: Console | None = None) -> None:
    """Print one call: how it ended, what its checks said, and what a model would see of it."""
    out = console or Console(highlight=False)
    out.print(_evidence_line(out, item))
    if item.outcome.name == "ok":
        out.print(escape(item.content))


def show_tools(tools: Iterable[Tool], console: Console | None = None) -> None:
    """Print each tool with its parameters and its author's promises."""
    out = console or Console(highlight=False)
    for tool in tools:
        out.print(f"[bold]{escape(tool.name)}[/]({escape(_parameters(tool))})  [dim]{escape(_promises(tool))}[/]")
        out.print(Padding(escape(tool.description.split("\n\n")[0]), (0, 0, 0, 4)))


def _mark(out: Console, verdict: Verdict) -> str:
    try:
        "✓✗".encode(out.encoding)
    except (UnicodeEncodeError, LookupError):
        return _PLAIN_MARKS[verdict.outcome]
    return _MARKS[verdict.outcome]


def _evidence_line(out: Console, item: Evidence) -> str:
    mark = _mark(out, item.verdict)
    given = [(k, v) for k, v in item.arguments.items() if v is not None]
    arguments = ", ".join(f"{k}={json.dumps(v, ensure_ascii=False, default=str)}" for k, v in given)
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
