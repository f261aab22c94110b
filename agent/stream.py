"""One model's stream: its events are taken in as they come, however the model behaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from ..policies.errors import ModelError
from ..tools.call import Call
from ..tools.content import sound
from ..tools.landing import message_of
from .act import begin_partly
from .models.base import AudioDelta, CallDelta, CallReady, Finish, ModelEvent, ModelRequest, TextDelta, Usage
from .run import Run
from .turn import Turn

MOST_CHARACTERS = 1_000_000
"""Characters of one model call that are read; a stream that goes on is stopped."""

MOST_CALLS = 256
"""Calls of one model call that are taken; `limits.parallel` of them are begun."""

ENDPOINT = "endpoint"
"""What is said to have limited the tokens of a call where no limit of the run did."""

MOST_SECONDS = 3_600.0
"""Seconds of sound of one model call that are taken; a stream that goes on is stopped."""

BREATH = 0.005
"""Seconds a stream may be read without giving the event loop back."""


class Speaker(Protocol):
    """A model, or what stands in its place."""

    @property
    def name(self) -> str:
        """What errors call it."""

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """As `Model.stream`."""


async def read(run: Run, model: Speaker, request: ModelRequest, turn: Turn, on_call: Callable[[Call], None]) -> None:
    """Take the stream's events into `turn` as they come; whatever it raises becomes its error."""
    try:
        async with _closing(model.stream(request)) as stream:
            breath = started = run.now()
            async for event in stream:
                _take(run, turn, event, request, on_call)
                now = run.now()
                if turn.first is None and (turn.written or turn.heard or turn.calls or turn.sound):
                    turn.first = now - started
                if request.deadline.expired(now):
                    return
                if turn.written > MOST_CHARACTERS or turn.sound > MOST_SECONDS:
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


def _take(run: Run, turn: Turn, event: object, request: ModelRequest, on_call: Callable[[Call], None]) -> None:
    match event:
        case TextDelta(text=str(text)):
            text = sound(text)
            turn.write(text)
            if run.voice is not None:
                run.voice.text(turn, turn.disarming.add(text) if run.disarms else text, request.purpose)
        case AudioDelta(data=bytes(), seconds=float(seconds), media_type=str()):
            if run.voice is not None:
                run.voice.sound(turn, event)
            turn.sound += seconds
        case CallDelta(id=str(), tool=str(), text=str()):
            turn.heard += len(event.text)
            if run.voice is not None:
                run.voice.called(turn)
            if any(spec.piecewise and spec.name == event.tool for spec in request.tools):
                begin_partly(run, CallDelta(turn.ids.begun(event.id, run.calls.ids), event.tool, event.text))
        case CallReady(call=call) if len(turn.calls) < MOST_CALLS:
            call = _sound_call(call, turn.ids.ready(str(call.id), run.calls.ids))
            turn.calls.append(call)
            if run.voice is not None:
                run.voice.called(turn)
            on_call(call)
        case Usage(input_tokens=sent, output_tokens=written):
            turn.usage = Usage(input_tokens=_count(sent), output_tokens=_count(written))
        case Finish():
            turn.finish = event
            if run.voice is not None:
                run.voice.text(turn, turn.disarming.end(), request.purpose)


def _sound_call(call: Call, identity: str) -> Call:
    """The call with its id in the run, and arguments that are JSON; where they are not, the model is told."""
    try:
        arguments = json.loads(json.dumps(dict(call.arguments)))
        malformed = call.malformed
    except (TypeError, ValueError, RecursionError) as error:
        arguments, malformed = {}, f"the arguments are not a JSON object: {message_of(error)}"
    return Call(id=identity, tool=str(call.tool), arguments=arguments, malformed=malformed)


def _count(tokens: object) -> int | None:
    return tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0 else None
