"""One model's stream: its events are taken in as they come, however the model behaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ..policies.errors import ModelError
from ..policies.interruption import Cut
from ..policies.ledger import Refusal
from ..policies.markup import Disarming
from ..tools.call import Call
from ..tools.content import sound
from ..tools.landing import message_of
from . import timing
from .act import begin_partly
from .identity import TurnIds
from .models.base import AudioDelta, CallDelta, CallReady, Finish, ModelEvent, ModelRequest, TextDelta, Usage
from .run import Run

MOST_CHARACTERS = 1_000_000
"""Characters of one model call that are read; a stream that goes on is stopped."""

MOST_CALLS = 256
"""Calls of one model call that are taken; `limits.parallel` of them are begun."""

ENDPOINT = "endpoint"
"""What is said to have limited the tokens of a call where no limit of the run did."""

MOST_SECONDS = 3_600.0
"""Seconds of sound of one model call that are taken; a stream that goes on is stopped."""

SPOKEN = 80
"""Characters that a second of sound counts as: 20 tokens (platform.openai.com/docs/guides/realtime-costs)."""

BREATH = 0.005
"""Seconds a stream may be read without giving the event loop back."""


@dataclass(slots=True)
class Turn:
    """What one model call gave, as far as it got.

    Attributes:
        written: how many characters it wrote.
        sound: how many seconds of sound it gave.
        unsaid: what was shown of its text since the last piece of sound.
        heard: characters of calls' arguments that came in pieces; a sign of life, and no text.
        first: seconds until its first event; `None` where none came.
        limited: the limit its tokens were bounded by, where it had not finished when they were used up.
        stopped: why it was cut before its time was up, and what comes then.
        draft: the number of its text among what is shown of the run; `None` where nothing of it was.
        disarming: takes out of what is shown meanwhile what a screen would fetch.
        calls: the calls whose arguments were complete.
        ids: what the run calls them.
        finish: why it ended on its own; `None` where it was cut.
        usage: what the endpoint reported.
        error: what went wrong, where something did.
        refusal: the limit that did not allow the call at all.
        cut: whether its time was up first.
        by: the name of the model that gave it.
        took: seconds it took.
    """

    calls: list[Call] = field(default_factory=list)
    ids: TurnIds = field(default_factory=TurnIds)
    finish: Finish | None = None
    usage: Usage = field(default_factory=Usage)
    error: ModelError | None = None
    refusal: Refusal | None = None
    cut: bool = False
    written: int = 0
    sound: float = 0.0
    unsaid: str = ""
    heard: int = 0
    first: float | None = None
    limited: str | None = None
    stopped: Cut | None = None
    by: str = ""
    took: float = 0.0
    draft: int | None = None
    disarming: Disarming = field(default_factory=Disarming)
    _parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What it wrote."""
        return "".join(self._parts)

    @property
    def tokens(self) -> int:
        """Output tokens: as reported, else estimated."""
        if self.usage.output_tokens is not None:
            return self.usage.output_tokens
        return timing.estimated_tokens(self.written + int(SPOKEN * self.sound), self.calls)

    @property
    def came(self) -> int:
        """Characters of all that has come so far, calls in pieces and sound included."""
        return self.written + self.heard + int(SPOKEN * self.sound)

    @property
    def kind(self) -> Literal["answer", "calls", "nothing"]:
        """What it wrote."""
        return "calls" if self.calls else "answer" if self.written else "nothing"

    def write(self, text: str) -> None:
        """Add a piece of text."""
        self._parts.append(text)
        self.written += len(text)


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
                begin_partly(run, CallDelta(turn.ids.begun(event.id, run.ids), event.tool, event.text))
        case CallReady(call=call) if len(turn.calls) < MOST_CALLS:
            call = _sound_call(call, turn.ids.ready(str(call.id), run.ids))
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
