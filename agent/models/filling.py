"""From a clause to the arguments of a tool: every slot filled, or the name of the one that could not be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from .arithmetic import NUMBER_WORDS
from .choices import FilterFinder, choice_options, columns_named, is_count, is_extreme, is_predicate
from .clauses import Clause, Reading
from .lexicon import AUXILIARY
from .options import Option, conversion_options, conversions, options_of
from .profiles import Parameter, Profile, Role
from .words import Word, stem_set, word_set, words

MAX_FAN = 6
"""Most calls that one clause may ask of one tool, as "in Lima, Oslo and Tokyo" does."""

_BORROWED = 0.6
_JOIN = re.compile(
    r"(?:\s|[,&/]|\b(?:and|or|vs\.?|versus|as well as|plus|also|the|in|at|of|for|to|into|with|both|how many)\b)*",
    re.IGNORECASE,
)
_JOINS = re.compile(r",|&|/|\b(?:and|or|vs|versus|plus|as well as)\b", re.IGNORECASE)
_ORDER: dict[Role, int] = {
    "sql": 0, "uri": 1, "email": 2, "path": 3, "expression": 4, "date": 5, "currency": 6, "unit": 6, "quantity": 7,
    "choice": 8, "language": 8, "place": 9, "zone": 9, "code": 10, "number": 11, "integer": 11, "boolean": 12,
    "name": 13, "text": 13, "other": 14, "query": 15, "unfillable": 16,
}  # fmt: skip


_TELLING: frozenset[Role] = frozenset(("sql", "uri", "email", "path", "expression", "query", "choice"))
_NEAR = 3
_CURRENT = word_set("current currently now latest")
_LATER = word_set("tomorrow yesterday ago later earlier")
_MOMENT = re.compile(
    r"\b(?:in|within|after)\s+(?:an?|half\s+an?|a\s+few|a\s+couple\s+of|some|several)\s+"
    r"(?:minute|hour|day|week|month|year)s?\b|\b(?:next|last)\s+(?:minute|hour|day|night|week|month|year)\b",
    re.IGNORECASE,
)
_WORK = stem_set(
    """
    all squared cubed square cube root power plus minus times multiplied divided over half third quarter double twice
    triple negative percent percentage mod modulo factorial average logarithm log inverse reciprocal rounded round
    """
)
"""Stems of words that change what arithmetic beside them comes to."""
_BEFORE, _AFTER = 2, 3
_WHOSE = word_set("who whose when where")
_WANTING = word_set("which what")


@dataclass(frozen=True, slots=True)
class Slot:
    """Parameters that are filled together; `find` gives the ways to, or `None` where the clause says what they
    cannot."""

    parameters: tuple[Parameter, ...]
    find: Callable[[Clause], list[Option] | None]
    condition: bool = False

    @property
    def required(self) -> bool:
        """Whether a call must have it."""
        return any(parameter.required for parameter in self.parameters)

    @property
    def role(self) -> Role:
        """The role of its first parameter."""
        return self.parameters[0].role


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """Arguments for one or several calls of one tool.

    Attributes:
        arguments: one mapping for each call.
        places: the text they rest on, in the clause itself.
        strong: whether a span alone justifies the calls.
        topical: whether words of the tool's own schema were found.
        missing: the required parameter that could not be filled; then there are no arguments.
        refused: whether the clause sets a condition that the tool's parameters cannot say; no arguments either.
    """

    arguments: tuple[dict[str, Any], ...] = ()
    places: tuple[tuple[int, int], ...] = ()
    strong: bool = False
    topical: bool = False
    missing: str = ""
    refused: bool = False


class Form:
    """A tool's slots in the order in which they take their spans: the most telling first."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.slots = tuple(_slots(profile))
        self._calculates = conversions(profile) is not None or any(p.role == "expression" for p in profile.parameters)
        says = words(profile.says)
        self._is_current = any(word.lower in _CURRENT for word in says) and not any(
            p.role in ("date", "number", "integer", "quantity") for p in profile.parameters
        )
        self._telling = conversions(profile) is not None or any(p.role in _TELLING for p in profile.parameters)

    def may_fit(self, topic: Sequence[Word]) -> bool:
        """A quick look whether a clause of these words can fit: the tool knows one of them, or takes telling spans."""
        return self._telling or any(word.meaning and self.profile.affinity(word.stem) for word in topic)

    def fill(self, reading: Reading, index: int) -> Filling:
        """Fill every slot from the clause at `index`, borrowing from its neighbours what it leaves out."""
        clause = reading.clauses[index]
        chosen: list[list[Option]] = []
        taken: list[tuple[int, int]] = []
        for slot in self.slots:
            found = slot.find(clause)
            if found is None:
                return Filling(missing=slot.parameters[-1].name, refused=True)
            picked = _pick([option for option in found if not option.overlaps(taken)], reading.text, slot)
            taken += [place for option in picked for place in option.places]
            picked = picked or _borrow(slot, reading, index)
            if picked:
                chosen.append(picked)
            elif slot.required:
                return Filling(missing=next(p.name for p in slot.parameters if p.required))
        filling = _filling(chosen, taken)
        if self._leaves(clause, chosen, taken):
            return replace(filling, arguments=(), missing=self.profile.parameters[-1].name, refused=True)
        return filling

    def _leaves(self, clause: Clause, chosen: Sequence[list[Option]], taken: list[tuple[int, int]]) -> bool:
        """Whether the clause says more than the calls would: they would answer another question."""
        picked = [option for options in chosen for option in options]
        if any(option.strong for option in picked) and self._calculates and _breaks_off(clause, taken):
            return True
        if self._is_current and _is_elsewhen(clause, taken):
            return True
        finders = [slot.find for slot in self.slots if isinstance(slot.find, FilterFinder)]
        return any(
            finder.leaves(clause, taken) or _asks_other(finder.column, clause, picked, taken) for finder in finders
        )


def _filling(chosen: Sequence[list[Option]], taken: list[tuple[int, int]]) -> Filling:
    combined = [
        {name: value for option in options for name, value in option.values.items()} for options in product(*chosen)
    ]
    found = [option for options in chosen for option in options]
    return Filling(
        arguments=tuple(combined[:MAX_FAN]), places=tuple(taken), strong=any(option.strong for option in found),
        topical=any(option.topical for option in found),
    )  # fmt: skip


def _breaks_off(clause: Clause, taken: Sequence[tuple[int, int]]) -> bool:
    """Whether a number, a unit or a word of arithmetic beside what was taken is left over, as in "all squared"."""
    inside = [any(start <= word.start < end for start, end in taken) for word in clause.words]
    units = [s for s in clause.spans if s.kind == "unit" and not any(a < s.end and s.start < b for a, b in taken)]
    if len({span.start for span in units}) > 1:
        return True
    for n, word in enumerate(clause.words):
        near = any(inside[n + 1 : n + 1 + _BEFORE]) or any(inside[max(0, n - _AFTER) : n])
        if inside[n] or not near or word.lower == clause.lead:
            continue
        if word.text[0].isdigit() or word.stem in _WORK or word.lower in NUMBER_WORDS:
            return True
    return False


def _is_elsewhen(clause: Clause, taken: Sequence[tuple[int, int]]) -> bool:
    """Whether a clause speaks of another time than now: "tomorrow", "in 3 hours"."""
    free = [s for s in clause.spans if not any(a < s.end and s.start < b for a, b in taken)]
    return (
        any(word.lower in _LATER for word in clause.words)
        or _MOMENT.search(clause.text) is not None
        or any(s.kind == "quantity" and "time" in s.value[1].measures for s in free)
    )


def _asks_other(columns: Parameter, clause: Clause, picked: Sequence[Option], taken: Sequence[tuple[int, int]]) -> bool:
    """Whether a figure of a table would not be what is asked: "which order", or how many rows "are active"."""
    figures = [o for o in picked if any(is_extreme(value) for value in o.values.values())]
    if figures:
        return _wants_which(clause, figures[0], taken) or any(
            not any(start < named.end and named.start < end for start, end in taken)
            for named in columns_named(columns, clause)
        )
    if not any(is_count(value) for option in picked for value in option.values.values()):
        return False
    alone = [o for o in picked if o.places and len(o.values) == 1]
    named = [o for o in alone if any(value in columns.choices for value in o.values.values())]
    return any(_is_adjective(option.places[0], clause) for option in named)


def _wants_which(clause: Clause, figure: Option, taken: Sequence[tuple[int, int]]) -> bool:
    """Whether it asks for the thing that has the largest figure, and not for the figure."""
    before = [word.lower for word in clause.words if figure.places and word.end <= figure.places[0][0]]
    if "with" in before[-2:]:
        return True
    for word, following in zip(clause.words, clause.words[1:], strict=False):
        if word.lower in _WHOSE:
            return True
        named = any(start <= following.start < end for start, end in taken)
        if word.lower in _WANTING and following.lower not in AUXILIARY | {"the"} and not named:
            return True
    return False


def _is_adjective(place: tuple[int, int], clause: Clause) -> bool:
    """Whether the name of a column is said of the rows: "are active", "active rows"."""
    following = next((word for word in clause.words if word.start >= place[1]), None)
    return is_predicate(place[0], clause) or (following is not None and following.meaning >= 1)


def _slots(profile: Profile) -> Iterator[Slot]:
    """Conversions and conditions first, as several parameters share their spans; then each parameter alone."""
    used: set[str] = set()
    frame = conversions(profile)
    if frame is not None:
        parameters = tuple(parameter for parameter in frame if parameter is not None)
        used.update(parameter.name for parameter in parameters)
        yield Slot(parameters, lambda clause: conversion_options(frame, clause))
    for column, value in profile.filters():
        used.update((column.name, value.name))
        yield Slot((column, value), FilterFinder(column, value, profile), condition=True)
    for parameter in sorted(profile.parameters, key=lambda p: (_ORDER[p.role], not p.required)):
        if parameter.name not in used:
            yield Slot((parameter,), _finder(parameter, profile))


def _finder(parameter: Parameter, profile: Profile) -> Callable[[Clause], list[Option] | None]:
    if parameter.role == "choice":
        return lambda clause: choice_options(parameter, clause)
    return lambda clause: options_of(parameter, clause, profile)


def _pick(found: list[Option], text: str, slot: Slot) -> list[Option]:
    """The best option, with those that stand beside it in a list; none where two fit equally and say different
    things."""
    if not found:
        return []
    best = found[0]
    near = sorted((o for o in found if o.score >= best.score - 0.25), key=lambda o: o.places[-1:])
    if slot.parameters[0].many:
        return [_merged(slot.parameters[0], near)]
    if slot.condition and len({o.places for o in found}) == 1:
        return found
    rivals = [o for o in near if o is not best and o.overlaps(best.places) and o.score == best.score]
    if rivals and best.topical and not slot.condition:
        return []
    return _row(best, near, text) or [best]


def _merged(parameter: Parameter, found: list[Option]) -> Option:
    values = [value for option in found for value in option.values[parameter.name]]
    return Option(
        values={parameter.name: list(dict.fromkeys(values))}, places=tuple(p for o in found for p in o.places),
        score=found[0].score, strong=any(o.strong for o in found), topical=any(o.topical for o in found),
    )  # fmt: skip


def _row(best: Option, near: list[Option], text: str) -> list[Option]:
    """The options that stand with the best one in a list such as "Lima, Oslo and Tokyo"."""
    if not best.places:
        return [best]
    row: list[Option] = []
    for option in near:
        if row and option.overlaps(row[-1].places[-1:]):
            continue
        if row and not _joined(text, row[-1].places[-1][1], option.places[-1][0]):
            if best in row:
                break
            row = []
        row.append(option)
    return row[:MAX_FAN] if best in row else [best]


def _joined(text: str, end: int, start: int) -> bool:
    between = text[end:start]
    return len(between) < 40 and _JOINS.search(between) is not None and _JOIN.fullmatch(between) is not None


def _borrow(slot: Slot, reading: Reading, index: int) -> list[Option]:
    """What another clause says for a slot: for what a call must have, and for a condition that plainly carries on."""
    clause = reading.clauses[index]
    carries = slot.condition and (clause.pointing or clause.joined) and not clause.whole
    if slot.role == "query" or not (carries or (slot.required and slot.role != "expression")):
        return []
    before = list(range(index - 1, max(-1, index - 1 - _NEAR), -1))
    after = [] if slot.condition else list(range(index + 1, min(len(reading.clauses), index + 1 + _NEAR)))
    for other in before + after:
        found = [o for o in slot.find(reading.clauses[other]) or [] if o.score >= 0.5]
        if found:
            picked = _pick(found, reading.text, slot)
            # Borrowed words say nothing of this clause's own topic, and are not its text.
            return [Option(values=o.values, score=o.score * _BORROWED) for o in picked]
    return []
