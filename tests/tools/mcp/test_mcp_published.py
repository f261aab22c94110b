"""Published MCP servers, installed from their registries: each connects, answers, and fails as tools fail."""

from __future__ import annotations

import subprocess
import sys
import venv

import pytest

from shotclock.agent.trial import try_call
from shotclock.tools.mcp_servers import mcp_tools

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


def test_everything(command):
    """Texts, structure, images and resources arrive as what they are, and a long operation is cancelled."""
    with mcp_tools(command("npm", "mcp-server-everything"), trust_annotations=True) as tools:
        assert call(tools, "echo", message="hi").content == "Echo: hi"
        assert call(tools, "get-structured-content", location="Chicago").verdict.verifier == "schema"
        assert call(tools, "get-tiny-image").value[1].kind == "image/png"
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


def test_git(command, tmp_path):
    """A repository is read, and a folder that is none is refused."""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "the first one"], check=True)
    with mcp_tools(command("pip", "mcp-server-git")) as tools:
        assert "the first one" in call(tools, "git_log", repo_path=str(tmp_path)).content
        assert not call(tools, "git_log", repo_path=str(tmp_path / "none")).usable


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
