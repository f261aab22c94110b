"""What the README and the guides show runs, prints what stands below it, and says what the code says.

A block that cannot run here is marked with a line `<!-- not run: reason -->` above it.
"""

from __future__ import annotations

import dataclasses
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup as Group

import shotclock
from shotclock import Policy
from shotclock.agent.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(
    r"(?P<mark><!-- not run: \S[^\n]* -->\n+)?"
    r"^```(?P<language>\w+)\n(?P<code>.*?)^```\n"
    r"(?:\n```text\n(?P<prints>.*?)^```\n)?",
    re.DOTALL | re.MULTILINE,
)
ROW = re.compile(r"^\| `(\w+)` \| `?([^|`]+?)`? \|", re.MULTILINE)


def blocks(language: str) -> list[object]:
    """Each block of a language that is not marked, with what it prints where a block of text follows at once."""
    return [
        pytest.param(
            match["code"], match["prints"], id=f"{page.name}:{text.count(chr(10), 0, match.start('code')) + 1}"
        )
        for page in PAGES
        for text in [page.read_text(encoding="utf-8")]
        for match in BLOCK.finditer(text)
        if match["language"] == language and not match["mark"]
    ]


@pytest.mark.parametrize(("code", "prints"), blocks("python"))
def test_python_blocks_run(code, prints, tmp_path, monkeypatch, capsys):
    """A Python block runs as a script of its own and prints what the text below it says."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SHOTCLOCK_TRACES", str(tmp_path / "traces.db"))
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "block.py"
    file.write_text(code, encoding="utf-8")
    runpy.run_path(str(file), run_name="__main__")
    assert prints is None or capsys.readouterr().out == prints


@pytest.fixture
def shell(tmp_path):
    """Runs lines of a shell in an empty folder, with this project's command and Python on the path."""
    for name, code in (("python", '"$@"'), ("shotclock", '-c "from shotclock.agent.cli import run; run()" "$@"')):
        command = tmp_path / "bin" / name
        command.parent.mkdir(exist_ok=True)
        command.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} {code}\n")
        command.chmod(0o755)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("OPENAI", "OTEL", "PYTEST"))}
    env |= {
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{env['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(Path(shotclock.__file__).parents[1]), *filter(None, sys.path)]),
        "SHOTCLOCK_TRACES": str(tmp_path / "traces.db"),
    }

    def run(lines):
        done = subprocess.run(
            ["sh", "-e", "-c", lines], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_the_commands_of_the_guide_to_tools_run(shell):
    """From top to bottom in one folder, each command succeeds and prints what stands below it."""
    text = (ROOT / "docs" / "tools.md").read_text(encoding="utf-8")
    commands = [match for match in BLOCK.finditer(text) if match["language"] == "sh"]
    assert len(commands) == 5
    for match in commands:
        printed = shell(match["code"])
        assert match["prints"] is None or printed == match["prints"]


@pytest.mark.parametrize(("code", "prints"), blocks("toml"))
def test_toml_blocks_are_policies(code, prints, tmp_path):
    """A TOML block is a policy file that changes something."""
    file = tmp_path / "policy.toml"
    file.write_text(code, encoding="utf-8")
    assert Policy.from_toml(file) == Policy.from_dict(tomllib.loads(code)) != Policy()


def meant(said: str) -> object:
    """The value that the guide names: as TOML writes it, as a fraction, or none, which no file can say."""
    if said == "none":
        return None
    if fraction := re.fullmatch(r"(\d+)/(\d+)", said):
        return int(fraction[1]) / int(fraction[2])
    value = tomllib.loads(f"value = {said}")["value"]
    return tuple(value) if isinstance(value, list) else value


def tables() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The tables of the guide to policies, each with its rows of setting and default."""
    text = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
    parts = re.split(r"^### \[(\w+)\]", text, flags=re.MULTILINE)[1:]
    return ((name, ROW.findall(body)) for name, body in zip(parts[::2], parts[1::2], strict=True))


def test_the_guide_names_every_table():
    """The guide to policies has a section for each table of a policy file, and no other."""
    assert {name for name, _ in tables()} == {each.name for each in dataclasses.fields(Policy)}


@pytest.mark.parametrize(("name", "rows"), list(tables()))
def test_the_guide_says_the_defaults(name, rows):
    """A section of the guide to policies lists each setting of its table, in order, with its default."""
    part = getattr(Policy(), name)
    defaults = [(each.name, getattr(part, each.name)) for each in dataclasses.fields(part)]
    # Rules are functions: that there are none is nothing a file can say.
    real = [(setting, None if setting == "rules" and not value else value) for setting, value in defaults]
    assert [(setting, meant(said)) for setting, said in rows] == real


COMMAND = re.compile(r"(?:^(?:\$ )?|`|\s)shotclock ((?:[a-z][a-z-]*|--[a-z-]+)[^\n`#|]*)", re.MULTILINE)


def commands() -> list[object]:
    """Each command that a page names, in a line of its own, in a sentence or after the variables it is given."""
    return [
        pytest.param(match[1], id=f"{page.name}:{text.count(chr(10), 0, match.start(1)) + 1}")
        for page in PAGES
        for text in [page.read_text(encoding="utf-8")]
        for match in COMMAND.finditer(text)
        if not match[1].startswith("import ")
    ]


@pytest.mark.parametrize("line", commands())
def test_commands_that_are_named_exist(line):
    """A command of the README or a guide is one that there is, and so is each of its options."""
    command = typer.main.get_command(app)
    words = re.sub(r"'[^']*'|\"[^\"]*\"", "TEXT", line).split()
    while words and isinstance(command, Group) and not words[0].startswith("--"):
        word = words.pop(0)
        assert word in command.commands, word
        command = command.commands[word]
    options = {name for each in command.params for name in each.opts}
    assert {word.rstrip(".,;:)") for word in words if word.startswith("--")} <= options


PATH = re.compile(r"`((?:agent|bench|docs|examples|policies|testing|tests|tools)/[\w./-]+\.\w+)`")
MODULE = re.compile(r"\b((?:examples|bench)(?:\.[a-z_]+)+)\b")
SETTING = re.compile(rf"`(?:policy\.|\[)?({'|'.join(each.name for each in dataclasses.fields(Policy))})(?:\] |\.)(\w+)")


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_what_is_named_exists(page):
    """Files, modules that are run, and settings of a policy that a page names are there."""
    text = page.read_text(encoding="utf-8")
    for path in PATH.findall(text):
        assert (ROOT / path).exists(), path
    for module in MODULE.findall(text):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists() or (ROOT / module.replace(".", "/")).is_dir(), module
    for table, setting in SETTING.findall(text):
        assert hasattr(getattr(Policy(), table), setting), f"{table}.{setting}"


LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    """A link to a file of the project leads to one."""
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
