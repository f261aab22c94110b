"""One model call under the budget: reserved, bounded in tokens and time, cut when its time is up, and used as far as
it got."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Literal

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, wait_random_exponential

from ..policies.deadline import Deadline
from ..policies.errors import ModelError
from ..policies.ledger import Claim, Refusal, Reservation
from ..tools.call import Call
from ..tools.content import sound
from ..tools.isolation import abandon, spawn
from ..tools.landing import message_of
from .events import TextDelta as TextEvent
from .models.base import CallReady, Finish, Message, Model, ModelEvent, ModelRequest, TextDelta, ToolSpec, Usage
from .prompts import budget_note
from .run import Run
from .trace.handles import ChatSpan

MODEL_ATTEMPTS = 2
"""Attempts of one model call: the first and one retry of what may pass (429, 5xx, a connection that was cut)."""

BACKOFF = wait_random_exponential(multiplier=0.1, max=2.0)
"""Full jitter before the retry, where the endpoint did not say how long to wait."""

ANSWER_TOKENS = 300
"""Tokens a final answer is expected to take where nothing is known of it; the p50 of chat traffic is 129, p99 601
(Azure LLM inference trace 2023)."""


MOST_CHARACTERS = 1_000_000
"""Characters of one model call that are read; a stream that goes on is stopped."""

MOST_CALLS = 256
"""Calls of one model call that are taken; `limits.parallel` of them are begun."""

BREATH = 0.005
"""Seconds a stream may be read without giving the event loop back."""

ANSWER_SPREAD = 1.46
"""q95 of a model call over its median, knowing the tokens: e^(1.645 · .23), with the residual log-σ .23 of the same
fit as
`Pace`."""


def answer_q95(model: Model) -> float:
    """Seconds within which 95 % of the model's final answers are written, before anything was measured."""
    return ANSWER_SPREAD * model.pace.seconds(ANSWER_TOKENS)


@dataclass(slots=True)
class Turn:
    """What one model call gave, as far as it got.

    Attributes:
        written: how many characters it wrote.
        calls: the calls whose arguments were complete.
        finish: why it ended on its own; `None` where it was cut.
        usage: what the endpoint reported.
        error: what went wrong, where something did.
        refusal: the limit that did not allow the call at all.
        cut: whether its time was up first.
    """

    calls: list[Call] = field(default_factory=list)
    finish: Finish | None = None
    usage: Usage = field(default_factory=Usage)
    error: ModelError | None = None
    refusal: Refusal | None = None
    cut: bool = False
    written: int = 0
    _parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What it wrote."""
        return "".join(self._parts)

    def write(self, text: str) -> None:
        """Add a piece of text."""
        self._parts.append(text)
        self.written += len(text)


async def infer(
    run: Run,
    messages: list[Message],
    tools: tuple[ToolSpec, ...],
    purpose: Literal["reason", "answer"],
    until: Deadline,
    on_call: Callable[[Call], None] = lambda call: None,
) -> Turn:
    """Call the run's model, once or with one retry, until `until` at the latest. Nothing is raised for what it does.

    `on_call` is told of each call the moment its arguments are complete.
    """
    request, claim = _request(run, messages, tools, purpose, until)
    retrying = AsyncRetrying(
        sleep=asyncio.sleep,
        wait=_wait,
        stop=lambda state: _give_up(run, state, until),
        retry=retry_if_result(_may_pass),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else Turn(cut=True),
    )
    numbers = count(1)

    async def attempt() -> Turn:
        return await _attempt(run, request, claim, until, next(numbers), on_call)

    return await retrying(attempt)


def _request(
    run: Run,
    messages: list[Message],
    tools: tuple[ToolSpec, ...],
    purpose: Literal["reason", "answer"],
    until: Deadline,
) -> tuple[ModelRequest, Claim]:
    """The request, and the worst case of what it takes."""
    seconds = None if until.never else until.remaining(run.now())
    note = budget_note(run.ledger.left(), seconds)
    head = "\n\n".join(part for part in (run.instructions, note) if part)
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
    most = _most_tokens(run, sent, seconds)
    return replace(request, max_tokens=most), _claim(run.model, sent, most or 0)


def _most_tokens(run: Run, sent: int, seconds: float | None) -> int | None:
    """Tokens that fit into the time, the tokens and the money that are left; `None` where nothing bounds them."""
    bounds = [] if seconds is None else [run.model.pace.tokens(seconds)]
    left = run.ledger.left()
    if "tokens" in left:
        bounds.append(int(left["tokens"]) - sent)
    price = run.model.price
    if "cost_usd" in left and price is not None and price.output_per_million > 0:
        bounds.append(int((left["cost_usd"] - price.of(sent, 0)) * 1_000_000 / price.output_per_million))
    return max(1, min(bounds)) if bounds else None


def input_tokens(request: ModelRequest) -> int:
    """An upper estimate of the tokens sent: one for three bytes of UTF-8, and four a message for its frame.

    English is about four bytes a token, so the ledger errs on the safe side; the endpoint's own count replaces it.
    """
    size = sum(len(m.get("content", "").encode()) + len(str(m.get("calls", ""))) for m in request.messages)
    size += sum(len(t.name) + len(t.description) + len(str(t.parameters)) for t in request.tools)
    return size // 3 + 4 * len(request.messages)


def _claim(model: Model, sent: int, most: int) -> Claim:
    if model.pace.per_token == 0 and model.price is not None and model.price.of(1, 1) == 0:
        return Claim(model_calls=1)  # tokens that take neither time nor money are none: the model is embedded
    cost = None if model.price is None else model.price.of(sent, most)
    return Claim(model_calls=1, input_tokens=sent, output_tokens=most, cost_usd=cost)


async def _attempt(
    run: Run, request: ModelRequest, claim: Claim, until: Deadline, number: int, on_call: Callable[[Call], None]
) -> Turn:
    reservation = run.ledger.reserve(claim)
    if isinstance(reservation, Refusal):
        return Turn(refusal=reservation)
    model = run.model
    turn = Turn()
    slice_ = None if until.never else until.remaining(run.now())
    span = run.trace.chat(
        model.name,
        model.provider,
        purpose=request.purpose,
        node=request.purpose,
        max_tokens=request.max_tokens,
        remaining=run.deadline.remaining(run.now()),
        timeout=slice_,
        attempt=number,
    )
    started = run.now()
    try:
        with span.context():
            task = spawn(_read(run, model, request, turn, on_call), f"model {model.name}")
        run.own(task)
        await asyncio.wait((task,), timeout=slice_)
        # Where it neither finished nor failed, its time was up: it was cut from here, or it saw so itself.
        turn.cut = turn.finish is None and turn.error is None
    finally:
        abandon(task)
        _settle(reservation, model, turn)
        if turn.finish is not None:
            run.pace.append(run.now() - started)
        _end(span, turn)
    return turn


def _end(span: ChatSpan, turn: Turn) -> None:
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
    )


async def _read(run: Run, model: Model, request: ModelRequest, turn: Turn, on_call: Callable[[Call], None]) -> None:
    """Take the stream's events into `turn` as they come; whatever it raises becomes its error."""
    try:
        async with _closing(model.stream(request)) as stream:
            breath = run.now()
            async for event in stream:
                _take(run, turn, event, on_call)
                now = run.now()
                if request.deadline.expired(now):
                    return
                if turn.written > MOST_CHARACTERS:
                    turn.finish = Finish(reason="length")
                    return
                if now - breath > BREATH:
                    # A stream that always has something ready would never give the loop back.
                    await asyncio.sleep(0)
                    breath = run.now()
    except ModelError as error:
        turn.error = error
    except BaseException as error:  # an adapter may raise anything, and it costs one model call only
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            return
        message = f"{model.name} raised {type(error).__name__}: {message_of(error)}"
        turn.error = ModelError(message, kind="malformed")
    else:
        turn.finish = turn.finish or Finish()


@asynccontextmanager
async def _closing(stream: AsyncIterator[ModelEvent]) -> AsyncIterator[AsyncIterator[ModelEvent]]:
    """As `aclosing`, for iterators that need no closing too: the protocol asks for none."""
    try:
        yield stream
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


def _take(run: Run, turn: Turn, event: object, on_call: Callable[[Call], None]) -> None:
    match event:
        case TextDelta(text=str(text)):
            turn.write(sound(text))
            run.tell(TextEvent(text=text, at=run.elapsed))
        case CallReady(call=call) if len(turn.calls) < MOST_CALLS:
            call = _sound_call(call, {each.id for each in turn.calls})
            turn.calls.append(call)
            on_call(call)
        case Usage(input_tokens=sent, output_tokens=written):
            turn.usage = Usage(input_tokens=_count(sent), output_tokens=_count(written))
        case Finish():
            turn.finish = event


def _sound_call(call: Call, taken: set[str]) -> Call:
    """The call with an id of its own, and arguments that are JSON; where they are not, the model is told."""
    identity = str(call.id)
    while identity in taken:
        identity += "+"
    try:
        arguments = json.loads(json.dumps(dict(call.arguments)))
        malformed = call.malformed
    except (TypeError, ValueError, RecursionError) as error:
        arguments, malformed = {}, f"the arguments are not a JSON object: {message_of(error)}"
    return Call(id=identity, tool=str(call.tool), arguments=arguments, malformed=malformed)


def _count(tokens: object) -> int | None:
    return tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0 else None


def _settle(reservation: Reservation, model: Model, turn: Turn) -> None:
    """The actual where the endpoint said it; a call that was cut before it said so stays at its worst case."""
    used = turn.usage
    cost = None
    if model.price is not None and used.input_tokens is not None and used.output_tokens is not None:
        cost = model.price.of(used.input_tokens, used.output_tokens)
    reservation.settle(input_tokens=used.input_tokens, output_tokens=used.output_tokens, cost_usd=cost)


def _may_pass(turn: Turn) -> bool:
    return turn.error is not None and turn.error.retryable and not turn.calls


def _wait(state: RetryCallState) -> float:
    """What the endpoint asked for, else full jitter."""
    turn = state.outcome.result() if state.outcome else None
    asked = turn.error.retry_after if isinstance(turn, Turn) and turn.error else None
    return asked if asked is not None else BACKOFF(state)


def _give_up(run: Run, state: RetryCallState, until: Deadline) -> bool:
    """Whether there is no further attempt: none is left, it would not fit, or the ledger has no call for it."""
    remaining = until.remaining(run.now()) - state.upcoming_sleep
    refusal = run.ledger.check(Claim(model_calls=1))
    over = state.attempt_number >= MODEL_ATTEMPTS or remaining <= run.model.pace.start or refusal is not None
    tried = f"attempt {state.attempt_number} of {MODEL_ATTEMPTS} failed, {remaining:.3f} s would be left"
    run.trace.decision(
        "model_retry",
        "give_up" if over else "retry",
        refusal.reason if refusal else tried,
        attempt=state.attempt_number,
        remaining=remaining,
        wait=state.upcoming_sleep,
    )
    return over
