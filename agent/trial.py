"""One call through the whole pipeline, without a model: how a developer tries a tool."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any

from opentelemetry.trace import TracerProvider

from ..policies.budget import Budget
from ..policies.deadline import Deadline
from ..policies.errors import InvalidTool
from ..policies.forecast import Forecast
from ..policies.ledger import Ledger
from ..policies.outcome import Ok, TimedOut
from ..policies.settings import Policy
from ..tools.call import Call, Evidence
from ..tools.checking import Checked, each_check
from ..tools.landing import ended
from ..tools.lent import Scope
from ..tools.loops import LOOPS, LoopThread
from ..tools.memory import Memory
from ..tools.pipeline import Pipeline
from ..tools.threads import POOL
from ..tools.tool import Tool
from ..tools.toolbox import Toolbox
from ..tools.watchdog import WATCHDOG, Blocked, blocker
from .trace.run_trace import RunTrace
from .trace.select import NO_MODEL
from .trace.spans import Recorder

GRACE = 0.1
"""Seconds past the deadline after which a call whose loop is blocked is given up."""
CHECK_SECONDS = 2.0
"""Seconds that the checks, asked one by one, may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One call, and what there is to know of it.

    Attributes:
        tool: what was called.
        evidence: what came of it, as a run would have it.
        before: how long the call was expected to take; `None` where nothing was known.
        after: how long the next one is expected to take.
        checks: what each check says of the result by itself, in their order; none where there is no result.
        blocked: what blocked the event loop, and where, if something did.
        trace_id: the call's trace, in the store of the tracer provider.
    """

    tool: Tool
    evidence: Evidence
    before: Forecast | None
    after: Forecast | None
    checks: tuple[Checked, ...]
    blocked: Blocked | None
    trace_id: str


def try_call(tools: Iterable[Tool], name: str, arguments: Mapping[str, Any], latency: float | str = 10.0) -> Evidence:
    """Run `name` with `arguments`, as a run would within `latency`, and return the evidence.

    Raises:
        InvalidTool: there is no tool of that name.
        InvalidBudget: `latency` is no duration.
    """
    return try_tool(tools, name, arguments, latency).evidence


def try_tool(
    tools: Iterable[Tool],
    name: str,
    arguments: Mapping[str, Any],
    latency: float | str = 10.0,
    *,
    memory: Memory | None = None,
    tracer_provider: TracerProvider | None = None,
) -> Trial:
    """Run `name` with `arguments`, as a run would within `latency`, and tell all there is to know of the call.

    It is back in time even where the tool blocks its event loop, which is one of its own.

    Args:
        tools: the tools, as an agent takes them.
        name: which of them.
        arguments: as a model would write them.
        latency: seconds, or a text such as `"2s"`.
        memory: what is known of the tools, which the call adds to. Default: nothing.
        tracer_provider: where the call's trace goes. Default: the process's global provider.

    Raises:
        InvalidTool: there is no tool of that name.
        InvalidBudget: `latency` is no duration.
    """
    toolbox = Toolbox(tools)
    tool = toolbox.get(name)
    if tool is None:
        raise InvalidTool(toolbox.unknown(name))
    known = memory or Memory()
    recorder = Recorder(tracer_provider, agent="try", model=NO_MODEL, tools=[name])
    trial = _Trying(toolbox, tool, Call(id="call-1", tool=name, arguments=arguments), Budget(latency), known, recorder)
    return trial.made()


class _Trying:
    """A call that is being tried, on an event loop of its own."""

    def __init__(
        self, toolbox: Toolbox, tool: Tool, call: Call, budget: Budget, memory: Memory, recorder: Recorder
    ) -> None:
        self._toolbox = toolbox
        self._tool = tool
        self._call = call
        self._budget = budget
        self._memory = memory
        self._ledger = Ledger(budget)
        self._blocked: Blocked | None = None
        self._before = memory.history.forecast(tool)
        self._started = time.monotonic()
        self._trace = recorder.start_run("", budget, begun=self._started, clock=time.monotonic)

    def made(self) -> Trial:
        """The call, made."""
        with LOOPS.lent() as thread:
            evidence, checks = self._waited(thread)
        _close(self._trace, evidence, self._ledger, time.monotonic() - self._started)
        return Trial(
            tool=self._tool,
            evidence=evidence,
            before=self._before,
            after=self._memory.history.forecast(self._tool),
            checks=checks,
            blocked=self._blocked,
            trace_id=self._trace.trace_id,
        )

    def _waited(self, thread: LoopThread) -> tuple[Evidence, tuple[Checked, ...]]:
        future = thread.submit(self._run())
        left = None if self._budget.latency is None else self._budget.latency + GRACE
        try:
            evidence = future.result(timeout=left)
        except FutureTimeout:
            self._blocked = blocker(thread.ident) or self._blocked
            future.cancel()
            return self._given_up(), ()
        checked = thread.submit(_checked(self._tool, evidence))
        return evidence, checked.result()

    async def _run(self) -> Evidence:
        loop = asyncio.get_running_loop()
        scope = Scope(
            ledger=self._ledger,
            policy=Policy(),
            soft=Deadline.after(self._started, self._budget.latency),
            now=loop.time,
            trace=self._trace,
            memory=self._memory,
            own=lambda future: None,
        )
        watch = WATCHDOG.add(loop)
        try:
            return await Pipeline(self._toolbox, scope).call(self._call)
        finally:
            WATCHDOG.remove(watch)
            self._blocked = watch.found

    def _given_up(self) -> Evidence:
        """The evidence of a call whose loop does not come back to say anything."""
        took = time.monotonic() - self._started
        landed = ended(self._tool.name, TimedOut(round(took, 6)))
        return Evidence(
            id=self._call.id,
            tool=self._tool.name,
            arguments=self._call.arguments,
            outcome=landed.outcome,
            content=landed.content.text,
            verdict=landed.verdict,
            origin=self._tool.name,
            attempts=1,
            duration=took,
        )


async def _checked(tool: Tool, evidence: Evidence) -> tuple[Checked, ...]:
    """What each check says of a result; in a thread, as checks are the author's and may hang."""
    if not isinstance(evidence.outcome, Ok):
        return ()
    asked = POOL.run(functools.partial(each_check, tool, evidence))
    await asyncio.wait((asked,), timeout=CHECK_SECONDS)
    if asked.done():
        return asked.result()
    hung = f"they had not ended after {CHECK_SECONDS:g} s; a check must take milliseconds"
    return (Checked(name="the checks", outcome="unsure", reason=hung),)


def _close(trace: RunTrace, evidence: Evidence, ledger: Ledger, elapsed: float) -> None:
    status = "complete" if evidence.usable else "partial"
    trace.end_run(status, "answered", evidence.verdict.outcome == "pass", ledger.spend(elapsed))
