"""Many runs at once, and two side by side."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from typer.testing import CliRunner

from shotclock.agent.result import Status, StopReason
from shotclock.agent.trace.cli import app
from shotclock.agent.trace.diff import Diff
from shotclock.agent.trace.otlp_json import traces_data
from shotclock.agent.trace.select import STATUSES, STOP_REASONS
from shotclock.agent.trace.subjects import LOOP, Subject, cause, missed
from shotclock.agent.trace.totals import Spread, totals

LATE = {"shotclock__run__status": "partial", "shotclock__run__stop_reason": "deadline"}
CUT = {"shotclock__call__outcome": "timed_out", "error__type": "timeout"}
LIMIT = {"shotclock__budget__latency__limit": 1.0}


def hanging(make: Any, trace: str = "a" * 32, begun: float = 0) -> list[Any]:
    """A run that the deadline cut while it waited for `slow`; `quick` was retried, `other` was skipped."""
    m = make(trace, begun)
    skip = m.decided(300, "skip", "other", "takes 2 s", limit="latency")
    return [
        m.root(1000, skip, **LATE, **LIMIT, shotclock__run__verified=False),
        m.chat(0, 300),
        m.tool("quick", 300, 350, shotclock__call__outcome="error", error__type="OSError"),
        m.tool("quick", 350, 400, shotclock__call__kind="retry", shotclock__call__attempt=2),
        m.tool("slow", 300, 900, shotclock__forecast__p50=0.2, shotclock__forecast__p95=0.5, **CUT),
        m.chat(900, 1000),
    ]


def fine(make: Any, trace: str = "b" * 32, begun: float = 0) -> list[Any]:
    """A run that was complete; a hedge won."""
    m = make(trace, begun)
    raced = {"gen_ai__tool__call__id": "1"}
    return [
        m.root(500, m.decided(500, "speculation", "account", "1 of 2", launched=2, adopted=1), **LIMIT),
        m.chat(0, 200),
        m.tool("slow", 200, 400, shotclock__hedge__won=False, **raced),
        m.tool("slow", 300, 400, shotclock__call__kind="hedge", shotclock__call__attempt=2, shotclock__hedge__won=True,
               shotclock__forecast__p50=0.2, shotclock__forecast__p95=0.5, **raced),
        m.chat(400, 500),
    ]  # fmt: skip


def test_totals(make: Any, view: Any) -> None:
    """Phases, calls, misses, skips, retries, hedges and early starts of many runs are counted and add up."""
    found = totals([view(hanging(make)), view(fine(make))])
    assert (found.runs, found.limited, found.late, found.verified) == (2, 2, 0, 1)
    assert sum(spread.total for spread in found.phases.values()) == pytest.approx(found.took.total) == 1.5
    assert sum(each.share for each in found.calls) == pytest.approx(1.0)
    assert found.misses == {Subject("tool", "slow"): 1}
    assert found.skips == {("other", "latency"): 1}
    assert (found.retries, found.hedges, found.early) == ((1, 1), (1, 1), (2, 1))
    slow = next(each for each in found.calls if each.subject.name == "slow")
    assert (slow.took.n, slow.cut.values, slow.misses) == (2, (0.6,), 1)
    assert slow.outcomes == {"ok": 2, "timed_out": 1}
    assert json.loads(json.dumps(found.to_dict()))["deadline_misses"] == [{"cause": "tool slow", "runs": 1}]


def test_a_forecast_is_met_or_not_known(make: Any, view: Any) -> None:
    """A call that was cut past its forecast did not meet it; one that was cut sooner counts as neither."""
    m = make("c" * 32)
    soon = {"shotclock__forecast__p50": 0.7, "shotclock__forecast__p95": 0.9}
    found = totals([view(hanging(make)), view([m.root(400), m.tool("slow", 0, 400, **CUT, **soon)])])
    slow = next(each for each in found.calls if each.subject.name == "slow")
    assert slow.met == {"p50": (0, 1), "p95": (0, 1)}


def test_the_cause_of_a_miss(make: Any, view: Any) -> None:
    """The call that was cut on the path is the cause, else what took most of it, be it the run itself."""
    assert missed(view(hanging(make)))
    assert cause(view(hanging(make))) == Subject("tool", "slow")
    m = make("d" * 32)
    late = view([m.root(1200, **LIMIT), m.chat(0, 700), m.tool("quick", 700, 1200)])
    assert (missed(late), cause(late)) == (True, Subject("model", "m"))
    blocked = view([m.root(1200, **LIMIT), m.chat(0, 100)])
    assert cause(blocked) == LOOP
    assert not missed(view(fine(make)))


def test_quantiles_lie_between_neighbours() -> None:
    """A quantile is in proportion between its neighbours, and of nothing there is none."""
    assert Spread.of([3, 1, 2]).quantile(0.5) == 2
    assert Spread.of([0, 10]).quantile(0.95) == pytest.approx(9.5)
    assert Spread.of([]).quantile(0.5) is None


def test_a_diff_sums_to_the_change(make: Any, view: Any) -> None:
    """The changes by phase, and those by call, sum to the change of the duration; decisions are matched in order."""
    diff = Diff.of(view(fine(make)), view(hanging(make)))
    for rows in (diff.phases, diff.calls):
        assert sum(row.change for row in rows) == pytest.approx(0.5)
    assert diff.calls[0].what == "tool slow"
    assert [(row.change, row.shown.kind) for row in diff.decisions] == [("removed", "speculation"), ("added", "skip")]
    assert diff.facts["status"] == ("complete", "partial")
    same = Diff.of(view(fine(make)), view(fine(make)))
    assert not same.facts
    assert {row.change for row in same.decisions} == {"same"}


def test_otlp_is_written_as_its_protocol_has_it(make: Any) -> None:
    """A trace becomes JSON as OpenTelemetry's protocol writes it: ids in hexadecimal, 64-bit integers as text."""
    spans = traces_data(fine(make))["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert (spans[0]["traceId"], spans[0]["startTimeUnixNano"]) == ("b" * 32, "1700000000000000000")
    assert {"key": "shotclock.run.verified", "value": {"boolValue": True}} in spans[0]["attributes"]
    assert spans[1]["parentSpanId"] == "root"


# The command line.


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def two(make: Any, kept: Any) -> Any:
    """A store with a run that hung and one, a minute later, that did not."""
    return kept(hanging(make), fine(make, begun=60_000))


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--status", "partial"], "a"),
        (["--stop-reason", "answered"], "b"),
        (["--slower-than", "600ms"], "a"),
        (["--tool", "quick"], "a"),
        (["--tool", "slow"], "ba"),
        (["--unverified"], "a"),
        (["--since", "2023-11-14T22:14:00+00:00"], "b"),
        (["--limit", "1"], "b"),
        (["--status", "partial", "--status", "complete", "--unverified"], "a"),
        (["--tool", "nothing"], ""),
    ],
)
def test_filters(two: Any, options: list[str], found: str) -> None:
    """Each option leaves the other runs out, and several hold together."""
    listed = json.loads(invoke("list", "--json", *options).stdout)
    assert "".join(run["trace_id"][0] for run in listed) == found


def test_names_of_ends_are_those_of_results() -> None:
    """What `--status` and `--stop-reason` know is what a `Result` can say."""
    assert set(get_args(Status)) == set(STATUSES)
    assert set(get_args(StopReason)) == set(STOP_REASONS)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["list", "--status", "good"], "--status must be one of complete"),
        (["top", "--stop-reason", "late"], "--stop-reason must be one of answered"),
        (["list", "--slower-than", "soon"], "--slower-than must be a duration"),
        (["top", "--since", "soon"], "--since must be an age"),
        (["diff", "aaaa", "ffff"], "no trace begins with 'ffff'"),
        (["export", "--format", "csv"], "--format must be runs or otlp, got 'csv'"),
        (["export", "--out", "/nowhere/at/all"], "--out '/nowhere/at/all' cannot be written"),
    ],
)
def test_wrong_usage_is_one_line(two: Any, arguments: list[str], says: str) -> None:
    """What cannot be done is said in one line on standard error, with status 2."""
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert says in result.stderr


@pytest.mark.parametrize("arguments", [["top"], ["diff", "bbbb", "aaaa"]])
def test_views_fit_80_columns(two: Any, arguments: list[str]) -> None:
    """What is drawn fits 80 columns, and in JSON machines read the same."""
    result = invoke(*arguments)
    assert result.exit_code == 0, result.stderr
    assert "tool slow" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert json.loads(invoke(*arguments, "--json").stdout)


def test_a_selection_without_runs_says_so(two: Any) -> None:
    """Where no run is such, that is said, and not how to make a first one."""
    for command in ("list", "top"):
        assert "none of the runs" in invoke(command, "--tool", "nothing").stdout


def test_export_writes_a_line_a_run(two: Any, tmp_path: Any) -> None:
    """`export` writes the selected runs, or one trace, a line of JSON each."""
    lines = invoke("export", "--status", "partial").stdout.splitlines()
    assert [json.loads(line)["run"]["trace_id"] for line in lines] == ["a" * 32]
    result = invoke("export", "bbbb", "--format", "otlp", "--out", str(tmp_path / "x.jsonl"))
    assert "wrote 1 line of otlp" in result.stderr
    assert "resourceSpans" in json.loads((tmp_path / "x.jsonl").read_text())


def test_a_damaged_trace_is_left_out(make: Any, kept: Any) -> None:
    """Damage costs the run it hit: the others are summed up, and it is said."""
    import sqlite3

    store = kept(hanging(make), fine(make))
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE spans SET attributes = '{' WHERE trace_id = ?", ("a" * 32,))
    assert "1 more cannot be read" in invoke("top").stdout
    assert json.loads(invoke("top", "--json").stdout)["unread"] == 1
