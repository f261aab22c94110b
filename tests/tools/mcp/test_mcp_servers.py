"""MCP servers as tools, over real processes: whatever a server does costs the call, never the run."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest

from shotclock import Agent, Budget, CallProgress, Passage, UsageError, local_tracing, tool
from shotclock.agent.trial import try_call
from shotclock.policies.errors import InvalidTool
from shotclock.testing import ScriptedModel, ask
from shotclock.tools.mcp.server import McpServer
from shotclock.tools.mcp_servers import mcp_tools

from ...workers import until

HOSTILE = Path(__file__).with_name("hostile.py")


def server(kind: str, state: Path | str = "") -> str:
    return shlex.join([sys.executable, str(HOSTILE), kind, str(state)])


def call(tools, text="hi", latency=5.0):
    return try_call([*tools], "echo", {"text": text}, latency)


def notes(state: Path, kind: str):
    lines = map(json.loads, state.read_text().splitlines()) if state.exists() else ()
    return [line[kind] for line in lines if kind in line]


def test_a_servers_tool_is_called_and_its_result_is_fenced():
    """A result is a server's word: by default it is untrusted, and no hint of the server's is believed."""
    with mcp_tools(server("good")) as tools:
        (echo,) = tools
        assert (echo.read_only, echo.idempotent, echo.trusted) == (False, False, False)
        found = call(tools)
    assert found.content == "you said: hi"
    assert found.untrusted


def test_hints_are_believed_when_asked_and_promises_of_the_caller_come_first():
    """`trust_annotations` takes the server's hints over; `flags` says better."""
    with mcp_tools(
        server("good"), trust_annotations=True, flags={"echo": {"idempotent": False, "timeout": 2}}
    ) as tools:
        (echo,) = tools
        assert (echo.read_only, echo.idempotent, echo.timeout) == (True, False, 2.0)


def test_a_call_that_is_given_up_is_cancelled_at_the_server(tmp_path):
    """The timeout costs its own time only; the server is told, and the next call is served by the same process."""
    state = tmp_path / "state"
    with mcp_tools(server("good", state)) as tools:
        began = time.monotonic()
        assert call(tools, "hang", 0.3).outcome.name == "timed_out"
        assert time.monotonic() - began < 1.5
        assert until(lambda: notes(state, "cancelled"))
        assert call(tools).usable
        assert len(notes(state, "start")) == 1


def test_a_server_that_dies_is_started_again(tmp_path):
    """The call that met its death says how it died; the next one waits for the new process."""
    state = tmp_path / "state"
    with mcp_tools(server("good", state)) as tools:
        died = call(tools, "die")
        assert "exit code 3; it said last: out of luck" in died.content
        assert call(tools, latency=30).content == "you said: hi"
        assert len(notes(state, "start")) == 2


def test_a_server_that_is_killed_between_calls_is_started_again(tmp_path):
    """Its end is noticed when it happens, not at the next call."""
    state = tmp_path / "state"
    with mcp_tools(server("good", state)) as tools:
        os.kill(notes(state, "start")[0], signal.SIGKILL)
        assert until(lambda: len(notes(state, "start")) == 2)
        assert call(tools, latency=30).usable


def test_a_server_that_answers_nothing_after_a_call_was_given_up_is_started_again(tmp_path, monkeypatch):
    """One that is stuck serves nobody, and would cost every later call its time."""
    monkeypatch.setattr("shotclock.tools.mcp.connection.ANSWER_SECONDS", 0.5)
    state = tmp_path / "state"
    with mcp_tools(server("stuck", state)) as tools:
        assert call(tools, "stick", 0.3).outcome.name == "timed_out"
        assert until(lambda: len(notes(state, "start")) == 2)
        assert call(tools, latency=30).usable


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("die", "exit code 3"),
        ("endless", "more than 8,000,000 bytes"),
        ("nonsense", "no tool result"),
        ("refuse", "no such text"),
        ("soft", "disk is full"),
        ("mismatch", 'n: "seven" is not of type "integer"'),
        ("none", "declares structured data and sent none"),
    ],
)
def test_what_a_server_does_wrong_is_said_in_one_sentence(kind, said):
    """Dying, flooding, nonsense and refusals fail the call with the reason."""
    with mcp_tools(server(kind)) as tools:
        found = call(tools, latency=10)
    assert not found.usable
    assert said in f"{found.content} {found.verdict.reason}"


@pytest.mark.parametrize("kind", ["hang", "flood", "die", "endless", "nonsense"])
async def test_a_run_is_on_time_whatever_its_server_does(kind):
    """The run answers by its deadline from what its other tools gave, another server's among them."""

    @tool(read_only=True)
    async def count() -> str:
        """Count apples."""
        return "There are 7 apples."

    asked = ask(("bad_echo", {"text": "hi"}), ("good_echo", {"text": "7 apples"}), ("count", {}))
    servers = [
        McpServer(command=(sys.executable, str(HOSTILE), each), name=name)
        for each, name in ((kind, "bad"), ("good", "good"))
    ]
    async with mcp_tools(*servers) as tools:
        agent = Agent(ScriptedModel([asked, "There are 7 apples."]), [*tools, count])
        began = time.monotonic()
        result = await agent.run("How many apples are there?", budget=Budget(latency=1.0))
        assert time.monotonic() - began < 1.3
    assert {item.tool: item.usable for item in result.evidence} == {"bad_echo": False, "good_echo": True, "count": True}
    assert "7" in result.answer


def test_words_that_are_no_message_are_passed_over(caplog):
    """Prints on the wrong stream, answers to nobody and changed lists cost nothing; the change is said."""
    with mcp_tools(server("chatter")) as tools:
        assert call(tools).content == "you said: hi"
        assert until(lambda: "has changed its tools" in caplog.text)


def test_parts_of_a_result_keep_their_kind():
    """A resource is a passage with its source; an image is bytes with their kind, shown by their size."""
    with mcp_tools(server("parts")) as tools:
        image, resource = call(tools, "image"), call(tools, "resource")
    assert image.value[1].data == b"\x00\x01\x02"
    assert "image/png" in image.content
    assert "3 bytes" in image.content
    assert resource.passages[1] == Passage(text="inside", origin="file:///a.txt")


def test_the_bytes_of_an_image_do_not_reach_a_model_as_letters():
    """Structured data that repeats an image names its size instead, and still fits its schema."""
    with mcp_tools(server("copies")) as tools:
        found = call(tools)
    assert found.value["n"] == [{"type": "image", "data": "[image/png, 3 bytes]", "mimeType": "image/png"}, 7]
    assert found.verdict.outcome == "pass"


def test_a_tool_with_a_schema_that_reaches_out_is_left_out():
    """One bad tool costs itself, and it is said why."""
    with mcp_tools(server("schemas")) as tools:
        assert [each.name for each in tools] == ["echo"]
        assert "refers outside of itself" in tools.warnings[0]


def test_a_tool_that_can_only_be_called_as_a_task_is_left_out():
    """A model is not offered what every call of would fail."""
    with mcp_tools(server("task")) as tools:
        assert [each.name for each in tools] == ["echo"]
        assert "can only be called as a task" in tools.warnings[0]


def test_a_server_that_changes_its_tools_while_they_are_listed_is_asked_again(caplog):
    """What it had in the end is taken, and nobody is warned of it."""
    with mcp_tools(server("late")) as tools:
        assert [each.name for each in tools] == ["echo"]
        assert caplog.text == ""


def test_a_name_that_no_server_has_is_warned_of():
    """A mistake in `only` or `flags` is said with what there is."""
    with mcp_tools(server("good"), only=["echo", "ecko"], flags={"eco": {"timeout": 1}}) as tools:
        assert tools.warnings == (
            "only names 'ecko', and the servers have echo", "flags names 'eco', and the servers have echo",
        )  # fmt: skip


def test_names_that_collide_get_their_servers_in_front():
    """Two servers may have a tool of one name; an agent may not."""
    with mcp_tools(server("good"), server("same")) as tools:
        assert sorted(each.name for each in tools) == ["e_cho", "hand_echo", "hand_echo_2"]
        assert [each.description for each in tools if each.name == "e_cho"] == ["e:cho"]
        with mcp_tools(server("good"), only=["none"]) as none:
            assert [*none] == []


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (server("mute"), "did not answer within 0.5 s"),
        (server("absent"), "exit code 7; it said last: config missing"),
        ("no-such-program-anywhere", "there is no program 'no-such-program-anywhere'"),
        ("http://127.0.0.1:9/mcp", "cannot be connected to"),
    ],
)
def test_a_server_that_cannot_be_connected_to_is_a_mistake_found_early(command, said):
    """Connecting is bounded, and raises a reason; nothing is left running."""
    began = time.monotonic()
    with pytest.raises(UsageError, match=said):
        mcp_tools(command, connect_timeout=0.5).open()
    assert time.monotonic() - began < 5


def test_closing_ends_the_process_and_later_calls_fail(tmp_path):
    """No server outlives its connection, and a tool that is kept says that it is closed."""
    state = tmp_path / "state"
    with mcp_tools(server("good", state)) as tools:
        kept = [*tools]
    with pytest.raises(ProcessLookupError):
        os.kill(notes(state, "start")[0], 0)
    assert "closed" in call(kept).content


def test_the_trace_goes_along_and_baggage_does_not(tmp_path):
    """The server gets the span of the attempt in `_meta`, and nothing the product carries for itself."""
    from opentelemetry import baggage, context

    state = tmp_path / "state"
    token = context.attach(baggage.set_baggage("customer", "secret"))
    try:
        with mcp_tools(server("good", state)) as tools:
            model = ScriptedModel([ask(("echo", {"text": "hi"})), "you said: hi"])
            agent = Agent(model, [*tools], tracer_provider=local_tracing(tmp_path / "traces.db"))
            result = agent.run_sync("?")
    finally:
        context.detach(token)
    meta = notes(state, "call")[0]["_meta"]
    assert result.trace_id in meta["traceparent"]
    assert "secret" not in json.dumps(meta)


async def test_a_servers_progress_is_told_to_whoever_listens(tmp_path):
    """A stream has the progress of a server's call; where nobody listens the server is not asked for any."""
    async with mcp_tools(server("progress", tmp_path / "state")) as tools:
        agent = Agent(ScriptedModel([ask(("echo", {"text": "hi"})), "you said: hi"]), tools)
        events = [event async for event in agent.stream("?", budget=Budget(latency=10))]
        await agent.run("?", budget=Budget(latency=10))
    told = [(each.tool, each.fraction, each.message) for each in events if isinstance(each, CallProgress)]
    assert told == [("echo", 0.25, "1 of 4"), ("echo", None, "-1 of 0"), ("echo", 0.75, "3 of 4")]
    streamed, alone = notes(tmp_path / "state", "call")
    assert "progressToken" in streamed["_meta"]
    assert "progressToken" not in alone.get("_meta", {})


async def test_calls_of_one_connection_run_side_by_side_in_any_loop(tmp_path):
    """A connection serves the loop it was made in, and others."""
    async with mcp_tools(server("good")) as tools:
        (echo,) = tools
        assert await asyncio.gather(*(echo(text=str(n)) for n in range(20))) == [f"you said: {n}" for n in range(20)]
        there = await asyncio.to_thread(lambda: asyncio.run(echo(text="there")))
        assert there == "you said: there"


def test_a_server_is_read_from_one_text():
    """A text is a URL or a command line; anything else is refused with what to write."""
    for wrong in ("", "   ", "npx 'open", 3):
        with pytest.raises(UsageError):
            mcp_tools(wrong)
    with pytest.raises(UsageError, match="write \\['add'\\]"):
        mcp_tools("x", only="add")
    with pytest.raises(UsageError, match="needs a server"):
        mcp_tools()


def test_a_promise_that_does_no_good_is_refused_by_name():
    """What `@tool` refuses is refused here too: the tool is left out, and it is said why."""
    with mcp_tools(server("good"), flags={"echo": {"retry": 2}}) as tools:
        assert [*tools] == []
        assert "retry=2 needs read_only=True" in tools.warnings[0]
    assert issubclass(InvalidTool, UsageError)
