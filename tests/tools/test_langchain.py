"""LangChain's tools as tools of ours: what the model is shown, how they are called, and what comes back."""

from __future__ import annotations

import base64
import threading
import time
from contextvars import ContextVar
from typing import Annotated, Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, InjectedToolArg, InjectedToolCallId, StructuredTool, ToolException, tool
from langchain_core.tools import Tool as SingleInputTool
from langgraph.prebuilt import InjectedState, ToolRuntime
from langgraph.types import Command
from pydantic import BaseModel, Field, field_validator

from shotclock import Passage, ToolError, langchain_tool
from shotclock.agent.trial import try_call
from shotclock.policies.errors import InvalidTool
from shotclock.tools.media.parts import Image
from shotclock.tools.schema import Problem
from shotclock.tools.toolbox import Toolbox

USER: ContextVar[str] = ContextVar("user", default="nobody")


@tool
def add(a: int, b: Annotated[int, "the second"] = 2) -> int:
    """Add two numbers."""
    return a + b


@tool
async def where() -> str:
    """Name the thread it runs in."""
    return threading.current_thread().name


class Order(BaseModel):
    """What to order."""

    item: str = Field(alias="Item")
    count: int = 1
    user: Annotated[str, InjectedToolArg]

    @field_validator("item")
    @classmethod
    def lowered(cls, item: str) -> str:
        return item.lower()


@tool(args_schema=Order)
def order(item: str, count: int, user: str) -> dict[str, Any]:
    """Order an item."""
    return {"item": item, "count": count, "user": user}


class Old(BaseTool):
    """A class of the caller's own, with the customary refusal to be async."""

    name: str = "Old Search"
    description: str = "Search as in old times."

    def _run(self, query: str, run_manager: Any = None) -> str:
        return f"{query} by {type(run_manager).__name__} in {threading.current_thread().name}"

    async def _arun(self, query: str, run_manager: Any = None) -> str:
        raise NotImplementedError("Old Search does not support async")


class Both(BaseTool):
    """A class of the caller's own with two sides."""

    name: str = "both"
    description: str = "Say which side was asked."

    def _run(self) -> str:
        return "sync"

    async def _arun(self) -> str:
        return "async"


def given(made: Any, **arguments: Any) -> Any:
    """The value of one call through the whole pipeline."""
    evidence = try_call([made], made.name, arguments)
    return evidence.value if evidence.value is not None else evidence.content


def returning(value: Any, **fields: Any) -> StructuredTool:
    """A tool that gives the value, or raises it."""

    def call() -> Any:
        """Give it."""
        if isinstance(value, Exception):
            raise value
        return value

    return StructuredTool.from_function(call, name="give", description="Give it.", **fields)


def test_a_model_is_shown_what_langchain_shows_and_arguments_are_read_with_its_model():
    """Names, descriptions, defaults and validation are the tool's own; what does not fit comes back as one message."""
    made = langchain_tool(add)
    assert (made.name, made.description) == ("add", "Add two numbers.")
    assert made.schema.parameters == {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"default": 2, "description": "the second", "type": "integer"}},
        "required": ["a"],
    }
    assert made.schema.read({"a": "3"}) == {"a": 3, "b": 2}
    refused = made.schema.read({"a": "three"})
    assert isinstance(refused, Problem)
    assert refused.message.startswith("add was not called: a: Input should be a valid integer")
    assert given(made, a=3) == 5


def test_it_promises_nothing_that_nobody_said():
    """A LangChain tool may change things and is not trusted, unless the caller promises otherwise."""
    plain = next(iter(Toolbox([add])))
    assert (plain.read_only, plain.idempotent, plain.trusted) == (False, False, False)
    promised = langchain_tool(add, name="sum", read_only=True, trusted=True, timeout="2s", checks=[bool])
    assert (promised.name, promised.read_only, promised.trusted, promised.timeout) == ("sum", True, True, 2.0)
    assert len(promised.checks) == 1


def test_the_sides_of_a_tool():
    """An async side runs in the loop and a sync one in our threads; a side that only refuses is none."""
    assert langchain_tool(where).isolation == "loop"
    assert not given(langchain_tool(where)).startswith("shotclock-tool-")
    assert given(langchain_tool(Both())) == "async"
    old = langchain_tool(Old())
    assert (old.name, old.isolation) == ("Old_Search", "thread")
    assert given(old, query="tea").startswith("tea by CallbackManagerForToolRun in shotclock-tool-")


def test_a_tool_of_one_text():
    """A single-input tool takes one text by position, under the name that LangChain gives it."""
    made = langchain_tool(SingleInputTool(name="shout", func=str.upper, description="Shout."))
    assert list(made.schema.parameters["properties"]) == ["tool_input"]
    assert given(made, tool_input="tea") == "TEA"


def test_a_written_schema_is_checked_before_the_call():
    """Arguments are held against a JSON Schema, which LangChain itself would pass on unread."""
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    made = langchain_tool(StructuredTool(name="take", description="Take.", args_schema=schema, func=lambda n: n))
    assert given(made, n=3) == 3
    assert "less than the minimum of 1" in given(made, n=0)


def test_what_is_injected_is_asked_for_at_each_call():
    """Hidden parameters are given by the caller's functions, in the run's context, and no model is shown them."""
    made = langchain_tool(order, inject={"user": USER.get})
    assert sorted(made.schema.parameters["properties"]) == ["count", "item"]
    USER.set("ann")
    assert given(made, item="TEA") == {"item": "tea", "count": 1, "user": "ann"}
    USER.set("bob")
    assert given(made, Item="TEA")["user"] == "bob"


def test_the_id_of_the_call_and_the_configuration_are_supplied():
    """What LangChain supplies to a tool without knowing its agent is supplied here too."""

    @tool
    def about(call: Annotated[str, InjectedToolCallId], config: RunnableConfig) -> dict[str, Any]:
        """Say what was supplied."""
        return {"call": call, "configurable": config["configurable"]}

    value = given(langchain_tool(about))
    assert value["call"].startswith("call_")
    assert value["configurable"] == {}


@tool
def of_state(messages: Annotated[list[Any], InjectedState("messages")]) -> str:
    """Read the state."""
    return str(messages)


@tool
def of_runtime(runtime: ToolRuntime) -> str:
    """Read the runtime."""
    return str(runtime)


@pytest.mark.parametrize(
    ("made", "options", "reason"),
    [
        (order, {}, "its parameter 'user' is injected by LangChain's own agent; give it with"),
        (of_state, {}, "'messages' is injected"),
        (of_runtime, {}, "'runtime' is injected"),
        (order, {"inject": {"item": str}}, r"inject\['item'\] is no injected parameter of it; it has: user"),
        (order, {"inject": {"user": "ann"}}, "must be a function of nothing that returns the argument, got 'ann'"),
        (SingleInputTool(name="x", description="", func=print), {}, "has no description"),
        (add, {"retry": 2}, "needs read_only=True or idempotent=True"),
        ("add", {}, "takes a LangChain tool"),
    ],
)
def test_what_cannot_be_called_is_refused_when_it_is_made(made, options, reason):
    """A tool that needs what only LangChain's agent has, and a promise that does harm, are found early."""
    with pytest.raises(InvalidTool, match=reason):
        langchain_tool(made, **options)


def test_one_tool_is_no_list_of_them():
    """A LangChain tool can be iterated over like any pydantic model, and is refused by its name all the same."""
    with pytest.raises(InvalidTool, match=r"got one tool; write tools=\[add\]"):
        Toolbox(add)


@pytest.mark.parametrize(
    ("handle", "said"),
    [
        (False, "no such city"),
        (True, "no such city"),
        ("Ask for another.", "Ask for another."),
        (lambda error: [{"type": "text", "text": f"because {error}"}], "because no such city"),
    ],
)
@pytest.mark.parametrize("verbose", [False, True])
def test_a_tool_exception_tells_the_model(handle, said, verbose):
    """`ToolException` reaches the model as `handle_tool_error` has it, and never passes for a result."""
    evidence = try_call(
        [returning(ToolException("no such city"), handle_tool_error=handle, verbose=verbose)], "give", {}
    )
    assert evidence.outcome.name == "error"
    assert evidence.content == f"give failed: {said}"


PIXEL = base64.b64encode(b"\x89PNG").decode()
IMAGE = Image(data=b"\x89PNG", name="image/png")
PAGE = Document("Tea is hot.", metadata={"source": "tea.pdf", "page": 0, "page_label": "1"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1]}, {"a": [1]}),
        (["a", "b"], ["a", "b"]),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "a\n\nb"),
        ([{"type": "text", "text": "a"}, {"type": "image", "base64": PIXEL, "mime_type": "image/png"}], ["a", IMAGE]),
        ([{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}],
         [IMAGE]),
        ([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}], [IMAGE]),
        ([{"type": "image", "url": "https://x/y.png"}], [{"type": "image", "media_type": "", "url": "https://x/y.png"}]),
        ([PAGE], [Passage(text="Tea is hot.", origin="tea.pdf", page=1)]),
        (ToolMessage("hot", tool_call_id="1"), "hot"),
        (Command(update={"messages": [ToolMessage("hot", tool_call_id="1")]}), "hot"),
    ],
)  # fmt: skip
def test_what_a_tool_returns(value, expected):
    """Data stays data, blocks become texts and files, documents become passages, messages give their content."""
    assert given(returning(value)) == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (ToolMessage("no tea", tool_call_id="1", status="error"), "no tea"),
        (Command(update={"mood": "bad", "messages": [ToolMessage("x", tool_call_id="1")]}), "that changes mood"),
        (Command(goto="elsewhere"), "that steers a graph"),
    ],
)
def test_what_is_no_result(value, reason):
    """A message that says it failed, and a command to a graph that is not there, are failures and say so."""
    evidence = try_call([returning(value)], "give", {})
    assert evidence.outcome.name == "error"
    assert reason in evidence.content


def test_an_artifact_is_left_out():
    """Of a content and an artifact the model is shown the content; a tool that gives no pair fails."""
    assert given(returning(("hot", object()), response_format="content_and_artifact")) == "hot"
    evidence = try_call([returning("hot", response_format="content_and_artifact")], "give", {})
    assert "must return the two, got str" in evidence.content


class Told(BaseCallbackHandler):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_tool_start(self, serialized: Any, input_str: str, **_: Any) -> None:
        self.heard.append(input_str)


def test_callbacks_of_the_tool_are_told():
    """A tool with callbacks of its own goes through LangChain, which reads the arguments as the model wrote them."""
    told = Told()
    made = StructuredTool.from_function(
        lambda item, count, user: f"{count} {item} for {user}", name="order", description="Order.", args_schema=Order,
        callbacks=[told],
    )  # fmt: skip
    assert given(langchain_tool(made, inject={"user": lambda: "ann"}), Item="TEA") == "1 tea for ann"
    assert told.heard == ["{'Item': 'TEA'}"]


def test_a_class_that_overrides_invoke_is_invoked():
    """Who overrides what stands between LangChain and the function wants it called."""

    class Louder(StructuredTool):
        def invoke(self, *args: Any, **kwargs: Any) -> Any:
            return str(super().invoke(*args, **kwargs)).upper()

    louder = Louder.from_function(lambda a: f"{a} cups", name="cups", description="Count.", args_schema=None)
    assert given(langchain_tool(louder), a="two") == "TWO CUPS"


def test_a_call_costs_microseconds():
    """The function behind a tool is called directly: a hundred calls stay under a tenth of what `invoke` takes."""
    made = langchain_tool(add)
    began = time.process_time()
    for _ in range(100):
        made.function(a=1, b=2)
    ours, began = time.process_time() - began, time.process_time()
    for _ in range(100):
        add.invoke({"a": 1, "b": 2})
    assert ours < (time.process_time() - began) / 10


def test_tool_error_goes_through():
    """Our own `ToolError`, raised in a LangChain tool, tells the model as it does anywhere."""
    assert try_call([returning(ToolError("ask for tea"))], "give", {}).content == "give failed: ask for tea"
