"""When reasoning ends: enough evidence, no progress, or no room for another turn."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InvalidPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSituation:
    """What is known after a turn was verified.

    Attributes:
        turn: turns so far, from 1.
        most_turns: most turns a run may have.
        remaining: seconds to the soft deadline; infinite where there is none.
        next_turn: seconds another turn is expected to take.
        passed: results so far that passed their checks.
        repeated: whether every call of this turn repeated an earlier one.
        cut: whether the soft deadline interrupted the turn.
        exhausted: the limit that refused calls of this turn and will refuse every further one; `None` where none does.
    """

    turn: int
    most_turns: int
    remaining: float
    next_turn: float
    passed: int
    repeated: bool = False
    cut: bool = False
    exhausted: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """Reason again."""

    reason: str = "there is room for another turn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Answer now; `stop_reason` is the run's if nothing else ends it, `reason` says it in words."""

    stop_reason: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """Stop where another turn would not fit or would bring nothing.

    Attributes:
        enough: results that passed their checks after which reasoning ends; `None` leaves it to the model.
    """

    enough: int | None = None

    def __post_init__(self) -> None:
        if self.enough is not None and self.enough < 1:
            raise InvalidPolicy(f"stopping.enough must be at least 1, or left out, got {self.enough!r}")

    def decide(self, situation: TurnSituation) -> Go | Stop:
        """Go on, or stop and why."""
        s = situation
        if self.enough is not None and s.passed >= self.enough:
            return Stop(stop_reason="enough", reason=f"{s.passed} checked results, enough={self.enough} were asked for")
        if s.cut:
            return Stop(stop_reason="deadline", reason="the soft deadline interrupted the turn")
        if s.exhausted is not None:
            return Stop(stop_reason=s.exhausted, reason=f"{s.exhausted} is used up and calls were refused")
        if s.turn >= s.most_turns:
            return Stop(stop_reason="enough", reason=f"limits.turns={s.most_turns} turns were taken")
        if s.repeated:
            return Stop(stop_reason="enough", reason="every call of the turn was made before: no progress")
        if s.next_turn > s.remaining:
            return Stop(
                stop_reason="deadline",
                reason=f"another turn takes about {s.next_turn:.2f} s and {s.remaining:.2f} s are left",
            )
        return Go()
