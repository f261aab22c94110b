"""One model call under the budget: reserved, bounded in tokens and time, cut when its time is up, and used as far as
it got."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Literal

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, wait_random_exponential

from ..policies.attempts import GiveUp, RetrySituation
from ..policies.deadline import Deadline
from ..policies.ledger import Claim, Refusal
from ..tools.call import Call
from ..tools.isolation import abandon, spawn
from . import timing
from .lane import Asked, Lane, claim_of, input_tokens
from .models.base import Message, Model, ModelRequest, ToolSpec
from .models.modalities import NO_MEDIA, tokens_of
from .prompts import broken_note, budget_note, form_note
from .race import Race
from .routes import FirstToken, at_once, first_token, leaves, moved_on
from .run import Run
from .stream import ENDPOINT, MOST_CHARACTERS, read
from .turn import Turn
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
    *,
    fall_back: bool = True,
) -> Turn:
    """Call the run's model, again where what went wrong may pass, until `until`; nothing is raised for what it does.

    Where it fails, or nothing comes of it for too long, another of the agent's models is asked, which is then the
    run's, unless `fall_back` is false. `on_call` is told of each call the moment its arguments are complete.
    """
    ask = _Ask(run=run, messages=messages, tools=tools, purpose=purpose, until=until, on_call=on_call)
    model = run.model
    turn = await _by(ask, model)
    while fall_back and moved_on(run, model, turn, until, reasons=purpose == "reason"):
        model = run.model
        turn = await _by(ask, model)
    return turn


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ask:
    """A model call, whoever is to make it."""

    run: Run
    messages: list[Message]
    tools: tuple[ToolSpec, ...]
    purpose: Literal["reason", "answer"]
    until: Deadline
    on_call: Callable[[Call], None]


async def _by(ask: _Ask, model: Model) -> Turn:
    """What a model gives, asked again where what went wrong may pass."""
    run, asked = ask.run, _asked(ask, model)
    first = await _attempt(ask, asked, 1)
    # As most calls end: the machinery of retries costs more than everything else about a call.
    if not _may_pass(first):
        return first
    made = iter((first,))
    numbers = count(2)

    async def attempt() -> Turn:
        if (turn := next(made, None)) is not None:
            return turn
        run.calls.strand()  # what the failed attempt began is there for this one if it asks for the same
        return await _attempt(ask, asked, next(numbers))

    return await AsyncRetrying(
        sleep=asyncio.sleep,
        wait=_wait,
        stop=lambda state: _give_up(run, model, state, ask.until),
        retry=retry_if_result(_may_pass),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else Turn(cut=True),
    )(attempt)


def _asked(ask: _Ask, model: Model) -> Asked:
    """The request to a model, and the worst case of what it takes."""
    run, until = ask.run, ask.until
    now = run.now()
    left = run.ledger.left()
    note = budget_note(left, None if until.never else until.remaining(now))
    out = broken_note(run.broken()) if ask.tools else ""
    form = None if run.output is None else run.output.form
    head = "\n\n".join(part for part in (run.instructions, form_note(form), note, out) if part)
    asked, media = (ask.messages, NO_MEDIA) if run.media is None else run.media.fitted(ask.messages, model)
    messages: tuple[Message, ...] = ({"role": "system", "content": head}, *asked)
    sent = input_tokens(messages, ask.tools) + tokens_of(media)
    most, limit = _most_tokens(run, model, sent, left, None if until.never else until.remaining(now))
    request = ModelRequest(
        query=run.query,
        messages=messages,
        tools=ask.tools,
        purpose=ask.purpose,
        max_tokens=most,
        deadline=until,
        evidence=tuple(run.evidence),
        run=run.identity,
        form=form,
        media=media,
    )
    return Asked(model=model, request=request, claim=claim_of(model, sent, most or 0), limit=limit)


def _most_tokens(
    run: Run, model: Model, sent: int, left: Mapping[str, float], seconds: float | None
) -> tuple[int | None, str | None]:
    """Tokens that fit into the time, the tokens and the money that are left, and which of them allows no more; `None`
    where nothing bounds them."""
    bounds = {} if seconds is None else {"deadline": _writable(run, model, seconds)}
    if "tokens" in left:
        bounds["tokens"] = int(left["tokens"]) - sent
    price = model.price
    if "cost_usd" in left and price is not None and price.output_per_million > 0:
        bounds["cost_usd"] = int((left["cost_usd"] - price.of(sent, 0)) * 1_000_000 / price.output_per_million)
    if not bounds:
        return None, None
    limit = min(bounds, key=bounds.__getitem__)
    return max(1, bounds[limit]), limit


def _writable(run: Run, model: Model, seconds: float) -> int:
    """Tokens the model writes in so many seconds as often as the policy asks."""
    if timing.embedded(model):
        return UNBOUNDED
    within = timing.of(run.memory.history, model).tokens_within(seconds, run.policy.interruption.tokens)
    return max(LEAST_TOKENS, within)


async def _attempt(ask: _Ask, asked: Asked, number: int) -> Turn:
    """One call of the model, or of two where the first is slow to speak; where no time is left it is not begun."""
    run = ask.run
    if asked.request.deadline.expired(run.now()):
        return Turn(cut=True)
    lane = Lane.begin(run, asked, number)
    if isinstance(lane, Refusal):
        return Turn(refusal=lane)
    turn, hedge = Turn(by=asked.model.name), _hedge(ask, asked, number)
    if ask.purpose == "reason":
        run.turn = turn
    race = None if hedge is None else Race(run, lane, lambda: _second(ask, asked, hedge, number), hedge.after)
    try:
        with lane.span.context():
            reads = read(run, race or asked.model, asked.request, turn, ask.on_call)
            task = spawn(reads, f"model {asked.model.name}")
        run.own(task)
        retry = number <= run.policy.attempts.model_retries
        watch = Watch(run, asked.request, lane.started, retry=retry, hedged=race is not None)
        await attend(run, task, turn, watch)
        # Where it neither finished nor failed, its time was up: it was cut from here, or it saw so itself.
        turn.cut = turn.finish is None and turn.error is None
        turn.limited = (asked.limit or ENDPOINT) if _ended_by_its_limit(turn) else None
    finally:
        abandon(task)
        _over(run, lane, race, turn, urgent=hedge is not None and hedge.urgent)
        turn.took = run.now() - lane.started
    return turn


def _over(run: Run, lane: Lane, race: Race | None, turn: Turn, *, urgent: bool) -> None:
    """End the call, or both where two were raced."""
    if race is None:
        lane.end(run, turn)
        return
    turn.by = race.winner.model.name
    turn.first = None if turn.first is None else turn.first - race.lead
    race.winner.end(run, turn)
    for other, gave, until in race.rest():
        other.end(run, gave, until)
    won = race.winner is not lane
    run.tally.raced(run.policy.hedging, lane.model.name, hedged=race.raced, won=won, urgent=urgent)


def _ended_by_its_limit(turn: Turn) -> bool:
    return turn.finish is not None and turn.finish.reason == "length" and turn.written <= MOST_CHARACTERS


def _hedge(ask: _Ask, asked: Asked, number: int) -> FirstToken | None:
    """When another model, or the same once more, is asked beside this one; `None` where none is."""
    if timing.embedded(asked.model):
        return None
    if ask.purpose == "reason" and number == 1 and (twice := at_once(ask.run, asked, ask.until)) is not None:
        return twice  # not of a retry: an endpoint that refused is not asked twice as much
    return first_token(ask.run, asked, ask.until) if len(ask.run.ladder) > 1 else None


def _second(ask: _Ask, asked: Asked, hedge: FirstToken, number: int) -> Lane | None:
    """Begin the second call, where the ledger has room for it now."""
    run = ask.run
    lane = Lane.begin(run, asked if hedge.model is asked.model else _asked(ask, hedge.model), number + 1)
    if isinstance(lane, Refusal):
        run.trace.decision("hedge", "refused", lane.reason, tool=hedge.model.name)
        return None
    run.trace.decision("hedge", "hedge", hedge.reason, hedge.situation, other=hedge.model.name)
    return lane


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


def _give_up(run: Run, model: Model, state: RetryCallState, until: Deadline) -> bool:
    """Whether there is no further attempt: none is left, it would not fit, or the ledger has no call for it."""
    refusal = run.ledger.check(Claim(model_calls=1))
    situation = RetrySituation(
        tool=model.name,
        attempt=state.attempt_number,
        retries=run.policy.attempts.model_retries,
        remaining=until.remaining(run.now()) - state.upcoming_sleep,
        wait=state.upcoming_sleep,
        expected=timing.of(run.memory.history, model).forecast().median,
        refusal=refusal.reason if refusal else None,
    )
    decided = run.policy.attempts.retry(situation)
    over = isinstance(decided, GiveUp)
    run.trace.decision("model_retry", "give_up" if over else "retry", decided.reason, situation)
    turn = state.outcome.result() if state.outcome else Turn()
    return over or leaves(run, model, turn, until, state.upcoming_sleep, state.attempt_number)
