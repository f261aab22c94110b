"""The numbers, dates and times of a view, as the check of bindings reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from .lexicon import CARDINALS
from .quantities import anything, number_in_words, scan
from .spans import Fact

if TYPE_CHECKING:
    from .views import View

_NUMBER_WORD = re.compile(r"\b(?:" + "|".join(CARDINALS[1:]) + r"|no|none|nothing|once|twice)\b", re.IGNORECASE)


def values_of(view: View) -> list[Fact]:
    """Its numbers, dates and times, `no` as a zero; by place. Of a row they are read cell by cell."""
    is_row = view.record is not None and view.record.header is not None
    found = list(_of_cells(view)) if is_row else []
    for low, part in view.parts:
        inside = [*(scan(part, anything) if not is_row else ()), *map(_in_words, _NUMBER_WORD.finditer(part))]
        found += (replace(each, start=each.start + low, end=each.end + low) for each in inside) if low else inside
    moved = (replace(each, start=each.start + view.start, end=each.end + view.start) for each in found)
    return sorted((each for each in moved if not _is_other(view, each)), key=lambda each: each.start)


def _of_cells(view: View) -> Iterator[Fact]:
    """The values of a row, cell by cell: `120,300` are two."""
    for cell in view.cells:
        text = view.text[cell.start - view.start : cell.end - view.start]
        label = f"{cell.labels[-1]}: " if cell.labels else ""
        shift = cell.start - view.start - len(label)
        for each in scan(label + text, anything) if any(map(str.isdigit, text)) else ():
            if each.start >= len(label):
                yield replace(each, start=each.start + shift, end=each.end + shift)


def _is_other(view: View, fact: Fact) -> bool:
    """Whether a value stands in a key, or is no value at all."""
    return _is_mark(view, fact) or (view.is_data and view.cell_at(fact.start) is None)


def _is_mark(view: View, fact: Fact) -> bool:
    """Whether a number is a list's, a footnote's or a part of a name: `[2]`, `3.`, `Voyager 2`."""
    start, end = fact.start - view.start, fact.end - view.start
    if fact.kind == "time":
        return view.text[start - 1 : start] in ("+", "-", "−")  # the offset of a time zone
    if fact.kind != "number" or not fact.text.isdigit():
        return False
    before = view.text[max(0, start - 12) : start]
    after = view.text[end : end + 2]
    return (before[-1:] == "[" and after[:1] == "]") or (not before.strip(" \n") and after in (". ", ") "))


def _in_words(match: re.Match[str]) -> Fact:
    word = match[0].lower()
    times = {"once": 1, "twice": 2}.get(word)
    value = times if times else CARDINALS.index(word) if word in CARDINALS else 0
    found = number_in_words(match.string, match.start(), match.end(), value)
    return replace(found, unit="times", end=match.end(), text=match[0]) if times else found
