"""Waiting for a model's stream: at a few moments it is decided whether it is still worth it."""

from __future__ import annotations

import asyncio
import math

from ..policies.interruption import Cut, StreamSituation
from ..policies.ledger import Claim
from . import timing
from .models.base import ModelRequest
from .run import Run
from .turn import Turn, estimated_tokens


class Watch:
    """What `Interruption` is told of a stream: the instants are worked out once, the rest when it is asked."""

    def __init__(self, run: Run, request: ModelRequest, started: float, *, retry: bool, hedged: bool) -> None:
        self._run = run
        self._limit = request.max_tokens
        self._purpose = request.purpose
        self._started = started
        self._last = request.deadline.at - started
        # Beside a hedge nothing is gained by cutting the first.
        self._overdue = math.inf if hedged else timing.overdue_at(run)
        self._switch = timing.switch_at(run, started) if self._purpose == "reason" else math.inf
        self._retry = retry

    def elapsed(self) -> float:
        """Seconds since the call began."""
        return self._run.now() - self._started

    def situation(self, turn: Turn, *, first: bool) -> StreamSituation:
        """What is known now; at the `first` look nothing needs a forecast."""
        elapsed, tokens = self.elapsed(), estimated_tokens(turn.came)
        if (
            self._switch < math.inf
            and elapsed >= min(self._overdue, self._switch)
            and not timing.finds_calls(self._run)
        ):
            self._switch = math.inf
        return StreamSituation(
            purpose=self._purpose,
            elapsed=elapsed,
            tokens=tokens,
            calls=len(turn.calls),
            last=self._last,
            overdue=self._overdue,
            switch=self._switch,
            again=math.inf if first else self._again(),
            chance=1.0 if first else self._chance(tokens, elapsed),
        )

    def _again(self) -> float:
        """Seconds another attempt takes, by this model or another; infinite where none may be made."""
        run = self._run
        if run.ledger.check(Claim(model_calls=1)) is not None:
            return math.inf
        other = run.ladder.other(run.model)
        able = [*([run.model] if self._retry else []), *([] if other is None else [other])]
        return min((timing.of(run.memory.history, each).forecast().median for each in able), default=math.inf)

    def _chance(self, tokens: int, elapsed: float) -> float:
        model = timing.of(self._run.memory.history, self._run.model)
        return model.remaining(tokens, elapsed, self._limit).probability(self._last - elapsed)


async def attend(run: Run, task: asyncio.Task[None], turn: Turn, watch: Watch) -> None:
    """Wait for the stream, and decide at a few moments whether it is still worth waiting for."""
    policy, first = run.policy.interruption, True
    while not task.done():
        situation = watch.situation(turn, first=first)
        decided = policy.decide(situation)
        if decided.reason:
            choice = "cut" if isinstance(decided, Cut) else "continue"
            run.trace.decision("interrupt", choice, decided.reason, situation)
        if isinstance(decided, Cut):
            turn.stopped = decided
            return
        first = False
        wait = max(0.0, decided.until - watch.elapsed())
        await asyncio.wait((task,), timeout=None if math.isinf(wait) else wait)
