"""What runs are measured by: the histograms and counters, and what one run records into them.

Emission rests on `opentelemetry-api` alone. Every value is recorded in the context of the span it is about, so that an
exemplar leads from a bucket to a trace. Where there is no meter provider nothing is built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.metrics import Counter, Histogram, Meter, MeterProvider, get_meter, get_meter_provider

from ...policies.budget import Budget, Spend
from . import conventions as names
from .attributes import Attributes
from .critical_path import by_phase, critical_path
from .guard import guarded
from .rows import EventRow, SpanRow

SECONDS: Final = tuple(0.01 * 2**step for step in range(14))
"""Buckets of calls: 10 ms doubling to 81.92 s."""
RUN_SECONDS: Final = tuple(0.1 * 2**step for step in range(13))
"""Buckets of runs: 100 ms doubling to 409.6 s."""
OVERRUN_SECONDS: Final = tuple(0.001 * 2**step for step in range(13))
"""Buckets of time past the deadline: 1 ms doubling to 4.096 s; a run on time is 0 and falls into the first."""
COUNTS: Final = tuple(float(2**step) for step in range(8))
"""Buckets of calls a run: 1 to 128."""
TOKENS: Final = tuple(float(4**step) for step in range(14))
"""Buckets of tokens a call: 1, times four, to 67,108,864."""
SHARES: Final = (*(tenth / 10 for tenth in range(1, 11)), 1.05, 1.25, 2.0)
"""Buckets of the share of a budget that was used."""

_CALL_LABELS: Final = (
    names.OPERATION_NAME, names.PROVIDER_NAME, names.REQUEST_MODEL, names.RESPONSE_MODEL, names.SERVER_ADDRESS,
    names.SERVER_PORT, names.ERROR_TYPE,
)  # fmt: skip
_TOOL_LABELS: Final = (names.TOOL_NAME, names.TOOL_TYPE, names.AGENT_NAME, names.ERROR_TYPE)
_EXHAUSTED: Final = {
    "deadline": "latency",
    "tool_calls": "tool_calls",
    "model_calls": "model_calls",
    "tokens": "tokens",
    "cost": "cost_usd",
    "cost_usd": "cost_usd",
    "per_tool": "per_tool",
}
"""The budget's type by what a run stopped for, or a call was refused for."""


class Instruments:
    """The instruments of one meter provider; made once an agent.

    Args:
        provider: where values go; `None` is the process's global provider, which keeps nothing unless the program has
            set one up. A global provider is never set here.
    """

    def __init__(self, provider: MeterProvider | None = None) -> None:
        self._provider = provider
        self._meter: Meter | None = None

    @property
    def recording(self) -> bool:
        """Whether values go anywhere: the API's own providers keep none."""
        provider = get_meter_provider() if self._provider is None else self._provider
        return not type(provider).__module__.startswith("opentelemetry.metrics")

    def ready(self) -> bool:
        """Make the instruments where values go anywhere; whether they can be recorded into."""
        if self._meter is None and self.recording:
            self._meter = guarded(get_meter, "shotclock", meter_provider=self._provider)
            if self._meter is not None:
                guarded(self._make, self._meter)
        return self._meter is not None and self.recording

    def _make(self, meter: Meter) -> None:
        def histogram(name: str, unit: str, what: str, buckets: Sequence[float]) -> Histogram:
            return meter.create_histogram(name, unit, what, explicit_bucket_boundaries_advisory=buckets)

        self.operation = histogram(names.CLIENT_OPERATION_DURATION, "s", "Duration of a model call.", SECONDS)
        self.first_chunk = histogram(names.CLIENT_TIME_TO_FIRST_CHUNK, "s", "Time to its first chunk.", SECONDS)
        self.tokens = histogram(names.CLIENT_TOKEN_USAGE, "{token}", "Tokens of a model call.", TOKENS)
        self.tool = histogram(names.EXECUTE_TOOL_DURATION, "s", "Duration of an attempt of a tool.", SECONDS)
        self.run = histogram(names.INVOKE_AGENT_DURATION, "s", "Duration of a run.", RUN_SECONDS)
        self.tool_calls = histogram(
            names.INVOKE_AGENT_TOOL_CALLS, "{tool_call}", "Attempts of tools a run started.", COUNTS
        )
        self.inference_calls = histogram(
            names.INVOKE_AGENT_INFERENCE_CALLS, "{inference_call}", "Model calls a run started.", COUNTS
        )
        self.utilization = histogram(names.BUDGET_UTILIZATION, "1", "Share of a budget that a run used.", SHARES)
        self.overrun = histogram(
            names.RUN_OVERRUN_DURATION, "s", "Time a run took past its deadline; 0 where it was on time.",
            OVERRUN_SECONDS,
        )  # fmt: skip
        self.path = histogram(names.RUN_CRITICAL_PATH_TIME, "s", "Time of a run's critical path by phase.", SECONDS)
        self.exhaustions = meter.create_counter(
            names.BUDGET_EXHAUSTIONS, "{run}", "Runs whose budget of a type ran out."
        )
        self.skips = meter.create_counter(names.TOOL_SKIPS, "{call}", "Calls of tools that were not made.")
        self.abandoned = meter.create_counter(
            names.TOOL_ABANDONED, "{call}", "Attempts that ran on after their cancellation."
        )
        self.verdicts = meter.create_counter(names.VERIFIER_VERDICTS, "{verdict}", "Verdicts of verifiers.")


class RunMeter:
    """What one run records. Its calls come in as they end; the run's own figures at its end.

    Args:
        instruments: the instruments.
        agent: the agent's name.
        tools: the names of its tools: a call of another name, which only a model can have made up, is counted under
            `_OTHER`.
    """

    def __init__(self, instruments: Instruments, agent: str, tools: Iterable[str] = ()) -> None:
        self._to = instruments
        self._agent = agent
        self._tools = frozenset(tools)
        self._calls: list[SpanRow] = []
        self._events: list[EventRow] = []
        self._refused: set[str] = set()

    def mark(self, at_ns: int, choice: str = "", wait: float | None = None) -> None:
        """Note that the run decided something, and the seconds that it waits from then on."""
        attributes = {} if wait is None else {names.CHOICE: choice, names.FIGURE + "wait": wait}
        self._events.append(EventRow(name="", at_ns=at_ns, attributes=attributes))

    def decided(
        self, at_ns: int, kind: str, choice: str, situation: Any, figures: Mapping[str, Any], context: Context
    ) -> None:
        """Take in a decision of the run, and count it where a counter is about it."""
        self.mark(at_ns, choice, figures.get("wait", getattr(situation, "wait", None)))
        if kind == "skip":
            self._skipped(choice, str(figures.get("limit", "")), context)
        elif kind == "abandon" and (count := figures.get("tools")):
            _add(self._to.abandoned, count, {names.AGENT_NAME: self._agent}, context)

    def _skipped(self, tool: str, limit: str, context: Context) -> None:
        reason = limit.partition(".")[0] or names.ERROR_TYPE_OTHER
        if reason in _EXHAUSTED and reason != "deadline":
            self._refused.add(_EXHAUSTED[reason])
        known = tool if tool in self._tools else names.ERROR_TYPE_OTHER
        labels = {names.AGENT_NAME: self._agent, names.TOOL_NAME: known, names.SKIP_REASON: reason}
        _add(self._to.skips, 1, labels, context)

    def ended(self, call: SpanRow, context: Context) -> None:
        """Record a call that has ended."""
        self._calls.append(call)
        record = _RECORDERS.get(call.attributes.get(names.OPERATION_NAME, ""))
        if record is not None:
            record(self, call, context)

    def _chat(self, call: SpanRow, context: Context) -> None:
        read, labels = call.attributes.get, _picked(call.attributes, _CALL_LABELS)
        _record(self._to.operation, call.duration_ns / 1e9, labels, context)
        labels.pop(names.ERROR_TYPE, None)
        first = read(names.RESPONSE_TIME_TO_FIRST_CHUNK)
        if first is not None:
            _record(self._to.first_chunk, first, labels, context)
        for kind, name in (("input", names.USAGE_INPUT_TOKENS), ("output", names.USAGE_OUTPUT_TOKENS)):
            if (tokens := read(name)) is not None:
                _record(self._to.tokens, tokens, {**labels, names.TOKEN_TYPE: kind}, context)

    def _tool(self, call: SpanRow, context: Context) -> None:
        _record(self._to.tool, call.duration_ns / 1e9, _picked(call.attributes, _TOOL_LABELS), context)

    def _verdict(self, call: SpanRow, context: Context) -> None:
        labels = _picked(call.attributes, (names.VERIFIER_NAME, names.VERIFIER_OUTCOME))
        _add(self._to.verdicts, 1, labels, context)

    def run_ended(self, root: SpanRow, budget: Budget, spend: Spend, context: Context) -> None:
        """Record the run's own figures, from its root as it ends."""
        read, labels = root.attributes.get, {names.AGENT_NAME: self._agent}
        seconds = root.duration_ns / 1e9
        outcome = {**labels, **_picked(root.attributes, (names.RUN_STATUS, names.RUN_VERIFIED, names.ERROR_TYPE))}
        _record(self._to.run, seconds, outcome, context)
        _record(self._to.tool_calls, spend.tool_calls, labels, context)
        _record(self._to.inference_calls, spend.model_calls, labels, context)
        if budget.latency is not None:
            _record(self._to.overrun, max(0.0, seconds - budget.latency), labels, context)
        for kind in names.BUDGET_TYPES:
            limit, used = getattr(budget, kind), getattr(spend, kind)
            if limit and used is not None:
                _record(self._to.utilization, used / limit, {**labels, names.BUDGET_TYPE: kind}, context)
        exhausted = self._refused | {_EXHAUSTED.get(str(read(names.RUN_STOP_REASON)), "")} - {""}
        for kind in sorted(exhausted):
            _add(self._to.exhaustions, 1, {**labels, names.BUDGET_TYPE: kind}, context)
        self._phases(root, labels, context)

    def _phases(self, root: SpanRow, labels: Attributes, context: Context) -> None:
        path = guarded(critical_path, _with_events(root, self._events), self._calls)
        for phase, taken in by_phase(path or ()).items():
            if taken:
                _record(self._to.path, taken / 1e9, {**labels, names.PHASE: phase}, context)


_RECORDERS: Final[Mapping[str, Callable[[RunMeter, SpanRow, Context], None]]] = {
    names.CHAT: RunMeter._chat,
    names.EXECUTE_TOOL: RunMeter._tool,
    names.VERIFY: RunMeter._verdict,
}


def _picked(attributes: Mapping[str, Any], labels: Iterable[str]) -> Attributes:
    return {name: value for name in labels if (value := attributes.get(name)) is not None}


def _with_events(root: SpanRow, events: Iterable[EventRow]) -> SpanRow:
    return SpanRow(
        trace_id=root.trace_id, span_id=root.span_id, name=root.name, started_ns=root.started_ns,
        ended_ns=root.ended_ns, attributes=root.attributes, events=tuple(events),
    )  # fmt: skip


def _record(instrument: Histogram, value: float, labels: Attributes, context: Context) -> None:
    guarded(instrument.record, value, labels, context)


def _add(instrument: Counter, count: int, labels: Attributes, context: Context) -> None:
    guarded(instrument.add, count, labels, context)
