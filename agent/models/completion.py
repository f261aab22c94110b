"""A completion as it comes in: chunks go in, events come out, whatever a server makes of the format."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from ...policies.errors import ModelError
from ...policies.nesting import Nesting
from ...tools.call import Call
from .base import CallDelta, CallReady, Finish, ModelEvent, TextDelta, Usage
from .pcm import Samples

MOST_NAME = 200
"""Most characters kept of the names an endpoint gives to its model and its response."""

QUOTE = 200
"""Most characters of an endpoint's own words that go into an error."""


class Completion:
    """One answer as it comes in: chunks go in, events come out. It does no I/O, and takes what servers really send.

    A call is handed out when the next one starts, when the finish reason arrives or when the stream ends; one whose
    arguments do not read as complete yet waits for the latter two, because some servers interleave calls.

    Attributes:
        reason: the finish reason, once it arrived.
        closed: whether the end of the stream is known to be one: `[DONE]`, or an end that HTTP marks.
    """

    def __init__(self, taken: set[str], piecewise: Collection[str] = ()) -> None:
        self.reason: str | None = None
        self.closed = False
        self._taken = taken
        self._piecewise = piecewise
        self._drafts: list[_Draft] = []
        self._by_index: dict[int, _Draft] = {}
        self._usage: Usage | None = None
        self._model: str | None = None
        self._id: str | None = None
        self._said = False
        self._refusal = False
        self._samples = Samples()
        self._writes = False
        self._half = ""  # half a character: some servers split a surrogate pair between two chunks

    def feed(self, chunk: Any) -> Iterator[ModelEvent]:
        """What one chunk of the stream, or one whole answer, brings."""
        if not isinstance(chunk, dict):
            return
        self._usage = _usage(chunk.get("usage")) or self._usage
        self._model = _str(chunk.get("model"))[:MOST_NAME] or self._model
        self._id = _str(chunk.get("id"))[:MOST_NAME] or self._id
        choice = _first(chunk.get("choices"))
        delta = _dict(choice.get("delta")) or _dict(choice.get("message"))
        refusal = _text(delta.get("refusal"))
        self._refusal = self._refusal or bool(refusal)
        audio, content = _dict(delta.get("audio")), _text(delta.get("content"))
        self._writes = self._writes or bool(content)
        # What a model says stands in the transcript; some servers write it as the content too.
        yield from self._spoken(content + refusal if self._writes else _str(audio.get("transcript")) + refusal)
        if (piece := _str(audio.get("data"))) and (samples := self._samples.add(piece)) is not None:
            self._said = True
            yield samples
        touched: list[_Draft] = []
        for call in _list(delta.get("tool_calls")):
            if isinstance(call, dict):
                yield from self._piece(call, touched)
        if isinstance(choice.get("finish_reason"), str):
            self.reason = choice["finish_reason"]
            yield from self._hand_out(self._drafts)

    def end(self) -> Iterator[ModelEvent]:
        """What is left when the stream has ended.

        Raises:
            ModelError: `dropped`, where it ended without any finish: within a call, before anything was said, or where
                nothing tells the end from a cut.
        """
        waiting = [draft for draft in self._drafts if not draft.sent]
        cut_call = any(not draft.complete for draft in waiting)
        if self.reason is None and (cut_call or not (self._drafts or (self.closed and self._said))):
            raise ModelError("the stream ended before the answer was finished", kind="dropped")
        yield from self._hand_out(waiting)
        if self._usage is not None:
            yield self._usage
        yield Finish(reason=self._finish(), model=self._model, response_id=self._id)

    def _finish(self) -> str:
        if self._drafts and self.reason in (None, "stop", "function_call"):
            return "tool_calls"
        return "refusal" if self._refusal and self.reason in (None, "stop") else self.reason or "stop"

    def _spoken(self, text: str) -> Iterator[TextDelta]:
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if text:
            self._said = True
            yield TextDelta(_mended(text))

    def _piece(self, piece: dict[str, Any], touched: list[_Draft]) -> Iterator[CallDelta | CallReady]:
        function, index = _dict(piece.get("function")), piece.get("index")
        name, id_, arguments = _str(function.get("name")), _str(piece.get("id")), _arguments(function.get("arguments"))
        last = self._drafts[-1] if self._drafts else None
        draft = self._by_index.get(index) if isinstance(index, int) else last
        # Without an index, two pieces in one chunk are never of the same call.
        apart = not isinstance(index, int) and draft in touched
        if draft is None or apart or draft.ends_before(name, id_, arguments, indexed=isinstance(index, int)):
            draft = _Draft()
            yield from self._hand_out([earlier for earlier in self._drafts if earlier.complete])
            self._drafts.append(draft)
        if isinstance(index, int):
            self._by_index[index] = draft
        touched.append(draft)
        draft.add(name, id_, arguments)
        if draft.name in self._piecewise and draft.id and draft.id not in self._taken and (text := draft.fresh()):
            yield CallDelta(draft.id, draft.name, text)

    def _hand_out(self, drafts: Sequence[_Draft]) -> Iterator[CallReady]:
        for draft in drafts:
            if not draft.sent:
                draft.sent = True
                id_ = draft.id if draft.id and draft.id not in self._taken else f"call_{uuid.uuid4().hex[:16]}"
                self._taken.add(id_)
                yield CallReady(draft.call(id_, cut=self.reason == "length"))


class _Draft:
    """A call whose arguments are still being written. It counts braces as they come, so that no text is read twice."""

    __slots__ = ("_nesting", "_parts", "_told", "complete", "id", "name", "sent")

    def __init__(self) -> None:
        self.id = self.name = ""
        self.complete = self.sent = False
        self._parts: list[str] = []
        self._told = 0
        self._nesting = Nesting()

    def ends_before(self, name: str, id_: str, arguments: str, *, indexed: bool) -> bool:
        """Whether a piece belongs to a further call: names and ids may be repeated or missing, but do not change."""
        if name and self.name and name != self.name:
            return True
        if id_ and self.id and id_ != self.id:
            return not indexed or (self.complete and bool(name))
        return self.complete and bool(name) and bool(arguments.strip()) and not (id_ and id_ == self.id)

    def add(self, name: str, id_: str, arguments: str) -> None:
        """Take a piece in; what comes after the call was handed out is a repetition."""
        self.name, self.id = self.name or name, self.id or id_
        if arguments and not self.sent:
            self._parts.append(arguments)
            for _, open_ in self._nesting.closings(arguments):
                self.complete = open_ == 0

    def fresh(self) -> str:
        """What came of the arguments since this was last asked."""
        told, self._told = self._told, len(self._parts)
        return "".join(self._parts[told:])

    def call(self, id_: str, *, cut: bool) -> Call:
        """The call; `cut` says that the token limit ended the answer."""
        text = _mended("".join(self._parts)).strip()
        if not self.name:
            return Call(id=id_, tool="", malformed="the call names no tool; give its name in function.name")
        if cut and not self.complete:
            why = "the token limit cut the arguments off; write shorter arguments or fewer calls"
            return Call(id=id_, tool=self.name, malformed=why)
        try:
            arguments = json.loads(text or "{}", parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            return Call(id=id_, tool=self.name, malformed=f"the arguments are not valid JSON ({error}): {text[:QUOTE]}")
        if not isinstance(arguments, dict):
            why = f"the arguments must be one JSON object, not {type(arguments).__name__}: {text[:QUOTE]}"
            return Call(id=id_, tool=self.name, malformed=why)
        return Call(id=id_, tool=self.name, arguments=arguments)


NOT_JSON = object()
"""What `loaded` returns where the text is no JSON."""


def loaded(text: str) -> Any:
    """The JSON value of a text, or `NOT_JSON`."""
    # A value instead of an exception: a JSONDecodeError carries the text along, and with it what an endpoint echoes.
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return NOT_JSON


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def _mended(text: str) -> str:
    """Join split surrogate pairs, and replace lone halves, which no encoder takes."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _arguments(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def _text(content: Any) -> str:
    """Text is a string, or a list of parts."""
    if isinstance(content, list):
        return "".join(_str(_dict(part).get("text")) for part in content)
    return _str(content)


def _usage(value: Any) -> Usage | None:
    counts = [_dict(value).get(name) for name in ("prompt_tokens", "completion_tokens")]
    read = [n if isinstance(n, int) and not isinstance(n, bool) and n >= 0 else None for n in counts]
    return None if read == [None, None] else Usage(input_tokens=read[0], output_tokens=read[1])


def error_in(chunk: Any, named: bool) -> str:
    """What an error in the place of an answer says; empty where the chunk is none. `named`: its event is `error`."""
    if not named and not _dict(chunk).get("error") and _dict(chunk).get("object") != "error":
        return ""
    return explanation(json.dumps(chunk))


def status_in(chunk: Any) -> int | None:
    """The HTTP status that an error in a stream names."""
    chunk = _dict(chunk)
    code = str(_dict(chunk.get("error")).get("code") or chunk.get("code") or "")
    return int(code) if re.fullmatch(r"[45]\d\d", code) else None


def explanation(body: str) -> str:
    """The message of an error body, which is JSON of several shapes or plain text."""
    outer = _dict(loaded(body))
    error = outer.get("error") or outer.get("message") or outer.get("detail")
    message = _dict(error).get("message") or error
    return message if isinstance(message, str) else body


def _first(value: Any) -> dict[str, Any]:
    return _dict(value[0]) if isinstance(value, list) and value else {}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _str(value: Any) -> str:
    return value if isinstance(value, str) else ""
