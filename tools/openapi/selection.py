"""Which operations become tools: chosen by id, by tag, or by a pattern."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import NamedTuple

from ...policies.errors import UsageError
from .document import Document, Node

_TAG = "tag:"


class Found(NamedTuple):
    """An operation in its document, not yet read."""

    method: str
    path: str
    node: Node
    around: Node

    @property
    def id(self) -> str:
        """Its id, or method and path where it has none."""
        return str(self.node.get("operationId") or self.place)

    @property
    def place(self) -> str:
        """Method and path."""
        return f"{self.method.upper()} {self.path}"


def chosen(document: Document, include: str | Iterable[str] | None, exclude: str | Iterable[str]) -> list[Found]:
    """The operations that `include` names and `exclude` does not, in the document's order.

    Raises:
        UsageError: an entry of either names no operation, or nothing is left.
    """
    known = [Found(*each) for each in document.operations()]
    wanted, unwanted = _entries(include), _entries(exclude)
    for parameter, entries in (("include", wanted), ("exclude", unwanted)):
        for entry in entries:
            if not any(_matcher(entry)(each) for each in known):
                raise UsageError(
                    f"{parameter} has {entry!r}, which no operation of {document.name} is{_near(entry, known)}"
                )
    left = [
        each
        for each in known
        if (include is None or any(_matcher(entry)(each) for entry in wanted))
        and not any(_matcher(entry)(each) for entry in unwanted)
    ]
    if not known:
        raise UsageError(f"{document.name} has no operations under paths, so there is nothing to make tools of")
    if not left:
        raise UsageError(f"no operation of {document.name} is left; it has {len(known):,}, correct include and exclude")
    return left


def _entries(given: str | Iterable[str] | None) -> list[str]:
    entries = [given] if isinstance(given, str) else list(given or ())
    for entry in entries:
        if not isinstance(entry, str) or not entry:
            raise UsageError(f"include and exclude take ids, patterns and 'tag:NAME', got {entry!r}")
    return entries


def _matcher(entry: str) -> Callable[[Found], bool]:
    if entry.startswith(_TAG):
        tag = entry[len(_TAG) :]
        return lambda each: tag in (each.node.get("tags") or ())
    return lambda each: entry in (each.id, each.place) or fnmatchcase(each.id, entry) or fnmatchcase(each.place, entry)


def _near(entry: str, known: list[Found]) -> str:
    if entry.startswith(_TAG):
        names = sorted({_TAG + str(tag) for each in known for tag in each.node.get("tags") or ()})
    else:
        names = [each.id for each in known]
    near = get_close_matches(entry, names, n=3, cutoff=0.5) or names[:3]
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
