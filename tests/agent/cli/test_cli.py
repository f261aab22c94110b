"""The command line: one answer or one clear line, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ORDERS = ROOT / "examples" / "data" / "orders.csv"


@pytest.fixture
def shotclock(tmp_path):
    """Runs the command in a process of its own, with a trace store of its own."""

    def run(*arguments, cwd=tmp_path, **environment):
        env = {key: value for key, value in os.environ.items() if not key.startswith(("OPENAI", "OTEL"))}
        env |= {"SHOTCLOCK_TRACES": str(tmp_path / "traces.db"), "COLUMNS": "200", **environment}
        code = "from shotclock.agent.cli import run; run()"
        return subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            capture_output=True,
            text=True,
            env=env,
            cwd=cwd,
            timeout=60,
        )

    return run


def test_ask_prints_the_answer_its_check_and_its_account(shotclock):
    """A question is answered with what was checked, what was spent and where the trace is."""
    done = shotclock("ask", "What is 17.5% of 2,480?")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("17.5% of 2,480 = 434.")
    assert "✓ verified" in done.stdout
    assert "1 tool call" in done.stdout
    assert "shotclock trace show" in done.stdout
    assert done.stderr == ""


def test_json_is_one_object_with_the_promised_keys(shotclock):
    """`--json` prints exactly one object, for programs."""
    done = shotclock("ask", "What is 17.5% of 2,480?", "--json", "--latency", "5s", "--tool-calls", "3")
    result = json.loads(done.stdout)
    promised = {
        "answer", "status", "stop_reason", "verified", "evidence", "spend", "warnings", "elapsed", "trace_id",
    }  # fmt: skip
    assert promised <= set(result)
    assert result["verified"] is True
    assert result["budget"] == {"latency": 5.0, "tool_calls": 3}


def test_json_lines_are_what_happens_with_the_result_last(shotclock):
    """`--json-lines` prints each event as an object on a line of its own, and nothing else."""
    done = shotclock("ask", "What is 17.5% of 2,480?", "--json-lines")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [event["type"] for event in events]
    assert (kinds[0], kinds[-1], kinds.count("result")) == ("run_started", "result", 1)
    assert {"call_started", "call_finished", "judged", "text_delta"} <= set(kinds)
    assert events[-1]["answer"] == "17.5% of 2,480 = 434."


def test_the_trace_of_a_question_can_be_shown(shotclock):
    """What was asked can be looked at afterwards, by its id or as the last one."""
    trace = json.loads(shotclock("ask", "What is 2 + 2?", "--json").stdout)["trace_id"]
    assert trace[:8] in shotclock("trace", "list").stdout
    shown = shotclock("trace", "show", trace[:8])
    assert shown.returncode == 0
    assert "calculate" in shown.stdout
    assert shotclock("trace", "show", "last").stdout == shown.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ask", ""], "query is empty"),
        (["ask", "?", "--latency", "-1"], "latency must be 0 or more seconds"),
        (["ask", "?", "--latency", "nan"], "latency must be a duration"),
        (["ask", "?", "--latency", "soon"], "latency must be a duration such as"),
        (["ask", "?", "--tool-calls", "-1"], "tool_calls must be 0 or more"),
        (["ask", "?", "--cost", "nan"], "cost_usd must be 0 or more US dollars"),
        (["ask", "?", "--model", "gpt-9"], "gpt-9"),
        (["ask", "?", "--model", "openai:gpt-5-mini"], "OPENAI_API_KEY"),
        (["ask", "?", "/nowhere/at/all"], "/nowhere/at/all"),
        (["ask", "?", "--policy", "absent.toml"], "absent.toml"),
        (["ask", "?", "--tools", "nonsense"], "must be MODULE:NAME"),
        (["ask", "?", "--tools", "no_such_module:x"], "no_such_module"),
        (["ask", "?", "--tools", "json:nothing"], "has no 'nothing'"),
        (["tools", "try", "nothing"], "There is no tool named 'nothing'"),
        (["tools", "try", "calculate", "{broken"], "must be a JSON object"),
        (["trace", "show", "ffffffff"], "no traces yet"),
    ],
)
def test_wrong_usage_is_one_clear_line_and_status_2(shotclock, arguments, says):
    """A mistake is one line that names it, exit status 2, and no traceback."""
    done = shotclock(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_options_that_cannot_be_parsed_are_refused_without_a_traceback(shotclock):
    """A word where a number belongs, an unknown option, an unknown command."""
    for arguments in (["ask", "?", "--tool-calls", "many"], ["ask", "?", "--speed", "9"], ["fly"]):
        done = shotclock(*arguments)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_an_unreachable_endpoint_is_answered_by_the_embedded_model(shotclock):
    """A model that cannot be reached costs the better model, and a warning says so."""
    done = shotclock(
        "ask", "What is 2 + 2?", "--model", "openai:tiny", "--json", OPENAI_BASE_URL="http://127.0.0.1:9/v1"
    )
    result = json.loads(done.stdout)
    assert done.returncode == 0
    assert "4" in result["answer"]
    assert result["status"] == "fallback"
    assert "tiny failed" in result["warnings"][0]


@pytest.mark.parametrize("damage", ["damaged", "locked", "unwritable"])
def test_a_trace_store_that_cannot_be_written_does_not_stop_the_answer(shotclock, tmp_path, damage):
    """The run goes on, the answer is printed, and one line says what is wrong with the store."""
    import sqlite3

    store = tmp_path / "traces.db"
    held = None
    if damage == "damaged":
        store.write_bytes(b"this is no database" * 100)
    elif damage == "locked":
        shotclock("ask", "What is 1 + 1?")
        held = sqlite3.connect(store, isolation_level=None)
        held.execute("BEGIN EXCLUSIVE")
    else:
        store.mkdir()
    try:
        done = shotclock("ask", "What is 17.5% of 2,480?")
    finally:
        if held is not None:
            held.close()
    assert done.returncode == 0
    assert "434" in done.stdout
    assert str(store) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_store_is_named_when_it_is_read(shotclock, tmp_path):
    """Reading a damaged store is one clear line."""
    (tmp_path / "traces.db").write_bytes(b"this is no database" * 100)
    done = shotclock("trace", "list")
    assert done.returncode != 0
    assert str(tmp_path / "traces.db") in done.stderr
    assert "Traceback" not in done.stderr


def test_own_tools_are_used_like_the_built_in_ones(shotclock, tmp_path):
    """A tool in a file beside the user is loaded, chosen and checked."""
    (tmp_path / "mine.py").write_text(
        'def stock_price(ticker: str) -> dict[str, float]:\n    """Current stock price of a company by its ticker."""\n'
        '    return {"price": 123.45}\n'
    )
    done = shotclock("ask", "What is the stock price of AAPL?", "--tools", "mine:stock_price", "--json")
    result = json.loads(done.stdout)
    assert [item["tool"] for item in result["evidence"]] == ["stock_price"]
    assert "123.45" in result["answer"]
    assert result["verified"]


def test_tools_lists_and_tries(shotclock):
    """`tools` shows each tool with its parameters; `tools try` runs one through the pipeline."""
    listed = shotclock("tools", "--path", ORDERS)
    assert listed.returncode == 0, listed.stderr
    for name in ("calculate(", "convert_units(", "world_time(", "fetch_url(", "describe_table(", "query_table("):
        assert name in listed.stdout
    tried = shotclock("tools", "try", "calculate", '{"expression": "6*7"}', "--json")
    assert json.loads(tried.stdout)["outcome"] == "ok"
    assert "42" in tried.stdout


def test_help_is_there_for_every_command(shotclock):
    """Every command explains itself."""
    for arguments in ([], ["ask"], ["tools"], ["tools", "try"], ["trace"], ["trace", "list"], ["trace", "show"]):
        done = shotclock(*arguments, "--help")
        assert done.returncode == 0
        assert "Usage" in done.stdout


def one_line(done, status=2):
    """The one line on standard error of a command that ended with `status`."""
    assert done.returncode == status, done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def (", "SyntaxError"),
        ("raise RuntimeError('boom\\nand more')", "RuntimeError: boom and more"),
        ("import sys; sys.exit(7)", "SystemExit: 7"),
        ("import sys; sys.path.clear(); raise AttributeError('inner')", "AttributeError: inner"),
    ],
)
def test_tools_whose_module_fails_are_one_clear_line(shotclock, tmp_path, source, says):
    """Whatever the user's module does while it is imported is named in one line, with status 2."""
    (tmp_path / "mine.py").write_text(source)
    assert says in one_line(shotclock("ask", "?", "--tools", "mine:x"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ask", "?", "--tools", "../x:y"], "must be MODULE:NAME"),
        (["ask"], "Missing argument 'question'; see: shotclock ask --help"),
        (["ask", "?", "--nope"], "No such option: --nope"),
        (["ask", "?", "--tool-calls", "x"], "'--tool-calls'"),
        (["fly"], "No such command 'fly'"),
        (["trace", "show", "--speed"], "No such option: --speed"),
        (["ask", "-5 plus 3"], 'shotclock ask -- "-5 plus 3"'),
    ],
)
def test_what_the_parser_refuses_is_one_clear_line_too(shotclock, arguments, says):
    """A command that cannot be parsed is one line that says what to do, with status 2."""
    assert says in one_line(shotclock(*arguments))


def test_a_question_may_begin_with_a_dash(shotclock):
    """What the line advises works."""
    assert "-2" in shotclock("ask", "--", "-5 plus 3").stdout


def test_version(shotclock):
    """`--version` is one line and success."""
    done = shotclock("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("shotclock")


def test_output_of_a_narrow_encoding(shotclock):
    """A terminal without a check mark gets a plain one, and JSON loses no letter."""
    done = shotclock("ask", "What is 2 + 2?", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "+ verified" in done.stdout
    told = shotclock("ask", "Qu'est-ce que « 2 + 2 » é ?", "--json", PYTHONIOENCODING="ascii")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["answer"]


def test_a_question_that_is_no_utf8(shotclock):
    """Bytes that are no UTF-8 become question marks instead of a failure."""
    done = shotclock("ask", "What is 2 + 2? " + os.fsdecode(b"\xe9"))
    assert done.returncode == 0, done.stderr
    assert "4" in done.stdout


@pytest.mark.parametrize("output", [">&-", ">/dev/full"])
def test_an_output_that_cannot_be_written(tmp_path, output):
    """A closed output or a full disk is one line and status 1."""
    if output == ">/dev/full" and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    env = os.environ | {"SHOTCLOCK_TRACES": str(tmp_path / "traces.db")}
    code = "from shotclock.agent.cli import run; run()"
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" "$@" {output}', sys.executable, "-c", code, "ask", "What is 2 + 2?"],
        capture_output=True, text=True, env=env, timeout=60,
    )  # fmt: skip
    assert "the output cannot be written" in one_line(done, status=1)


def test_an_interrupt_is_status_130_without_a_traceback(tmp_path):
    """Ctrl-C ends the command quietly, as a shell expects it."""
    code = (
        "from shotclock.agent.cli import ask_command, run\ndef interrupted(*a, **k): raise KeyboardInterrupt\n"
        "ask_command._answer = interrupted\nrun()"
    )
    done = subprocess.run([sys.executable, "-c", code, "ask", "What is 2 + 2?"], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (130, "")


@pytest.mark.parametrize("content", [{}, {"a.bin": b"\x00\x01" * 99, "b.csv": b"\x00\xff\xfe\x01" * 99}])
def test_a_folder_with_nothing_to_read_is_refused(shotclock, tmp_path, content):
    """Who names a folder is told before the run that nothing in it can be read."""
    folder = tmp_path / "things"
    folder.mkdir()
    for name, data in content.items():
        (folder / name).write_bytes(data)
    assert f"{folder} holds no document, table, image or archive that can be read" in one_line(
        shotclock("ask", "?", folder)
    )


def test_what_was_left_out_of_a_folder_is_said_in_at_most_five_lines(shotclock, tmp_path):
    """Bad files beside good ones are warnings on standard error, and their number is bounded."""
    folder = tmp_path / "things"
    folder.mkdir()
    (folder / "good.md").write_text("# Apples\n\nThere are 7 apples.\n")
    (folder / "bad.csv").write_bytes(b"")
    few = shotclock("ask", "How many apples are there?", folder)
    assert few.returncode == 0, few.stderr
    assert "warning: " in few.stderr
    assert "bad.csv" in few.stderr
    for number in range(9):
        (folder / f"bad{number}.csv").write_bytes(b"")
    many = shotclock("ask", "How many apples are there?", folder).stderr.strip().splitlines()
    assert len(many) == 5
    assert "6 further" in many[-1]


def test_a_trace_that_is_not_stored_is_said_once(shotclock, tmp_path):
    """One sentence, from the command alone."""
    (tmp_path / "traces.db").mkdir()
    done = shotclock("ask", "What is 2 + 2?")
    assert "4" in done.stdout
    assert done.stderr.count("is not stored") == 1
