"""The agent as an MCP server, over a real process: answers on time, structured, and nothing else on its output."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest
from mcp import Client

import shotclock
from shotclock import Agent, tool
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


async def test_the_clients_span_is_the_runs_parent():
    """A run asked for over MCP belongs to the trace of whoever asked."""
    model = ScriptedModel(["There are 7 apples."])
    async with Client(mcp_server(Agent(model))) as client:
        parent = f"00-{'a' * 32}-{'b' * 16}-01"
        answer = await client.call_tool("ask", {"question": "?"}, meta={"traceparent": parent})
    assert json.loads(answer.content[0].text)["trace_id"] == "a" * 32
