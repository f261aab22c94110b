"""The agent as an MCP server, over a real process: answers on time, structured, and nothing else on its output."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mcp import Client

import shotclock
from shotclock import Agent, progress, tool
from shotclock.agent.mcp_server import mcp_server
from shotclock.agent.trial import try_call
from shotclock.testing import ScriptedModel, ask
from shotclock.tools.mcp.server import McpServer
from shotclock.tools.mcp_servers import mcp_tools

MINE = '''
import time
from shotclock import tool

@tool(read_only=True)
def loud(text: str) -> str:
    """Print a text, which an MCP server must not."""
    print("not a message", text)
    return f"{text}: 7 apples"
'''


@pytest.fixture
def server(tmp_path):
    """`shotclock mcp` with a tool that prints."""
    (tmp_path / "mine.py").write_text(MINE)
    program = "from shotclock.agent.cli import run; run()"
    return McpServer(
        command=(sys.executable, "-c", program, "mcp", "--tools", "mine:loud", "--latency", "5s"),
        env={"PYTHONPATH": str(Path(shotclock.__file__).parents[1]), "SHOTCLOCK_TRACES": str(tmp_path / "traces.db")},
        cwd=tmp_path,
    )


def test_the_command_answers_with_structure_and_refuses_in_words(server):
    """An answer says whether it was verified and from what; a wrong question is refused with what to do."""
    with mcp_tools(server) as tools:
        (asked,) = tools
        assert "within 5 seconds" in asked.description
        found = try_call([*tools], "ask", {"question": "What is 17 * 23?", "latency": 4})
        assert found.verdict.verifier == "schema"
        assert "391" in found.value["answer"]
        assert (found.value["verified"], found.value["sources"]) == (True, ["calculate"])
        assert "query is empty" in try_call([*tools], "ask", {"question": ""}).content
        printed = try_call([*tools], "ask", {"question": "Use loud with the text 'shelf'"})
        assert printed.value["sources"] == ["loud"]


def agent_with(function):
    return Agent(ScriptedModel([ask((function.name, {})), "There are 7 apples."]), [function], name="shop")


async def test_latency_can_only_shorten_and_a_hanging_tool_costs_no_more():
    """A client that asks for an answer in a second has it in a second."""

    @tool
    async def hangs() -> str:
        """Hang."""
        await asyncio.sleep(3600)
        return ""

    async with Client(mcp_server(agent_with(hangs))) as client:
        began = time.monotonic()
        answer = (await client.call_tool("ask", {"question": "?", "latency": 1.0})).structured_content
        assert time.monotonic() - began < 1.5
        assert answer["stop_reason"] == "deadline"
        listed = (await client.list_tools()).tools[0]
        assert listed.annotations.read_only_hint is False


async def test_a_client_that_cancels_ends_the_run():
    """What the run had under way is cancelled with it."""
    begun, ended = asyncio.Event(), asyncio.Event()

    @tool
    async def hangs() -> str:
        """Hang."""
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()
        return ""

    async with Client(mcp_server(agent_with(hangs))) as client:
        call = asyncio.ensure_future(client.call_tool("ask", {"question": "?"}))
        await asyncio.wait_for(begun.wait(), 5)
        call.cancel()
        await asyncio.wait_for(ended.wait(), 5)


async def test_a_client_that_asks_for_it_is_told_how_far_the_run_is():
    """The seconds that are over grow towards those it may take, and calls are named with their own progress."""
    told = []

    @tool(read_only=True)
    async def count() -> str:
        """Count apples."""
        progress(0.5, "half of them")
        await asyncio.sleep(1.2)
        return "There are 7 apples."

    async def note(done, total, message):
        told.append((done, total, message))

    async with Client(mcp_server(agent_with(count))) as client:
        answer = await client.call_tool("ask", {"question": "?", "latency": 5}, progress_callback=note)
        assert answer.structured_content["answer"] == "There are 7 apples."
        assert (await client.call_tool("ask", {"question": ""})).is_error
    assert [message for _, _, message in told] == ["count is called", "count 50% half of them", None]
    assert [done for done, _, _ in told] == sorted({done for done, _, _ in told})
    assert {total for _, total, _ in told} == {5.0}


async def test_the_clients_span_is_the_runs_parent():
    """A run asked for over MCP belongs to the trace of whoever asked."""
    model = ScriptedModel(["There are 7 apples."])
    async with Client(mcp_server(Agent(model))) as client:
        parent = f"00-{'a' * 32}-{'b' * 16}-01"
        answer = await client.call_tool("ask", {"question": "?"}, meta={"traceparent": parent})
    assert json.loads(answer.content[0].text)["trace_id"] == "a" * 32


def test_the_command_line_takes_servers_too(tmp_path):
    """`--mcp` lends a server's tools to a command."""
    program = [sys.executable, "-c", "from shotclock.agent.cli import run; run()"]
    hostile = Path(__file__).parents[1] / "tools" / "mcp" / "hostile.py"
    env = {**os.environ, "PYTHONPATH": str(Path(shotclock.__file__).parents[1])}
    command = [*program, "tools", "try", "echo", '{"text": "hi"}', "--mcp", f"{sys.executable} {hostile}", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=50, cwd=tmp_path)
    assert json.loads(done.stdout)["content"] == "you said: hi"
    refused = subprocess.run([*program, "tools", "--mcp", "no-such-program"], capture_output=True, text=True, env=env)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "there is no program 'no-such-program'" in refused.stderr
