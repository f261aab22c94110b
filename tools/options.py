"""What an author says of a tool, read, and refused where it could do harm or means nothing.

Each raises `InvalidTool`.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterable
from typing import Any, Literal

from ..policies.errors import InvalidTool
from .reference import unreachable

Isolation = Literal["auto", "loop", "thread", "process"]
"""Where a tool's code runs.

| | plain function | async function | when its time is up |
|---|---|---|---|
| `auto` | `thread` | `loop` | |
| `loop` | in the caller's event loop, which it blocks | in the caller's event loop | it is cancelled, if it obeys |
| `thread` | in a bounded daemon thread | in the tool's own event loop, on a daemon thread | it runs on for nobody |
| `process` | in a worker process | in a worker process | the process is killed |
"""

WRAPPERS = (classmethod, property)
"""What stands between a class and a function and cannot be called before it is read from the class."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def name_of(function: Callable[..., Any], name: str | None) -> str:
    """What a model calls it."""
    chosen = name if name is not None else getattr(function, "__name__", type(function).__name__)
    if not isinstance(chosen, str) or not _NAME.fullmatch(chosen):
        raise InvalidTool(
            f"tool name {chosen!r} must be 1 to 64 letters, digits, '_' or '-'; give one: @tool('look_up')"
        )
    return chosen


def check_callable(function: object) -> None:
    """Refuse what is no function."""
    if isinstance(function, WRAPPERS):
        raise InvalidTool(
            f"@tool cannot stand over @{type(function).__name__}; leave @tool off and give the agent the bound method, "
            "such as tools=[Shop.find]"
        )
    if not callable(function):
        raise InvalidTool(f"a tool must be a function or another callable, got {function!r}; write @tool above a def")


def refuse_streams(name: str, function: Callable[..., Any]) -> None:
    """Refuse a function that gives one thing after another."""
    # Not unwrapped: a decorator may well collect what the generator below it yields.
    for part in (function, getattr(function, "__call__", None)):  # noqa: B004  # an object's method is wanted
        if inspect.isgeneratorfunction(part) or inspect.isasyncgenfunction(part):
            raise InvalidTool(f"tool {name!r} returns a stream, as it has a 'yield'; return a value, such as a list")


def flag_of(name: str, option: str, value: object) -> bool:
    """A yes or no."""
    if not isinstance(value, bool):
        raise InvalidTool(f"tool {name!r}: {option} must be True or False, got {value!r}")
    return value


def concurrency_of(name: str, limit: object) -> int | Literal["adaptive"] | None:
    """How many attempts may be under way at once."""
    if limit is None or limit == "adaptive":
        return limit
    if isinstance(limit, int) and not isinstance(limit, bool) and limit >= 1:
        return limit
    raise InvalidTool(f"tool {name!r}: concurrency must be a number of 1 or more, or 'adaptive', got {limit!r}")


def refuse_repeats(
    name: str, read_only: bool, idempotent: bool, *, retry: int | None, hedge: object, cache: object
) -> None:
    """Refuse what runs a tool twice where its author did not say that this does no harm."""
    if hedge not in (None, True, False):
        raise InvalidTool(f"tool {name!r}: hedge must be True, False or left out, got {hedge!r}")
    if not (read_only or idempotent) and (retry or hedge):
        asked = f"retry={retry}" if retry else "hedge=True"
        raise InvalidTool(
            f"tool {name!r}: {asked} needs read_only=True or idempotent=True, "
            "because an attempt that timed out may still have had its effect"
        )
    if cache is not None and not read_only:
        raise InvalidTool(
            f"tool {name!r}: cache={cache!r} needs read_only=True, because a kept result leaves its effect out"
        )


def checks_of(name: str, checks: object) -> tuple[Callable[..., Any], ...]:
    """What results must pass."""
    if callable(checks):
        given = getattr(checks, "__name__", type(checks).__name__)
        raise InvalidTool(f"tool {name!r}: checks must be a list of functions; write checks=[{given}]")
    if not isinstance(checks, Iterable):
        raise InvalidTool(f"tool {name!r}: checks must be a list of functions of the result, got {checks!r}")
    read = tuple(checks)
    for check in read:
        if not callable(check):
            raise InvalidTool(f"tool {name!r}: checks must hold functions of the result, got {check!r}")
    return read


def is_async(function: Callable[..., Any]) -> bool:
    """Whether it is a coroutine function, or an object that is called like one."""
    return inspect.iscoroutinefunction(inspect.unwrap(function)) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  # not a test for being callable: an object's method is wanted
    )


def isolation_of(
    name: str, isolation: str, function: Callable[..., Any], is_async: bool
) -> Literal["loop", "thread", "process"]:
    """Where it runs; `auto` by its kind."""
    if isolation == "auto":
        return "loop" if is_async else "thread"
    if isolation == "loop":
        return "loop"
    if isolation == "thread":
        return "thread"
    if isolation != "process":
        raise InvalidTool(f"tool {name!r}: isolation must be 'auto', 'loop', 'thread' or 'process', got {isolation!r}")
    if os.name != "posix":
        raise InvalidTool(f"tool {name!r}: isolation='process' needs Linux or macOS; write isolation='thread'")
    if (problem := unreachable(function)) is not None:
        raise InvalidTool(
            f"tool {name!r}: isolation='process' needs a function that another process can import, and {problem}; "
            "define it at the top of a module"
        )
    return "process"
