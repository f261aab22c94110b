"""What `agent.stream` yields while a run is under way, before the `Result` that ends it.

Every event has `at`, seconds since the run began, and `to_dict()`: JSON values with a `type` that does not change, as
servers send them.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

from pydantic_core import to_jsonable_python

from ..policies.budget import Spend
from ..policies.outcome import Verdict
from ..tools.call import Call, Evidence, InnerCall
from ..tools.media.parts import Attachment
from .result import Result

Purpose = Literal["reason", "answer"]
"""What a model was asked for: what to do next, which may be an answer, or the final answer and nothing else."""

Why = Literal["calls", "superseded", "refused", "replaced"]
"""Why text is withdrawn. `calls`: the model asked for calls after it, so that it was thinking aloud. `superseded`:
another text is being written in its place. `refused`: a check refused it, and the model is asked again. `replaced`: the
result holds another text."""


class _Told:
    """What all events can do."""

    __slots__ = ()
    type: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, with its `type`."""
        named = {each.name: _json(getattr(self, each.name)) for each in fields(self)}  # type: ignore[arg-type]
        return {"type": self.type, **named}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(_Told):
    """The run began.

    Attributes:
        trace_id: 32 hexadecimal digits, as the result has them.
        latency: its budget in seconds; `None` without a deadline.
        soft: seconds until an answer is begun of what there is (the soft deadline); `None` likewise.
        at: when it began: 0.
    """

    type: ClassVar[str] = "run_started"
    trace_id: str
    latency: float | None
    soft: float | None
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta(_Told):
    """A piece of text.

    The pieces of a draft, in their order, are its text. At most one draft stands at a time: what a `TextWithdrawn`
    names, or what was begun before another, does not. What stands at the end is the result's answer, as text.

    Attributes:
        text: the piece.
        draft: the number of the text it belongs to, counted from 1; each model call that writes has its own.
        purpose: what the model was asked for. Under `reason` the text is an answer or thinking aloud, and nobody can
            say which before it is complete; under `answer` it is an answer.
        provisional: `False` where it is the result's own text, given once it was settled on; a model's text, before it
            was checked, is always provisional, and `Judged` or the result says what became of it.
        at: when its last character came.
    """

    type: ClassVar[str] = "text_delta"
    text: str
    draft: int = 1
    purpose: Purpose = "reason"
    provisional: bool = True
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TextWithdrawn(_Told):
    """The text of a draft does not stand as an answer any more; take it off the screen, or show it as thinking. Its
    sound does not either: stop playing it.

    Attributes:
        draft: the number of the draft.
        why: `calls`, `superseded`, `refused` or `replaced`; see `Why`.
        at: when that was so.
    """

    type: ClassVar[str] = "text_withdrawn"
    draft: int
    why: Why
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted(_Told):
    """A call entered the pipeline.

    Attributes:
        call: the call, as the model asked for it.
        at: when it did.
    """

    type: ClassVar[str] = "call_started"
    call: Call
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallProgress(_Told):
    """How far a call is, by its tool's own account: `progress(...)` in a tool, or the progress of an MCP server.

    Attributes:
        call: the call's id.
        tool: the tool that was called.
        inner: where that is an agent, or runs one, the calls inside of it, the outermost first: `fraction` and
            `message` are of the last one. Empty where the tool itself said it.
        fraction: how much is done, from 0 to 1; `None` where the tool cannot say.
        message: the tool's words, which nobody vouches for; often empty.
        at: when it was said.
    """

    type: ClassVar[str] = "call_progress"
    call: str
    tool: str
    fraction: float | None
    message: str = ""
    inner: tuple[InnerCall, ...] = ()
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFinished(_Told):
    """A call ended.

    Attributes:
        evidence: what it gave: outcome, content, verdict and origin.
        at: when it ended.
    """

    type: ClassVar[str] = "call_finished"
    evidence: Evidence
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioChunk(_Told):
    """A piece of sound, as it is made: of a tool that hands it on before it returns (`send_audio`), or of a model that
    speaks.

    What a model says is its text as well, in `TextDelta`, and holds as long as that: where its draft is withdrawn, stop
    playing it.

    Attributes:
        call: the call's id; `None` of a model's.
        tool: the tool; empty of a model's.
        inner: where that is an agent, or runs one, the calls inside of it, the outermost first; the last one sent it.
        attempt: the attempt of the call that it is of, counted from 1; a retry begins anew, and a second one that is
            raced against the first sends pieces of its own.
        draft: the draft whose sound it is; `None` of a tool's.
        data: the piece; in `to_dict()` as base64.
        start: the second of the whole at which it begins. Where it is after the end of the piece before, what was
            between was left out, as the consumer was too slow for it.
        end: the second at which it ends.
        media_type: its encoding. A model's is `audio/pcm;rate=24000`: samples of 16 bits, little-endian, one channel.
        transcript: what of the draft's text came since the piece before; empty of a tool's.
        at: when it came.
    """

    type: ClassVar[str] = "audio_chunk"
    call: str | None = None
    tool: str = ""
    attempt: int = 1
    draft: int | None = None
    data: bytes = field(repr=False)
    start: float
    end: float
    media_type: str
    inner: tuple[InnerCall, ...] = ()
    transcript: str = ""
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaReady(_Told):
    """A file that a call gave, whole: an `Image`, `Audio`, `Video` or `Document` that its tool returned, alone or in a
    list.

    Attributes:
        call: the call's id.
        tool: the tool.
        part: the file. In `to_dict()` its kind, name, address, and its bytes as base64, where the tool gave bytes; a
            path stays here, and so does what is at it.
        at: when the call ended.
    """

    type: ClassVar[str] = "media_ready"
    call: str
    tool: str
    part: Attachment
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged(_Told):
    """A check had its say on a result or on an answer. A later one of the same result or draft takes its place.

    Attributes:
        what: `result` or `answer`.
        verdict: what was said, and by which check.
        call: the id of the call whose result it is; `None` of an answer.
        tool: the tool whose result it is; empty of an answer.
        draft: the draft that was judged; `None` of a result, and of an answer that is no draft as it stands, such as
            one put together from the evidence.
        at: when it was said.
    """

    type: ClassVar[str] = "judged"
    what: Literal["result", "answer"]
    verdict: Verdict
    call: str | None = None
    tool: str = ""
    draft: int | None = None
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisional(_Told):
    """The best answer so far: what would be answered now. Before a model has written one it is put together from what
    was found, after each turn; that is unchecked, and left out where there is too much to go through in passing.

    Attributes:
        text: the answer as text.
        verdict: what its checks have said so far.
        model: the model that wrote it; empty where it was put together from the evidence.
        at: since when it is the best.
    """

    type: ClassVar[str] = "provisional"
    text: str
    verdict: Verdict
    model: str = ""
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetTick(_Told):
    """How much of the budget is left, as of the moment it is read.

    Attributes:
        remaining: seconds to the deadline, never negative; `None` without one.
        spend: what has been spent and is reserved.
        left: what is left under each other limit that is set, by its name in `Budget`.
        at: when that was so.
    """

    type: ClassVar[str] = "budget_tick"
    remaining: float | None
    spend: Spend
    left: Mapping[str, float] = field(default_factory=dict)
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned(_Told):
    """Something the user should be told.

    Attributes:
        message: one sentence, as in `Result.warnings`.
        at: when it was known.
    """

    type: ClassVar[str] = "warned"
    message: str
    at: float


Event = (
    RunStarted
    | TextDelta
    | TextWithdrawn
    | CallStarted
    | CallProgress
    | AudioChunk
    | CallFinished
    | MediaReady
    | Judged
    | Provisional
    | BudgetTick
    | Warned
    | Result
)
"""What a stream consists of; the `Result` is always the last."""


def _json(value: Any) -> Any:
    match value:
        case float():
            return round(value, 6)
        case Call():
            arguments = to_jsonable_python(dict(value.arguments), fallback=str)
            return {"id": value.id, "tool": value.tool, "arguments": arguments}
        case Verdict(outcome=outcome, score=score, reason=reason, verifier=verifier):
            return {"outcome": outcome, "score": score, "reason": reason, "verifier": verifier}
        case bytes():
            return b64encode(value).decode()
        case Attachment():
            data = None if value.data is None else b64encode(value.data).decode()
            return {"kind": value.kind, "name": value.label, "url": value.url, "data": data}
        case Evidence() | Spend():
            return to_jsonable_python(value.to_dict(), fallback=str)
    return to_jsonable_python(value, fallback=str)
