"""Runs and spans as they are stored and read: plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """An event of a span: its name, its instant (wall clock, nanoseconds) and its attributes."""

    name: str
    at_ns: int
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"name": self.name, "at_ns": self.at_ns, "attributes": dict(self.attributes)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRow:
    """A span that has ended. Instants are wall clock nanoseconds; `status` is `unset`, `ok` or `error`."""

    trace_id: str
    span_id: str
    parent_id: str | None = None
    name: str
    kind: str = "internal"
    started_ns: int
    ended_ns: int
    status: str = "unset"
    description: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[EventRow, ...] = ()

    @property
    def duration_ns(self) -> int:
        """Nanoseconds from start to end; never negative, even where the wall clock was set back."""
        return max(0, self.ended_ns - self.started_ns)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "trace_id": self.trace_id,
            "span_id": self.span_id,
            "parent_id": self.parent_id,
            "name": self.name,
            "kind": self.kind,
            "started_ns": self.started_ns,
            "ended_ns": self.ended_ns,
            "status": self.status,
            "description": self.description,
            "attributes": dict(self.attributes),
            "events": [event.to_dict() for event in self.events],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run as the list shows it: a root span, with the figures people look for.

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: the root span's id; a trace may hold several runs.
        name: the root span's name.
        agent: the agent's name.
        model: the model's name.
        started_ns: wall clock, nanoseconds.
        duration_ns: nanoseconds.
        status: `complete`, `partial`, `fallback`, `suspended`; `None` where the run did not say.
        stop_reason: why it stopped.
        verified: whether the answer passed its checks.
        tool_calls: attempts of tools that were started.
        model_calls: model calls that were started.
        cost_usd: US dollars; `None` is unknown, not zero.
        error_type: what failed, where the run itself failed.
    """

    trace_id: str
    span_id: str
    name: str
    agent: str
    model: str
    started_ns: int
    duration_ns: int
    status: str | None = None
    stop_reason: str | None = None
    verified: bool | None = None
    tool_calls: int | None = None
    model_calls: int | None = None
    cost_usd: float | None = None
    error_type: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; the duration also in seconds."""
        pairs = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return pairs | {"duration": self.duration_ns / 1e9}
