"""MCP servers over real HTTP: cancelled, connected to again after they went away, and bounded in what they send."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from shotclock.agent.trial import try_call
from shotclock.tools.mcp.server import McpServer
from shotclock.tools.mcp_servers import mcp_tools

SERVER = Path(__file__).with_name("web_server.py")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextmanager
def served(kind: str, port: int | None = None):
    """A server in a process of its own, ready when it accepts connections."""
    port = port or free_port()
    process = subprocess.Popen([sys.executable, str(SERVER), str(port), kind], stdout=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp", process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def call(tools, text="hi", latency=5.0):
    return try_call([*tools], "echo", {"text": text}, latency)


def test_a_web_server_is_called_cancelled_and_called_again():
    """A call that is given up ends at the server, and the connection serves the next one."""
    with served("good") as (url, process), mcp_tools(McpServer(url=url, headers={"x-team": "a"})) as tools:
        assert call(tools).value == {"result": "you said: hi"}
        assert call(tools, "hang", 0.4).outcome.name == "timed_out"
        assert process.stdout.readline() == "cancelled\n"
        assert call(tools).usable


def test_a_web_server_that_went_away_is_found_again():
    """Calls fail while it is gone, and are served when it is back at its place."""
    port = free_port()
    with served("good", port) as (url, _):
        tools = mcp_tools(url).open()
        assert call(tools).usable
    try:
        assert not call(tools, latency=3).usable
        with served("good", port):
            end = time.monotonic() + 20
            while not (found := call(tools, latency=5)).usable and time.monotonic() < end:
                time.sleep(0.1)
            assert found.value == {"result": "you said: hi"}
    finally:
        tools.close()


@pytest.mark.parametrize("kind", ["large", "event", "packed", "html", "broken", "error"])
def test_what_a_web_server_sends_instead_of_an_answer_costs_the_call(kind):
    """Endless bodies and events, packed ones, pages and errors fail the call within its time."""
    with served(kind) as (url, _), mcp_tools(url) as tools:
        began = time.monotonic()
        assert not (found := call(tools, latency=6)).usable
        assert found.outcome.name == "error"
        assert time.monotonic() - began < 6
