"""The checks of one tool result: the built-in ones, then the author's, as one verdict."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from ..policies.outcome import Verdict
from .shapes import shape_verdict, short

if TYPE_CHECKING:
    from .call import Evidence
    from .tool import Tool

CheckResult = Verdict | bool | str | None
"""What a check may say."""

Check = Callable[..., CheckResult]
"""A check: `(result, arguments)` or `(result)`, see this module's table."""


def run_checks(
    tool_name: str,
    value: Any,
    arguments: Mapping[str, Any],
    checks: Sequence[Check] = (),
    content: str = "",
    *,
    schema_checked: bool = False,
) -> Verdict:
    """Run the built-in checks on a tool's result, then the author's; the first that fails decides.

    Args:
        tool_name: the tool's name, for the reasons.
        value: what the tool returned.
        arguments: the validated arguments of the call.
        checks: the author's checks, in order.
        content: the result as text, as the model sees it; read where the value itself is text or unknown.
        schema_checked: whether the value was validated against a declared return type, which counts as a check passed.

    Returns:
        `fail` where the result looks like an error message, is empty (no answer may rest on nothing), is cut off, holds
        NaN or infinity, or an author's check refused it. `unsure` where a check raised (it is named, with what it
        raised), said `unsure`, or where nothing substantial was checked. `pass` where the return type or a check of the
        author's passed. It raises nothing but `KeyboardInterrupt` and `SystemExit`.
    """
    if not checks:
        # Most results: what was looked at took microseconds, which are not worth a measurement of their own.
        return shape_verdict(tool_name, value, content) or (_TYPED if schema_checked else _UNCHECKED)
    started = time.perf_counter()
    verdict = shape_verdict(tool_name, value, content) or _authors(value, arguments, checks, schema_checked)
    return replace(verdict, duration=time.perf_counter() - started)


def _authors(value: Any, arguments: Mapping[str, Any], checks: Sequence[Check], schema_checked: bool) -> Verdict:
    doubts: list[Verdict] = []
    passed: list[Verdict] = []
    for check in checks:
        verdict = _run(check, value, arguments)
        if verdict is not None and verdict.outcome == "fail":
            return verdict
        if verdict is not None:
            (passed if verdict.outcome == "pass" else doubts).append(verdict)
    if doubts:
        return doubts[0]
    if passed:
        names = ", ".join(verdict.verifier for verdict in passed)
        return Verdict.passed(names, f"passed {names}", min(verdict.score for verdict in passed))
    return _TYPED if schema_checked else _UNCHECKED


_TYPED = Verdict.passed("schema", "the result has the declared type")
_UNCHECKED = Verdict.unsure("checks", "nothing to check")


def _run(check: Check, value: Any, arguments: Mapping[str, Any]) -> Verdict | None:
    name = check_name(check)
    try:
        said = check(value, arguments) if _takes_arguments(check) else check(value)
        return verdict_of(name, said)
    except BaseException as error:  # a check is user code: whatever it raises says nothing about the result
        return Verdict.unsure(name, f"the check {name} raised {type(error).__name__}: {short(error)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What one check says of a result by itself.

    Attributes:
        name: the check's name.
        outcome: its verdict, or that it has no opinion of this result, or that it was not asked.
        reason: one sentence.
    """

    name: str
    outcome: Literal["pass", "fail", "unsure", "no opinion", "not asked"]
    reason: str

    @classmethod
    def of(cls, name: str, verdict: Verdict | None) -> Checked:
        """A verdict as what the check said; `None` is no opinion."""
        if verdict is None:
            return cls(name=name, outcome="no opinion", reason="there is nothing in this result for it to check")
        return cls(name=name, outcome=verdict.outcome, reason=verdict.reason)


def each_check(tool: Tool, evidence: Evidence) -> tuple[Checked, ...]:
    """Ask every check of a tool about a result that it gave, those after one that fails too.

    A run asks no further than `run_checks` does; this is for who wants to see all of them.
    """
    value, content = evidence.value, evidence.content
    shape = shape_verdict(tool.name, value, content)
    asked = [Checked.of("shape", shape or Verdict.passed("shape", "it is no error message, not empty, not cut off"))]
    if tool.schema.declares_result and not evidence.truncated:
        problem = tool.schema.problem_of_result(value)
        verdict = _TYPED if problem is None else Verdict.failed("schema", f"it is not the declared type: {problem}")
        asked.append(Checked.of("declared type", verdict))
    asked += [Checked.of(check_name(check), _run(check, value, evidence.arguments)) for check in tool.checks]
    costly = "it takes time or money; a run asks it beside its next turn, where that pays"
    asked += [Checked(name=check_name(judge), outcome="not asked", reason=costly) for judge in tool.judges]
    return tuple(asked)


def is_costly(check: Any) -> bool:
    """Whether a check takes time or money of a run, such as a judge: the run asks it, and the pipeline does not."""
    return callable(getattr(check, "ask", None)) and callable(getattr(check, "claim", None))


def check_name(check: Callable[..., Any]) -> str:
    """What traces and reasons call a check: its `__name__`, or its type's."""
    name = getattr(check, "__name__", None)
    return name if isinstance(name, str) else type(check).__name__


def _takes_arguments(check: Check) -> bool:
    try:
        parameters = inspect.signature(check).parameters.values()
    except (TypeError, ValueError):  # a builtin without a signature, such as some types
        return False
    places = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    required = [each for each in places if each.default is each.empty]
    takes_any = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    return takes_any or len(required) >= 2 or (len(places) >= 2 and places[1].name == "arguments")


def verdict_of(name: str, said: CheckResult) -> Verdict | None:
    """What a check says, as a verdict; `None` where it says nothing."""
    if said is None or isinstance(said, Verdict):
        return said
    if isinstance(said, str):
        return Verdict.failed(name, said)
    if isinstance(said, bool):
        return Verdict.passed(name, f"passed {name}") if said else Verdict.failed(name, f"the check {name} said no")
    kind = type(said).__name__
    return Verdict.unsure(name, f"the check {name} returned {kind}; it must be a Verdict, bool, str or None")
