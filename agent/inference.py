"""One model call under the budget: reserved, bounded in tokens and time, cut when its time is up, and used as far as
it got."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, wait_random_exponential

from ..policies.attempts import GiveUp, RetrySituation
from ..policies.deadline import Deadline
from ..policies.ledger import Claim, Refusal, Reservation
from ..tools.call import Call
from ..tools.isolation import abandon, spawn
from . import timing
from .act import strand
from .models.base import Message, Model, ModelRequest, ToolSpec
from .prompts import broken_note, budget_note
from .run import Run
from .stream import ENDPOINT, MOST_CHARACTERS, Turn, read
from .trace.handles import ChatSpan
from .watch import Watch, attend

BACKOFF = wait_random_exponential(multiplier=0.1, max=2.0)
"""Full jitter before the retry, where the endpoint did not say how long to wait."""

LEAST_TOKENS = 16
"""Tokens a call is granted however little time is left: under it endpoints refuse, and nothing can be said."""

UNBOUNDED = 1_000_000
"""Tokens of a model that takes no time to write them, where nothing else bounds them."""


async def infer(
    run: Run,
    messages: list[Message],
    tools: tuple[ToolSpec, ...],
    purpose: Literal["reason", "answer"],
    until: Deadline,
    on_call: Callable[[Call], None] = lambda call: None,
) -> Turn:
    """Call the run's model, again where what went wrong may pass, until `until`; nothing is raised for what it does.

    `on_call` is told of each call the moment its arguments are complete.
    """
    asked = _asked(run, messages, tools, purpose, until)
    retrying = AsyncRetrying(
        sleep=asyncio.sleep,
        wait=_wait,
        stop=lambda state: _give_up(run, state, until),
        retry=retry_if_result(_may_pass),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else Turn(cut=True),
    )
    numbers = count(1)

    async def attempt() -> Turn:
        number = next(numbers)
        if number > 1:
            strand(run)  # what the failed attempt began is there for this one if it asks for the same
        return await _attempt(run, asked, number, on_call)

    return await retrying(attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What a model call is asked: the request, its worst case, when it is interrupted, and which limit `max_tokens`
    comes from."""

    request: ModelRequest
    claim: Claim
    until: Deadline
    limit: str | None


def _asked(
    run: Run,
    messages: list[Message],
    tools: tuple[ToolSpec, ...],
    purpose: Literal["reason", "answer"],
    until: Deadline,
) -> _Asked:
    """The request, and the worst case of what it takes."""
    now = run.now()
    note = budget_note(run.ledger.left(), None if until.never else until.remaining(now))
    out = broken_note(run.broken()) if tools else ""
    head = "\n\n".join(part for part in (run.instructions, note, out) if part)
    request = ModelRequest(
        query=run.query,
        messages=({"role": "system", "content": head}, *messages),
        tools=tools,
        purpose=purpose,
        deadline=until,
        evidence=tuple(run.evidence),
        run=run.trace.trace_id,
    )
    sent = input_tokens(request)
    most, limit = _most_tokens(run, sent, None if until.never else until.remaining(now))
    claim = claim_of(run.model, sent, most or 0)
    return _Asked(request=replace(request, max_tokens=most), claim=claim, until=until, limit=limit)


def _most_tokens(run: Run, sent: int, seconds: float | None) -> tuple[int | None, str | None]:
    """Tokens that fit into the time, the tokens and the money that are left, and which of them allows no more; `None`
    where nothing bounds them."""
    bounds = {} if seconds is None else {"deadline": _writable(run, seconds)}
    left = run.ledger.left()
    if "tokens" in left:
        bounds["tokens"] = int(left["tokens"]) - sent
    price = run.model.price
    if "cost_usd" in left and price is not None and price.output_per_million > 0:
        bounds["cost_usd"] = int((left["cost_usd"] - price.of(sent, 0)) * 1_000_000 / price.output_per_million)
    if not bounds:
        return None, None
    limit = min(bounds, key=bounds.__getitem__)
    return max(1, bounds[limit]), limit


def _writable(run: Run, seconds: float) -> int:
    """Tokens the model writes in so many seconds as often as the policy asks."""
    if timing.embedded(run.model):
        return UNBOUNDED
    within = timing.of(run.memory.history, run.model).tokens_within(seconds, run.policy.interruption.tokens)
    return max(LEAST_TOKENS, within)


def input_tokens(request: ModelRequest) -> int:
    """An upper estimate of the tokens sent: one for three bytes of UTF-8, and four a message for its frame.

    English is about four bytes a token, so the ledger errs on the safe side; the endpoint's own count replaces it.
    """
    size = sum(len(m.get("content", "").encode()) + len(str(m.get("calls", ""))) for m in request.messages)
    size += sum(len(t.name) + len(t.description) + len(str(t.parameters)) for t in request.tools)
    return size // 3 + 4 * len(request.messages)


def claim_of(model: Model, sent: int, most: int) -> Claim:
    """What a call costs at most that sends and writes so many tokens."""
    if timing.embedded(model) and model.price is not None and model.price.of(1, 1) == 0:
        return Claim(model_calls=1)  # tokens that take neither time nor money are none: the model is embedded
    cost = None if model.price is None else model.price.of(sent, most)
    return Claim(model_calls=1, input_tokens=sent, output_tokens=most, cost_usd=cost)


async def _attempt(run: Run, asked: _Asked, number: int, on_call: Callable[[Call], None]) -> Turn:
    """One call of the model; where no time is left it is not begun."""
    if asked.until.expired(run.now()):
        return Turn(cut=True)
    reservation = run.ledger.reserve(asked.claim)
    if isinstance(reservation, Refusal):
        return Turn(refusal=reservation)
    model, turn, started = run.model, Turn(), run.now()
    if asked.request.purpose == "reason":
        run.turn = turn
    span = _begin(run, asked, number)
    try:
        with span.context():
            task = spawn(read(run, model, asked.request, turn, on_call), f"model {model.name}")
        run.own(task)
        await attend(
            run,
            task,
            turn,
            Watch(run, asked.request, asked.until, started, retry=number <= run.policy.attempts.model_retries),
        )
        # Where it neither finished nor failed, its time was up: it was cut from here, or it saw so itself.
        turn.cut = turn.finish is None and turn.error is None
        turn.limited = (asked.limit or ENDPOINT) if _ended_by_its_limit(turn) else None
    finally:
        abandon(task)
        cost = _settle(reservation, model, turn)
        _learn(run, model, turn, run.now() - started)
        _end(span, turn, cost)
    return turn


def _ended_by_its_limit(turn: Turn) -> bool:
    return turn.finish is not None and turn.finish.reason == "length" and turn.written <= MOST_CHARACTERS


def _begin(run: Run, asked: _Asked, number: int) -> ChatSpan:
    """The span of a model call, with what was expected of it."""
    now, model = run.now(), run.model
    forecast = timing.of(run.memory.history, model).forecast() if run.trace.recording else None
    return run.trace.chat(
        model.name,
        model.provider,
        purpose=asked.request.purpose,
        node=asked.request.purpose,
        max_tokens=asked.request.max_tokens,
        remaining=run.deadline.remaining(now),
        timeout=None if asked.until.never else asked.until.remaining(now),
        attempt=number,
        p50=None if forecast is None else forecast.median,
        p95=None if forecast is None else forecast.quantile(0.95),
    )


def _learn(run: Run, model: Model, turn: Turn, seconds: float) -> None:
    """A call that was cut, or ended by its limit of tokens, would have taken longer; one that failed is no sample."""
    if turn.error is None and seconds > 0:
        censored = turn.finish is None or turn.finish.reason == "length"
        timing.learn(run, model, seconds, turn.tokens, first=turn.first, kind=turn.kind, censored=censored)


def _end(span: ChatSpan, turn: Turn, cost: float | None) -> None:
    """End the span of a model call; one that was neither finished, failed nor cut was cancelled with its run."""
    outcome = "ok" if turn.finish else "error" if turn.error else "timed_out" if turn.cut else "cancelled"
    failed = None if turn.error is None else str(turn.error.status or turn.error.kind)
    span.end(
        outcome,
        error_type=failed,
        error=None if turn.error is None else str(turn.error),
        input_tokens=turn.usage.input_tokens,
        output_tokens=turn.usage.output_tokens,
        finish_reason=turn.finish.reason if turn.finish else None,
        first_chunk=turn.first,
        cost_usd=cost,
    )


def _settle(reservation: Reservation, model: Model, turn: Turn) -> float | None:
    """The actual where the endpoint said it; a call that was cut before it said so stays at its worst case. Returns the
    US dollars, where they are known."""
    used = turn.usage
    cost = None
    if model.price is not None and used.input_tokens is not None and used.output_tokens is not None:
        cost = model.price.of(used.input_tokens, used.output_tokens)
    reservation.settle(input_tokens=used.input_tokens, output_tokens=used.output_tokens, cost_usd=cost)
    return cost


def _may_pass(turn: Turn) -> bool:
    if turn.stopped is not None:
        return turn.stopped.then == "retry"
    return turn.error is not None and turn.error.retryable and not turn.calls


def _wait(state: RetryCallState) -> float:
    """What the endpoint asked for, nothing after a stream that was given up, else full jitter."""
    turn = state.outcome.result() if state.outcome else None
    if isinstance(turn, Turn) and turn.stopped is not None:
        return 0.0
    asked = turn.error.retry_after if isinstance(turn, Turn) and turn.error else None
    return asked if asked is not None else BACKOFF(state)


def _give_up(run: Run, state: RetryCallState, until: Deadline) -> bool:
    """Whether there is no further attempt: none is left, it would not fit, or the ledger has no call for it."""
    refusal = run.ledger.check(Claim(model_calls=1))
    situation = RetrySituation(
        tool=run.model.name,
        attempt=state.attempt_number,
        retries=run.policy.attempts.model_retries,
        remaining=until.remaining(run.now()) - state.upcoming_sleep,
        wait=state.upcoming_sleep,
        expected=timing.of(run.memory.history, run.model).forecast().median,
        refusal=refusal.reason if refusal else None,
    )
    decided = run.policy.attempts.retry(situation)
    over = isinstance(decided, GiveUp)
    run.trace.decision("model_retry", "give_up" if over else "retry", decided.reason, situation)
    return over
