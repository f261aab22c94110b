"""What `agent.stream` yields while a run is under way, before the `Result` that ends it."""

from __future__ import annotations

from dataclasses import dataclass

from ..tools.call import Call, Evidence
from .result import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """The run began. `latency` is its budget in seconds, or `None`; `soft` the seconds after which calls are
    interrupted."""

    trace_id: str
    latency: float | None
    soft: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    """A piece of text by the model: provisional, until the result says what of it was checked."""

    text: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted:
    """A call entered the pipeline, `at` seconds after the start."""

    call: Call
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFinished:
    """A call ended, `at` seconds after the start; its evidence says how."""

    evidence: Evidence
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something the user should be told."""

    message: str
    at: float


Event = RunStarted | TextDelta | CallStarted | CallFinished | Warned | Result
"""What a stream consists of; the `Result` is always the last."""
