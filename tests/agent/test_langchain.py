"""LangChain's chat models as models of ours: what goes out, what comes in, and that a run stays on time."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import httpx
import pytest
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel, FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, convert_to_openai_messages
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from pydantic import BaseModel

from shotclock import Agent, Budget, Document, Image
from shotclock import tool as shotclock_tool
from shotclock.agent.models import langchain as adapter
from shotclock.agent.models.base import (
    AnswerForm,
    CallDelta,
    CallReady,
    Finish,
    ModelRequest,
    Price,
    TextDelta,
    ToolSpec,
    Usage,
)
from shotclock.agent.models.chat_errors import error_of
from shotclock.agent.models.langchain import ChatModel
from shotclock.agent.models.resolve import resolve
from shotclock.policies.errors import MissingExtra, ModelError, UnknownModel, UsageError
from shotclock.tools.call import Call

from ..tools.media.files import pdf, png
from .openai_server import HOLD, Answer, OpenAIServer, chunk, piece, sse, usage

WEATHER = ToolSpec(name="weather", description="The weather.", parameters={"type": "object", "properties": {}})


@tool
def apples(city: str) -> str:
    """How many apples there are in a city."""
    return f"There are 7 apples in {city}."


class Fake(GenericFakeChatModel):
    """LangChain's fake, which hands out whole messages and lets tools be bound, as its own tests have it."""

    disable_streaming: bool = True

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(tools=tools, **kwargs)


class Chunks(BaseChatModel):
    """A chat model with an async side that streams what it is given, and notes what it was asked with."""

    chunks: list[Any]
    max_tokens: int | None = None
    reasoning_effort: str | None = None
    model_name: str = "gpt-5-mini"
    asked: list[dict[str, Any]] = []  # noqa: RUF012  # pydantic copies it
    closed: list[bool] = []  # noqa: RUF012  # likewise

    @property
    def _llm_type(self) -> str:
        return "chunks"

    def _get_ls_params(self, stop: Any = None, **kwargs: Any) -> Any:
        return {"ls_provider": "openai", "ls_model_type": "chat"}

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(tools=tools, **kwargs)

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        raise AssertionError("the sync side was asked")

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        fields = {"max_tokens": self.max_tokens, "reasoning_effort": self.reasoning_effort}
        self.asked.append({"messages": messages, **kwargs, **fields})
        try:
            for each in self.chunks:
                if isinstance(each, Exception):
                    raise each
                if isinstance(each, float):
                    await asyncio.sleep(each)
                    continue
                yield ChatGenerationChunk(message=each)
        finally:
            self.closed.append(True)


class Socket(BaseChatModel):
    """A chat model that streams completions from a server, as providers' packages do."""

    url: str

    @property
    def _llm_type(self) -> str:
        return "socket"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(tools=tools, **kwargs)

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        raise AssertionError("the sync side was asked")

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        body = {"model": "tiny", "messages": convert_to_openai_messages(messages), "stream": True, **kwargs}
        async with httpx.AsyncClient() as client, client.stream("POST", self.url, json=body) as reply:
            if reply.is_error:
                await reply.aread()
            reply.raise_for_status()
            async for line in reply.aiter_lines():
                if line.startswith("data: {"):
                    yield ChatGenerationChunk(message=_message(json.loads(line.removeprefix("data: "))))


def _message(sent: dict[str, Any]) -> AIMessageChunk:
    choice = (sent.get("choices") or [{}])[0]
    delta = choice.get("delta", {})
    calls = [
        tool_call_chunk(id=c.get("id"), index=c["index"], **{"name": None, "args": None} | _named(c["function"]))
        for c in delta.get("tool_calls", ())
    ]
    counted = sent.get("usage")
    return AIMessageChunk(
        content=delta.get("content") or "",
        tool_call_chunks=calls,
        response_metadata={"finish_reason": choice["finish_reason"]} if choice.get("finish_reason") else {},
        usage_metadata=counted and {
            "input_tokens": counted["prompt_tokens"], "output_tokens": counted["completion_tokens"], "total_tokens": 0,
        },
    )  # fmt: skip


def _named(function: dict[str, Any]) -> dict[str, Any]:
    return {"name": function.get("name"), "args": function.get("arguments")}


class Hung(BaseChatModel):
    """A chat model without an async side, whose calls hang until they are let go."""

    let_go: Any
    streams: bool = False
    began: Any

    @property
    def _llm_type(self) -> str:
        return "hung"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(tools=tools, **kwargs)

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        self.began.set()
        self.let_go.wait()
        raise AssertionError("nobody waits")


def request(**fields: Any) -> ModelRequest:
    return ModelRequest(query="How warm is it?", messages=({"role": "user", "content": "How warm is it?"},), **fields)


def said(chat: Any, asked: ModelRequest | None = None, **options: Any) -> list[Any]:
    """The events of one call."""

    async def read() -> list[Any]:
        return [event async for event in ChatModel(chat, **options).stream(asked or request())]

    return asyncio.run(read())


def text(content: Any, **fields: Any) -> AIMessageChunk:
    return AIMessageChunk(content=content, **fields)


def calling(args: str | None, *, name: str | None = None, id: str | None = None, index: Any = 0) -> AIMessageChunk:
    return AIMessageChunk(content="", tool_call_chunks=[tool_call_chunk(name=name, args=args, id=id, index=index)])


STOP = AIMessageChunk(content="", response_metadata={"finish_reason": "stop", "model_name": "m-1"}, id="resp-1")


# --- what comes in ----------------------------------------------------------------------------------------------------


def test_text_comes_in_pieces_with_its_counts_and_its_end() -> None:
    """Text is handed on as it comes, counts are added up, and the end says who answered under which id."""
    counted = {"input_tokens": 7, "output_tokens": 0, "total_tokens": 7}
    chunks = [text("It is ", usage_metadata=counted), text("12 degrees.", usage_metadata={**counted, "input_tokens": 0,
              "output_tokens": 5}), STOP]  # fmt: skip
    events = said(Chunks(chunks=chunks))
    assert events == [TextDelta("It is "), TextDelta("12 degrees."), Usage(input_tokens=7, output_tokens=5), Finish()]
    assert (events[-1].model, events[-1].response_id) == ("m-1", "resp-1")


def test_blocks_of_content() -> None:
    """Of a content made of blocks the texts are text, and what was thought is not."""
    blocks = [{"type": "reasoning", "reasoning": "hm"}, {"type": "thinking", "thinking": "x", "text": "y"}]
    chunks = [text(blocks), text([{"type": "text", "text": "12", "index": 1}]), text([" degrees."]), STOP]
    assert said(Chunks(chunks=chunks))[:2] == [TextDelta("12"), TextDelta(" degrees.")]


def test_the_words_of_a_spoken_answer_are_its_text() -> None:
    """Where a model has answered in sound its transcript is the text."""
    spoken = AIMessageChunk("", additional_kwargs={"audio": {"id": "a", "data": "AAAA", "transcript": "12 degrees."}})
    assert said(Chunks(chunks=[spoken, STOP])) == [TextDelta("12 degrees."), Finish()]


def test_calls_are_handed_out_as_soon_as_they_are_complete() -> None:
    """Pieces of calls are put together by their index, and the first call is out when the second one begins."""
    chunks = [calling("", name="weather", id="c1", index=1), calling('{"city": "Os', index=1),
              calling('lo"}', index=1), calling("{}", name="weather", id="c2", index=2),
              text("", response_metadata={"stop_reason": "tool_use"})]  # fmt: skip
    seen: list[Any] = []

    async def read() -> None:
        stream = ChatModel(Chunks(chunks=[*chunks[:4], 3600.0])).stream(request(tools=(WEATHER,)))
        async with aclosing(stream):
            seen.append(await anext(stream))

    asyncio.run(read())
    first = CallReady(Call(id="c1", tool="weather", arguments={"city": "Oslo"}))
    assert seen == [first]
    second = CallReady(Call(id="c2", tool="weather"))
    assert said(Chunks(chunks=chunks)) == [first, second, Finish(reason="tool_calls")]


def test_pieces_of_a_piecewise_tool_are_handed_on() -> None:
    """A tool whose arguments are worth having as they are written is given them."""
    plan = ToolSpec(name="plan", description="Plan.", parameters={"type": "object"}, piecewise=True)
    chunks = [calling('{"a"', name="plan", id="c1"), calling(": 1}"), STOP]
    events = said(Chunks(chunks=chunks), request(tools=(plan,)))
    assert events[:2] == [CallDelta("c1", "plan", '{"a"'), CallDelta("c1", "plan", ": 1}")]


def test_a_whole_message_is_one_answer() -> None:
    """A model that does not stream hands its message out whole; arguments it could not read come back to it."""
    message = AIMessage(
        "Let me see.", tool_calls=[{"name": "weather", "args": {"city": "Oslo"}, "id": "c1"}],
        invalid_tool_calls=[{"name": "weather", "args": "{broken", "id": "c2", "error": "no JSON"}],
    )  # fmt: skip
    events = said(Fake(messages=iter([message])))
    assert events[0] == TextDelta("Let me see.")
    assert events[1] == CallReady(Call(id="c1", tool="weather", arguments={"city": "Oslo"}))
    assert "not valid JSON" in events[2].call.malformed
    assert events[-1] == Finish(reason="tool_calls")


def test_langchains_own_fakes_stream() -> None:
    """A fake that streams through its sync side is read word by word."""
    events = said(GenericFakeChatModel(messages=iter(["It is warm."])))
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "It is warm."
    assert len(events) > 3


# --- what goes out ----------------------------------------------------------------------------------------------------


def test_the_conversation_goes_out_whole() -> None:
    """Roles, calls, their ids and their results reach the chat model as LangChain's messages, and tools by schema."""
    chat = Chunks(chunks=[STOP, text("done")])
    call: Any = {"id": "c1", "tool": "weather", "arguments": {"city": "Oslo"}}
    messages: Any = (
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "How warm?"},
        {"role": "assistant", "content": "", "calls": [call]},
        {"role": "tool", "content": "12", "call_id": "c1", "tool": "weather"},
    )  # fmt: skip
    said(chat, ModelRequest(query="How warm?", messages=messages, tools=(WEATHER,)))
    sent = chat.asked[0]["messages"]
    assert [m.type for m in sent] == ["system", "human", "ai", "tool"]
    assert sent[2].tool_calls[0]["args"] == {"city": "Oslo"}
    assert (sent[3].tool_call_id, sent[3].name) == ("c1", "weather")
    assert chat.asked[0]["tools"][0]["function"]["name"] == "weather"
    said(chat, ModelRequest(query="How warm?", messages=messages, tools=(WEATHER,), purpose="answer"))
    assert "tools" not in chat.asked[1]


def test_limits_and_efforts_reach_the_fields_that_hold_them() -> None:
    """A call's limit and effort are set for that call alone, and never above what the caller has set."""
    chat = Chunks(chunks=[text("done"), STOP], max_tokens=100)
    model = ChatModel(chat)
    assert model.takes_effort("low")

    async def ask(**fields: Any) -> None:
        assert [event async for event in model.stream(request(**fields))]

    for fields in ({"max_tokens": 40, "effort": "low"}, {"max_tokens": 400}, {}):
        asyncio.run(ask(**fields))
    assert [(each["max_tokens"], each["reasoning_effort"]) for each in chat.asked] == [
        (40, "low"), (100, None), (100, None)
    ]  # fmt: skip
    assert (chat.max_tokens, chat.reasoning_effort) == (100, None)


def test_a_model_without_a_limit_is_stopped_at_it() -> None:
    """A chat model with no field for a limit is read no further than about so many tokens."""
    endless = FakeListChatModel(responses=["word " * 10_000])
    events = said(endless, request(max_tokens=25))
    assert events[-1] == Finish(reason="length")
    assert 100 < sum(len(e.text) for e in events if isinstance(e, TextDelta)) < 110


class Warmth(BaseModel):
    """How warm it is."""

    celsius: int


@pytest.mark.parametrize(
    ("profile", "structured", "tools", "sent"),
    [
        ({"structured_output": True}, None, (), True),
        ({"structured_output": True}, None, (WEATHER,), False),
        ({}, None, (), False),
        ({}, True, (WEATHER,), True),
        ({"structured_output": True}, False, (), False),
    ],
)
def test_an_answers_form_is_asked_for_where_it_is_taken(profile, structured, tools, sent) -> None:
    """`response_format` is sent where the chat model's profile or the caller says that it takes it."""
    chat = Chunks(chunks=[text('{"celsius": 12}'), STOP], profile=profile)
    form = AnswerForm(name="Warmth", schema=Warmth.model_json_schema())
    said(chat, request(form=form, tools=tools), structured=structured)
    assert ("response_format" in chat.asked[0]) is sent


def test_what_openais_client_loads_for_a_form_is_loaded_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second that OpenAI's client takes before its first answer of a form holds up no other run of the loop."""
    where: list[str] = []

    class Client:
        @property
        def beta(self) -> None:
            where.append(threading.current_thread().name)

    monkeypatch.setattr(Chunks, "root_async_client", Client(), raising=False)
    form = AnswerForm(name="Warmth", schema=Warmth.model_json_schema())
    said(Chunks(chunks=[text("{}"), STOP]), request(form=form), structured=True)
    assert len(where) == 1
    assert where[0].startswith("shotclock-model")


def test_what_a_chat_model_is_called_and_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, provider and price are read off the chat model; behind an endpoint of its own it has no known price."""
    monkeypatch.delenv("SHOTCLOCK_PRICES", raising=False)
    model = ChatModel(Chunks(chunks=[]))
    assert (model.name, model.provider) == ("gpt-5-mini", "openai")
    assert model.price == Price(input_per_million=0.25, output_per_million=2.0)
    monkeypatch.setattr(Chunks, "base_url", "http://localhost:8000/v1", raising=False)
    assert ChatModel(Chunks(chunks=[])).price is None


def test_bound_arguments_are_kept() -> None:
    """A chat model with arguments bound to it is asked with them; tools are the run's to offer."""
    chat = Chunks(chunks=[text("done"), STOP])
    said(chat.bind(stop=["\n"], tools=["mine"], temperature=0), request(tools=(WEATHER,)))
    assert chat.asked[0]["temperature"] == 0
    assert chat.asked[0]["tools"][0]["function"]["name"] == "weather"


def test_a_model_that_cannot_bind_tools_is_asked_without(caplog: pytest.LogCaptureFixture) -> None:
    """A chat model without tool calling still answers, and the log says once that it is offered none."""
    assert said(FakeListChatModel(responses=["ok"]), request(tools=(WEATHER,)))[0] == TextDelta("o")
    assert "cannot bind tools" in caplog.text


# --- what goes wrong --------------------------------------------------------------------------------------------------


class ApiError(Exception):
    """An error as providers' clients raise them."""

    def __init__(self, status: int, **headers: str) -> None:
        super().__init__("the provider says no")
        self.status_code = status
        self.response = httpx.Response(status, headers=headers)


class APIConnectionError(Exception):
    """Likewise, where no answer came."""


class Aws(Exception):
    """Likewise, as botocore has it."""

    response = {"ResponseMetadata": {"HTTPStatusCode": 503}}  # noqa: RUF012  # read, never written

    def __init__(self) -> None:
        self.response = type(self).response


class Google(Exception):
    """Likewise, as Google's clients have it."""

    code = 429


def caused(error: Exception) -> Exception:
    outer = ValueError("wrapped")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    ("error", "kind", "status", "wait", "retryable"),
    [
        (ApiError(429, **{"retry-after": "3"}), "status", 429, 3.0, True),
        (ApiError(401), "status", 401, None, False),
        (Aws(), "status", 503, None, True),
        (Google("slow down"), "status", 429, None, True),
        (caused(ApiError(529)), "status", 529, None, True),
        (APIConnectionError("no route"), "unreachable", None, None, True),
        (caused(httpx.ReadTimeout("late")), "unreachable", None, None, True),
        (TimeoutError(), "unreachable", None, None, True),
        (RuntimeError("Event loop is closed"), "unreachable", None, None, True),
        (ValueError("No generation chunks were returned"), "dropped", None, None, True),
        (KeyError("choices"), "malformed", None, None, False),
    ],
)
def test_errors_say_what_failed(error, kind, status, wait, retryable) -> None:
    """What a provider's client raises becomes a status with its wait, a lost connection, or a malformed answer."""
    with pytest.raises(ModelError) as caught:
        said(Chunks(chunks=[error]))
    found = caught.value
    assert (found.kind, found.status, found.retry_after, found.retryable) == (kind, status, wait, retryable)
    assert str(found).startswith("gpt-5-mini raised ")


def test_a_connection_lost_in_the_middle_was_dropped() -> None:
    """After part of an answer a lost connection is a drop, which may be asked again."""
    assert error_of("m", httpx.ReadError("reset"), begun=True).kind == "dropped"


def test_an_empty_answer_may_be_asked_for_again() -> None:
    """A stream that brought nothing at all is dropped, as one of ours is."""
    with pytest.raises(ModelError) as caught:
        said(Chunks(chunks=[text("")]))
    assert caught.value.kind == "dropped"


def test_a_closed_stream_closes_the_chat_models() -> None:
    """Where the run interrupts a call, the chat model's own stream is closed before the next turn of the loop ends."""
    chat = Chunks(chunks=[text("It is "), 3600.0])

    async def interrupt() -> None:
        stream = ChatModel(chat).stream(request())
        await anext(stream)
        await stream.aclose()
        for _ in range(5):  # LangChain's own layers close one another turn by turn
            await asyncio.sleep(0)
        assert chat.closed

    asyncio.run(interrupt())


# --- in a run ---------------------------------------------------------------------------------------------------------

ASK = AIMessage("", tool_calls=[{"name": "apples", "args": {"city": "Oslo"}, "id": "c1"}])
TOLD = AIMessage("There are 7 apples in Oslo.")
QUESTION = "How many apples are there in Oslo?"


def test_a_langchain_agents_tools_and_model_run_unchanged() -> None:
    """The very tools and chat model of a LangChain agent give the same answer in ours, checked and accounted for."""
    tools = [apples]
    theirs = create_agent(Fake(messages=iter([ASK, TOLD])), tools).invoke({"messages": [("user", QUESTION)]})
    ours = Agent(Fake(messages=iter([ASK, TOLD])), tools).run_sync(QUESTION, budget=Budget(latency=5, tool_calls=1))
    assert ours.answer == theirs["messages"][-1].content
    assert (ours.status, ours.verified, ours.spend.tool_calls, ours.spend.model_calls) == ("complete", True, 1, 2)


def test_over_a_socket(server: OpenAIServer) -> None:
    """A chat model that streams calls from a real server is read as any other, and the budget holds."""
    start = [piece("", id="c1", name="apples"), piece('{"city": "Os'), piece('lo"}')]
    asked = sse(*(chunk({"tool_calls": [each]}) for each in start), chunk(finish="tool_calls"), usage(20, 9))
    told = sse(chunk({"content": "There are 7 "}), chunk({"content": "apples in Oslo."}), chunk(finish="stop"), usage())
    server.script(Answer(steps=(asked,)), Answer(steps=(told,)))
    agent = Agent(Socket(url=f"{server.base_url}/chat/completions"), [apples])
    result = agent.run_sync(QUESTION, budget=Budget(latency=5))
    assert (result.answer, result.verified) == ("There are 7 apples in Oslo.", True)
    assert (result.spend.input_tokens, result.spend.output_tokens) == (30, 14)
    assert [message["role"] for message in server.received[1].body["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
    ]


def test_the_connection_is_shut_when_time_is_up(server: OpenAIServer) -> None:
    """At the soft deadline the socket of a chat model that hangs is closed, and what it wrote is used."""
    server.script(Answer(steps=(sse(chunk({"content": "Well, "}), done=False), HOLD)))
    agent = Agent(Socket(url=f"{server.base_url}/chat/completions"), [apples])
    began = time.monotonic()
    result = asyncio.run(agent.run(QUESTION, budget=Budget(latency=0.5)))
    assert time.monotonic() - began <= 0.55
    assert result.stop_reason == "deadline"
    assert server.left.wait(1)
    assert server.hung_up[0] - began <= 0.55


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.mark.parametrize("how", ["run", "run_sync"])
def test_a_hung_chat_model_without_an_async_side_is_on_time(how) -> None:
    """A sync chat model that hangs costs its run no time beyond the deadline, nor holds up the end of the loop."""
    hung = Hung(let_go=threading.Event(), began=threading.Event())
    agent, budget = Agent(hung, [apples]), Budget(latency=0.5)
    began = time.monotonic()
    result = (
        agent.run_sync(QUESTION, budget=budget)
        if how == "run_sync"
        else asyncio.run(agent.run(QUESTION, budget=budget))
    )
    assert time.monotonic() - began <= 0.55
    hung.let_go.set()
    assert hung.began.is_set()
    assert result.stop_reason == "deadline"


def test_a_hung_tool_is_on_time() -> None:
    """A sync LangChain tool that hangs costs only itself."""
    let_go = threading.Event()

    @tool
    def stuck() -> str:
        """Hang."""
        let_go.wait()
        return "late"

    both = AIMessage("", tool_calls=[*ASK.tool_calls, {"name": "stuck", "args": {}, "id": "c2"}])
    agent = Agent(Fake(messages=iter([both, TOLD])), [apples, stuck])
    began = time.monotonic()
    result = asyncio.run(agent.run(QUESTION, budget=Budget(latency=0.5)))
    assert time.monotonic() - began <= 0.55
    let_go.set()
    assert [(e.tool, e.outcome.name) for e in result.evidence] == [("apples", "ok"), ("stuck", "timed_out")]
    assert "7 apples" in result.answer


EXIT = """
import asyncio, time
from langchain_core.language_models import BaseChatModel
from shotclock import Agent, Budget

class Hung(BaseChatModel):
    @property
    def _llm_type(self):
        return "hung"

    def _generate(self, *args, **kwargs):
        time.sleep(3600)

print(asyncio.run(Agent(Hung()).run("Hello?", budget=Budget(latency=0.3))).stop_reason)
"""


def test_a_program_ends_beside_a_hung_chat_model() -> None:
    """Nothing waits for the thread in which a sync chat model hangs, the end of the program included."""
    done = subprocess.run([sys.executable, "-c", EXIT], capture_output=True, text=True, timeout=50)
    assert done.stdout.strip() == "deadline", done.stderr


# --- by name ----------------------------------------------------------------------------------------------------------


def test_a_provider_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """`"provider:name"` is made by LangChain without retries of its own, or with what a class takes of that."""
    made: list[Any] = []

    def init_chat_model(name: str, *, model_provider: str, **options: Any) -> Any:
        made.append((model_provider, name, options))
        if model_provider == "strict" and options:
            raise TypeError("unexpected max_retries")
        return Chunks(chunks=[], model_name=name)

    monkeypatch.setattr("langchain.chat_models.init_chat_model", init_chat_model)
    assert resolve("anthropic:claude-x:beta").name == "claude-x:beta"
    assert resolve("strict:s-1").name == "s-1"
    assert made == [("anthropic", "claude-x:beta", {"max_retries": 0}), ("strict", "s-1", {"max_retries": 0}),
                    ("strict", "s-1", {})]  # fmt: skip


def test_a_package_that_is_missing_is_named() -> None:
    """Where a provider's package is not installed, the error says which; an unknown provider is said to be one."""
    with pytest.raises(UnknownModel, match="needs the package langchain-cohere: pip install langchain-cohere"):
        resolve("cohere:command-r")
    with pytest.raises(UnknownModel, match="Unsupported provider='nobody'"):
        resolve("nobody:x")


def test_without_langchain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without LangChain the error names the extra."""
    monkeypatch.setitem(sys.modules, "langchain.chat_models", None)
    with pytest.raises(MissingExtra, match=r"shotclock\[langchain\]"):
        adapter.named("anthropic:claude")


def test_what_is_no_chat_model() -> None:
    """The adapter takes chat models only."""
    with pytest.raises(UnknownModel, match="must be a LangChain chat model, got a value of type str"):
        ChatModel("anthropic:claude")


def test_nobody_pays_for_what_is_not_used() -> None:
    """A run without LangChain's tools and models loads neither LangChain nor the adapters."""
    code = (
        "import sys; from shotclock import Agent, tool\n"
        "@tool\ndef t() -> int:\n    'Give one.'\n    return 1\n"
        "Agent('rules', [t]).run_sync('What is one?')\n"
        "print([m for m in ('langchain', 'shotclock.agent.models.langchain', 'shotclock.tools.langchain.calling',"
        " 'langchain_core.tools.simple') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


async def test_a_chat_model_is_handed_files_as_content_blocks():
    """Files go out as LangChain's standard blocks: those of a question in its message, those of a result behind it; and
    its own converter to OpenAI's form takes them."""

    @shotclock_tool(read_only=True)
    async def photo() -> Image:
        """A photo of the shop."""
        return Image(data=png(5, 5), name="shop.png")

    calls = [AIMessageChunk("", tool_call_chunks=[tool_call_chunk(name="photo", args="{}", id="c1", index=0)])]
    chat = Chunks(chunks=calls)
    agent = Agent(ChatModel(chat, modalities=["image", "document"]), [photo])
    query = ["What is it?", Image(data=png(4, 3), name="cat.png"), Document(data=pdf("A page."), name="a.pdf")]
    await agent.run(query, budget=Budget(latency=10, model_calls=2, tool_calls=1))
    asked = chat.asked[-1]["messages"]
    question = next(each for each in asked if each.type == "human")
    assert [block["type"] for block in question.content] == ["text", "text", "image", "text", "file"]
    assert base64.b64decode(question.content[2]["base64"]) == png(4, 3)
    assert (question.content[4]["mime_type"], question.content[4]["filename"]) == ("application/pdf", "a.pdf")
    assert [each.type for each in asked][-2:] == ["tool", "human"]
    assert [block["type"] for block in asked[-1].content] == ["text", "text", "image"]
    converted = convert_to_openai_messages(question)["content"]
    assert converted[2]["image_url"]["url"].startswith("data:image/png;base64,")


def test_a_chat_model_takes_what_its_profile_or_its_name_says():
    """The kinds of files that a chat model takes are those of its profile, else those that its name is known for."""

    class Told(Chunks):
        profile: Any = None

    assert ChatModel(Told(chunks=[], profile={"image_inputs": True, "pdf_inputs": False})).modalities == {"image"}
    assert ChatModel(Told(chunks=[], model_name="gpt-4o")).modalities == {"image", "document"}
    assert ChatModel(Chunks(chunks=[], model_name="unheard-of")).modalities == set()
    with pytest.raises(UsageError, match="got 'image'"):
        ChatModel(Chunks(chunks=[]), modalities="image")
