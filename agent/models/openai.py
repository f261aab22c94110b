"""Any endpoint that speaks OpenAI's chat completions, streamed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from ...policies.errors import ModelError, UnknownModel, UsageError
from ...tools import http
from ...tools.call import Call
from . import prices
from .base import CallReady, Finish, Message, ModelEvent, ModelRequest, Pace, Price, TextDelta, ToolSpec, Usage

OFFICIAL = "https://api.openai.com/v1"
"""The endpoint where nobody names another."""
QUOTE = 200
"""Most characters of an endpoint's own words that go into an error."""
LINGER = 0.5
"""Seconds to wait for the usage after the finish reason, before the call ends with its usage unknown."""
DRAIN = 0.01
"""Seconds to wait for the end of the body after `[DONE]`, so that the connection can be used again."""
_RESERVED = {"messages", "model", "stream", "tools", "max_tokens", "max_completion_tokens", "n"}

LimitField = Literal["max_tokens", "max_completion_tokens"]


class OpenAI:
    """A model behind an OpenAI-compatible endpoint; a `Model`.

    Constructing it loads the HTTP client and the certificates, so that no run waits for them. There are no retries
    here: they belong to the run, which knows the deadline and the budget. The same holds for the time a stream takes:
    the run cancels the task that reads it, or closes it, and the socket is shut at once.

    Args:
        name: the model's name as the endpoint knows it.
        base_url: where `/chat/completions` lies. Default: `OPENAI_BASE_URL`, else the official API.
        api_key: the key. Default: `OPENAI_API_KEY`. Only the official API requires one.
        price: US dollars per million tokens. Default: looked up for this endpoint (extra `prices`), else unknown.
        pace: how long a call takes, before anything was measured.
        headers: further headers of every request; their values count as secrets.
        extra: further fields of every request, such as `{"reasoning_effort": "low"}`; `None` removes a field, such as
            `{"stream_options": None}` for a server that refuses it. What carries the request, or a limit of the budget,
            cannot be set here.
        limit_field: the field that carries the token limit. Default: `max_completion_tokens` at OpenAI and Azure, whose
            reasoning models refuse the older name; `max_tokens`, which others know, elsewhere.

    Raises:
        UnknownModel: `name` is empty, `base_url` is no http(s) URL, or the key is missing or cannot be sent.
        UsageError: `headers` or `extra` cannot be sent, or `extra` sets a reserved field.
    """

    provider = "openai"

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        api_key: str | SecretStr | None = None,
        price: Price | None = None,
        pace: Pace = Pace(),  # noqa: B008 (a frozen value)
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
        limit_field: LimitField | None = None,
    ) -> None:
        if not isinstance(name, str) or not name.strip():
            raise UnknownModel(f"name must be a model's name such as 'gpt-5-mini', got {name!r}")
        self.name = name
        self.pace = pace
        self._base_url = (base_url or os.environ.get("OPENAI_BASE_URL", "").strip() or OFFICIAL).rstrip("/")
        self._origin = _origin(self._base_url)
        self._headers = _headers(headers or {}, _key(api_key), self._origin)
        self._extra = _extra(extra or {})
        self._limit_field: LimitField = limit_field or _limit_field(self._origin)
        self._url = http.beneath(self._base_url, "chat/completions")
        self.price: Price | None = price or prices.lookup(name, self._base_url)
        http.prepare()

    def __repr__(self) -> str:
        return f"OpenAI({self.name!r}, origin={self._origin!r})"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream one call: text as it comes, each tool call once its arguments are complete, `Usage`, `Finish`.

        For `purpose="answer"` no tools are sent, so none can be called; earlier calls and their results stay in the
        messages. `parallel_tool_calls` is never sent: it is on by default, and some models refuse the field.
        Arguments that are no JSON object give a `Call` with `malformed` set, so that the model can be told.

        Raises:
            ModelError: `unreachable`, `status`, `dropped` or `malformed`; see there.
        """
        content = json.dumps(self.body(request)).encode()
        connect = min(http.CONNECT_TIMEOUT, request.deadline.remaining(asyncio.get_running_loop().time()))
        completion = Completion(taken={call["id"] for m in request.messages for call in m.get("calls", ())})
        try:
            async with http.post(self._url, content=content, headers=self._exposed(), connect=connect) as reply:
                if not reply.ok:
                    raise await self._refused(reply)
                async with aclosing(self._read(reply, completion)) as events:
                    async for event in events:
                        yield event
        except http.HttpError as error:
            raise ModelError(f"{self.name}: {error.failure.message}", kind=error.failure.kind) from None
        for event in completion.end():
            yield event

    def body(self, request: ModelRequest) -> dict[str, Any]:
        """The request as the endpoint is sent it."""
        fields: dict[str, Any] = {
            "model": self.name,
            "messages": [_message(m) for m in request.messages] or [{"role": "user", "content": request.query}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.tools and request.purpose == "reason":
            fields["tools"] = [_tool(tool) for tool in request.tools]
        if request.max_tokens is not None:
            fields[self._limit_field] = request.max_tokens
        fields.update(self._extra)
        return {name: value for name, value in fields.items() if value is not None}

    async def _read(self, reply: http.Reply, completion: Completion) -> AsyncGenerator[ModelEvent, None]:
        if await reply.looks_like_json():
            body, cut = await reply.body()
            whole = http.Event(body.decode("utf-8", "replace"), whole=not cut)
            for event in completion.feed(self._parsed(whole)):
                yield event
            completion.closed = True
            return
        async with aclosing(reply.events()) as events:
            while (sent := await _next(events, completion)) is not None:
                if sent.data.strip() == "[DONE]":
                    completion.closed = True
                    await _drain(events)
                    return
                for event in completion.feed(self._parsed(sent)):
                    yield event
        completion.closed = reply.framed

    def _parsed(self, event: http.Event) -> Any:
        if not event.data.strip():
            return None
        chunk = _loaded(event.data)
        if chunk is _NOT_JSON and not event.whole:
            raise ModelError(f"{self.name}: the stream was cut in the middle of an event", kind="dropped")
        if chunk is _NOT_JSON:
            message = f"{self.name}: the endpoint sent what is not JSON: {self._quoted(event.data)}"
            raise ModelError(message, kind="malformed")
        if error := _error(chunk, event.name == "error"):
            status = _status(_dict(chunk))
            message = f"{self.name}: the endpoint reported an error in its answer: {self._quoted(error)}"
            raise ModelError(message, kind="status" if status else "dropped", status=status)
        return chunk

    async def _refused(self, reply: http.Reply) -> ModelError:
        try:
            body, _ = await reply.body(limit=65_536, within=http.BODY_GRACE)
        except http.HttpError:
            body = b""  # the status is known, and says more than how the explanation was lost
        text = body.decode("utf-8", "replace")
        said = self._quoted(_explanation(text)) or "no explanation"
        message = f"{self.name}: {self._origin} answered {reply.status}: {said}"
        return ModelError(message, kind="status", status=reply.status, retry_after=reply.retry_after)

    def _exposed(self) -> dict[str, str]:
        return {"Content-Type": "application/json"} | {n: v.get_secret_value() for n, v in self._headers.items()}

    def _quoted(self, text: str) -> str:
        """The endpoint's words on one line, without the key, which some endpoints echo, and not too many of them."""
        for secret in self._headers.values():
            value = secret.get_secret_value().removeprefix("Bearer ")
            text = text.replace(value, "***") if len(value) >= 4 else text
        text = " ".join(text.split())
        return text if len(text) <= QUOTE else text[: QUOTE - 1] + "…"


# --- reading the settings ---------------------------------------------------------------------------------------------


def _origin(base_url: str) -> str:
    origin = http.origin(base_url)
    if origin is None:
        raise UnknownModel(
            "base_url (OPENAI_BASE_URL) must be an http:// or https:// URL such as 'http://localhost:8000/v1'; "
            "what it is set to is neither"
        )
    return origin


def _key(api_key: str | SecretStr | None) -> str:
    given = api_key.get_secret_value() if isinstance(api_key, SecretStr) else api_key
    return (given or os.environ.get("OPENAI_API_KEY", "")).strip()


def _headers(further: Mapping[str, str], key: str, origin: str) -> Mapping[str, SecretStr]:
    named = {name.lower() for name in further}
    if not key and origin == http.origin(OFFICIAL) and "authorization" not in named:
        raise UnknownModel(
            "the OpenAI API needs a key: set OPENAI_API_KEY, pass api_key, or set OPENAI_BASE_URL to another endpoint"
        )
    if not _sendable(key):
        raise UnknownModel("api_key (OPENAI_API_KEY) holds characters that cannot be sent in a header; copy it again")
    for name, value in further.items():
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or not _sendable(value):
            raise UsageError(f"headers[{name!r}] cannot be sent: names and values must be printable ASCII on one line")
    if key and "authorization" not in named:
        further = {**further, "Authorization": f"Bearer {key}"}
    return MappingProxyType({name: SecretStr(value) for name, value in further.items()})


def _sendable(value: str) -> bool:
    return value.isascii() and value.isprintable()


def _extra(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in fields:
        if name in _RESERVED:
            raise UsageError(f"extra[{name!r}] cannot be set: the request, the tools and the budget decide it")
    try:
        json.dumps(dict(fields), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError(f"extra must hold JSON values: {error}") from None
    return MappingProxyType(dict(fields))


def _limit_field(origin: str) -> LimitField:
    host = urlsplit(origin).hostname or ""
    return "max_completion_tokens" if host.endswith((".openai.com", ".openai.azure.com")) else "max_tokens"


# --- writing the request ----------------------------------------------------------------------------------------------


def _message(message: Message) -> dict[str, Any]:
    role, content, calls = message.get("role", "user"), message.get("content", ""), message.get("calls")
    if role == "tool":
        return {"role": role, "tool_call_id": message.get("call_id", ""), "content": content}
    if role == "assistant" and calls:
        return {"role": role, "content": content or None, "tool_calls": [_call(call) for call in calls]}
    return {"role": role, "content": content}


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    arguments = json.dumps(call["arguments"], ensure_ascii=False)
    return {"id": call["id"], "type": "function", "function": {"name": call["tool"], "arguments": arguments}}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description else {}
    return {"type": "function", "function": {"name": tool.name, **described, "parameters": tool.parameters}}


# --- reading the answer -----------------------------------------------------------------------------------------------


class Completion:
    """One answer as it comes in: chunks go in, events come out. It does no I/O, and takes what servers really send.

    A call is handed out when the next one starts, when the finish reason arrives or when the stream ends; one whose
    arguments do not read as complete yet waits for the latter two, because some servers interleave calls.

    Attributes:
        reason: the finish reason, once it arrived.
        closed: whether the end of the stream is known to be one: `[DONE]`, or an end that HTTP marks.
    """

    def __init__(self, taken: set[str]) -> None:
        self.reason: str | None = None
        self.closed = False
        self._taken = taken
        self._drafts: list[_Draft] = []
        self._by_index: dict[int, _Draft] = {}
        self._usage: Usage | None = None
        self._said = False
        self._refusal = False
        self._half = ""  # half a character: some servers split a surrogate pair between two chunks

    def feed(self, chunk: Any) -> Iterator[ModelEvent]:
        """What one chunk of the stream, or one whole answer, brings."""
        if not isinstance(chunk, dict):
            return
        self._usage = _usage(chunk.get("usage")) or self._usage
        choice = _first(chunk.get("choices"))
        delta = _dict(choice.get("delta")) or _dict(choice.get("message"))
        refusal = _text(delta.get("refusal"))
        self._refusal = self._refusal or bool(refusal)
        yield from self._spoken(_text(delta.get("content")) + refusal)
        touched: list[_Draft] = []
        for piece in _list(delta.get("tool_calls")):
            if isinstance(piece, dict):
                yield from self._piece(piece, touched)
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
        yield Finish(reason=self._finish())

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

    def _piece(self, piece: dict[str, Any], touched: list[_Draft]) -> Iterator[CallReady]:
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

    def _hand_out(self, drafts: Sequence[_Draft]) -> Iterator[CallReady]:
        for draft in drafts:
            if not draft.sent:
                draft.sent = True
                id_ = draft.id if draft.id and draft.id not in self._taken else f"call_{uuid.uuid4().hex[:16]}"
                self._taken.add(id_)
                yield CallReady(draft.call(id_, cut=self.reason == "length"))


class _Draft:
    """A call whose arguments are still being written. It counts braces as they come, so that no text is read twice."""

    __slots__ = ("_depth", "_escaped", "_parts", "_quoted", "complete", "id", "name", "sent")

    def __init__(self) -> None:
        self.id = self.name = ""
        self.complete = self.sent = False
        self._parts: list[str] = []
        self._depth = 0
        self._quoted = self._escaped = False

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
            self._count(arguments)

    def _count(self, text: str) -> None:
        for character in text:
            if self._escaped:
                self._escaped = False
            elif self._quoted:
                self._escaped, self._quoted = character == "\\", character != '"'
            elif character == '"':
                self._quoted = True
            elif character in "{[":
                self._depth += 1
            elif character in "}]":
                self._depth -= 1
                self.complete = self._depth == 0

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


async def _next(events: AsyncIterator[http.Event], completion: Completion) -> http.Event | None:
    if completion.reason is None:
        return await anext(events, None)
    try:
        async with asyncio.timeout(LINGER):
            return await anext(events, None)
    except (TimeoutError, http.HttpError):
        return None  # all but the usage has arrived


async def _drain(events: AsyncIterator[http.Event]) -> None:
    try:
        async with asyncio.timeout(DRAIN):
            while await anext(events, None) is not None:
                pass
    except (TimeoutError, http.HttpError):
        return  # the answer is whole; only the connection is lost


_NOT_JSON = object()


def _loaded(text: str) -> Any:
    # A value instead of an exception: a JSONDecodeError carries the text along, and with it what an endpoint echoes.
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NOT_JSON


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


def _error(chunk: Any, named: bool) -> str:
    """What an error in the place of an answer says; empty where the chunk is none. `named`: its event is `error`."""
    if not named and not _dict(chunk).get("error") and _dict(chunk).get("object") != "error":
        return ""
    return _explanation(json.dumps(chunk))


def _status(chunk: dict[str, Any]) -> int | None:
    code = str(_dict(chunk.get("error")).get("code") or chunk.get("code") or "")
    return int(code) if re.fullmatch(r"[45]\d\d", code) else None


def _explanation(body: str) -> str:
    """The message of an error body, which is JSON of several shapes or plain text."""
    outer = _dict(_loaded(body))
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
