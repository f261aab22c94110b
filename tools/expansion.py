"""How much work a JSON Schema can make, found before it is given to a validator that nothing can interrupt.

A schema of a few lines whose references point at each other twice over takes a validator seconds or minutes, and a
value that is nested deep enough overflows its stack, which ends the process. So references are followed once
beforehand, and what comes out says whether the schema is used at all, and for values nested how deep.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

LARGEST = 20_000
"""Places of a schema after its references are followed, up to which it is used."""
DEEPEST = 48
"""Levels of nesting of a value that is checked."""
MOST_WORK = 100_000
"""Places a value may be held against, where the schema refers back to itself in several ways."""

_MAPS = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions", "dependencies"})
_DATA = frozenset({"enum", "const", "default", "examples", "example", "required"})
_ELSEWHERE = ("$dynamicRef", "$recursiveRef")
_SAME_VALUE = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies"})


class Unbounded(ValueError):
    """A schema that is not given to a validator; the message is a reason in a few words."""


def checkable_depth(schema: Mapping[str, Any]) -> int:
    """Levels of nesting up to which a value may be held against `schema`.

    Raises:
        Unbounded: it refers outside of itself, to nothing or to itself for the same value, or it is too large.
    """
    walk = _Walk(schema)
    try:
        walk.visit(schema, (), ())
    except RecursionError:
        raise Unbounded("it is nested too deep") from None
    if walk.returns < 2:
        return DEEPEST
    return min(DEEPEST, int(math.log(MOST_WORK, walk.returns)))


def depth_of(value: Any, limit: int) -> int:
    """Levels of nesting of JSON-like values; looked at down to `limit`, one more says that it goes on."""
    level, depth = [value], 0
    while depth <= limit:
        level = [inner for each in level for inner in _within(each)]
        if not level:
            return depth
        depth += 1
    return depth


def _within(value: Any) -> Iterator[Any]:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return iter(inner)


class _Walk:
    """Follows the references of one schema; `returns` counts those that lead back to where they stand."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._places = 0
        self.returns = 0

    def visit(self, schema: Any, path: tuple[str, ...], same: tuple[str, ...]) -> None:
        """One schema: `path` are the references followed to it, `same` those that still concern the same value."""
        if not isinstance(schema, Mapping):
            return
        self._places += 1
        if self._places > LARGEST:
            raise Unbounded(f"it grows beyond {LARGEST:,} places when its references are followed")
        for key, value in schema.items():
            if key == "$ref":
                self._follow(value, path, same)
            elif key in _ELSEWHERE:
                raise Unbounded(f"it uses {key}")
            elif key not in _DATA and key not in ("$defs", "definitions"):
                for inner in self._inner(key, value):
                    self.visit(inner, path, same if key in _SAME_VALUE else ())

    def _inner(self, key: str, value: Any) -> Iterator[Any]:
        if isinstance(value, Mapping):
            yield from value.values() if key in _MAPS else (value,)
        elif isinstance(value, list):
            yield from value

    def _follow(self, reference: Any, path: tuple[str, ...], same: tuple[str, ...]) -> None:
        if reference in same:
            raise Unbounded(f"its {reference!r} refers to itself for the same value")
        if reference in path:
            self.returns += 1
            return
        target = self._target(reference)
        self.visit(target, (*path, reference), (*same, reference))

    def _target(self, reference: Any) -> Any:
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            raise Unbounded(f"it refers outside of itself, to {str(reference)[:80]!r}")
        found: Any = self._root
        for part in reference.split("/")[1:]:
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            found = found[int(name)] if isinstance(found, list) and name.isdecimal() and int(name) < len(found) else (
                found.get(name) if isinstance(found, Mapping) else None
            )  # fmt: skip
        if not isinstance(found, Mapping | bool):
            raise Unbounded(f"its reference {reference[:80]!r} leads nowhere")
        return found
