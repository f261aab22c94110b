"""What a run decided, and the figures it decided on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import conventions as names
from .attributes import Attributes
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
        if situation is None:
            return cls(at=at, kind=kind, choice=choice, reason=reason, figures=figures)
        known = {name: getattr(situation, name) for name in fields_of(type(situation))}
        name = type(situation).__name__
        return cls(at=at, kind=kind, choice=choice, reason=reason, figures=known | dict(figures), situation=name)

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


def event_of(
    at: float, kind: str, choice: str, reason: str, situation: Any, figures: Mapping[str, Any]
) -> tuple[str, Attributes]:
    """Name and attributes of a decision's event: `shotclock.tool.skipped` for a `skip`, else `shotclock.decision`.

    Made from what a `Decision` is made from, because most are never read as one.
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
        for name, figure in _figures_of(kind_of):
            if (value := getattr(situation, name)) is not None:
                attributes[figure] = _figure(value)
    for name, value in figures.items():
        if value is not None:
            attributes[names.FIGURE + name] = _figure(value)
    if kind != "skip":
        return names.DECISION, attributes
    attributes[names.TOOL_NAME] = choice
    return names.TOOL_SKIPPED, attributes


_FIGURES: dict[type, tuple[tuple[str, str], ...]] = {}
_FIELDS: dict[type, tuple[str, ...]] = {}


def _figures_of(kind: type) -> tuple[tuple[str, str], ...]:
    """The names of a situation's fields, each with the attribute it is written under."""
    known = _FIGURES.get(kind)
    if known is None:  # there are as many kinds as policies
        known = _FIGURES[kind] = tuple((name, names.FIGURE + name) for name in fields_of(kind))
    return known


def fields_of(kind: type) -> tuple[str, ...]:
    """The names of a situation's fields."""
    known = _FIELDS.get(kind)
    if known is None:
        fields = getattr(kind, "_fields", None) or kind.__dataclass_fields__  # type: ignore[attr-defined]
        known = _FIELDS[kind] = tuple(fields)
    return known


def _figure(value: Any) -> Any:
    # An infinite figure is an input like any other, but not every exporter can write one as a number.
    if isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, tuple) and all(isinstance(each, float) and math.isfinite(each) for each in value):
        return value
    return redact(str(value))
