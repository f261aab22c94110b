"""How budgets, spend, labels and figures become attributes of spans and events."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ...policies.budget import Budget, Spend
from . import conventions as names
from .content import content, redact

Attributes = dict[str, Any]
"""Attributes of a span or an event, by name."""
Event = tuple[str, Attributes]
"""Name and attributes of an event."""


def known(attributes: Mapping[str, Any]) -> Attributes:
    """The attributes that are known and finite: unknown and unlimited ones are left out, not written as zero."""
    return {name: value for name, value in attributes.items() if value is not None and value != math.inf}


def limits(budget: Budget) -> Attributes:
    """The limits that are set; for the root, at creation."""
    pairs: Attributes = {names.limit(name): getattr(budget, name) for name in names.BUDGET_TYPES}
    if budget.per_tool:
        pairs[names.PER_TOOL_LIMIT] = content(budget.per_tool)
    return pairs


def consumed(spend: Spend) -> Attributes:
    """What was used, by limit; an unknown cost is left out by `known`."""
    used: Attributes = {names.consumed(name): getattr(spend, name) for name in names.BUDGET_TYPES}
    if spend.per_tool:
        used[names.PER_TOOL_CONSUMED] = content(spend.per_tool)
    return used


def labels(metadata: Mapping[str, Any]) -> Attributes:
    """The caller's own labels that are scalars, with secrets taken out."""
    scalars = {name: value for name, value in metadata.items() if isinstance(value, (bool, int, float, str))}
    return {
        f"{names.METADATA}.{name}": redact(value) if isinstance(value, str) else value
        for name, value in scalars.items()
    }
