"""What stands in a plan's arguments for the result of another step.

A text that is exactly `$ID`, or `$ID` with a path such as `$ID.items[0].name`, stands for the result of the step of
that id, or that part of it. `$x` where no step is called `x`, and amounts such as `$5.00`, are texts like any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .drifted import near

MOST_JSON = 1_000_000
"""Characters of a text that is read as JSON where a reference names a part of it."""

ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a step may be called."""

_REFERENCE = re.compile(rf"\$({ID.pattern})((?:\.[^.\[\]]+|\[[0-9]{{1,9}}\])*)")
_PART = re.compile(r"\.([^.\[\]]+)|\[([0-9]+)\]")
_AMOUNT = re.compile(r"\$[0-9]+\.[0-9]+")


class NoSuchPart(Exception):
    """A result has no such part; the message says what it has."""


def reference(text: str) -> tuple[str, str] | None:
    """The step's id and the path of a text that could be a reference."""
    found = None if _AMOUNT.fullmatch(text) else _REFERENCE.fullmatch(text)
    return (found[1], found[2]) if found else None


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, at any depth; keys are none."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, (dict, list)):
            waiting += reversed(list(item.values()) if isinstance(item, dict) else item)


def as_it_is(value: Any) -> Any:
    """The same."""
    return value


def filled(
    arguments: Mapping[str, Any],
    results: Mapping[str, Any],
    *,
    level: Callable[[Any], Any],
    whole: Callable[[Any], Any],
    drifted: Callable[[str, str], None] | None,
) -> dict[str, Any]:
    """Arguments with each reference replaced by the value it names; see `plan.resolve`.

    Raises:
        NoSuchPart: a result has no part that is named.
    """

    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: fill(item) for name, item in value.items()}
        if isinstance(value, list):
            return [fill(item) for item in value]
        found = reference(value) if isinstance(value, str) else None
        if found is None or found[0] not in results:
            return value
        return whole(_follow(value, found, results[found[0]], level, drifted))

    return {name: fill(value) for name, value in arguments.items()}


def _follow(
    text: str,
    named: tuple[str, str],
    result: Any,
    level: Callable[[Any], Any],
    drifted: Callable[[str, str], None] | None,
) -> Any:
    """The part of a result that a reference names."""
    at, path = named
    for part in _PART.finditer(path):
        result = _opened(level(result))
        key: str | int = part[1] if part[1] is not None else int(part[2])
        if not _has(result, key):
            meant = near(result, key) if drifted is not None and isinstance(key, str) else None
            if meant is not None and drifted is not None and part.end() == len(path):
                drifted(text, f"{at}.{meant[0]}")
                return meant[1]
            of = "the result of " if at == named[0] else ""
            raise NoSuchPart(f"{text}: {of}{at} {_lack(result, key)}")
        result = result[key]
        at += part[0]
    return result


def _opened(result: Any) -> Any:
    """A text that is a JSON object or list is one: many tools write their results so."""
    if isinstance(result, str) and len(result) <= MOST_JSON and result.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(result)
        except (ValueError, RecursionError):
            return result
    return result


def _has(result: Any, key: str | int) -> bool:
    if isinstance(key, int):
        return isinstance(result, list) and key < len(result)
    return isinstance(result, dict) and key in result


def _lack(result: Any, key: str | int) -> str:
    """That a result has no such part, and what it has."""
    if isinstance(result, dict):
        names = ", ".join(str(name)[:64] for name in list(result)[:20]) or "nothing"
        return f"has no {short(key)}; it has: {names}"
    if isinstance(result, list):
        has = f"it has [0] to [{len(result) - 1}]" if result else "it is empty"
        return f"is a list and has no {f'[{key}]' if isinstance(key, int) else short(key)}; {has}"
    kind = {str: "a text", bool: "true or false", type(None): "nothing"}.get(type(result), "a number")
    return f"is {kind} and has no parts"


def short(value: Any) -> str:
    """A value as a message names it, in 64 characters."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value[:60]) if isinstance(value, str) else repr(value)
    return text if len(text) <= 64 else text[:61] + "..."
