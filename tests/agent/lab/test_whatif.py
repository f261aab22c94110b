"""What recorded runs would have given under another budget, beside what the same world then gives."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from shotclock import Policy
from shotclock.agent.cli import trace_app
from shotclock.agent.lab.learnt import Habit, Learnt, Luck
from shotclock.agent.lab.recording import Lived, Wanted
from shotclock.agent.lab.scene import Scene
from shotclock.agent.lab.whatif import Lot, Share, WhatIf, held_back, predicted, recorded
from shotclock.agent.lab.whatif_cli import read_latencies, usual
from shotclock.agent.trace.run_view import RunView
from shotclock.agent.trace.store import TraceStore

from . import world


@pytest.fixture(scope="module")
def learnt() -> Learnt:
    """What forty runs of a small world under four seconds teach."""
    return Learnt.of(world.recorded(1, 4.0, 40))


@pytest.fixture(scope="module")
def under_own(learnt: Learnt) -> Lot:
    """The same runs lived through again under the budget they had."""
    return predicted(learnt, 4.0)


@pytest.fixture(scope="module")
def few() -> list[RunView]:
    """Eight runs."""
    return world.recorded(2, 4.0, 8, warm_up=3)


def near(a: Share, b: Share, points: float = 5.0) -> bool:
    """Whether two shares differ by no more than so many points."""
    return abs(a.value - b.value) <= points / 100


def test_under_their_own_budget_runs_come_out_as_they_were(learnt: Learnt, under_own: Lot) -> None:
    """Lived through again as they were recorded, as many are complete and verified, at nearly that cost and time."""
    seen, again = recorded(learnt.recordings), under_own
    assert near(again.complete, seen.complete)
    assert near(again.verified, seen.verified)
    assert again.seconds == pytest.approx(seen.seconds, rel=0.03)
    assert again.cost_usd == pytest.approx(seen.cost_usd, rel=0.05)
    assert again.on_time.value == 1.0


def test_the_same_seed_gives_the_same(few: list[RunView]) -> None:
    """A prediction can be made again: all that is drawn hangs on the seed."""
    learnt = Learnt.of(few)
    assert predicted(learnt, 2.0, seed="a") == predicted(learnt, 2.0, seed="a")


def test_another_policy_decides_otherwise(learnt: Learnt, under_own: Lot) -> None:
    """The real policies decide: one that allows a single turn takes less time and money."""
    hurried = predicted(learnt, 4.0, Policy.from_dict({"limits": {"turns": 1}}))
    assert hurried.seconds < under_own.seconds - 0.1
    assert (hurried.cost_usd or 0.0) < (under_own.cost_usd or 0.0)


def test_runs_are_held_back_to_see_the_error(learnt: Learnt) -> None:
    """Half of the runs are predicted from the other half; where there are too few, nothing is said of an error."""
    (one,) = held_back(learnt)
    assert (one.latency, one.seen.complete.of) == (4.0, 20)
    assert set(one.errors) == {"on_time", "complete", "verified"}
    assert one.errors["on_time"] == 0.0
    assert held_back(learnt.of_these(learnt.recordings[:30])) == []


def test_a_recording_is_what_the_run_met(learnt: Learnt) -> None:
    """A recording holds the turns with the calls of each, what checks took, and whether it was whole."""
    recording = next(each for each in learnt.recordings if each.whole and len(each.turns) == 2 and each.checks)
    assert [wanted.tool for wanted in recording.turns[1].wanted] == ["fast"]
    assert recording.answers
    assert recording.checks["audit"][0].said in ("pass", "fail")
    assert learnt.tools["fast"].read_only
    assert learnt.price.input_per_million == pytest.approx(1.0, rel=1e-6)
    assert learnt.price.output_per_million == pytest.approx(4.0, rel=1e-6)


def test_what_was_cut_takes_longer(learnt: Learnt) -> None:
    """An attempt that was cut is known to take longer than that; what was seen whole comes again as it was."""
    scene = Scene(learnt.recordings[0], learnt, Luck("x"))
    attempts = (Lived(seconds=0.4), Lived(seconds=2.0, how="cut"))
    wanted = Wanted(name="a-a", tool="slow", ready=0.0, attempts=attempts)
    assert scene.attempt(wanted) == attempts[0]
    assert scene.attempt(wanted).seconds > 2.0
    assert scene.attempt(wanted).how == "ok"


@given(st.lists(st.floats(0.001, 100), min_size=1, max_size=30), st.floats(0, 1_000), st.integers())
@settings(max_examples=50)
def test_draws_lie_beyond_what_is_known(took: list[float], beyond: float, seed: int) -> None:
    """Whatever was seen, a draw beyond an instant lies beyond it, and the same thing is drawn the same way."""
    habit = Habit()
    for seconds in took:
        habit.see(Lived(seconds=seconds))
    luck = Luck(str(seed))
    assert habit.draw(luck, "x", beyond=beyond) >= beyond
    assert habit.draw(luck, "x", beyond=beyond) == habit.draw(luck, "x", beyond=beyond)


@given(st.integers(0, 500), st.integers(0, 500))
def test_an_interval_holds_its_share(a: int, b: int) -> None:
    """The interval lies within 0 and 1 and holds the share."""
    share = Share(n=min(a, b), of=max(a, b))
    low, high = share.interval
    assert 0.0 <= low <= share.value + 1e-12
    assert share.value - 1e-12 <= high <= 1.0


def test_the_smallest_budget_for_a_target(under_own: Lot) -> None:
    """Recommended is the smallest budget that meets the target; none where none does."""
    lots = {2.0: replace(under_own, complete=Share(n=1, of=40)), 4.0: under_own}
    target = under_own.complete.value
    found = WhatIf(seen=lots[4.0], predictions=tuple(lots.items()), held_back=(), target=target)
    assert found.recommended == 4.0
    assert WhatIf(seen=lots[4.0], predictions=((2.0, lots[2.0]),), held_back=(), target=1.0).recommended is None


# The command line.


@pytest.fixture
def store(few: list[RunView], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TraceStore:
    monkeypatch.setenv("SHOTCLOCK_TRACES", str(tmp_path / "traces.db"))
    monkeypatch.setenv("COLUMNS", "80")
    found = TraceStore()
    with closing(found.connect()) as connection:
        for view in few:
            found.write(connection, [view.root, *(span for _, span in view.spans)])
    return found


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(trace_app, ["whatif", *arguments])


def test_the_command_says_what_it_found(store: TraceStore, tmp_path: Path) -> None:
    """The table fits 80 columns, names the recommended budget, and in JSON machines read the same."""
    policy = tmp_path / "policy.toml"
    policy.write_text("[speculation]\neager = false\n")
    result = invoke("--latency", "2s,4s", "--target", "0.5", "--policy", str(policy))
    assert result.exit_code == 0, result.stderr
    assert "8 runs, lived through again" in result.stdout
    assert "50% complete" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80 + len(str(policy))
    found = json.loads(invoke("--latency", "2s,4s", "--json").stdout)
    assert [each["latency"] for each in found["predictions"]] == [2.0, 4.0]
    assert set(found["predictions"][0]["complete"]) == {"share", "low", "high", "runs"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--latency", "soon"], "--latency must be a duration"),
        (["--latency", "0s"], "--latency must be one or more times above 0"),
        (["--target", "2"], "--target must be above 0 and at most 1"),
        (["--policy", "/nowhere.toml"], "cannot be read"),
        (["--tool", "nothing"], "nothing to live through again"),
    ],
)
def test_wrong_usage_is_one_line(store: TraceStore, arguments: list[str], says: str) -> None:
    """What cannot be done is said in one line on standard error, with status 2."""
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert says in result.stderr


def test_budgets_are_read_or_lie_around_the_usual_one() -> None:
    """Budgets are a list of times, by default shares of the deadline that most runs had."""
    assert read_latencies("1s, 250ms,2") == [1.0, 0.25, 2.0]
    assert usual([4.0, 4.0, 9.0]) == [1.0, 2.0, 3.0, 4.0, 6.0]
