"""What a run decided, and the figures it decided on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass
from typing import Any

from . import conventions as names
from .attributes import Attributes, Event
from .content import redact

Made = tuple[float, str, str, str, Any, Mapping[str, Any]]
"""What a `Decision` is made from, in the order of the arguments of `Decision.of`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision of a run, with the figures it was made from.

    Attributes:
        at: seconds since the run began, on the recorder's clock.
        kind: what was decided: `skip`, `retry`, `hedge`, `stop`, `interrupt`, `fallback`, `abandoned`, `route`, ….
        choice: what was chosen; for a `skip`, the tool's name.
        reason: one sentence for people.
        figures: the inputs by name, enough to make the decision again.
        situation: the name of the situation that a policy decided on, whose fields are among the figures; empty where
            no policy was asked.
    """

    at: float
    kind: str
    choice: str
    reason: str
    figures: Mapping[str, Any]
    situation: str = ""

    @classmethod
    def of(cls, at: float, kind: str, choice: str, reason: str, situation: Any, figures: Mapping[str, Any]) -> Decision:
        """The decision on `situation`, a dataclass, a named tuple or `None`, with further figures."""
        figures = {name: _made(value) for name, value in figures.items()}
        if situation is None:
            return cls(at=at, kind=kind, choice=choice, reason=reason, figures=figures)
        known = {name: getattr(situation, name) for name in fields_of(type(situation))}
        name = type(situation).__name__
        return cls(at=at, kind=kind, choice=choice, reason=reason, figures=known | figures, situation=name)

    def to_dict(self) -> dict[str, Any]:
        """As a dictionary of plain values."""
        return {
            "at": self.at,
            "kind": self.kind,
            "choice": self.choice,
            "reason": self.reason,
            "figures": dict(self.figures),
            "situation": self.situation,
        }


def event_of(at: float, kind: str, choice: str, reason: str, situation: Any, figures: Mapping[str, Any]) -> Event:
    """Name and attributes of a decision's event: `shotclock.tool.skipped` for a `skip`, else `shotclock.decision`.

    Made from what a `Decision` is made from, because most are never read as one. A field of the situation that has its
    default is left out: the decision can be made again without it.
    """
    attributes: Attributes = {
        names.ELAPSED: at,
        names.KIND: kind,
        names.CHOICE: choice,
        names.REASON: redact(reason),
    }
    if situation is not None:
        kind_of = type(situation)
        attributes[names.SITUATION] = kind_of.__name__
        for name, figure, default in _figures_of(kind_of):
            value = getattr(situation, name)
            if value is not None and value != default:
                attributes[figure] = _figure(value)
    for name, value in figures.items():
        if value is not None:
            attributes[names.FIGURE + name] = _figure(_made(value))
    if kind != "skip":
        return names.DECISION, attributes
    attributes[names.TOOL_NAME] = choice
    return names.TOOL_SKIPPED, attributes


_FIGURES: dict[type, tuple[tuple[str, str, Any], ...]] = {}
_FIELDS: dict[type, tuple[str, ...]] = {}


def _figures_of(kind: type) -> tuple[tuple[str, str, Any], ...]:
    """The names of a situation's fields, each with the attribute it is written under and its default."""
    known = _FIGURES.get(kind)
    if known is None:  # there are as many kinds as policies
        defaults = _defaults_of(kind)
        figures = ((name, names.FIGURE + name, defaults.get(name)) for name in fields_of(kind))
        known = _FIGURES[kind] = tuple(figures)
    return known


def _defaults_of(kind: type) -> Mapping[str, Any]:
    if issubclass(kind, tuple):
        return dict(kind._field_defaults)  # type: ignore[attr-defined]
    known: Mapping[str, Field[Any]] = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return {name: field.default for name, field in known.items() if field.default is not MISSING}


def fields_of(kind: type) -> tuple[str, ...]:
    """The names of a situation's fields."""
    known = _FIELDS.get(kind)
    if known is None:
        fields = getattr(kind, "_fields", None) or kind.__dataclass_fields__  # type: ignore[attr-defined]
        known = _FIELDS[kind] = tuple(fields)
    return known


def _made(value: Any) -> Any:
    """A figure, or what a function makes of it: what is dear to make and seldom read."""
    return value() if callable(value) else value


def _figure(value: Any) -> Any:
    # An infinite figure is an input like any other, but not every exporter can write one as a number.
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, int):  # a truth too
        return value
    if isinstance(value, tuple) and all(isinstance(each, float) and math.isfinite(each) for each in value):
        return value
    return redact(str(value))
