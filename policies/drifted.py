"""A part of a result that is not where it was expected, because the service has changed the shape of its answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

DEEPEST: Final = 3
"""Objects within objects that are looked into."""

MOST: Final = 200
"""Names that are looked at."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def near(result: Any, name: str) -> tuple[str, Any] | None:
    """Where a part called `name` stands now, and what it is: the only one of that name further inside, or else the only
    one whose name has all its words, such as `data.route_code` for `route`; `None` where none or several are."""
    names = list(_names(result))
    wanted = _words(name)
    for fits in (lambda key: key == name, lambda key: bool(wanted) and wanted <= _words(key)):
        found = [(path, value) for path, key, value in names if fits(key)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _names(result: Any) -> Iterator[tuple[str, str, Any]]:
    """The names of an object and those inside it, nearest first, with their paths; those of plain values only."""
    waiting, seen = [("", result, 0)], 0
    while waiting:
        path, item, depth = waiting.pop(0)
        if type(item) is not dict:
            continue
        for key, value in item.items():
            seen += 1
            if seen > MOST:
                return
            at = f"{path}.{key}" if path else str(key)
            if isinstance(value, (str, int, float)) and not isinstance(value, bool):
                yield at, str(key), value
            elif depth < DEEPEST:
                waiting.append((at, value, depth + 1))


def _words(name: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(name)}
