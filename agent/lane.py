"""One call of one model: its reservation, its span, and what is learnt of it, from its beginning to its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..policies.ledger import Claim, Refusal, Reservation
from . import timing
from .models.base import Message, Model, ModelRequest, ToolSpec
from .models.effort import usual
from .run import Run
from .trace.handles import ChatSpan
from .turn import Turn

_NOT_TAKEN: Final = ("unreachable", "status")
"""Failures before an endpoint writes anything: nobody bills them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a model is asked.

    Attributes:
        model: who.
        request: what.
        claim: what it costs at most.
        limit: the limit that `max_tokens` comes from, where one bounds it.
    """

    model: Model
    request: ModelRequest
    claim: Claim
    limit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A call that is under way.

    Attributes:
        asked: what the model is asked.
        reservation: its claim in the ledger.
        span: its span.
        started: when it began.
    """

    asked: Asked
    reservation: Reservation
    span: ChatSpan
    started: float

    @classmethod
    def begin(cls, run: Run, asked: Asked, attempt: int) -> Lane | Refusal:
        """Reserve what it takes at most, and begin its span with what is expected of it."""
        reservation = run.ledger.reserve(asked.claim)
        if isinstance(reservation, Refusal):
            return reservation
        return cls(asked=asked, reservation=reservation, span=_span(run, asked, attempt), started=run.now())

    @property
    def model(self) -> Model:
        """Who is called."""
        return self.asked.model

    def end(self, run: Run, turn: Turn, until: float | None = None) -> None:
        """Settle it, learn from it and end its span; `turn` is what it gave. It was under way `until` that instant;
        `None` is now."""
        cost = self._settle(turn)
        self._learn(run, turn, run.now() if until is None else until)
        self._close(turn, cost)

    def _settle(self, turn: Turn) -> float | None:
        """The actual where the endpoint said it, nothing where it took no request; a call that was cut before it said
        so stays at its worst case. Returns the US dollars, where they are known."""
        used, price = turn.usage, self.model.price
        if turn.error is not None and turn.error.kind in _NOT_TAKEN and turn.first is None:
            self.reservation.settle(input_tokens=0, output_tokens=0, cost_usd=0.0)
            return 0.0
        cost = None
        if price is not None and used.input_tokens is not None and used.output_tokens is not None:
            cost = price.of(used.input_tokens, used.output_tokens)
        self.reservation.settle(input_tokens=used.input_tokens, output_tokens=used.output_tokens, cost_usd=cost)
        return cost

    def _learn(self, run: Run, turn: Turn, until: float) -> None:
        """A call that was cut, or ended by its limit of tokens, would have taken longer; one that failed is no
        sample."""
        seconds = until - self.started
        if turn.error is None and seconds > 0:
            censored = turn.finish is None or turn.finish.reason == "length"
            timing.learn(run, self.model, seconds, turn.tokens, first=turn.first, kind=turn.kind, censored=censored)

    def _close(self, turn: Turn, cost: float | None) -> None:
        """End the span; a call that was neither finished, failed nor cut was cancelled: with its run, or because
        another one was quicker."""
        outcome = "ok" if turn.finish else "error" if turn.error else "timed_out" if turn.cut else "cancelled"
        failed = None if turn.error is None else str(turn.error.status or turn.error.kind)
        self.span.end(
            outcome,
            error_type=failed,
            error=None if turn.error is None else str(turn.error),
            input_tokens=turn.usage.input_tokens,
            output_tokens=turn.usage.output_tokens,
            finish_reason=turn.finish.reason if turn.finish else None,
            response_model=turn.finish.model if turn.finish else None,
            response_id=turn.finish.response_id if turn.finish else None,
            first_chunk=turn.first,
            text=turn.text,
            cost_usd=cost,
        )


def _span(run: Run, asked: Asked, attempt: int) -> ChatSpan:
    """The span of a model call, with what was expected of it."""
    now, model = run.now(), asked.model
    forecast = timing.of(run.memory.history, model).forecast() if run.trace.recording else None
    return run.trace.chat(
        usual(model).name,  # as the endpoint knows it
        model.provider,
        purpose=asked.request.purpose,
        node=asked.request.purpose,
        max_tokens=asked.request.max_tokens,
        remaining=run.deadline.remaining(now),
        timeout=None if asked.request.deadline.never else asked.request.deadline.remaining(now),
        attempt=attempt,
        p50=None if forecast is None else forecast.median,
        p95=None if forecast is None else forecast.quantile(0.95),
        server=getattr(usual(model), "server", None),
        messages=asked.request.messages,
    )


def input_tokens(messages: Sequence[Message], tools: Sequence[ToolSpec] = ()) -> int:
    """An upper estimate of the tokens sent: one for three bytes of UTF-8, and four a message for its frame.

    English is about four bytes a token, so the ledger errs on the safe side; the endpoint's own count replaces it.
    """
    return (sum(map(_size, messages)) + sum(t.size for t in tools)) // 3 + 4 * len(messages)


def _size(message: Message) -> int:
    """Bytes of a message."""
    content, calls = message.get("content", ""), message.get("calls")
    return (len(content) if content.isascii() else len(content.encode())) + (len(str(calls)) if calls else 0)


def claim_of(model: Model, sent: int, most: int) -> Claim:
    """What a call costs at most that sends and writes so many tokens."""
    if timing.embedded(model) and model.price is not None and model.price.of(1, 1) == 0:
        return Claim(model_calls=1)  # tokens that take neither time nor money are none: the model is embedded
    cost = None if model.price is None else model.price.of(sent, most)
    return Claim(model_calls=1, input_tokens=sent, output_tokens=most, cost_usd=cost)
