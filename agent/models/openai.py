"""Any endpoint that speaks OpenAI's chat completions, streamed."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from ...policies.errors import ModelError, UnknownModel, UsageError
from ...tools import http
from ...tools.clients import prepare
from . import prices
from .base import ModelEvent, ModelRequest, Pace, Price, ToolSpec
from .completion import NOT_JSON, QUOTE, Completion, error_in, explanation, loaded, status_in
from .effort import EFFORTS, thinks
from .forms import response_format
from .modalities import by_name, kinds_of
from .pcm import PCM16
from .wire import Marks, Spliced, Write, in_full, messages_of

OFFICIAL = "https://api.openai.com/v1"
"""The endpoint where nobody names another."""
LINGER = 0.5
"""Seconds to wait for the usage after the finish reason, before the call ends with its usage unknown."""
DRAIN = 0.01
"""Seconds to wait for the end of the body after `[DONE]`, so that the connection can be used again."""
_RESERVED = {"messages", "model", "stream", "tools", "max_tokens", "max_completion_tokens", "n"}

_REFUSED = (400, 404, 415, 422, 501)
_FORM = re.compile(r"response_format|json_schema|schema|structured|grammar|guided", re.IGNORECASE)
"""Words by which endpoints say that they do not take `response_format`."""

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
        price: US dollars per million tokens. Default: looked up for this endpoint (the file that `SHOTCLOCK_PRICES`
            names, the extra `prices`, a small table that is shipped), else unknown.
        pace: how long a call takes, before anything was measured.
        headers: further headers of every request; their values count as secrets.
        extra: further fields of every request, such as `{"reasoning_effort": "low"}`; `None` removes a field, such as
            `{"stream_options": None}` for a server that refuses it. What carries the request, or a limit of the budget,
            cannot be set here.
        limit_field: the field that carries the token limit. Default: `max_completion_tokens` at OpenAI and Azure, whose
            reasoning models refuse the older name; `max_tokens`, which others know, elsewhere.
        structured: whether answers that have to fit a JSON Schema are asked for with `response_format`. Default: they
            are, until the endpoint refuses the field; beside tools only at OpenAI and Azure, as other servers then
            write no calls. The messages ask for the schema either way.
        modalities: the kinds of files that the model takes: `image`, `document` (PDF) and `audio`. Default: what a
            model of that name is known to take, else none.
        voice: the voice in which it answers, such as `alloy`, of a model that speaks: its sound is streamed beside the
            text (`AudioChunk`), as 24 kHz PCM. Its price is unknown then unless `price` says it, as sound costs more
            than text. Default: it writes.
        efforts: the values of `reasoning_effort` that a run may ask for where time is short (`[routing] effort`).
            Default: `low`, `medium` and `high` of o1, o3, o3-mini, o4-mini, gpt-5, gpt-5-mini and gpt-5-nano at OpenAI
            and Azure, unless `extra` sets the field; none elsewhere.

    Raises:
        UnknownModel: `name` is empty, `base_url` is no http(s) URL, or the key is missing or cannot be sent.
        UsageError: `headers` or `extra` cannot be sent, `extra` sets a reserved field, or `voice` is no name.
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
        structured: bool | None = None,
        modalities: Collection[str] | None = None,
        voice: str | None = None,
        efforts: Collection[str] | None = None,
    ) -> None:
        if not isinstance(name, str) or not name.strip():
            raise UnknownModel(f"name must be a model's name such as 'gpt-5-mini', got {name!r}")
        if voice is not None and not (isinstance(voice, str) and voice.strip()):
            raise UsageError(f"voice must be the name of a voice such as 'alloy', got {voice!r}")
        self.name = name
        self.pace = pace
        self.modalities = by_name(name) if modalities is None else kinds_of(modalities)
        self._base_url = (base_url or os.environ.get("OPENAI_BASE_URL", "").strip() or OFFICIAL).rstrip("/")
        self._origin = _origin(self._base_url)
        self.server = http.server(self._origin)
        self._headers = _headers(headers or {}, _key(api_key), self._origin)
        self._extra = _extra(extra or {})
        self._limit_field: LimitField = limit_field or _limit_field(self._origin)
        self._structured = structured
        self._voice = voice
        self._official = _is_official(self._origin)
        known = self._official and "reasoning_effort" not in self._extra and thinks(name)
        self._efforts = frozenset(efforts if efforts is not None else EFFORTS if known else ())
        self._url = http.beneath(self._base_url, "chat/completions")
        self.price: Price | None = price or (None if voice else prices.lookup(name, self._base_url))
        prepare()

    def __repr__(self) -> str:
        return f"OpenAI({self.name!r}, origin={self._origin!r})"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream one call: text and sound as they come, each tool call once its arguments are complete, `Usage`,
        `Finish`.

        For `purpose="answer"` no tools are sent, so none can be called; earlier calls and their results stay in the
        messages. `parallel_tool_calls` is never sent: it is on by default, and some models refuse the field.
        Arguments that are no JSON object give a `Call` with `malformed` set, so that the model can be told.

        Raises:
            ModelError: `unreachable`, `status`, `dropped` or `malformed`; see there.
        """
        try:
            async with aclosing(self._stream(request)) as events:
                async for event in events:
                    yield event
        except ModelError as error:
            if not self._refuses_form(request, error):
                raise
            self._structured = False  # learnt once: the same request without the field, before anything was written
            async with aclosing(self._stream(request)) as events:
                async for event in events:
                    yield event

    def takes_effort(self, effort: str) -> bool:
        """Whether requests may carry this reasoning effort."""
        return effort in self._efforts

    def _refuses_form(self, request: ModelRequest, error: ModelError) -> bool:
        """Whether the endpoint refused the field `response_format`, which nobody told us to send."""
        sent = self._structured is None and "response_format" in self.body(request, lambda piece: "")
        return sent and error.status in _REFUSED and _FORM.search(str(error)) is not None

    async def _stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        marks = Marks()
        written = json.dumps(self.body(request, marks.mark if request.media else in_full)).encode()
        content = marks.spliced(written) if marks.pieces else written
        connect = min(http.CONNECT_TIMEOUT, request.deadline.remaining(asyncio.get_running_loop().time()))
        taken = {call["id"] for m in request.messages for call in m.get("calls", ())}
        completion = Completion(taken, piecewise={tool.name for tool in request.tools if tool.piecewise})
        try:
            headers, until = self._exposed(), request.deadline
            if isinstance(content, Spliced):
                headers["Content-Length"] = str(content.size)
            async with http.post(self._url, content=content, headers=headers, connect=connect, deadline=until) as reply:
                if not reply.ok:
                    raise await self._refused(reply)
                async with aclosing(self._read(reply, completion)) as events:
                    async for event in events:
                        yield event
        except http.HttpError as error:
            raise ModelError(f"{self.name}: {error.failure.message}", kind=error.failure.kind) from None
        for event in completion.end():
            yield event

    def body(self, request: ModelRequest, write: Write = in_full) -> dict[str, Any]:
        """The request as the endpoint is sent it; `write` gives what stands for the bytes of files."""
        fields: dict[str, Any] = {
            "model": self.name,
            "messages": messages_of(request, write) or [{"role": "user", "content": request.query}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.tools and request.purpose == "reason":
            fields["tools"] = [_tool(tool) for tool in request.tools]
        if request.form is not None and self._asks_for_form("tools" in fields):
            fields["response_format"] = response_format(request.form)
        if self._voice is not None and request.form is None:
            fields |= {"modalities": ["text", "audio"], "audio": {"voice": self._voice, "format": PCM16}}
        if request.max_tokens is not None:
            fields[self._limit_field] = request.max_tokens
        fields.update(self._extra)
        if request.effort:
            fields["reasoning_effort"] = request.effort
        return {name: value for name, value in fields.items() if value is not None}

    def _asks_for_form(self, beside_tools: bool) -> bool:
        if self._structured is None:
            return self._official or not beside_tools
        return self._structured

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
        chunk = loaded(event.data)
        if chunk is NOT_JSON and not event.whole:
            raise ModelError(f"{self.name}: the stream was cut in the middle of an event", kind="dropped")
        if chunk is NOT_JSON:
            message = f"{self.name}: the endpoint sent what is not JSON: {self._quoted(event.data)}"
            raise ModelError(message, kind="malformed")
        if error := error_in(chunk, event.name == "error"):
            status = status_in(chunk)
            message = f"{self.name}: the endpoint reported an error in its answer: {self._quoted(error)}"
            raise ModelError(message, kind="status" if status else "dropped", status=status)
        return chunk

    async def _refused(self, reply: http.Reply) -> ModelError:
        try:
            body, _ = await reply.body(limit=65_536, within=http.BODY_GRACE)
        except http.HttpError:
            body = b""  # the status is known, and says more than how the explanation was lost
        text = body.decode("utf-8", "replace")
        said = self._quoted(explanation(text)) or "no explanation"
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
    return "max_completion_tokens" if _is_official(origin) else "max_tokens"


def _is_official(origin: str) -> bool:
    return (urlsplit(origin).hostname or "").endswith((".openai.com", ".openai.azure.com"))


# --- writing the request ----------------------------------------------------------------------------------------------


def _tool(tool: ToolSpec) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description else {}
    return {"type": "function", "function": {"name": tool.name, **described, "parameters": tool.parameters}}


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
