"""What `shotclock trace` draws and prints."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from shotclock.agent.trace.cli import app
from shotclock.agent.trace.rows import EventRow, SpanRow
from shotclock.agent.trace.run_view import RunView
from shotclock.agent.trace.schema import run_of
from shotclock.agent.trace.show import show_run, show_runs, unique_length
from shotclock.agent.trace.store import TraceStore
from shotclock.agent.trace.wording import apportion, duration

MS = 1_000_000
T0 = 1_700_000_000_000_000_000
TRACE = "3f9a2c1e" + "0" * 24


def span(ident: str, start: int, end: int, operation: str, parent: str | None = "root", **attributes: Any) -> SpanRow:
    """A span by its ends in milliseconds; `__` in an attribute's name stands for a dot."""
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    return SpanRow(
        trace_id=TRACE, span_id=ident, parent_id=parent, name=ident, started_ns=T0 + start * MS,
        ended_ns=T0 + end * MS, attributes={"gen_ai.operation.name": operation} | named,
    )  # fmt: skip


def event(name: str, at: int, **attributes: Any) -> EventRow:
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    return EventRow(name=name, at_ns=T0 + at * MS, attributes={"shotclock.elapsed": at / 1e3} | named)


def tick(at: int, calls: int) -> EventRow:
    left = {"shotclock__budget__latency__remaining": 1 - at / 1e3, "shotclock__budget__tool_calls__remaining": calls}
    return event("shotclock.budget.tick", at, **left)


ROOT = SpanRow(
    trace_id=TRACE,
    span_id="root",
    name="invoke_agent desk",
    started_ns=T0,
    ended_ns=T0 + 800 * MS,
    attributes={
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "desk",
        "gen_ai.request.model": "gpt-5-mini",
        "shotclock.budget.latency.limit": 1.0,
        "shotclock.budget.latency.reserve": 0.1,
        "shotclock.budget.latency.consumed": 0.8,
        "shotclock.budget.tool_calls.limit": 5,
        "shotclock.budget.tool_calls.consumed": 2,
        "shotclock.budget.tokens.consumed": 1150,
        "shotclock.run.status": "partial",
        "shotclock.run.stop_reason": "deadline",
        "shotclock.run.verified": False,
    },
    events=(
        tick(0, 5),
        event(
            "shotclock.tool.skipped", 210, shotclock__kind="skip", shotclock__choice="search",
            shotclock__reason="takes 0.90 s and 0.79 s are left", shotclock__figure__remaining=0.79,
            shotclock__figure__expected=0.9,
        ),
        tick(500, 3),
        event(
            "shotclock.decision", 505, shotclock__kind="stop", shotclock__choice="enough",
            shotclock__reason="two agree",
        ),
    ),
)  # fmt: skip
SPANS = [
    ROOT,
    span("chat gpt-5-mini", 0, 200, "chat", gen_ai__request__model="gpt-5-mini", shotclock__model__purpose="reason"),
    span("execute_tool weather", 200, 500, "execute_tool", gen_ai__tool__name="weather", shotclock__call__timeout=0.4,
         shotclock__call__outcome="ok"),
    span("execute_tool maps", 200, 300, "execute_tool", gen_ai__tool__name="maps", shotclock__call__outcome="error",
         error__type="ConnectError"),
    span("GET", 220, 480, "", "execute_tool weather"),
    span("chat answer", 520, 800, "chat", gen_ai__request__model="gpt-5-mini", shotclock__model__purpose="answer",
         shotclock__call__outcome="timed_out", error__type="timeout"),
]  # fmt: skip


def view(spans: list[SpanRow] = SPANS) -> RunView:
    run = run_of(spans[0])
    assert run is not None
    return RunView.of(run, spans)


def drawn(what: RunView, width: int = 80) -> list[str]:
    out = io.StringIO()
    show_run(what, Console(file=out, width=width, highlight=False))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def part(lines: list[str], title: str) -> list[str]:
    """The lines under a title, up to the next empty one."""
    start = lines.index(title) + 1
    end = next((n for n, line in enumerate(lines[start:], start) if not line), len(lines))
    return lines[start:end]


def test_the_waterfall_at_80_columns() -> None:
    """Bars stand on one axis with both deadlines, the critical path filled, skips marked, every outcome in words."""
    assert part(drawn(view()), "Waterfall") == [
        "                         0 s           0.5           1.0",
        "                         ┬─────────────┬─────────────┬",
        "agent desk               ░░░░░░░░░░░░░░█░░░░░░░   ┊  ┃  800 ms  partial",
        "  chat (reason) gpt-5-m… ██████                   ┊  ┃  200 ms  ok",
        "  weather                     █░░░░░░░█           ┊  ┃  300 ms  ok",
        "    GET                        ███████            ┊  ┃  260 ms  ok",
        "  maps                        ░░░                 ┊  ┃  100 ms  error ConnectEr…",
        "  search                      ×                   ┊  ┃          skipped",
        "  chat (answer) gpt-5-m…               ████████   ┊  ┃  280 ms  timed out",
        "█ on the critical path   ░ beside it   ┊ soft deadline 900 ms",
        "┃ deadline 1.00 s   × skipped",
    ]


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Whatever the width, every line fits, and from 80 columns on no figure is cut."""
    lines = drawn(view(), width)
    assert max(map(len, lines)) <= width
    if width >= 80:
        assert any("ConnectErr" in line for line in lines)


def test_the_head() -> None:
    """The head says who ran, how it ended, and what was spent of what was allowed."""
    lines = drawn(view())
    assert lines[0].startswith("desk on gpt-5-mini   20")
    assert lines[1:3] == [f"trace {TRACE}", "partial: deadline, not verified"]
    assert lines[4:10] == [
        "budget         spent     limit                        used",
        "time         0.800 s   1.000 s  ████████████████░░░░   80%",
        "tool calls         2         5  ████████░░░░░░░░░░░░   40%",
        "model calls  unknown  no limit",
        "tokens         1,150  no limit",
        "cost         unknown  no limit",
    ]


def test_the_burn_down_and_the_decisions() -> None:
    """What was left at each turn, and each decision with its reason and figures."""
    lines = drawn(view())
    assert part(lines, "Budget left") == [
        "    at     time  tool calls  time left",
        "   0 s  1.000 s           5  ████████████████████",
        "500 ms  0.500 s           3  ██████████░░░░░░░░░░",
    ]
    assert part(lines, "Decisions") == [
        "210 ms  skip  search  takes 0.90 s and 0.79 s are left",
        "              remaining=0.79  expected=0.9",
        "505 ms  stop  enough  two agree",
    ]


def test_what_took_the_time_sums_to_the_run() -> None:
    """The phases' seconds and shares, as printed, sum to the run's duration and to 100 %."""
    *phases, whole = part(drawn(view()), "What took the time")[1:]
    figures = [re.findall(r"([\d.]+)\s+([\d.]+) %", line)[0] for line in phases]
    assert sum(round(float(seconds) * 1e3) for seconds, _ in figures) == 800
    assert sum(round(float(share) * 10) for _, share in figures) == 1_000
    assert whole == "the run          0.800  100.0 %"
    assert phases[0].startswith("inference        0.480   60.0 %")


def test_the_slowest_spans() -> None:
    """The slowest spans come with their part of the path, what each call would save, its slack and how they ended."""
    assert part(drawn(view()), "Slowest spans") == [
        "span                        took  on path   saves   slack  with  outcome",
        "weather                   300 ms   300 ms  200 ms     0 s     1  ok",
        "chat (answer) gpt-5-mini  280 ms   280 ms  280 ms     0 s     0  timed out",
        "GET                       260 ms   260 ms             0 s        ok",
        "chat (reason) gpt-5-mini  200 ms   200 ms  200 ms     0 s     0  ok",
        "maps                      100 ms      0 s     0 s  200 ms     1  error",
        "                                                                 ConnectError",
        "saves: the run would be shorter by it if the call took no time",
        "with: other calls at the same time",
    ]


def test_a_far_deadline_does_not_squeeze_the_bars() -> None:
    """A deadline far beyond the run is named, not drawn."""
    attributes = dict(ROOT.attributes) | {"shotclock.budget.latency.limit": 60.0}
    far = SpanRow(
        trace_id=TRACE, span_id="root", name="r", started_ns=T0, ended_ns=ROOT.ended_ns, attributes=attributes
    )
    lines = part(drawn(view([far, *SPANS[1:]])), "Waterfall")
    assert "deadline 60.0 s, off the axis" in lines[-1]
    assert "┃" not in "".join(lines)


def test_hostile_text_is_harmless() -> None:
    """Names and queries with markup, control codes or wide characters are shown as text on one line."""
    attributes = dict(ROOT.attributes) | {
        "gen_ai.agent.name": "[red]desk\x1b[2J\n[/nope]",
        "gen_ai.input.messages": json.dumps([{"parts": [{"content": "[/x] 東京の天気\x07は?"}]}]),
    }
    root = SpanRow(trace_id=TRACE, span_id="root", name="r", started_ns=T0, ended_ns=T0, attributes=attributes)
    text = "\n".join(drawn(view([root])))
    assert "[red]desk [2J [/nope]" in text
    assert "[/x] 東京の天気 は?" in text
    assert "\x1b" not in text


def test_a_terminal_without_box_drawing() -> None:
    """Where the encoding is not a Unicode one, bars and marks are ASCII."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii", errors="replace")
    show_run(view(), Console(file=out, width=80, highlight=False))
    out.flush()
    lines = raw.getvalue().decode("ascii").splitlines()
    assert "  maps                        ---                 :  |  100 ms  error ConnectEr?" in [
        s.rstrip() for s in lines
    ]


def test_the_list_at_80_columns() -> None:
    """The list fits 80 columns by cutting names, never figures."""
    run = run_of(ROOT)
    assert run is not None
    out = io.StringIO()
    show_runs([run], Console(file=out, width=80, highlight=False))
    head, row = out.getvalue().splitlines()
    assert re.fullmatch(r"id +when +agent +model +took +status +stopped by +verified +calls", head.strip())
    assert re.fullmatch(r"3f9a2c1e +11-1\d \d\d:\d\d +desk +gpt-5-mini +800 ms +partial +deadline +no +2", row.strip())
    assert len(row) <= 80


def test_ids_are_as_long_as_needed() -> None:
    """Ids that begin alike are shown until they differ."""
    assert unique_length(["a" * 32, "b" * 32]) == 8
    assert unique_length(["a" * 10 + "0" * 22, "a" * 10 + "1" * 22]) == 11


def test_apportioned_figures_sum() -> None:
    """Rounded parts sum to the rounded whole."""
    assert apportion([1, 1, 1], 100) == [34, 33, 33]
    assert apportion([], 5) == []
    assert apportion([0, 0], 5) == [0, 0]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.0004, "0.4 ms"), (0.0621, "62 ms"), (0.9999, "1.00 s"), (1.42, "1.42 s"), (75, "75.0 s")],
)
def test_durations(seconds: float, text: str) -> None:
    """A duration is written in the unit that suits it."""
    assert duration(seconds) == text


# The command line.


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TraceStore:
    monkeypatch.setenv("SHOTCLOCK_TRACES", str(tmp_path / "traces.db"))
    monkeypatch.setenv("COLUMNS", "80")
    return TraceStore()


@pytest.fixture
def filled(store: TraceStore) -> TraceStore:
    with closing(store.connect()) as connection:
        store.write(connection, SPANS)
    return store


def invoke(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.stdout, result.stderr


def test_show_and_list(filled: TraceStore) -> None:
    """`show` takes an id, a prefix or `last`, and `list` shows what there is; in JSON both are read by machines."""
    for ident in (["last"], [], ["3f9a"], [TRACE]):
        code, out, err = invoke("show", *ident)
        assert (code, err) == (0, "")
        assert "Waterfall" in out
    assert "3f9a2c1e" in invoke("list")[1]
    (listed,) = json.loads(invoke("list", "--json")[1])
    assert (listed["trace_id"], listed["duration"], listed["verified"]) == (TRACE, 0.8, False)
    shown = json.loads(invoke("show", "last", "--json")[1])
    assert sum(shown["phases"].values()) == pytest.approx(0.8)
    assert [decision["kind"] for decision in shown["decisions"]] == ["skip", "stop"]
    assert len(shown["spans"]) == len(SPANS)


def test_an_empty_store_says_how_to_fill_it(store: TraceStore) -> None:
    """With no traces, `list` ends well and says how to make one, and its JSON is an empty list."""
    code, out, _ = invoke("list")
    assert code == 0
    assert "no traces yet" in out
    assert "shotclock ask" in out
    assert json.loads(invoke("list", "--json")[1]) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show", "ffff"], "no trace begins with 'ffff'"),
        (["show", "nonsense"], "at least 4 hexadecimal digits"),
        (["list", "--limit", "0"], "--limit must be at least 1, got 0"),
    ],
)
def test_errors_are_one_line(filled: TraceStore, arguments: list[str], says: str) -> None:
    """What cannot be shown is said in one line on standard error, with status 2."""
    code, out, err = invoke(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err


def test_a_damaged_store_is_one_line(store: TraceStore) -> None:
    """A damaged store is one line with what to do, and status 2."""
    store.path.write_bytes(b"x" * 5_000)
    for command in (["list"], ["show", "last"], ["list", "--json"]):
        code, out, err = invoke(*command)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "move it away with: mv" in err


def test_reading_loads_little() -> None:
    """Looking at traces loads neither LangGraph, nor pydantic, nor anything of OpenTelemetry."""
    script = (
        "import sys, shotclock.agent.trace.cli, shotclock.agent.trace.store, shotclock.agent.trace.show\n"
        "heavy = {'langgraph', 'langchain_core', 'pydantic', 'opentelemetry', 'httpx'}\n"
        "sys.exit(' '.join(heavy & {name.partition('.')[0] for name in sys.modules}) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=30)
    assert done.stderr.strip() == ""
    assert done.returncode == 0


def test_recording_loads_no_sdk() -> None:
    """Emission rests on the API alone: the SDK is loaded only where spans are kept."""
    script = "import sys, shotclock.agent.trace.spans; sys.exit('opentelemetry.sdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=30).returncode == 0
