"""Published MCP servers, installed from their registries: each connects, answers, and fails as tools fail."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import venv
from contextlib import contextmanager
from pathlib import Path

import pytest

from shotclock import Agent, CallProgress, local_tracing
from shotclock.agent.trial import try_call
from shotclock.testing import ScriptedModel, ask
from shotclock.tools.mcp_servers import mcp_tools

from ...workers import until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]
NODE = ("server-everything", "server-filesystem", "server-memory")
PYTHON = ("mcp-server-git", "mcp-server-time")
OLDER = ("mcp-server-sqlite", "mcp<2")  # it was written for the first version of the library and does not say so


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    """The folders with the servers' programs, installed once; a registry that cannot be reached skips its tests."""
    place = tmp_path_factory.mktemp("servers")
    npm = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(place / "npm")]
    commands = {"npm": [*npm, *(f"@modelcontextprotocol/{each}" for each in NODE)]}
    for kind, packages in (("pip", PYTHON), ("older", OLDER)):
        venv.create(place / kind, with_pip=True)
        commands[kind] = [str(place / kind / "bin/python"), "-m", "pip", "install", "-q", *packages]
    folders = {}
    for kind, command in commands.items():
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=500)
        except (OSError, subprocess.SubprocessError):
            continue
        folders[kind] = place / kind / ("node_modules/.bin" if kind == "npm" else "bin")
    return folders


@pytest.fixture
def command(programs):
    """The command line of a server by its program's name."""

    def of(kind, program, *arguments):
        if kind not in programs:
            pytest.skip(f"the servers could not be installed with {kind}")
        return " ".join([str(programs[kind] / program), *map(str, arguments)])

    return of


def call(tools, name, **arguments):
    return try_call([*tools], name, arguments, 20)


PLACES = {
    "everything": ("npm", "mcp-server-everything", (), "echo", {"message": "hi"}, "Echo: hi"),
    "filesystem": ("npm", "mcp-server-filesystem", ("{0}",), "read_text_file", {"path": "{0}/a.txt"}, "seven apples"),
    "memory": ("npm", "mcp-server-memory", (), "search_nodes", {"query": "nothing of the kind"}, '"entities": []'),
    "git": ("pip", "mcp-server-git", (), "git_log", {"repo_path": "{0}"}, "the first one"),
    "time": (
        "pip", "mcp-server-time", (), "convert_time",
        {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}, "T21:00:00+09:00",
    ),
    "sqlite": ("older", "mcp-server-sqlite", ("--db-path", "{0}/x.db"), "read_query", {"query": "SELECT 6 * 7"}, "42"),
}  # fmt: skip
"""Where each server comes from, and a call of it: its program and arguments, a tool, what it is given, and what must
stand in its answer; `{0}` is a folder of the test."""


@pytest.fixture
def folder(tmp_path):
    """A folder with a file, which is a repository with one commit too."""
    (tmp_path / "a.txt").write_text("seven apples")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "the first one"], check=True)
    return tmp_path


class Recorded:
    """A published server behind a recorder of what passes."""

    def __init__(self, name, command, folder):
        kind, program, arguments, self.tool, given, self.said = PLACES[name]
        self.given = {key: value.format(folder) for key, value in given.items()}
        self.log = folder / "passed.jsonl"
        line = command(kind, program, *(each.format(folder) for each in arguments))
        recorder = Path(__file__).with_name("recorder.py")
        self.command = f"{sys.executable} {recorder} {self.log} {line}"

    def passed(self, kind):
        lines = map(json.loads, self.log.read_text().splitlines()) if self.log.exists() else ()
        return [line[kind] for line in lines if kind in line]

    def sent(self, method):
        return [each for each in self.passed("sent") if each.get("method") == method]

    def answer(self, tools, latency=20):
        return try_call([*tools], self.tool, self.given, latency)


@pytest.mark.parametrize("name", PLACES)
def test_each_answers_and_is_told_the_trace(name, command, folder):
    """A run's call gives what the server says, and the server gets the run's trace in `_meta`."""
    server = Recorded(name, command, folder)
    with mcp_tools(server.command) as tools:
        model = ScriptedModel([ask((server.tool, server.given)), "Done."])
        result = Agent(model, tools, tracer_provider=local_tracing(folder / "traces.db")).run_sync("?")
    (evidence,) = result.evidence
    assert evidence.outcome.name == "ok", evidence.content
    assert server.said in evidence.content
    assert evidence.untrusted
    (asked,) = server.sent("tools/call")
    assert asked["params"]["_meta"]["traceparent"].split("-")[1] == result.trace_id


@pytest.mark.parametrize("name", PLACES)
def test_each_costs_one_call_when_it_hangs_and_one_when_it_dies(name, command, folder):
    """A stopped server costs the call its time and is told to cancel; one that was killed is started again."""
    server = Recorded(name, command, folder)
    with mcp_tools(server.command) as tools:
        (first,) = server.passed("pid")
        os.kill(first, signal.SIGSTOP)
        began = time.monotonic()
        assert server.answer(tools, 0.5).outcome.name == "timed_out"
        assert time.monotonic() - began < 2
        assert until(lambda: server.sent("notifications/cancelled"), 20)
        (hung,) = server.sent("tools/call")
        assert server.sent("notifications/cancelled")[0]["params"]["requestId"] == hung["id"]
        os.kill(first, signal.SIGCONT)
        assert server.said in server.answer(tools).content
        assert server.passed("pid") == [first]
        os.kill(first, signal.SIGKILL)
        assert until(lambda: len(server.passed("pid")) == 2, 20)
        assert server.said in server.answer(tools).content


def test_everything(command):
    """Texts, structure, images and resources arrive as what they are, and a long operation is cancelled."""
    with mcp_tools(command("npm", "mcp-server-everything"), trust_annotations=True) as tools:
        assert any("simulate-research-query" in each and "as a task" in each for each in tools.warnings)
        assert call(tools, "echo", message="hi").content == "Echo: hi"
        assert call(tools, "get-structured-content", location="Chicago").verdict.verifier == "schema"
        assert call(tools, "get-tiny-image").value[1].data.startswith(b"\x89PNG")
        assert call(tools, "get-resource-reference").passages[1].origin.startswith("demo://")
        long = try_call([*tools], "trigger-long-running-operation", {"duration": 30, "steps": 3}, 1)
        assert long.outcome.name == "timed_out"
        assert call(tools, "get-sum", a=1, b=2).content == "The sum of 1 and 2 is 3."


def test_filesystem(command, tmp_path):
    """Files are read inside the folder and refused outside of it; an image is not sent to the model as letters."""
    (tmp_path / "a.txt").write_text("seven apples")
    (tmp_path / "p.png").write_bytes(bytes(3000))
    with mcp_tools(command("npm", "mcp-server-filesystem", tmp_path), trust_annotations=True) as tools:
        promised = {each.name: each.read_only for each in tools}
        assert (promised["read_text_file"], promised["write_file"]) == (True, False)
        assert call(tools, "read_text_file", path=str(tmp_path / "a.txt")).value == {"content": "seven apples"}
        assert "Access denied" in call(tools, "read_text_file", path=sys.executable).content
        assert "3,000 bytes" in call(tools, "read_media_file", path=str(tmp_path / "p.png")).content


def test_memory(command, tmp_path):
    """What one call stores another finds."""
    with mcp_tools(command("npm", "mcp-server-memory")) as tools:
        entity = {"name": "lamp", "entityType": "product", "observations": ["costs 39.90"]}
        assert call(tools, "create_entities", entities=[entity]).usable
        assert "39.90" in call(tools, "open_nodes", names=["lamp"]).content
        assert "was not called" in call(tools, "create_entities", entities=[{"name": 3}]).content


def test_git(command, folder):
    """A change is seen and committed, and a folder that is no repository is refused."""
    with mcp_tools(command("pip", "mcp-server-git")) as tools:
        assert "a.txt" in call(tools, "git_status", repo_path=str(folder)).content
        assert call(tools, "git_add", repo_path=str(folder), files=["a.txt"]).usable
        assert "seven apples" in call(tools, "git_diff_staged", repo_path=str(folder)).content
        assert not call(tools, "git_log", repo_path=str(folder / "none")).usable


def test_time(command):
    """A zone has a time, and one that does not exist is an error."""
    with mcp_tools(command("pip", "mcp-server-time")) as tools:
        assert "Europe/Oslo" in call(tools, "get_current_time", timezone="Europe/Oslo").content
        assert not call(tools, "get_current_time", timezone="Nowhere").usable


def test_sqlite(command, tmp_path):
    """Rows are read; the error that the server sends as a plain text is seen to be one."""
    with mcp_tools(command("older", "mcp-server-sqlite", "--db-path", tmp_path / "x.db")) as tools:
        assert call(tools, "create_table", query="CREATE TABLE t (n INTEGER)").usable
        assert "t" in call(tools, "list_tables").content
        assert not call(tools, "read_query", query="SELECT * FROM nope").usable


# Over HTTP, which `everything` offers.


class Wire:
    """What a client sends to a port, handed on and kept."""

    def __init__(self, port):
        self.heard = b""
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/mcp"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                client.close()
                continue
            threading.Thread(target=self._hand_on, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._hand_on, args=(server, client, False), daemon=True).start()

    def _hand_on(self, one, other, keep):
        try:
            while data := one.recv(65_536):
                self.heard += data if keep else b""
                other.sendall(data)
        except OSError:
            pass
        for each in (one, other):
            each.close()


@contextmanager
def web_server(line, port):
    """`everything` over HTTP, ready when it accepts connections."""
    process = subprocess.Popen([*line.split(), "streamableHttp"], env={**os.environ, "PORT": str(port)},
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip

    def up():
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", port)) == 0

    try:
        assert until(up, 20)
        yield process
    finally:
        process.kill()
        process.wait()


def test_everything_over_http(command, tmp_path):
    """It answers with the run's trace, tells how far it is, is cancelled, and is found again after its death."""
    line = command("npm", "mcp-server-everything")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    wire = Wire(port)
    with web_server(line, port):
        tools = mcp_tools(wire.url).open()
        try:
            model = ScriptedModel([ask(("trigger-long-running-operation", {"duration": 1, "steps": 2})), "Done."])
            told = []
            agent = Agent(model, tools, tracer_provider=local_tracing(tmp_path / "traces.db"))
            result = agent.run_sync("?", on_event=told.append)
            assert "completed" in result.evidence[0].content
            assert [each.fraction for each in told if isinstance(each, CallProgress)] == [0.5, 1.0]
            assert f'"traceparent":"00-{result.trace_id}-'.encode() in wire.heard
            assert call(tools, "get-structured-content", location="Chicago").verdict.verifier == "schema"
            long = try_call([*tools], "trigger-long-running-operation", {"duration": 30, "steps": 3}, 0.5)
            assert long.outcome.name == "timed_out"
            assert until(lambda: b"notifications/cancelled" in wire.heard, 20)
            assert call(tools, "get-sum", a=1, b=2).content == "The sum of 1 and 2 is 3."
        except BaseException:
            tools.close()
            raise
    try:
        assert not try_call([*tools], "echo", {"message": "hi"}, 2).usable
        with web_server(line, port):
            assert until(lambda: try_call([*tools], "echo", {"message": "hi"}, 5).usable, 40)
    finally:
        tools.close()
