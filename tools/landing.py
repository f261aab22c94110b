"""What a tool did, as values: rendered, checked, and safe to read, whatever its result or its exception is made of.

Rendering and checking run code that strangers wrote (`__str__`, `__iter__`, an author's checks), so nothing here
raises, and whoever calls it does so in a thread unless `is_plain` says that no such code is involved.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..policies.errors import ToolError
from ..policies.outcome import Cancelled, Failed, Ok, Outcome, Skipped, TimedOut, Verdict
from .checking import run_checks
from .content import Content, render
from .refusal import is_final, is_throttled, passes, wait_of
from .tool import Tool

_PLAIN = frozenset((str, int, float, bool, type(None), bytes))
_PLAIN_NODES = 1_000
"""Values looked at by `is_plain`; a larger result is worth the hop to a thread anyway."""


_NOTHING: Mapping[str, str] = MappingProxyType({})


class Landed(NamedTuple):
    """How an attempt ended, what a model would see of it, and what the checks say; a tuple, because every attempt makes
    one.

    `brought` says that a run inside it has read untrusted content: from where, and through which tool. `poor` says that
    another attempt might have followed, had the run had more to spend or more time.
    """

    outcome: Outcome
    content: Content
    verdict: Verdict
    brought: Mapping[str, str] = _NOTHING
    poor: bool = False


def returned(tool: Tool, arguments: Mapping[str, Any], value: Any, limit: int) -> Landed:
    """What a tool returned, rendered in at most about `limit` characters and checked."""
    if type(value) not in _PLAIN and _is_stream(value):
        message = f"{tool.name} returned a {type(value).__name__}, of which nothing can be shown; return a value"
        return ended(tool.name, Failed("StreamReturned", message, retryable=False))
    try:
        content = render(value, limit)
        return Landed(Ok(value), content, _check(tool, arguments, value, content))
    except BaseException as error:  # a result may raise anything when it is looked at, and it costs one call only
        message = f"the result cannot be read: {type(error).__name__}: {message_of(error)}"
        return ended(tool.name, Failed(type(error).__name__, message[:500], retryable=False))


def _is_stream(value: Any) -> bool:
    return inspect.isgenerator(value) or inspect.isasyncgen(value) or inspect.iscoroutine(value)


def raised(tool: str, error: BaseException) -> Landed:
    """What a tool raised."""
    return ended(tool, failure(error))


def ended(tool: str, outcome: Outcome) -> Landed:
    """An attempt without a result."""
    text = explain(tool, outcome)
    return Landed(outcome, Content(text), Verdict.failed("outcome", text))


def failure(error: BaseException) -> Failed:
    """The outcome of a tool that raised: what it said, whether to try again, and how long it asks to wait before that.

    The last two are read off exceptions that carry an HTTP answer (httpx, requests, aiohttp, the clients of model
    providers) or a `retry_after` in seconds. A 4xx is final, but for 408, 409, 425 and 429.
    """
    message = message_of(error)
    name = type(error).__name__
    if isinstance(error, ToolError):
        return Failed(name, message, retryable=False)
    said = f"{name}: {message}"[:500] if message else name
    return Failed(name, said, retryable=not is_final(error), retry_after=wait_of(error), passing=passes(error),
                  throttled=is_throttled(error))  # fmt: skip


def message_of(error: BaseException) -> str:
    """An exception's message, or that it has none that can be read."""
    try:
        return str(error).strip()
    except BaseException as worse:  # its own `__str__` raised
        return f"its message cannot be read ({type(worse).__name__})"


def explain(tool: str, outcome: Outcome) -> str:
    """Why there is no result, in one sentence for the model."""
    if isinstance(outcome, Ok):
        return ""
    return f"{tool} {happened(outcome)}{'' if isinstance(outcome, Failed) else '.'}"


def happened(outcome: Failed | TimedOut | Cancelled | Skipped) -> str:
    """What became of a call that has no result, as the end of a sentence."""
    match outcome:
        case Failed(message=message):
            return f"failed: {message}"
        case TimedOut(after=after):
            return f"timed out after {after:.2f} s"
        case Cancelled(reason=reason):
            return f"was cancelled: {reason}"
        case Skipped(reason=reason):
            return f"was skipped: {reason}"


def is_plain(tool: Tool, value: Any) -> bool:
    """Whether looking at `value` runs no code but Python's own, and takes next to no time."""
    if tool.checks:
        return False
    return type(value) in _PLAIN or is_small(value)


def is_small(value: Any) -> bool:
    """Whether a value is made of Python's own kinds alone, and not of many."""
    waiting, seen = [value], 0
    while waiting:
        item = waiting.pop()
        seen += 1
        kind = type(item)
        if seen > _PLAIN_NODES:
            return False
        if kind is dict:
            if len(item) > _PLAIN_NODES:
                return False
            waiting += [*item.keys(), *item.values()]
        elif kind in (list, tuple):
            if len(item) > _PLAIN_NODES:
                return False
            waiting += item
        elif kind not in _PLAIN:
            return False
    return True


def is_plain_error(error: BaseException) -> bool:
    """Whether reading the error's message runs no code but Python's own."""
    return type(error).__str__ in (BaseException.__str__, KeyError.__str__, OSError.__str__) and all(
        type(argument) in _PLAIN for argument in error.args
    )


def _check(tool: Tool, arguments: Mapping[str, Any], value: Any, content: Content) -> Verdict:
    # A result that was cut is checked as far as it is shown: validating 50 MB would hold up everybody else.
    declared = tool.schema.declares_result and not content.truncated
    if declared and (problem := tool.schema.problem_of_result(value)) is not None:
        return Verdict.failed("schema", f"the result is not what {tool.name} declares: {problem}")
    return run_checks(tool.name, value, arguments, tool.checks, content=content.text, schema_checked=declared)
