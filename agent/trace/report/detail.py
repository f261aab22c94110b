"""One run as the page draws it: its spans as bars, its budget as lines, its decisions with their figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from .. import conventions as names
from ..critical_path import Section
from ..rows import SpanRow
from ..run_view import RunView, label, outcome

MAX_TEXT: Final = 2_000
"""Characters of one attribute or figure on the page; what is cut is said."""

_HIDDEN: Final = frozenset({names.INPUT_MESSAGES, names.OUTPUT_MESSAGES})
_COUNTED: Final = frozenset({("tool_calls", names.EXECUTE_TOOL), ("model_calls", names.CHAT)})
_PHASES: Final = {names.CHAT: "inference", names.EXECUTE_TOOL: "tool", names.VERIFY: "verification"}


def detail(view: RunView) -> dict[str, Any]:
    """A run as JSON values; instants in seconds since it began."""
    sections: dict[str, list[Section]] = {}
    for section in view.sections:
        sections.setdefault(section.span_id, []).append(section)
    rows = [(0, view.root), *view.spans]
    return {
        "trace": view.run.trace_id,
        "started": view.run.started_ns / 1e6,
        "agent": view.run.agent,
        "model": view.run.model,
        "took": _seconds(view.duration),
        "status": view.run.status,
        "stop": view.run.stop_reason,
        "verified": view.run.verified,
        "error": view.run.error_type,
        "lost": view.lost,
        "query": _cut(view.query),
        "answer": _cut(view.answer),
        "deadline": view.deadline,
        "soft": view.soft_deadline,
        "limits": view.limits,
        "consumed": view.consumed,
        "phases": {phase: _seconds(spent / 1e9) for phase, spent in view.phases.items() if spent},
        "burn_down": {limit: burn_down(view, limit) for limit in view.limits if limit in names.BUDGET_TYPES},
        "spans": [_span(view, depth, span, sections.get(span.span_id, [])) for depth, span in rows],
        "decisions": [
            {**made.to_dict(), "at": _seconds(made.at), "figures": _texts(made.figures)} for made in view.decisions
        ],
    }


def burn_down(view: RunView, limit: str) -> list[tuple[float, float]]:
    """What was left of a limit, as pairs of seconds and a figure in order of time, without the beginning.

    Between the points that the run recorded, calls are counted off as they started and money as they ended.
    """
    told = [(tick.at, float(tick.left[limit])) for tick in view.ticks if limit in tick.left]
    steps = sorted((view.at(instant), amount) for instant, amount in _spending(view, limit))
    points, left, known = [], view.limits[limit], iter([*told, (float("inf"), 0.0)])
    at, said = next(known)
    for instant, amount in [*steps, (float("inf"), 0.0)]:
        while at <= instant and at != float("inf"):
            left = said
            points.append((at, left))
            at, said = next(known)
        if amount:
            left = max(0.0, left - amount)
            points.append((instant, left))
    return [(_seconds(when), round(value, 9)) for when, value in points]


def _spending(view: RunView, limit: str) -> Iterator[tuple[int, float]]:
    for _, span in view.spans:
        operation, read = span.attributes.get(names.OPERATION_NAME), span.attributes.get
        if (limit, operation) in _COUNTED:
            yield span.started_ns, 1.0
        elif limit == "cost_usd" and isinstance(cost := read(names.CALL_COST_USD), (int, float)):
            yield span.ended_ns, cost
        elif limit == "tokens" and operation == names.CHAT:
            used = [read(name) for name in (names.USAGE_INPUT_TOKENS, names.USAGE_OUTPUT_TOKENS)]
            yield span.ended_ns, float(sum(tokens for tokens in used if isinstance(tokens, int)))


def _span(view: RunView, depth: int, span: SpanRow, sections: list[Section]) -> dict[str, Any]:
    meant = view.sensitivities.get(span.span_id)
    known = {
        "depth": depth,
        "label": label(span),
        "phase": _PHASES.get(str(span.attributes.get(names.OPERATION_NAME)), "orchestration"),
        "start": _seconds(view.at(span.started_ns)),
        "end": _seconds(view.at(span.ended_ns)),
        "outcome": outcome(span),
        "path": [[_seconds(view.at(s.start_ns)), _seconds(view.at(s.end_ns)), s.phase] for s in sections],
        "attributes": _texts({k: v for k, v in span.attributes.items() if k not in _HIDDEN}),
    }
    if meant is None:
        return known
    return known | {
        "on_path": _seconds(meant.on_path_ns / 1e9),
        "saves": _seconds(meant.saves_ns / 1e9),
        "slack": _seconds(meant.slack_ns / 1e9),
        "fan_out": meant.fan_out,
    }


def _texts(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _cut(value) if isinstance(value, str) else value for name, value in values.items()}


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= MAX_TEXT:
        return text
    return f"{text[:MAX_TEXT]}… [{len(text) - MAX_TEXT:,} characters more in: shotclock trace show --json]"


def _seconds(value: float) -> float:
    return round(value, 6)
