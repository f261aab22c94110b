"""What a run met with, apart from what was decided: what the model asked for and when, how long each attempt of a tool
takes and how it ends, what checks say. What was cut is known to take longer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ...policies.budget import Budget

How = Literal["ok", "error", "cut"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """One attempt or check: `cut` after so many seconds, or over by itself.

    Attributes:
        seconds: how long.
        how: how it ended.
        passing: of an error, whether another attempt may do.
        said: of a check, `pass`, `fail` or `unsure`.
    """

    seconds: float
    how: How = "ok"
    passing: bool = False
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A call that the model asked for.

    Attributes:
        name: of the call within its run, as `name_of` gives it.
        tool: which tool.
        ready: seconds after the model call began at which the arguments were there; `None` where it was never begun.
        attempts: what its attempts were like, in order.
        after: the names of calls it needs.
        result: what it gave, as text, where content was captured.
    """

    name: str
    tool: str
    ready: float | None
    attempts: tuple[Lived, ...] = ()
    after: tuple[str, ...] = ()
    result: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought:
    """One model call.

    Attributes:
        lived: how long it took.
        first: seconds until something came; `None` where that is not known.
        tokens: what it wrote; `None` where that is not known.
        sent: tokens it was sent, likewise.
        wanted: what it asked for; nothing where it wrote an answer.
        plan: whether it handed over a plan.
    """

    lived: Lived
    first: float | None = None
    tokens: int | None = None
    sent: int | None = None
    wanted: tuple[Wanted, ...] = ()
    plan: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a run met with.

    Attributes:
        key: the run's trace id.
        started_ns: when it began.
        model: the model's name.
        query: the question, where content was captured.
        budget: the limits it had.
        turns: the model calls that asked for tools, in order.
        answers: the model calls that wrote an answer, in order: more than one where one was refused.
        grounded: how the answers that its model wrote fared against the evidence, in order: `pass`, `fail`, `unsure`.
        checks: what the product's own checks were like, by their names, in order.
        whole: whether it ended because it was answered: nothing more would have been asked for.
        seconds: how long it took.
        complete: whether its answer was complete and came in time.
        verified: whether its answer passed its checks and came in time.
        cost_usd: what it cost; `None` is unknown.
    """

    key: str
    started_ns: int
    model: str
    query: str | None
    budget: Budget
    turns: tuple[Thought, ...]
    answers: tuple[Thought, ...]
    grounded: tuple[str, ...]
    checks: Mapping[str, tuple[Lived, ...]]
    whole: bool
    seconds: float
    complete: bool
    verified: bool
    cost_usd: float | None

    @property
    def thoughts(self) -> tuple[Thought, ...]:
        """The model calls, in order."""
        return (*self.turns, *self.answers)


def name_of(turn: int, number: int) -> str:
    """The name of a turn's call, such as `a-c`, the third of the first turn: letters, for a number in an argument would
    be taken for a fact where an answer names it."""
    return f"{_letters(turn)}-{_letters(number)}"


def _letters(number: int) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[number] if number < 26 else _letters(number // 26 - 1) + _letters(number % 26)
