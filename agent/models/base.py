"""What the loop asks of a model: one method that streams text and calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, NotRequired, Protocol, TypedDict, runtime_checkable

from ...policies.deadline import NEVER, Deadline
from ...policies.pace import PUBLISHED, PacePolicy
from ...tools.call import Call, Evidence


class CallMessage(TypedDict):
    """A call as it stands in a message: plain JSON values, so that graph state can be checkpointed.

    Keys:
        id: the model's own id of it, unique in its message.
        key: its id in the run, where an earlier call of the run has `id` too: some endpoints count anew every turn.
        tool: the name of the tool.
        arguments: its arguments.
        malformed: why they could not be read, where they could not.
    """

    id: str
    key: NotRequired[str]
    tool: str
    arguments: dict[str, Any]
    malformed: NotRequired[str]


class PartMessage(TypedDict):
    """A file as it stands in a message: its bytes are the run's, under the key, and never in graph state.

    Keys:
        key: its id in the run.
        kind: `image`, `document`, `audio` or `video`, as the program declared it.
        name: what it is called.
    """

    key: str
    kind: str
    name: str


class Message(TypedDict, total=False):
    """One message of the conversation; plain JSON values.

    Keys:
        role: `system`, `user`, `assistant` or `tool`.
        content: the text.
        calls: what an assistant message asked for.
        call_id: which call a `tool` message answers.
        tool: the name of the tool a `tool` message comes from.
        parts: the files that belong to it; those of a request are in `ModelRequest.media`.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    calls: list[CallMessage]
    call_id: str
    tool: str
    parts: list[PartMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool as a model sees it: `parameters` is a JSON Schema of type object.

    `piecewise` says that its arguments are worth having while they are being written: a model that streams them may
    give `CallDelta` for it. `size` is how many characters all of it has, for the estimate of tokens.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    piecewise: bool = False
    size: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        size = len(self.name) + len(self.description) + len(str(self.parameters))
        object.__setattr__(self, "size", size)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerForm:
    """What the answer has to be: one JSON object that fits a JSON Schema of type object, under a name."""

    name: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaPiece:
    """A file, or a picture of one, as a model is handed it.

    Attributes:
        kind: `image`, `document` or `audio`; a video is handed over as images.
        media_type: its media type, such as `image/png`.
        data: its bytes.
        name: what it is called.
        tokens: what it is estimated to cost the model that is asked.
        width: pixels, of an image.
        height: likewise.
        pages: of a document.
        seconds: of a sound.
    """

    kind: Literal["image", "document", "audio"]
    media_type: str
    data: bytes = field(repr=False)
    name: str
    tokens: int = 0
    width: int = 0
    height: int = 0
    pages: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One model call.

    Attributes:
        query: the user's question as text.
        messages: the conversation so far, the instructions first.
        tools: what may be called; empty where only an answer is wanted.
        purpose: `reason` (calls or an answer) or `answer` (the final answer, no calls).
        max_tokens: most tokens to write, from the time, tokens and money left; `None` is no limit.
        deadline: instant of the loop's clock at which the stream is cut at the latest; nothing later is used.
        evidence: what the run has found so far, for models that read values instead of messages.
        run: the trace id of the run, the same in all its calls.
        effort: the reasoning effort, such as `low`; empty is the model's usual one.
        form: what the answer has to be; `None` where it is a text. The messages say it too, so that a model need not
            know of it.
        media: the files of the messages by their keys, of the kinds that the model takes (`modalities`); what it does
            not take stands in the messages as text.
    """

    query: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    purpose: Literal["reason", "answer"] = "reason"
    max_tokens: int | None = None
    deadline: Deadline = NEVER
    evidence: tuple[Evidence, ...] = ()
    run: str = ""
    form: AnswerForm | None = None
    effort: str = ""
    media: Mapping[str, tuple[MediaPiece, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A further piece of text."""

    text: str


@dataclass(frozen=True, slots=True)
class AudioDelta:
    """A further piece of the sound in which a model answers, of so many seconds; what it says comes as `TextDelta`."""

    data: bytes = field(repr=False)
    seconds: float
    media_type: str


@dataclass(frozen=True, slots=True)
class CallDelta:
    """A further piece of the arguments of a call, as JSON text; `id` and `tool` are those of the `CallReady` to come.

    Optional, for tools that are `piecewise`: a model may hand calls out whole only.
    """

    id: str
    tool: str
    text: str


@dataclass(frozen=True, slots=True)
class CallReady:
    """A call whose arguments are complete."""

    call: Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the call used, as the endpoint reports it; `None` is unknown."""

    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The stream ended on its own. `reason` is `stop`, `tool_calls`, `length` or what the endpoint said.

    `unanswered` is set by a model that knows it found nothing to answer with. `model` and `response_id` are what the
    endpoint says who answered and under which id, for traces.
    """

    reason: str = "stop"
    unanswered: bool = False
    model: str | None = field(default=None, compare=False)
    response_id: str | None = field(default=None, compare=False)


ModelEvent = TextDelta | AudioDelta | CallDelta | CallReady | Usage | Finish
"""What a model's stream is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens."""

    input_per_million: float
    output_per_million: float

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """US dollars for so many tokens."""
        return (input_tokens * self.input_per_million + output_tokens * self.output_per_million) / 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a call takes, as the model's author declares it: `start` seconds, then `per_token` an output token.

    It is what is believed before the first call; what calls then take is learnt. Default: the pace of public model
    calls. 0 is what an embedded model takes.
    """

    start: float = PUBLISHED.start
    per_token: float = PUBLISHED.per_token

    @property
    def prior(self) -> PacePolicy:
        """What the declaration makes believe of calls, with the spread of public ones."""
        return _declared(self.start, self.per_token)

    def seconds(self, tokens: int) -> float:
        """Declared seconds of a call that writes so many tokens."""
        return self.start + self.per_token * tokens


# Asked for several times a call, and checked whenever it is made; an agent has as many as it has models.
_declared = lru_cache(maxsize=64)(PacePolicy.declared)


@runtime_checkable
class Model(Protocol):
    """A language model, or anything that acts as one.

    Attributes:
        name: what traces and results call it.
        provider: the value of `gen_ai.provider.name`, such as `openai`.
        price: what tokens cost; `None` where unknown (unknown is not free).
        pace: how long it takes, before anything was measured.

    A model that takes files has a further attribute, `modalities`: a set of `image`, `document` and `audio`. Without
    it a model is handed text alone.
    """

    name: str
    provider: str
    price: Price | None
    pace: Pace

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Stream one call: text and calls as they come, then `Usage` where known, then `Finish`.

        The iterator is closed at once when the run interrupts it, and must then close what it holds.

        Raises:
            ModelError: the endpoint failed. Anything else raised is treated the same, as `malformed`.
        """
        ...
