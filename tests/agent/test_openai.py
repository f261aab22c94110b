"""The OpenAI adapter, against a real server on a real socket."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from shotclock.agent.models.base import (
    AnswerForm,
    CallReady,
    Finish,
    Model,
    ModelEvent,
    ModelRequest,
    Price,
    TextDelta,
    ToolSpec,
    Usage,
)
from shotclock.agent.models.completion import Completion
from shotclock.agent.models.openai import OpenAI
from shotclock.policies.deadline import Deadline
from shotclock.policies.errors import ModelError, UnknownModel, UsageError
from shotclock.tools.call import Call

from .openai_server import CUT, HOLD, Answer, OpenAIServer, chunk, piece, sliced, sse, usage

KEY = "sk-test-0123456789abcdef"
REQUEST = ModelRequest(query="Is it raining?", messages=({"role": "user", "content": "Is it raining?"},))
WEATHER = ToolSpec(
    name="weather",
    description="Current weather.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
HANG_UP_WITHIN = 0.05


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running
    assert running.invalid == []


def model(server: OpenAIServer, **settings: Any) -> OpenAI:
    return OpenAI("tiny", base_url=server.base_url, api_key=KEY, **settings)


async def collected(model: OpenAI, request: ModelRequest = REQUEST) -> list[ModelEvent]:
    return [event async for event in model.stream(request)]


async def answered(server: OpenAIServer, *steps: bytes | str, **how: Any) -> list[ModelEvent]:
    server.script(Answer(steps=steps, **how))
    return await collected(model(server))


async def failure_of(endpoint: OpenAI, server: OpenAIServer, answer: Answer) -> ModelError:
    server.script(answer)
    with pytest.raises(ModelError) as caught:
        await collected(endpoint)
    return caught.value


async def failure(server: OpenAIServer, answer: Answer) -> ModelError:
    return await failure_of(model(server), server, answer)


def calls(events: list[ModelEvent]) -> list[Call]:
    return [event.call for event in events if isinstance(event, CallReady)]


def asked(events: list[ModelEvent]) -> list[tuple[str, dict[str, Any]]]:
    return [(call.tool, dict(call.arguments)) for call in calls(events)]


def text(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


# --- text and calls ---------------------------------------------------------------------------------------------------


async def test_text_comes_in_order_then_usage_then_finish(server: OpenAIServer) -> None:
    """Text is handed on piece by piece in the order sent, then the usage, then the finish."""
    begun = chunk({"role": "assistant", "content": ""}), chunk({"content": "It "}), chunk({"content": "rains."})
    events = await answered(server, sse(*begun, chunk(finish="stop"), usage(12, 3)))
    assert events == [
        TextDelta("It "),
        TextDelta("rains."),
        Usage(input_tokens=12, output_tokens=3),
        Finish(reason="stop"),
    ]


async def test_text_is_handed_on_before_the_answer_has_ended(server: OpenAIServer) -> None:
    """A piece of text is handed on while the server still holds the rest back."""
    server.script(Answer(steps=(sse(chunk({"content": "It "}), done=False), HOLD)))
    async with aclosing(model(server).stream(REQUEST)) as events:
        assert await asyncio.wait_for(anext(events), 5) == TextDelta("It ")


async def test_a_call_is_handed_on_when_the_next_one_starts(server: OpenAIServer) -> None:
    """A call whose arguments are complete is handed on as soon as the next one starts, not at the end."""
    started = sse(
        chunk({"tool_calls": [piece("", index=0, id="a", name="weather")]}),
        chunk({"tool_calls": [piece('{"city":', index=0)]}),
        chunk({"tool_calls": [piece('"Oslo"}', index=0)]}),
        chunk({"tool_calls": [piece("", index=1, id="b", name="weather")]}),
        done=False,
    )
    server.script(Answer(steps=(started, HOLD)))
    async with aclosing(model(server).stream(REQUEST)) as events:
        first = await asyncio.wait_for(anext(events), 5)
    assert first == CallReady(Call(id="a", tool="weather", arguments={"city": "Oslo"}))


PARALLEL = (
    chunk({"content": "Ich prüfe 😀 "}),
    chunk({"tool_calls": [piece('{"city": "Trom', index=0, id="a", name="weather")]}),
    chunk({"tool_calls": [piece('sø 🌧"}', index=0)]}),
    chunk({"tool_calls": [piece('{"city": "São ', index=1, id="b", name="weather")]}),
    chunk({"tool_calls": [piece('Paulo {}"}', index=1)]}),
    chunk(finish="tool_calls"),
    usage(),
)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_parallel_calls_split_at_any_byte(server: OpenAIServer, size: int, newline: str) -> None:
    """However the bytes are cut, inside a character, an escape or a line end, the same text and calls come out."""
    events = await answered(server, *sliced(sse(*PARALLEL, newline=newline), size))
    assert text(events) == "Ich prüfe 😀 "
    assert calls(events) == [
        Call(id="a", tool="weather", arguments={"city": "Tromsø 🌧"}),
        Call(id="b", tool="weather", arguments={"city": "São Paulo {}"}),
    ]
    assert events[-2:] == [Usage(input_tokens=10, output_tokens=5), Finish(reason="tool_calls")]


# --- what servers really send -----------------------------------------------------------------------------------------

OSLO, ROME = ("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"})
END = chunk(finish="tool_calls")


def whole(city: str, **fields: Any) -> Any:
    return piece(json.dumps({"city": city}), name="weather", **fields)


def tool_chunks(*pieces: Any) -> list[dict[str, Any]]:
    return [chunk({"tool_calls": [each]}) for each in pieces]


VARIATIONS: dict[str, tuple[list[Any], list[Any]]] = {
    "no index, whole calls in one chunk": (
        [chunk({"tool_calls": [whole("Oslo", index=None, id="a"), whole("Rome", index=None, id="b")]}), END],
        [OSLO, ROME],
    ),
    "no index, no id, whole calls in one chunk": (
        [chunk({"tool_calls": [whole("Oslo", index=None), whole("Rome", index=None)]}), END],
        [OSLO, ROME],
    ),
    "no index, no id, a chunk a call": (
        [*tool_chunks(whole("Oslo", index=None), whole("Rome", index=None)), END],
        [OSLO, ROME],
    ),
    "no index, no id, no arguments": (
        [chunk({"tool_calls": [piece(index=None, name="now"), piece(index=None, name="now")]}), END],
        [("now", {}), ("now", {})],
    ),
    "no index, arguments in pieces": (
        [
            *tool_chunks(
                piece('{"city":', index=None, id="a", name="weather"),
                piece('"Oslo"}', index=None),
                piece('{"city":', index=None, id="b", name="weather"),
                piece('"Rome"}', index=None),
            ),
            END,
        ],
        [OSLO, ROME],
    ),
    "index 0 for every call": (
        [*tool_chunks(whole("Oslo", index=0, id="a"), whole("Rome", index=0, id="b")), END],
        [OSLO, ROME],
    ),
    "name and id repeated in every piece": (
        [
            *tool_chunks(
                piece("", id="a", name="weather"),
                piece('{"city":', id="a", name="weather"),
                piece('"Oslo"}', id="a", name="weather"),
                piece("", id="a", name="weather"),
            ),
            END,
        ],
        [OSLO],
    ),
    "another id in every piece": (
        [*tool_chunks(piece('{"city":', id="a", name="weather"), piece('"Oslo"}', id="b")), END],
        [OSLO],
    ),
    "id null": (
        [chunk({"tool_calls": [{"index": 0, "id": None, "type": None, "function": whole("Oslo")["function"]}]}), END],
        [OSLO],
    ),
    "the same id for two calls": (
        [*tool_chunks(whole("Oslo", index=0, id="x"), whole("Rome", index=1, id="x")), END],
        [OSLO, ROME],
    ),
    "arguments as an object": ([*tool_chunks(piece({"city": "Oslo"}, id="a", name="weather")), END], [OSLO]),
    "arguments null": (
        [*tool_chunks({"index": 0, "function": {"name": "now", "arguments": None}}), END],
        [("now", {})],
    ),
    "arguments empty": ([*tool_chunks(piece("", name="now")), END], [("now", {})]),
    "finish in the chunk of the last piece": ([chunk({"tool_calls": [whole("Oslo")]}, finish="tool_calls")], [OSLO]),
    "finish stop beside calls": ([*tool_chunks(whole("Oslo")), chunk(finish="stop")], [OSLO]),
    "calls interleaved": (
        [
            *tool_chunks(
                piece("", index=0, id="a", name="weather"),
                piece("", index=1, id="b", name="weather"),
                piece('{"city":', index=0),
                piece('{"city":', index=1),
                piece('"Oslo"}', index=0),
                piece('"Rome"}', index=1),
            ),
            END,
        ],
        [OSLO, ROME],
    ),
    "braces and quotes inside arguments": (
        [*tool_chunks(piece('{"q": "}\\"{", ', name="f"), piece('"r": [{}]}', name="f")), END],
        [("f", {"q": '}"{', "r": [{}]})],
    ),
    "nulls everywhere": (
        [
            "null",
            {"choices": None, "usage": None, "error": None},
            {"choices": [None]},
            {"choices": [{"index": 0, "delta": None, "finish_reason": None, "logprobs": None}], "usage": None},
            chunk({"role": None, "content": None, "refusal": None, "tool_calls": None, "function_call": None}),
            chunk({"content": None, "tool_calls": [None, {**whole("Oslo"), "type": None}]}),
            chunk({"tool_calls": [{"index": 0, "id": None, "function": {"name": None, "arguments": None}}]}),
            chunk({"tool_calls": [{"index": 0, "id": None, "function": None}]}),
            END,
        ],
        [OSLO],
    ),
    "chunks without choices": ([{"id": "x"}, {"prompt_filter_results": []}, *tool_chunks(whole("Oslo")), END], [OSLO]),
    "no finish reason": ([*tool_chunks(whole("Oslo"))], [OSLO]),
}


@pytest.mark.parametrize("done", [True, False], ids=["[DONE]", "no [DONE]"])
@pytest.mark.parametrize("name", VARIATIONS)
async def test_variations_of_calls(server: OpenAIServer, name: str, done: bool) -> None:
    """However a server writes its tool calls, the same calls come out, each with an id of its own."""
    chunks, expected = VARIATIONS[name]
    events = await answered(server, sse(*chunks, done=done))
    assert asked(events) == expected
    assert not any(call.malformed for call in calls(events))
    assert len({call.id for call in calls(events)} - {""}) == len(expected)
    assert events[-1] == Finish(reason="tool_calls")


ENDINGS: dict[str, tuple[bytes, list[ModelEvent]]] = {
    "usage beside the finish": (
        sse({**chunk(finish="stop"), "usage": {"prompt_tokens": 1, "completion_tokens": 2}}),
        [Usage(input_tokens=1, output_tokens=2), Finish()],
    ),
    "usage missing": (sse(chunk(finish="stop")), [Finish()]),
    "usage half known": (
        sse(chunk(finish="stop"), {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": None}}),
        [Usage(input_tokens=7), Finish()],
    ),
    "usage of strings": (sse(chunk(finish="stop"), {"usage": {"prompt_tokens": "many"}}), [Finish()]),
    "finish length": (sse(chunk(finish="length")), [Finish(reason="length")]),
    "finish unheard of": (sse(chunk(finish="content_filter")), [Finish(reason="content_filter")]),
    "no finish but [DONE]": (sse(), [Finish()]),
    "no finish and no [DONE]": (b"", [Finish()]),
    "no blank line at the end": (sse(chunk(finish="length"), done=False).rstrip(), [Finish(reason="length")]),
    "comments and empty events": (
        b": keep-alive\n\ndata:\n\nid: 7\ndata: \n\n: OPENROUTER PROCESSING\n\nretry: 5\n\n"
        + sse(chunk(finish="stop")),
        [Finish()],
    ),
}


@pytest.mark.parametrize("name", ENDINGS)
async def test_variations_of_endings(server: OpenAIServer, name: str) -> None:
    """However a server ends its stream, the usage is told where known, and the finish comes last."""
    ending, expected = ENDINGS[name]
    assert await answered(server, sse(chunk({"content": "Yes."}), done=False) + ending) == [
        TextDelta("Yes."),
        *expected,
    ]


@pytest.mark.parametrize("type_", ["application/json", "text/event-stream", "text/plain"])
async def test_a_server_that_does_not_stream(server: OpenAIServer, type_: str) -> None:
    """A plain JSON answer, whatever its content type, gives the same events as a stream."""
    message = {"role": "assistant", "content": "Looking.", "tool_calls": [whole("Oslo", index=None, id="a")]}
    body = {**usage(3, 4), "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    content = b" \n" + json.dumps(body, indent=1).encode()
    events = await answered(server, content, framing="length", headers=(("Content-Type", type_),))
    assert events == [
        TextDelta("Looking."),
        CallReady(Call(id="a", tool="weather", arguments={"city": "Oslo"})),
        Usage(input_tokens=3, output_tokens=4),
        Finish(reason="tool_calls"),
    ]


async def test_a_stream_of_another_content_type(server: OpenAIServer) -> None:
    """An event stream is read as one, whatever its content type says."""
    answer = sse(chunk({"content": "Yes."}), chunk(finish="stop"))
    assert text(await answered(server, answer, headers=(("Content-Type", "application/json"),))) == "Yes."


async def test_split_surrogates_are_joined(server: OpenAIServer) -> None:
    """A character whose two halves come in two chunks is one character; a lone half becomes a replacement."""
    halves = '{"choices":[{"delta":{"content":"a\\ud83d"}}]}', '{"choices":[{"delta":{"content":"\\ude00b\\ud83dc"}}]}'
    assert text(await answered(server, sse(*halves, chunk(finish="stop")))) == "a😀b�c"


async def test_a_refusal_is_the_answer(server: OpenAIServer) -> None:
    """A refusal is handed on as the text it is, and the finish says so."""
    events = await answered(server, sse(chunk({"content": None, "refusal": "I can't."}), chunk(finish="stop")))
    assert events == [TextDelta("I can't."), Finish(reason="refusal")]


async def test_content_in_parts(server: OpenAIServer) -> None:
    """Content that is a list of parts is read as their text."""
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    assert text(await answered(server, sse(chunk({"content": parts}), chunk(finish="stop")))) == "ab"


MALFORMED = {
    '{"city": "Oslo"': "not valid JSON",
    '{"city": Oslo}': "not valid JSON",
    '{"city": NaN}': "NaN is no JSON value",
    "[" * 100_000: "not valid JSON",
    '{"n": ' + "9" * 5000 + "}": "not valid JSON",
    '["Oslo"]': "must be one JSON object, not list",
    '"Oslo"': "must be one JSON object, not str",
}


@pytest.mark.parametrize("arguments", MALFORMED, ids=lambda arguments: arguments[:16])
async def test_arguments_that_are_no_object(server: OpenAIServer, arguments: str) -> None:
    """Arguments that are no JSON object give a call that says so, for the model to be told."""
    (call,) = calls(await answered(server, sse(*tool_chunks(piece(arguments, id="a", name="weather")), END)))
    assert (call.id, call.tool, call.arguments) == ("a", "weather", {})
    assert MALFORMED[arguments] in (call.malformed or "")
    assert len(call.malformed or "") < 400


async def test_arguments_cut_by_the_token_limit(server: OpenAIServer) -> None:
    """A call that the token limit cut off is malformed and says that it was cut."""
    cut = sse(*tool_chunks(piece('{"city": "Os', name="weather")), chunk(finish="length"))
    (call,) = calls(await answered(server, cut))
    assert "token limit" in (call.malformed or "")


async def test_a_call_without_a_name(server: OpenAIServer) -> None:
    """A call that names no tool is malformed and says so."""
    (call,) = calls(await answered(server, sse(*tool_chunks(piece("{}", id="a")), END)))
    assert "names no tool" in (call.malformed or "")


async def test_an_id_of_an_earlier_turn_is_not_used_again(server: OpenAIServer) -> None:
    """A server that counts its ids from 0 in every answer does not mix up the turns."""
    server.script(Answer(steps=(sse(*tool_chunks(whole("Rome", id="call_0")), END),)))
    (call,) = calls(await collected(model(server), ModelRequest(query="q", messages=CONVERSATION)))
    assert call.id not in ("", "call_0")


# --- the request ------------------------------------------------------------------------------------------------------

CONVERSATION: Any = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Is it raining in Oslo?"},
    {
        "role": "assistant",
        "content": "",
        "calls": [{"id": "call_0", "tool": "weather", "arguments": {"city": "Tromsø"}}],
    },
    {"role": "tool", "content": "rain", "call_id": "call_0", "tool": "weather"},
    {"role": "assistant", "content": "It is."},
    {"role": "user", "content": "Sure? \ud83d"},
)


async def sent(server: OpenAIServer, request: ModelRequest, **settings: Any) -> dict[str, Any]:
    server.script(Answer(steps=(sse(chunk(finish="stop")),)))
    await collected(model(server, **settings), request)
    return server.received[-1].body


async def test_the_request_as_it_is_sent(server: OpenAIServer) -> None:
    """Messages, calls, results, tools and limits are written as OpenAI's schema has them."""
    body = await sent(server, ModelRequest(query="q", messages=CONVERSATION, tools=(WEATHER,), max_tokens=50))
    assert body["messages"][2] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "call_0", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Tromsø"}'}}
        ],
    }
    assert body["messages"][3] == {"role": "tool", "tool_call_id": "call_0", "content": "rain"}
    assert body["tools"][0]["function"] == {
        "name": "weather",
        "description": "Current weather.",
        "parameters": WEATHER.parameters,
    }
    assert {name: body[name] for name in body if name not in ("messages", "tools")} == {
        "model": "tiny",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 50,
    }
    assert server.received[0].path == "/v1/chat/completions"
    assert server.received[0].headers["authorization"] == f"Bearer {KEY}"


async def test_no_tools_for_the_answer(server: OpenAIServer) -> None:
    """For the final answer no tools are sent, and the earlier calls stay in the messages."""
    request = ModelRequest(query="q", messages=CONVERSATION, tools=(WEATHER,), purpose="answer")
    body = await sent(server, request)
    assert "tools" not in body
    assert "max_tokens" not in body
    assert [message["role"] for message in body["messages"]] == [message["role"] for message in CONVERSATION]


async def test_further_fields_and_headers(server: OpenAIServer) -> None:
    """`extra` adds a field and removes one, `headers` adds a header, and a query in the base URL stays a query."""
    server.script(Answer(steps=(sse(chunk(finish="stop")),)))
    settings: dict[str, Any] = {"extra": {"temperature": 0, "stream_options": None}, "headers": {"X-Team": "weather"}}
    await collected(OpenAI("tiny", base_url=f"{server.base_url}/?version=1", api_key=KEY, **settings))
    (received,) = server.received
    assert received.body["temperature"] == 0
    assert "stream_options" not in received.body
    assert received.headers["x-team"] == "weather"
    assert received.path == "/v1/chat/completions?version=1"


@pytest.mark.parametrize(
    ("base_url", "field"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://eu.api.openai.com/v1", "max_completion_tokens"),
        ("https://team.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("https://notopenai.com/v1", "max_tokens"),
        ("http://localhost:8000/v1", "max_tokens"),
    ],
)
def test_which_field_carries_the_token_limit(base_url: str, field: str) -> None:
    """OpenAI and Azure are sent `max_completion_tokens`, others the older `max_tokens`, and a caller can choose."""
    request = ModelRequest(query="q", messages=(), max_tokens=9)
    assert OpenAI("m", base_url=base_url, api_key=KEY).body(request)[field] == 9
    assert OpenAI("m", base_url=base_url, api_key=KEY, limit_field="max_tokens").body(request)["max_tokens"] == 9


# --- failures ---------------------------------------------------------------------------------------------------------

IN_A_CALL = sse(*tool_chunks(piece('{"city": "Os', id="a", name="weather")), done=False)
IN_TEXT = sse(chunk({"content": "It "}), done=False)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(steps=(IN_A_CALL, CUT)),
        Answer(steps=(IN_TEXT, CUT)),
        Answer(steps=(IN_TEXT[:-9], CUT)),
        Answer(steps=(CUT,)),
        Answer(steps=(CUT,), silent=True),
        Answer(steps=(IN_A_CALL,)),
        Answer(steps=(IN_A_CALL + b"data: [DONE]\n\n",)),
        Answer(steps=(IN_A_CALL,), framing="close"),
        Answer(steps=(IN_TEXT,), framing="close"),
        Answer(steps=(IN_TEXT[:-9],), framing="close"),
        Answer(steps=(b": nothing\n\n",)),
        Answer(),
    ],
    ids=[
        "cut in a call",
        "cut in text",
        "cut in an event",
        "cut after the headers",
        "cut before the headers",
        "ends in a call",
        "done in a call",
        "closes in a call",
        "closes in text",
        "closes in an event",
        "only a comment",
        "nothing",
    ],
)
async def test_a_stream_that_is_cut(server: OpenAIServer, answer: Answer) -> None:
    """A stream that is cut, or ends where no end is marked, fails as retryable and hands out no half call."""
    server.script(answer)
    events: list[ModelEvent] = []

    async def read() -> None:
        async for event in model(server).stream(REQUEST):
            events.append(event)

    with pytest.raises(ModelError) as caught:
        await read()
    assert caught.value.kind == ("unreachable" if answer.silent else "dropped")
    assert caught.value.retryable
    assert calls(events) == []


async def test_a_cut_after_the_finish_is_no_failure(server: OpenAIServer) -> None:
    """Once the finish reason has arrived, losing the connection costs the usage and nothing else."""
    assert await answered(server, IN_TEXT, sse(chunk(finish="stop"), done=False), CUT) == [TextDelta("It "), Finish()]


async def test_a_server_that_never_ends_its_stream(server: OpenAIServer) -> None:
    """A server that leaves the stream open after the finish, or after [DONE], is not waited for."""
    server.script(
        Answer(steps=(IN_TEXT, sse(chunk(finish="stop"), usage()), HOLD)),
        Answer(steps=(IN_TEXT, sse(chunk(finish="stop"), done=False), HOLD)),
    )
    for longest in (0.3, 1.5):
        begun = time.monotonic()
        assert (await collected(model(server)))[-1] == Finish()
        assert time.monotonic() - begun < longest


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("Retry-After", "7")], 7),
        ([("Retry-After", "0.5")], 0.5),
        ([("Retry-After", "9"), ("retry-after-ms", "250")], 0.25),
        ([("Retry-After", "in an hour")], 3600),
        ([("Retry-After", "an hour ago")], 0),
        ([("Retry-After", "soon")], None),
        ([("Retry-After", "-1")], None),
        ([("Retry-After", "nan")], None),
        ([], None),
    ],
)
async def test_too_many_requests(server: OpenAIServer, headers: Any, expected: float | None) -> None:
    """A 429 says how long to wait, in whichever form the server wrote it, and `None` where it did not."""
    body = json.dumps({"error": {"message": "Slow down.", "type": "requests", "code": "rate_limit"}}).encode()
    dates = {
        "in an hour": format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True),
        "an hour ago": format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True),
    }
    sent = tuple((name, dates.get(value, value)) for name, value in headers)
    error = await failure(server, Answer(status=429, headers=sent, steps=(body,), framing="length"))
    assert (error.kind, error.status, error.retryable) == ("status", 429, True)
    assert error.retry_after == (
        None if expected is None else pytest.approx(expected, abs=30 if expected == 3600 else 0)
    )
    assert "429" in str(error)
    assert "Slow down." in str(error)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (500, b"upstream exploded\n\n" + b"x" * 5000, "upstream exploded x"),
        (400, b'{"error": "no such field"}', "no such field"),
        (404, b'{"object": "error", "message": "no such model"}', "no such model"),
        (422, b'{"detail": [{"loc": ["body"]}]}', '{"detail": [{"loc": ["body"]}]}'),
        (503, b"", "no explanation"),
        (502, b"\xff\xfe<html>", "<html>"),
        (307, b"over there", "over there"),
    ],
)
async def test_other_statuses(server: OpenAIServer, status: int, body: bytes, said: str) -> None:
    """Any status but 2xx fails with that status and quotes at most 200 characters, whether JSON or plain text."""
    error = await failure(server, Answer(status=status, steps=(body,), framing="length"))
    assert (error.kind, error.status, error.retryable) == ("status", status, status >= 500)
    assert said in str(error)
    assert len(str(error)) < 300


async def test_an_error_whose_body_never_ends(server: OpenAIServer) -> None:
    """An error is told though the server never ends the body that explains it."""
    begun = time.monotonic()
    error = await failure(server, Answer(status=503, steps=(b"busy", HOLD)))
    assert (error.status, "busy" in str(error)) == (503, True)
    assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize(
    ("sent_", "kind", "status"),
    [
        (sse({"error": {"message": "overloaded", "code": 529}}), "status", 529),
        (sse({"error": {"message": "overloaded", "code": "server_error"}}), "dropped", None),
        (sse({"error": "overloaded"}), "dropped", None),
        (sse({"object": "error", "message": "overloaded", "code": 400}), "status", 400),
        (b'event: error\ndata: {"message": "overloaded"}\n\n', "dropped", None),
    ],
)
async def test_an_error_within_the_stream(server: OpenAIServer, sent_: bytes, kind: str, status: int | None) -> None:
    """An error object in the middle of a stream fails the call, with its status where it has one."""
    error = await failure(server, Answer(steps=(IN_TEXT, sent_)))
    assert (error.kind, error.status) == (kind, status)
    assert "overloaded" in str(error)


@pytest.mark.parametrize("data", ['{"choices": [', "Internal Server Error", "{'choices': []}"])
async def test_broken_json(server: OpenAIServer, data: str) -> None:
    """An event that is not JSON fails the call as malformed, and a retry is not expected to help."""
    error = await failure(server, Answer(steps=(IN_TEXT, sse(data))))
    assert (error.kind, error.retryable) == ("malformed", False)
    assert data in str(error)


async def test_an_unreachable_port() -> None:
    """A port where nobody listens fails at once as unreachable and retryable, and says where it was tried."""
    gone = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = gone.sockets[0].getsockname()[1]
    gone.close()
    await gone.wait_closed()
    with pytest.raises(ModelError, match=f"127.0.0.1:{port}") as caught:
        await collected(OpenAI("tiny", base_url=f"http://127.0.0.1:{port}/v1"))
    assert (caught.value.kind, caught.value.retryable) == ("unreachable", True)


async def test_connecting_ends_with_the_time_left(server: OpenAIServer) -> None:
    """A connection is given up when the request's deadline comes, here at once."""
    request = ModelRequest(query="q", messages=REQUEST.messages, deadline=Deadline(asyncio.get_running_loop().time()))
    with pytest.raises(ModelError) as caught:
        await collected(model(server), request)
    assert caught.value.kind == "unreachable"


# --- interruption -----------------------------------------------------------------------------------------------------


async def close_between_events(server: OpenAIServer) -> float:
    stream = model(server).stream(REQUEST)
    await anext(stream)
    begun = time.monotonic()
    await stream.aclose()
    return begun


async def cancel_while_reading(server: OpenAIServer, times: int = 1) -> float:
    reading = asyncio.create_task(collected(model(server)))
    await asyncio.to_thread(server.holding.wait, 5)
    begun = time.monotonic()
    for _ in range(times):
        reading.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await reading
    return begun


async def cancel_over_and_over(server: OpenAIServer) -> float:
    return await cancel_while_reading(server, times=20)


HELD = Answer(steps=(IN_TEXT, HOLD))
SILENT = Answer(steps=(HOLD,), silent=True)


@pytest.mark.parametrize(
    ("interrupt", "answer"),
    [
        (close_between_events, HELD),
        (cancel_while_reading, HELD),
        (cancel_while_reading, SILENT),
        (cancel_over_and_over, HELD),
        (cancel_over_and_over, SILENT),
    ],
    ids=["aclose", "cancel", "cancel before the headers", "cancels", "cancels before the headers"],
)
async def test_the_server_sees_an_interruption_at_once(
    server: OpenAIServer, interrupt: Callable[[OpenAIServer], Awaitable[float]], answer: Answer
) -> None:
    """A stream that is closed or cancelled is hung up on within 50 ms, as the server sees it, and not used again."""
    delays = []
    # A noisy machine may hold either thread up, so the best of three counts; client and server read one clock.
    for _ in range(3):
        server.left.clear()
        server.holding.clear()
        server.script(answer)
        begun = await interrupt(server)
        assert await asyncio.to_thread(server.left.wait, 5)
        delays.append(server.hung_up[-1] - begun)
        if delays[-1] <= HANG_UP_WITHIN:
            break
    assert min(delays) <= HANG_UP_WITHIN
    server.script(Answer(steps=(sse(chunk({"content": "Yes."}), chunk(finish="stop")),)))
    assert text(await collected(model(server))) == "Yes."
    assert server.received[-1].connection == len(server.received)


async def test_a_finished_connection_is_used_again(server: OpenAIServer) -> None:
    """Calls that ended by themselves share one connection, also where the reader stops at the finish."""
    for _ in range(3):
        server.script(Answer(steps=(IN_TEXT, sse(chunk(finish="stop"), usage()))))
        async with aclosing(model(server).stream(REQUEST)) as events:
            async for event in events:
                if isinstance(event, Finish):
                    break
    assert server.connections == 1


def test_a_client_for_each_loop(server: OpenAIServer) -> None:
    """Two loops, one after the other, each have a client of their own that is closed with its loop: no warnings."""
    from shotclock.tools import clients

    endpoint = model(server)
    with warnings.catch_warnings():
        # What earlier tests left is not this one's: it is collected before the counting starts.
        warnings.simplefilter("ignore")
        gc.collect()
        # The loop threads of `run_sync` stay for the next caller, and their clients with them.
        before = set(clients._clients)
        warnings.simplefilter("error")
        for _ in range(2):
            server.script(Answer(steps=(IN_TEXT, sse(chunk(finish="stop")))), HELD)
            assert text(asyncio.run(collected(endpoint))) == "It "
            asyncio.run(close_between_events(server))
        gc.collect()
    assert set(clients._clients) <= before


# --- the key, the price, the settings ---------------------------------------------------------------------------------


async def test_the_key_is_never_shown(server: OpenAIServer) -> None:
    """The key is in no repr, no error and no traceback, not even where the endpoint quotes it."""
    endpoint = model(server, headers={"X-Secret": "hush-hush"})
    echo = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY} and hush-hush"}}).encode()
    shown = [repr(endpoint), str(endpoint), repr(vars(endpoint))]
    no_json = sse(f"no JSON: {KEY} hush-hush")
    for answer in (
        Answer(status=401, steps=(echo,), framing="length"),
        Answer(steps=(no_json,)),
        Answer(steps=(CUT,)),
        Answer(steps=(CUT,), silent=True),
    ):
        error = await failure_of(endpoint, server, answer)
        shown += [repr(error), *traceback.format_exception(error)]
        context = error.__context__
        while context is not None:
            shown += [repr(context), repr(vars(context))]
            context = context.__context__
    assert "***" in "".join(shown)
    assert KEY not in "".join(shown)
    assert "hush-hush" not in "".join(shown)


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"name": ""}, UnknownModel, "name must be"),
        ({"name": None}, UnknownModel, "name must be"),
        ({"base_url": "localhost:8000"}, UnknownModel, "base_url"),
        ({"base_url": "ftp://localhost"}, UnknownModel, "base_url"),
        ({"base_url": "https://api.openai.com/v1/", "api_key": ""}, UnknownModel, "OPENAI_API_KEY"),
        ({"api_key": "sk-two\nlines"}, UnknownModel, "characters that cannot be sent"),
        ({"headers": {"X-A": "two\nlines"}}, UsageError, r"headers\['X-A'\]"),
        ({"headers": {"X A": "b"}}, UsageError, r"headers\['X A'\]"),
        ({"extra": {"max_tokens": 10**9}}, UsageError, r"extra\['max_tokens'\]"),
        ({"extra": {"seed": object()}}, UsageError, "extra must hold JSON values"),
    ],
)
def test_settings_that_cannot_be(
    settings: dict[str, Any], error: type[Exception], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting that cannot be used is refused where the model is made, by name."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(error, match=says):
        OpenAI(**{"name": "m", "base_url": "http://localhost:8000/v1"} | settings)


def test_it_is_a_model_with_a_price() -> None:
    """It satisfies the protocol; the price is the one given, else looked up for its endpoint, else unknown."""
    pytest.importorskip("genai_prices")
    official = OpenAI("gpt-4.1", api_key=KEY, base_url="https://api.openai.com/v1")
    assert isinstance(official, Model)
    assert official.price is not None
    assert official.price.output_per_million > official.price.input_per_million > 0
    assert OpenAI("gpt-4.1", base_url="http://localhost:8000/v1").price is None
    assert OpenAI("no-such-model", api_key=KEY, base_url="https://api.openai.com/v1").price is None
    given = Price(input_per_million=1, output_per_million=2)
    assert OpenAI("m", base_url="http://localhost:8000/v1", price=given).price == given


# --- long streams -----------------------------------------------------------------------------------------------------


def seconds_to_read(pieces: int) -> float:
    completion = Completion(taken=set())
    begun = time.process_time()
    list(completion.feed(chunk({"tool_calls": [piece('{"t": "', name="write", index=None)]})))
    for _ in range(pieces):
        for _ in completion.feed({"choices": [{"delta": {"tool_calls": [piece("wörd ", name="write", index=None)]}}]}):
            pass
    list(completion.feed(chunk({"tool_calls": [piece('"}', index=None)]})))
    (ready, _) = completion.end()
    assert isinstance(ready, CallReady)
    assert len(ready.call.arguments["t"]) == 5 * pieces
    return time.process_time() - begun


def test_reading_takes_linear_time() -> None:
    """Ten times the chunks take about ten times as long; joining anew at every chunk would take a hundred times."""
    few, many = min(seconds_to_read(5_000) for _ in range(3)), seconds_to_read(50_000)
    assert many < 30 * few


async def test_a_stream_of_100_000_chunks(server: OpenAIServer) -> None:
    """A stream of 100,000 chunks is read within seconds, to the last one."""
    part = sse(*[chunk({"content": "word "})] * 1000, done=False)
    server.script(Answer(steps=(*[part] * 100, sse(chunk(finish="stop")))))
    begun = time.monotonic()
    read = text(await collected(model(server)))
    assert read == "word " * 100_000
    assert time.monotonic() - begun < 20


# --- answers of a schema ----------------------------------------------------------------------------------------------

FORM = AnswerForm(name="Stock", schema={"type": "object", "properties": {"count": {"type": "integer"}}})
FORMED = replace(REQUEST, form=FORM, purpose="answer")


async def test_an_answers_schema_is_sent_as_response_format(server):
    """It is strict where the schema is closed; the request is what OpenAI's document says."""
    server.script(*[Answer(steps=(sse(chunk({"content": '{"count": 7}'}), chunk(finish="stop")),))] * 2)
    await collected(model(server), FORMED)
    sent = server.received[0].body["response_format"]
    assert sent["json_schema"] == {"name": "Stock", "schema": FORM.schema, "strict": False}
    closed = FORM.schema | {"required": ["count"], "additionalProperties": False}
    await collected(model(server), replace(FORMED, form=AnswerForm(name="Stock", schema=closed)))
    assert server.received[1].body["response_format"]["json_schema"]["strict"] is True


@pytest.mark.parametrize(("setting", "sent"), [(None, False), (True, True), (False, False)])
def test_beside_tools_the_schema_is_sent_only_where_it_is_known_to_work(server, setting, sent):
    """Other servers than OpenAI's then write no calls; who knows better says so."""
    request = replace(FORMED, purpose="reason", tools=(WEATHER,))
    assert ("response_format" in model(server, structured=setting).body(request)) is sent
    official = OpenAI("tiny", base_url="https://api.openai.com/v1", api_key=KEY, structured=setting)
    assert ("response_format" in official.body(request)) is (setting is not False)


async def test_an_endpoint_that_refuses_the_field_is_asked_without_it_from_then_on(server):
    """The same request goes out again at once, and later ones leave the field out; other refusals stay refusals."""
    refusal = Answer(status=400, framing="length", steps=(b"response_format is not supported by this model",))
    good = Answer(steps=(sse(chunk({"content": "7"}), chunk(finish="stop")),))
    server.script(refusal, good, good, Answer(status=400, framing="length", steps=(b"no such model",)))
    tiny = model(server)
    for _ in range(2):
        assert TextDelta("7") in await collected(tiny, FORMED)
    assert ["response_format" in each.body for each in server.received] == [True, False, False]
    with pytest.raises(ModelError, match="no such model"):
        await collected(model(server), FORMED)


# --- reasoning effort -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "settings", "takes"),
    [
        ("gpt-5-mini", {}, True),
        ("gpt-5-mini-2025-08-07", {}, True),
        ("o3", {}, True),
        ("gpt-4.1", {}, False),
        ("gpt-5-chat-latest", {}, False),
        ("gpt-5", {"extra": {"reasoning_effort": "high"}}, False),
        ("gpt-5", {"base_url": "http://localhost:8000/v1"}, False),
        ("mine", {"base_url": "http://localhost:8000/v1", "efforts": ("low",)}, True),
        ("gpt-5", {"efforts": ()}, False),
    ],
)
def test_an_effort_is_sent_only_where_it_is_known_to_be_taken(name, settings, takes):
    """By the names that take it at OpenAI, or because the user says so; never against what `extra` sets."""
    made = OpenAI(name, api_key=KEY, **{"base_url": "https://api.openai.com/v1"} | settings)
    assert made.takes_effort("low") is takes
    assert "reasoning_effort" not in OpenAI("gpt-5", api_key=KEY).body(REQUEST)
    assert made.body(replace(REQUEST, effort="low"))["reasoning_effort"] == "low"


FIRST_REQUEST = """
import asyncio, sys
from shotclock.agent.models.base import ModelRequest
from shotclock.agent.models.openai import OpenAI

model = OpenAI("tiny", base_url=sys.argv[1])

async def first():
    before = set(sys.modules)
    events = [event async for event in model.stream(ModelRequest(query="?", messages=()))]
    return events, set(sys.modules) - before

events, imported = asyncio.run(first())
assert len(events) == 2, events
assert not imported, sorted(imported)
"""


def test_the_first_request_imports_nothing(server: OpenAIServer) -> None:
    """What a request needs is imported when the model is made: an import would hold up the loop of a first run."""
    server.script(Answer(steps=(sse(chunk({"content": "It rains."}), chunk(finish="stop")),)))
    done = subprocess.run([sys.executable, "-c", FIRST_REQUEST, server.base_url], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
