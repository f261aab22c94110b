"""One run read from the store, worked out for people: limits and spend, decisions, burn-down, critical path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from . import conventions as names
from .content import message_text
from .critical_path import Phase, Section, by_phase, critical_path, slack, tree
from .decisions import Decision
from .rows import EventRow, RunRow, SpanRow
from .sensitivity import Sensitivity, sensitivities

_DECISIONS = (names.DECISION, names.TOOL_SKIPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """What was left of the budget at one instant: seconds since the run began, what is left by limit, the reserve."""

    at: float
    left: Mapping[str, float]
    reserve: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"at": self.at, "left": dict(self.left), "reserve": self.reserve}


@dataclass(frozen=True, kw_only=True)
class RunView:
    """A run and its spans. Instants are seconds since the run began, durations seconds.

    Attributes:
        run: the run as the list shows it.
        root: its root span.
        spans: the spans below the root with their depth (1 is a child of the root), parents before children, by start.
        lost: how many spans of the trace belong to no span of it: their parents were not stored, and neither is what
            they took part of the critical path.
    """

    run: RunRow
    root: SpanRow
    spans: tuple[tuple[int, SpanRow], ...]
    lost: int = 0

    @classmethod
    def of(cls, run: RunRow, spans: Sequence[SpanRow]) -> RunView:
        """The view of a run from all spans of its trace."""
        root = next(span for span in spans if span.span_id == run.span_id)
        known = {span.span_id for span in spans}
        lost = sum(span.parent_id is not None and span.parent_id not in known for span in spans if span is not root)
        below = tuple(_below(root, tree(s for s in spans if s is not root)))
        return cls(run=run, root=root, spans=below, lost=lost)

    def at(self, instant_ns: int) -> float:
        """An instant of the wall clock as seconds since the run began."""
        return (instant_ns - self.root.started_ns) / 1e9

    @property
    def duration(self) -> float:
        """Seconds the run took."""
        return self.root.duration_ns / 1e9

    @cached_property
    def limits(self) -> dict[str, float]:
        """The limits that were set, by the budget's parameter."""
        return self._budget(names.limit)

    @cached_property
    def consumed(self) -> dict[str, float]:
        """What was used, by the budget's parameter; what is unknown is missing."""
        return self._budget(names.consumed)

    def _budget(self, name: Any) -> dict[str, float]:
        pairs = {limit: self.root.attributes.get(name(limit)) for limit in names.BUDGET_TYPES}
        return {limit: value for limit, value in pairs.items() if isinstance(value, (int, float))}

    @property
    def deadline(self) -> float | None:
        """Seconds after the start at which the answer was due."""
        return self.limits.get("latency")

    @cached_property
    def soft_deadline(self) -> float | None:
        """Seconds after the start at which an answer is begun: the deadline less the reserve last known."""
        reserves = [tick.reserve for tick in self.ticks] + [self.root.attributes.get(names.LATENCY_RESERVE)]
        reserve = next((value for value in reversed(reserves[:-1]) if value is not None), reserves[-1])
        if self.deadline is None or not isinstance(reserve, (int, float)):
            return None
        return max(0.0, self.deadline - reserve)

    @property
    def query(self) -> str | None:
        """The question, where content was captured."""
        return message_text(self.root.attributes.get(names.INPUT_MESSAGES))

    @property
    def answer(self) -> str | None:
        """The answer, where content was captured."""
        return message_text(self.root.attributes.get(names.OUTPUT_MESSAGES))

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """Every decision with its figures, in order."""
        return tuple(self._decision(event) for event in self.root.events if event.name in _DECISIONS)

    def _decision(self, event: EventRow) -> Decision:
        read = event.attributes
        return Decision(
            at=self._elapsed(event),
            kind=str(read.get(names.KIND, "")),
            choice=str(read.get(names.CHOICE, "")),
            reason=str(read.get(names.REASON, "")),
            figures={k.removeprefix(names.FIGURE): v for k, v in read.items() if k.startswith(names.FIGURE)},
            situation=str(read.get(names.SITUATION, "")),
        )

    def _elapsed(self, event: EventRow) -> float:
        elapsed = event.attributes.get(names.ELAPSED)
        return float(elapsed) if isinstance(elapsed, (int, float)) else self.at(event.at_ns)

    @cached_property
    def ticks(self) -> tuple[Tick, ...]:
        """The budget as it burnt down; where no event says it, the time left that the calls were started with."""
        told = tuple(self._tick(event) for event in self.root.events if event.name == names.BUDGET_TICK)
        return told or tuple(
            Tick(at=self.at(span.started_ns), left={"latency": left})
            for _, span in self.spans
            if isinstance(left := span.attributes.get(names.LATENCY_REMAINING), (int, float))
        )

    def _tick(self, event: EventRow) -> Tick:
        read = event.attributes
        left = {limit: read[names.remaining(limit)] for limit in names.BUDGET_TYPES if names.remaining(limit) in read}
        return Tick(at=self._elapsed(event), left=left, reserve=read.get(names.LATENCY_RESERVE))

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The critical path."""
        return critical_path(self.root, (span for _, span in self.spans))

    @property
    def phases(self) -> dict[Phase, int]:
        """Nanoseconds of the critical path by phase; they sum to the root's duration."""
        return by_phase(self.sections)

    def slack(self, span: SpanRow) -> float:
        """Seconds by which a span could have ended later before the run did."""
        return slack(span, [self.root, *(other for _, other in self.spans)], self.sections) / 1e9

    @cached_property
    def sensitivities(self) -> Mapping[str, Sensitivity]:
        """What each call meant for the run's duration, by the span's id; a call is a span directly below the root."""
        spans = [span for _, span in self.spans]
        return {found.span_id: found for found in sensitivities(self.root, spans, self.sections)}

    def slowest(self, count: int = 5) -> list[SpanRow]:
        """The spans below the root that took longest."""
        return sorted((span for _, span in self.spans), key=lambda span: -span.duration_ns)[:count]

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "run": self.run.to_dict(),
            "limits": self.limits,
            "consumed": self.consumed,
            "deadline": self.deadline,
            "soft_deadline": self.soft_deadline,
            "query": self.query,
            "answer": self.answer,
            "phases": {phase: spent / 1e9 for phase, spent in self.phases.items()},
            "burn_down": [tick.to_dict() for tick in self.ticks],
            "decisions": [decision.to_dict() for decision in self.decisions],
            "sensitivity": [found.to_dict() for found in self.sensitivities.values()],
            "lost_spans": self.lost,
            "critical_path": [section.to_dict() for section in self.sections],
            "spans": [self.root.to_dict(), *(span.to_dict() for _, span in self.spans)],
        }


def outcome(span: SpanRow) -> str:
    """How a span ended, in few words: `ok`, `pass 0.92`, `timed out`, `error ConnectError`, `abandoned`."""
    read = span.attributes.get
    error = read(names.ERROR_TYPE)
    said = read(names.RUN_STATUS) or read(names.CALL_OUTCOME) or read(names.VERIFIER_OUTCOME) or span.status
    if error in ("abandoned", "cancelled"):
        return str(error)
    if said == "error":
        return f"error {error}" if error and error != names.ERROR_TYPE_OTHER else "error"
    scores = [event.attributes.get(names.EVALUATION_SCORE) for event in span.events]
    score = next((f" {value:.2f}" for value in scores if isinstance(value, (int, float))), "")
    return "ok" if said == "unset" else str(said).replace("_", " ") + score


def label(span: SpanRow) -> str:
    """What a span did, without the words that every such span has."""
    read = span.attributes.get
    match read(names.OPERATION_NAME):
        case names.EXECUTE_TOOL:
            attempt, kind = read(names.CALL_ATTEMPT, 1), read(names.CALL_KIND, "primary")
            extra = "" if kind == "primary" else f" ({kind} {attempt})"
            return f"{read(names.TOOL_NAME, span.name)}{extra}"
        case names.CHAT:
            return f"chat ({read(names.PURPOSE, 'model')}) {read(names.REQUEST_MODEL, '')}"
        case names.INVOKE_AGENT:
            return f"agent {read(names.AGENT_NAME, span.name)}"
        case _:
            return span.name


def _below(root: SpanRow, children: Mapping[str, Sequence[SpanRow]]) -> Iterator[tuple[int, SpanRow]]:
    todo = [(1, span) for span in reversed(children.get(root.span_id, ()))]
    while todo:
        depth, span = todo.pop()
        yield depth, span
        todo.extend((depth + 1, child) for child in reversed(children.get(span.span_id, ())))
