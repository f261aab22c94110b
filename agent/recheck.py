"""A call made again, as a verifier of the answer that rests on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..policies.agreement import Meaning, meaning, same
from ..policies.errors import UsageError
from ..policies.forecast import PRIORS, Forecast
from ..policies.latency import LatencyState
from ..policies.ledger import Claim
from ..policies.outcome import Verdict
from ..tools.call import Call, Evidence
from ..tools.checking import CheckResult
from ..tools.fields import MISSING, field_of
from ..tools.shapes import short
from ..tools.tool import Tool
from .run import Run
from .verifiers import Answered, Terms

_UNKNOWN = LatencyState(PRIORS["tool"]).forecast()


Another = Callable[[Evidence], Mapping[str, Any] | None]
"""The arguments of a second call, from what the first one gave; `None` where there is none to make."""


class Recheck:
    """The verifier that `recheck` makes."""

    def __init__(self, tool: str, by: str, arguments: Another | None, field: str | None, tolerance: float) -> None:
        self.__name__ = f"recheck({tool})" if by == tool else f"recheck({tool} by {by})"
        self._tool = tool
        self._by = by
        self._arguments = arguments
        self._field = field
        self._tolerance = tolerance

    async def __call__(self, answered: Answered) -> Verdict:
        """Outside a run there is nothing to call."""
        return self._unsure("it makes calls of a run, and there is none")

    def forecast(self, run: Run) -> Forecast:
        """As long as the tool takes."""
        tool = run.toolbox.get(self._by)
        return (None if tool is None else run.memory.history.forecast(tool)) or _UNKNOWN

    def claim(self, run: Run, answered: Answered) -> Claim:
        """One attempt of the tool; nothing where there is no call to make again."""
        tool = run.toolbox.get(self._by)
        if tool is None or self._last(answered) is None:
            return Claim()
        return Claim(tool=tool.name, tool_calls=1, cost_usd=tool.cost_usd)

    async def ask(self, run: Run, answered: Answered, terms: Terms) -> CheckResult:
        """Make the last call of the tool again, or another one, through the pipeline, and compare."""
        terms.reservation.release()  # the pipeline reserves each attempt itself
        tool, first = run.toolbox.get(self._by), self._last(answered)
        given = None if first is None else self._given(first)
        if first is None or given is None:
            return None
        if tool is None or not tool.repeatable or (self._is_same(first, given) and tool.cache is not None):
            return self._unsure(_why_not(self._by, tool))
        second = await run.pipeline.call(
            Call(id=f"{first.id}.again", tool=self._by, arguments=given, drawn_from=_drawn(first))
        )
        says = [self._read(item) for item in (first, second)]
        if not second.usable or says[0] is None or says[1] is None:
            return self._unsure(f"{self._by} gave nothing to compare with: {short(second.content)}")
        if same(says[0], says[1], self._tolerance):
            return True
        again = "asked again" if self._by == self._tool else f"{self._by}"
        return f"{self._tool} gave {short(first.content)!r} and, {again}, {short(second.content)!r}"

    def _given(self, first: Evidence) -> Mapping[str, Any] | None:
        return first.arguments if self._arguments is None else self._arguments(first)

    def _is_same(self, first: Evidence, given: Mapping[str, Any]) -> bool:
        return self._by == self._tool and dict(given) == dict(first.arguments)

    def _read(self, item: Evidence) -> Meaning | None:
        """What a result says as far as it is compared."""
        found = field_of(item.value, self._field)
        return None if found is MISSING else meaning(found, item.content if self._field is None else "")

    def _last(self, answered: Answered) -> Evidence | None:
        return next((item for item in reversed(answered.evidence) if item.tool == self._tool and item.usable), None)

    def _unsure(self, reason: str) -> Verdict:
        return Verdict.unsure(self.__name__, reason)


def recheck(
    tool: str,
    *,
    by: str | None = None,
    arguments: Another | None = None,
    field: str | None = None,
    tolerance: float = 0.01,
) -> Recheck:
    """A verifier that makes the last call of a tool again and refuses an answer where the two results differ.

    It is a costly one: it takes as long as the tool and counts as one of its calls. The tool must be `read_only` or
    `idempotent`, and must not keep its results. Two equal results are no objection; they vouch for nothing.

    What was asked in one way can be derived in another, such as a sum in SQL from the rows::

        recheck("sql", by="rows", arguments=lambda first: {"table": "orders"}, field="total")

    Args:
        tool: the tool's name.
        by: the tool that is asked instead. Default: the same one.
        arguments: makes the arguments of the second call from what the first one gave, `None` for no call. Default:
            those of the first.
        field: where in both results stands what is compared, `"a.b"` for nested ones; `None` is the whole result.
        tolerance: relative difference within which two numbers say the same. Default 0.01.

    Raises:
        UsageError: `tolerance` is negative or NaN.
    """
    if not tolerance >= 0:
        raise UsageError(f"recheck(tolerance={tolerance}): it must be 0 or more")
    return Recheck(tool, by or tool, arguments, field, tolerance)


def _why_not(name: str, tool: Tool | None) -> str:
    if tool is None:
        return f"there is no tool {name}"
    return f"{name} keeps its results" if tool.repeatable else f"{name} must not be called twice"


def _drawn(item: Evidence) -> dict[str, str]:
    return {item.origin: item.tool} if item.untrusted else {}
