"""Ways to fill one parameter, or several that belong together, from the spans of one clause."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .clauses import Clause
from .lexicon import LANGUAGES
from .profiles import Parameter, Profile, Role
from .span import Kind, Span
from .units import Unit, unit_of
from .words import Word, word_set


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One way to fill parameters.

    Attributes:
        values: what the parameters get.
        places: stretches of the text it rests on.
        score: from 0 to 1, how well it fits.
        strong: whether it alone justifies the call, as arithmetic does for a calculator.
        topical: whether the words it rests on are the tool's own, as the name of a column is.
    """

    values: Mapping[str, Any]
    places: tuple[tuple[int, int], ...] = ()
    score: float = 1.0
    strong: bool = False
    topical: bool = False

    def overlaps(self, taken: Iterable[tuple[int, int]]) -> bool:
        """Whether it rests on text that is taken."""
        return any(start < end2 and start2 < end for start, end in self.places for start2, end2 in taken)


_KINDS: dict[Role, tuple[tuple[Kind, float], ...]] = {
    "expression": (("expression", 1.0),),
    "unit": (("unit", 1.0),),
    "quantity": (("quantity", 1.0),),
    "number": (("number", 1.0),),
    "integer": (("number", 1.0),),
    "place": (("place", 1.0), ("zone", 0.8), ("quoted", 0.6)),
    "zone": (("zone", 1.0), ("place", 0.9), ("quoted", 0.6)),
    "uri": (("uri", 1.0),),
    "email": (("email", 1.0),),
    "date": (("date", 1.0),),
    "path": (("path", 1.0), ("quoted", 0.5)),
    "sql": (("sql", 1.0),),
    "code": (("code", 1.0), ("quoted", 0.7), ("number", 0.4)),
    "name": (("quoted", 0.9), ("proper", 1.0)),
    "text": (("quoted", 1.0), ("after-colon", 0.9)),
    "currency": (("currency", 1.0),),
    "other": (("quoted", 1.0), ("proper", 0.6), ("code", 0.6)),
}
_STRONG: frozenset[Role] = frozenset(("expression", "uri", "sql", "path"))
_BEFORE_FROM = word_set("from between")
_BEFORE_TO = word_set("to into in as and")
_CUE_GAP = 24
_SHAPES = ((re.compile(r"[A-Z]"), "A"), (re.compile(r"[a-z]"), "a"), (re.compile(r"\d"), "9"))


def options_of(parameter: Parameter, clause: Clause, profile: Profile) -> list[Option]:
    """Ways to fill one parameter from a clause, best first; none where no span fits."""
    if parameter.role == "boolean":
        return list(_booleans(parameter, clause))
    if parameter.role == "language":
        return list(_languages(parameter, clause))
    if parameter.role == "query":
        return [Option(values={parameter.name: clause.text}, score=0.5)] if clause.text else []
    found = list(_from_spans(parameter, clause))
    if parameter.side and _has_sibling(parameter, profile):
        found = _sided(parameter, found, clause)
    if not found and parameter.role in ("other", "name", "code") and parameter.required:
        found = list(_rest(parameter, clause, profile))
    return sorted(found, key=lambda option: -option.score)


def _from_spans(parameter: Parameter, clause: Clause) -> Iterator[Option]:
    numeric = parameter.role in ("number", "integer")
    for kind, weight in _KINDS.get(parameter.role, ()):
        for span in clause.spans:
            if span.kind != kind:
                continue
            score = span.sure * weight + _bonus(parameter, span, clause)
            value = _value(parameter, span)
            if (
                value is None
                or score <= 0.3
                or (numeric and not parameter.required and not _cued(parameter, span, clause))
            ):
                continue
            strong = parameter.role in _STRONG and kind == parameter.role
            if strong and span.sure < 1 and not _alone(span, clause):
                continue
            yield Option(
                values={parameter.name: [value] if parameter.many else value},
                places=((span.start, span.end),), score=min(1.0, score), strong=strong,
            )  # fmt: skip


def _value(parameter: Parameter, span: Span) -> Any:
    """What a tool gets for a span; `None` where the schema does not take it."""
    if span.kind == "unit":
        return span.value.plain()
    if span.kind == "quantity":
        return span.text
    if span.kind == "number":
        return _number(parameter, span)
    if parameter.role == "place" and span.kind == "quoted" and len(span.value) > 60:
        return None
    return span.value


def _number(parameter: Parameter, span: Span) -> Any:
    if parameter.role == "code":
        return span.text if span.text.isdigit() else None
    if parameter.role == "integer":
        return span.value if isinstance(span.value, int) and _within(parameter, span.value) else None
    return span.value if _within(parameter, span.value) else None


def _within(parameter: Parameter, value: float) -> bool:
    low, high = parameter.schema.get("minimum"), parameter.schema.get("maximum")
    return (low is None or value >= low) and (high is None or value <= high)


def _bonus(parameter: Parameter, span: Span, clause: Clause) -> float:
    """What speaks for or against a span: the parameter's name beside it, the shape of the examples."""
    bonus = 0.3 if _cued(parameter, span, clause) else 0.0
    if span.kind == "code" and parameter.examples:
        shapes = {_shape(str(example)) for example in parameter.examples}
        bonus += 0.3 if _shape(span.text) in shapes else -0.4
    return bonus


def _shape(text: str) -> str:
    """The kind of each run of characters: `AAPL` gives `A`, `ORD-12` gives `A-9`."""
    for pattern, mark in _SHAPES:
        text = pattern.sub(mark, text) if mark != "a" else pattern.sub("a", text)
    return re.sub(r"(.)\1+", r"\1", text.replace("AA", "A"))


def _cued(parameter: Parameter, span: Span, clause: Clause) -> bool:
    """Whether a word of the parameter's name stands just before or behind the span."""
    return any(
        word.stem in parameter.stems
        and (0 <= span.start - word.end <= _CUE_GAP // 2 or 0 <= word.start - span.end <= 2)
        for word in clause.words
    )


def _alone(span: Span, clause: Clause) -> bool:
    """Whether nothing but small words surrounds a span, so that it must be what is asked about."""
    inside = [w for w in clause.words if w.meaning >= 1 and not span.start <= w.start < span.end]
    return all(w.stem in ("calculat", "comput", "evaluat", "equal", "result", "math") for w in inside)


def _has_sibling(parameter: Parameter, profile: Profile) -> bool:
    return any(
        other.role == parameter.role and other.side and other.side != parameter.side for other in profile.parameters
    )


def _sided(parameter: Parameter, found: list[Option], clause: Clause) -> list[Option]:
    """The options whose preposition agrees with the side of the parameter."""
    wanted = _BEFORE_FROM if parameter.side == "from" else _BEFORE_TO
    marked = [option for option in found if _word_before(option.places[0][0], clause) in wanted]
    if marked or not parameter.required:
        return marked[:1]
    return found[:1] if len(found) == 1 and parameter.side == "from" else []


def _word_before(place: int, clause: Clause) -> str:
    before = [word for word in clause.words if word.end <= place]
    while before and before[-1].lower in ("the", "a", "an"):
        before.pop()
    return before[-1].lower if before else ""


def _booleans(parameter: Parameter, clause: Clause) -> Iterator[Option]:
    if not parameter.stems:
        return
    for n, word in enumerate(clause.words):
        if word.stem in parameter.stems:
            before = clause.words[n - 1].lower if n else ""
            yield Option(
                values={parameter.name: before not in ("no", "not", "without")},
                places=((word.start, word.end),),
                score=0.8,
            )
            return


def _languages(parameter: Parameter, clause: Clause) -> Iterator[Option]:
    short = any(len(str(example)) == 2 for example in parameter.examples)
    for word in clause.words:
        if word.lower in LANGUAGES:
            sided = _word_before(word.start, clause) == "from"
            if parameter.side and sided != (parameter.side == "from"):
                continue
            value = LANGUAGES[word.lower] if short else word.text
            yield Option(values={parameter.name: value}, places=((word.start, word.end),), score=1.0)


def _rest(parameter: Parameter, clause: Clause, profile: Profile) -> Iterator[Option]:
    """What the clause says besides the tool's own words, for a tool that takes one free text: "define serendipity"."""
    if sum(p.required for p in profile.parameters) != 1 or not any(
        profile.affinity(word.stem) >= 0.8 and word.meaning for word in clause.words
    ):
        return
    if parameter.examples and parameter.role == "code":
        return
    rest = [word for word in clause.words if word.meaning and not profile.affinity(word.stem)]
    if rest and len(rest) <= 4 and _contiguous(rest, clause) and _ends_clause(rest, clause, profile):
        start, end = rest[0].start, rest[-1].end
        text = clause.text[start - offset_of(clause) : end - offset_of(clause)]
        yield Option(values={parameter.name: text}, places=((start, end),), score=0.5)


def _ends_clause(rest: list[Word], clause: Clause, profile: Profile) -> bool:
    """Whether a word of the tool stands before the rest and none behind it, as in "the definition of serendipity"."""
    own = [word.start for word in clause.words if word.meaning and profile.affinity(word.stem) >= 0.8]
    return bool(own) and max(own) < rest[0].start


def _contiguous(rest: list[Word], clause: Clause) -> bool:
    inside = [word for word in clause.words if rest[0].start <= word.start <= rest[-1].start]
    return len(inside) <= len(rest) + 1


def offset_of(clause: Clause) -> int:
    """Where the clause's text begins in the text that was read."""
    return clause.words[0].start - clause.text.find(clause.words[0].text) if clause.words else clause.start


def conversions(profile: Profile) -> tuple[Parameter | None, Parameter | None, Parameter] | None:
    """The parameters of a conversion: an amount, what it is in, what it shall be in; `None` where a tool has none."""
    for role in ("unit", "currency"):
        sided = {p.side: p for p in profile.parameters if _measures(p, role) and p.side}
        target = sided.get("to")
        if target is not None:
            amount = next((p for p in profile.parameters if p.role in ("number", "integer", "quantity")), None)
            if "from" in sided or (amount is not None and amount.role == "quantity"):
                return amount, sided.get("from"), target
    return None


def _measures(parameter: Parameter, role: str) -> bool:
    return parameter.role == role or (parameter.role == "choice" and role in parameter.stems)


def conversion_options(frame: tuple[Parameter | None, Parameter | None, Parameter], clause: Clause) -> list[Option]:
    """Ways to fill a conversion: one for each target that is named beside an amount."""
    amount, source, target = frame
    if target.role == "currency" or "currenc" in target.stems:
        return list(_currency_options(amount, source, target, clause))
    for quantity in (span for span in clause.spans if span.kind == "quantity"):
        number, unit = quantity.value
        targets = [
            span for span in clause.spans
            if span.kind == "unit" and not _is_measured(span, clause) and unit.converts_to(span.value)
        ]  # fmt: skip
        if targets:
            return [
                option
                for span in targets
                if (option := _conversion(frame, number, unit, quantity, span.value)) is not None
            ]
    return []


def _is_measured(unit: Span, clause: Clause) -> bool:
    """Whether a unit belongs to an amount, as in "5 feet 10 inches", and is none to convert to."""
    return any(span.kind == "quantity" and span.start <= unit.start < span.end for span in clause.spans)


def _conversion(
    frame: tuple[Parameter | None, Parameter | None, Parameter], number: float, unit: Unit, quantity: Span, target: Unit
) -> Option | None:
    amount, source, wanted = frame
    values: dict[str, Any] = {wanted.name: _as_unit(wanted, target)}
    if source is not None:
        values[source.name] = _as_unit(source, unit)
    if amount is not None:
        values[amount.name] = quantity.text if amount.role == "quantity" else number
    if any(value is None for value in values.values()):
        return None
    return Option(
        values=values, places=((quantity.start, quantity.end), (target.start, target.end)), score=1.0, strong=True
    )


def _as_unit(parameter: Parameter, unit: Unit) -> Any:
    if not parameter.choices:
        return unit.plain()
    return next(
        (c for c in parameter.choices if (known := unit_of(str(c))) is not None and known.key == unit.key), None
    )


def _currency_options(
    amount: Parameter | None, source: Parameter | None, target: Parameter, clause: Clause
) -> Iterator[Option]:
    money = [span for span in clause.spans if span.kind == "currency"]
    numbers = [span for span in clause.spans if span.kind == "number"]
    if len(money) < 2 or not (numbers or amount is None or not amount.required):
        return
    first = _source_of(money, numbers, clause)
    for span in money:
        if span.value == first.value or (target.choices and span.value not in target.choices):
            continue
        values = {target.name: span.value}
        if source is not None:
            values[source.name] = first.value
        if amount is not None and numbers:
            values[amount.name] = numbers[0].value
        yield Option(values=values, places=tuple((s.start, s.end) for s in (first, *numbers[:1], span)), strong=True)


def _source_of(money: list[Span], numbers: list[Span], clause: Clause) -> Span:
    """The currency beside the number, or behind `from`, or else the first."""
    for span in money:
        if any(0 <= span.start - n.end <= 1 or n.start <= span.start < n.end for n in numbers):
            return span
        if _word_before(span.start, clause) == "from":
            return span
    return money[0]
