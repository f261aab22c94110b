"""What a run may use, and what it has used: two frozen values in the same units."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from .errors import InvalidBudget

DEFAULT_LATENCY = 10.0
"""Seconds a run may take where nobody says otherwise."""

_DURATION = re.compile(r"\s*(-?\d+(?:\.\d*)?|\.\d+)\s*(ms|s|sec|m|min|h)?\s*", re.IGNORECASE)
_UNITS = {"ms": 0.001, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def seconds(name: str, value: float | str | timedelta | None) -> float | None:
    """Read a duration: a number of seconds, a text such as `"2s"`, `"250ms"` or `"1.5min"`, a `timedelta`, or `None`.

    Args:
        name: the parameter's name, for the message.
        value: the duration.

    Raises:
        InvalidBudget: it is negative, NaN, or not a duration.
    """
    if value is None:
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    elif isinstance(value, str):
        match = _DURATION.fullmatch(value)
        if match is None:
            raise InvalidBudget(f"{name} must be a duration such as 2, '2s', '250ms' or '1.5min', got {value!r}")
        value = float(match[1]) * _UNITS[(match[2] or "s").lower()]
    return amount(name, value, unit="seconds")


def amount(name: str, value: object, *, unit: str) -> float:
    """Read a non-negative, finite or infinite number; `name` and `unit` go into the message.

    Raises:
        InvalidBudget: it is negative, NaN, or not a number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidBudget(f"{name} must be a number of {unit}, got {value!r} of type {type(value).__name__}")
    try:
        number = float(value)
    except OverflowError:
        # Not shown: an integer of that size may have more digits than Python agrees to print.
        raise InvalidBudget(f"{name} must be a number of {unit} below 1.8e308, or None for no limit") from None
    if math.isnan(number) or number < 0:
        raise InvalidBudget(f"{name} must be 0 or more {unit}, or None for no limit, got {value!r}")
    return number


def count(name: str, value: object) -> int | None:
    """Read a limit on a count: a whole number of at least 0, or `None`.

    Raises:
        InvalidBudget: it is negative, NaN, or not a whole number.
    """
    if value is None:
        return None
    number = amount(name, value, unit="units")
    if number != math.floor(number) or math.isinf(number):
        raise InvalidBudget(f"{name} must be a whole number, or None for no limit, got {value!r}")
    return int(number)


@dataclass(frozen=True, slots=True, init=False)
class Budget:
    """The limits of one run. `None` is no limit, `0` allows none; negatives and NaN are refused by name.

    Args:
        latency: seconds until the answer is due, as a number, a text such as `"2s"` or `"250ms"`, or a `timedelta`.
            `None` means no deadline. Default 10.
        tool_calls: attempts of tools that may be started; retries, hedges and speculation count.
        model_calls: model calls that may be started.
        tokens: input and output tokens of all model calls together.
        cost_usd: US dollars for model calls and priced tools together.
        per_tool: attempts that may be started, by the tool's name.

    Raises:
        InvalidBudget: a limit is negative, NaN or of the wrong type.

    | written as                | means                                         |
    |---------------------------|-----------------------------------------------|
    | `Budget()`                | ten seconds, nothing else limited             |
    | `Budget(latency="250ms")` | a quarter of a second                         |
    | `Budget(tool_calls=0)`    | ten seconds and no tools at all               |
    | `Budget(latency=None)`    | no deadline: the answer comes when it is done |
    """

    latency: float | None
    tool_calls: int | None
    model_calls: int | None
    tokens: int | None
    cost_usd: float | None
    per_tool: Mapping[str, int]

    def __init__(
        self,
        latency: float | str | timedelta | None = DEFAULT_LATENCY,
        tool_calls: int | None = None,
        model_calls: int | None = None,
        tokens: int | None = None,
        cost_usd: float | None = None,
        per_tool: Mapping[str, int] | None = None,
    ) -> None:
        limit = seconds("latency", latency)
        set_ = object.__setattr__
        set_(self, "latency", None if limit == math.inf else limit)
        set_(self, "tool_calls", count("tool_calls", tool_calls))
        set_(self, "model_calls", count("model_calls", model_calls))
        set_(self, "tokens", count("tokens", tokens))
        set_(self, "cost_usd", None if cost_usd is None else amount("cost_usd", cost_usd, unit="US dollars"))
        set_(self, "per_tool", MappingProxyType(_per_tool(per_tool)))

    def replace(self, **limits: Any) -> Budget:
        """A copy with some limits changed, read as the constructor reads them."""
        return Budget(**{f.name: getattr(self, f.name) for f in fields(self)} | limits)

    def to_dict(self) -> dict[str, Any]:
        """The limits that are set, by name; for traces and JSON."""
        pairs = {f.name: getattr(self, f.name) for f in fields(self)}
        pairs["per_tool"] = dict(self.per_tool)
        return {name: value for name, value in pairs.items() if value not in (None, {})}

    def __reduce__(self) -> tuple[Any, ...]:
        return Budget, (
            self.latency,
            self.tool_calls,
            self.model_calls,
            self.tokens,
            self.cost_usd,
            dict(self.per_tool),
        )


def _per_tool(limits: Mapping[str, int] | None) -> dict[str, int]:
    if limits is None:
        return {}
    if not isinstance(limits, Mapping):
        raise InvalidBudget(f"per_tool must map tool names to whole numbers, got {limits!r}")
    for name in limits:
        if not isinstance(name, str):
            raise InvalidBudget(f"per_tool must map tool names to whole numbers, got {name!r} for a tool's name")
    read = {name: count(f"per_tool[{name!r}]", value) for name, value in limits.items()}
    return {name: value for name, value in read.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What a run has used, in the units of `Budget`.

    Attributes:
        latency: seconds since the run began.
        tool_calls: attempts of tools that were started.
        model_calls: model calls that were started.
        input_tokens: tokens sent to models, as far as models said.
        output_tokens: tokens written by models; worst case where a call was cut before it said.
        cost_usd: US dollars; `None` where a price is unknown, because unknown is not zero.
        per_tool: attempts started, by tool.
    """

    latency: float = 0.0
    tool_calls: int = 0
    model_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    per_tool: Mapping[str, int] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens

    def to_dict(self) -> dict[str, Any]:
        """All figures by name, as JSON values."""
        pairs = {f.name: getattr(self, f.name) for f in fields(self)}
        return pairs | {"tokens": self.tokens, "per_tool": dict(self.per_tool)}
