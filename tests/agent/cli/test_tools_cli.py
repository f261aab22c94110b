"""`shotclock tools`: a new tool works at once, and a call that is tried says all there is to know of it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

import shotclock
from shotclock.agent.cli.scaffold import Scaffold
from shotclock.agent.trial import try_tool
from shotclock.policies.errors import InvalidTool, UsageError
from shotclock.testing import fake_tool
from shotclock.tools.checks import in_range
from shotclock.tools.example import example_of
from shotclock.tools.tool import tool

PARENT = Path(shotclock.__file__).parents[1]
"""Where the package that is tested lies: installed, or beside this tree."""
FLAVOURS = {"async": "stock-level", "sync": "quick_stock", "http": "remote"}


def environment(folder: Path) -> dict[str, str]:
    """As a developer's shell, with `shotclock` on the path and a store of its own."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("OPENAI", "OTEL", "PYTEST"))}
    command = folder / "bin" / "shotclock"
    command.parent.mkdir(exist_ok=True)
    run = "from shotclock.agent.cli import run; run()"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c "{run}" "$@"\n')
    command.chmod(0o755)
    python = command.with_name("python")
    if not python.exists():
        python.symlink_to(sys.executable)
    return env | {
        "PATH": f"{command.parent}{os.pathsep}{env['PATH']}",
        "PYTHONPATH": os.pathsep.join(map(str, [PARENT, *filter(None, sys.path)])),
        "SHOTCLOCK_TRACES": str(folder / "traces.db"),
        "COLUMNS": "160",
    }


def shell(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """A command in a folder."""
    return subprocess.run(
        command, shell=True, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    "flavour", [each if each == "async" else pytest.param(each, marks=pytest.mark.slow) for each in FLAVOURS]
)
def test_a_new_tool_works_at_once(flavour, tmp_path):
    """Its own tests pass, and the commands that are named next do what they say."""
    option = "" if flavour == "async" else f" --{flavour}"
    made = shell(tmp_path, f"shotclock tools new {FLAVOURS[flavour]}{option}")
    assert made.returncode == 0, made.stderr
    commands = [line.strip() for line in made.stdout.splitlines() if line.startswith(("  python", "  shotclock"))]
    assert len(commands) == 3
    if flavour == "http":  # the other two would ask an API that does not exist
        commands = commands[:1]
    for command in commands:
        done = shell(tmp_path, command)
        assert done.returncode == 0, done.stdout + done.stderr
    if flavour == "async":
        assert "passed" in shell(tmp_path, commands[1]).stdout
        assert "verified" in done.stdout
        assert "7" in done.stdout


@pytest.mark.skipif(shutil.which("ruff", path=str(Path(sys.executable).parent)) is None, reason="ruff is not installed")
def test_a_new_tool_passes_ruff(tmp_path):
    """What is written is as ruff formats it, and breaks none of the usual rules."""
    for flavour, name in FLAVOURS.items():
        Scaffold(name=name, flavour=flavour, folder=tmp_path).write()
    ruff = str(Path(sys.executable).parent / "ruff")
    rules = "E,F,W,I,UP,B,SIM,RUF,ASYNC,PIE,PT,C4,RET,ANN,D1"
    ignored = ["--ignore", "ANN401"]
    for arguments in (["check", "--isolated", "--select", rules, *ignored], ["format", "--isolated", "--diff"]):
        done = subprocess.run([ruff, *arguments, "."], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_new_tool_passes_mypy(tmp_path):
    """What is written has no type error under `--strict`."""
    pytest.importorskip("mypy")
    for flavour, name in FLAVOURS.items():
        Scaffold(name=name, flavour=flavour, folder=tmp_path).write()
    files = sorted(path.name for path in tmp_path.glob("*.py"))
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--ignore-missing-imports"]
    env = os.environ | ({} if PARENT.name == "site-packages" else {"MYPYPATH": str(PARENT)})
    done = subprocess.run([*command, *files], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("9lives", "begin with a letter"),
        ("a b", "begin with a letter"),
        ("x" * 65, "1 to 64"),
        ("class", "Python's grammar"),
        ("json", "exists already, and would be hidden"),
        ("pytest", "needs"),
        ("print", "needs"),
    ],
)
def test_a_name_that_would_do_harm_is_refused(name, says, tmp_path):
    """A module of that name could not be imported, or would hide another; nothing is written."""
    with pytest.raises(InvalidTool, match=says):
        Scaffold(name=name, folder=tmp_path).write()
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path):
    """A file that is there stays as it is, and the other one is not written either."""
    (tmp_path / "test_stock.py").write_text("mine")
    with pytest.raises(UsageError, match=r"test_stock\.py exists already"):
        Scaffold(name="stock", folder=tmp_path).write()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    """Neither file is left behind."""
    with pytest.raises(UsageError, match="name another folder with --to"):
        Scaffold(name="stock", folder=tmp_path / "absent").write()


def test_a_tried_call_says_all_there_is_to_know():
    """Evidence, forecasts before and after, and each check by itself, also those after one that fails."""

    def odd(result):
        return None

    shelf = fake_tool("shelf", returns={"n": 9}, checks=[in_range(0, 5, field="n"), odd, in_range(0, 10, field="n")])
    trial = try_tool([shelf], "shelf", {"text": "x"})
    assert trial.before is None
    assert trial.after is not None
    assert trial.after.n == 1
    assert [check.outcome for check in trial.checks] == ["pass", "fail", "no opinion", "pass"]
    assert trial.evidence.verdict.outcome == "fail"


@pytest.fixture
def mine(tmp_path):
    """Tools on their bad days, in a module beside the user."""
    (tmp_path / "mine.py").write_text(
        "import asyncio, time\nfrom shotclock import tool\n"
        "@tool(timeout='1s')\nasync def good(city: str, days: int = 3) -> dict[str, int]:\n"
        '    """Forecast of a city.\n\n    Args:\n        city: such as Oslo.\n    """\n    return {"days": days}\n'
        '@tool\nasync def raises(city: str) -> str:\n    """It raises."""\n    raise KeyError(city)\n'
        '@tool\nasync def hangs(city: str) -> str:\n    """It hangs."""\n    await asyncio.sleep(60)\n    return ""\n'
        '@tool\nasync def blocks(city: str) -> str:\n    """It blocks."""\n    time.sleep(20)\n    return ""\n'
    )
    return tmp_path


def tried(folder: Path, name: str, arguments: str, more: str = "") -> subprocess.CompletedProcess[str]:
    """One call of a tool of `mine`."""
    return shell(folder, f"shotclock tools try {name} {shlex.quote(arguments)} --tools mine:{name} {more}")


def test_try_shows_everything_for_people_and_for_programs(mine):
    """Schema, forecast, checks, attempts and trace; the trace is kept and can be shown again."""
    shown = tried(mine, "good", '{"city": "Oslo"}')
    assert shown.returncode == 0, shown.stderr
    for part in ("Takes", "integer", "no, 3", "Forecast", "nothing is known", "1 measured", "attempts: 1",
                 "declared type", "Trace", "Decisions", "shotclock trace show"):  # fmt: skip
        assert part in shown.stdout
    again = json.loads(tried(mine, "good", '{"city": "Oslo"}', "--json").stdout)
    assert (again["outcome"], again["forecast"]["before"]["n"], again["forecast"]["after"]["n"]) == ("ok", 1, 2)
    assert {check["outcome"] for check in again["checks"]} == {"pass"}
    assert again["trace"]["spans"][1]["name"] == "execute_tool good"
    assert shell(mine, f"shotclock trace show {again['trace_id'][:12]}").returncode == 0
    # A call that was tried is no run: it changes no figure about runs.
    assert again["trace_id"][:8] not in shell(mine, "shotclock trace list").stdout


def test_wrong_arguments_name_the_field_and_show_right_ones(mine):
    """Which field, what was expected, and an example of a right call; the status is that of wrong usage."""
    done = tried(mine, "good", '{"city": "Oslo", "days": "many"}')
    assert done.returncode == 2
    assert "days: Input should be a valid integer" in done.stdout
    assert """Right arguments are, for example: '{"city": "Oslo"}'""" in done.stdout
    broken = tried(mine, "good", "{city: Oslo}")
    assert broken.returncode == 2
    assert """such as '{"city": "Oslo"}'""" in broken.stderr


@pytest.mark.parametrize(
    ("name", "outcome", "says"),
    [
        ("raises", "error", "KeyError counts as a failure of the tool"),
        ("hangs", "timed_out", "it has no timeout= of its own"),
        ("blocks", "timed_out", "tool 'blocks' blocks the event loop at"),
    ],
)
def test_a_bad_day_is_named_in_time(mine, name, outcome, says):
    """A tool that raises, hangs or blocks costs no more than its time, and what to do about it is said."""
    done = tried(mine, name, '{"city": "Oslo"}', "--latency 1s --json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["outcome"]) == (1, outcome)
    assert says in told["advice"][0]
    assert told["duration"] < 1.5


def test_a_call_is_tried_where_its_trace_cannot_be_kept(mine):
    """The result is shown all the same, and one line says what is wrong with the store."""
    (mine / "traces.db").mkdir()
    done = tried(mine, "good", '{"city": "Oslo"}')
    assert done.returncode == 0
    assert "attempts: 1" in done.stdout
    assert len(done.stderr.strip().splitlines()) == 1


def test_examples_are_calls_that_the_tool_takes():
    """An example is read by the very schema that it was made from."""

    @tool
    def many(
        mode: Literal["fast", "good"],
        words: list[str],
        count: Annotated[int, Field(ge=3, le=5)],
        share: Annotated[float, Field(gt=0)],
        city: Annotated[str, Field(description="a city, such as Oslo.")],
        on: bool,
        maybe: str | None,
    ) -> str:
        """Takes many things."""
        return ""

    example = example_of(many.schema.parameters)
    assert isinstance(many.schema.read(example), dict)
    assert (example["city"], example["mode"], example["count"]) == ("Oslo", "fast", 3)


@pytest.mark.parametrize(
    ("options", "says"),
    [({"timout": 2}, r"has no option 'timout'; write timeout="), ({"xyzzy": 2}, "it takes timeout, read_only")],
)
def test_an_option_that_there_is_not_is_named_with_what_was_meant(options, says):
    """A slip in an option of `@tool` is a sentence that says what to write."""
    with pytest.raises(InvalidTool, match=says):
        tool(**options)
