"""Forecasts that are kept: several processes add to them, damage costs what it hit, and `shotclock forecast` shows
them."""

from __future__ import annotations

import json
import logging
import math
import os
import random
import re
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from functools import partial

import pytest

from shotclock import Agent, tool
from shotclock.agent.cli.forecast_view import Known, histogram
from shotclock.agent.forecasts import KEEP_SECONDS, ForecastStore, load_forecasts, save_forecasts
from shotclock.agent.trace.store import TraceStore
from shotclock.agent.trace.wording import duration
from shotclock.policies.errors import StoreError
from shotclock.policies.forecast import PRIORS
from shotclock.policies.latency import LatencyState
from shotclock.tools.history import History
from shotclock.tools.records import Key


@tool(read_only=True)
def search(words: str) -> str:
    """Search."""
    return words


SEARCH = Key("tool", "search")


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return ForecastStore(tmp_path / "kept" / "store.db")


@pytest.fixture
def shown(store, shotclock):
    """Runs `shotclock forecast` on the store: its exit status, output and errors."""
    return partial(shotclock, "forecast", "--db", str(store.path))


def learnt(n, p50=0.3, seed=1, size=None):
    """A history that saw a tool so many times, each attempt forecast before."""
    history, chance = History(), random.Random(seed)
    for _ in range(n):
        history.forecast(search, size=size)
        history.observe(search, p50 * math.exp(chance.gauss(0, 0.5)), size=size)
    return history


def known(store, key=SEARCH):
    """What the store keeps of a key."""
    return next(Known.of(entry) for entry in store.entries() if entry.key == key)


def spoil(store, sql, *values):
    """Change the file behind the store's back."""
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute(sql, values)


def test_an_agent_begins_with_what_earlier_ones_saved(store):
    """What one agent learnt of a tool, a later one knows before its first call."""
    before, after = Agent("rules", [search]), Agent("rules", [search])
    for _ in range(30):
        before.memory.history.observe(search, 0.4)
    assert save_forecasts(before, store.path) is None
    assert load_forecasts(after, store.path) is None
    assert after.memory.history.forecast(search).median == pytest.approx(0.4, rel=0.05)
    assert after.memory.history.forecast(search).n == 30


def test_saving_twice_counts_nothing_twice(store):
    """Only what is new is added."""
    history = learnt(10)
    assert [history.hand_over(store.add), history.hand_over(store.add)] == [1, 0]
    history.observe(search, 0.3)
    history.hand_over(store.add)
    assert known(store).latency.count == 11


def test_two_agents_that_learnt_side_by_side_both_count(store):
    """Saving adds to what is kept: neither overwrites the other, although both began with the same."""
    learnt(10).hand_over(store.add)
    agents = [History(), History()]
    for agent in agents:
        agent.load(store.load())
        for _ in range(20):
            agent.observe(search, 0.5)
    for agent in agents:
        agent.hand_over(store.add)
    assert known(store).latency.count == 50


def test_processes_that_save_at_once_lose_nothing(store):
    """Four processes that save ten times each keep every sample, waiting for one another where they must."""
    code = (
        "import sys\n"
        "from shotclock.agent.forecasts import ForecastStore\n"
        "from shotclock.policies.errors import StoreError\n"
        "from shotclock.tools.history import History\n"
        "from shotclock.tools.tool import tool\n"
        "@tool\n"
        "def search(words: str) -> str:\n"
        "    'Search.'\n"
        "    return words\n"
        "history, store = History(), ForecastStore(sys.argv[1])\n"
        "for _ in range(10):\n"
        "    history.observe(search, 0.3)\n"
        "    while True:\n"
        "        try:\n"
        "            history.hand_over(store.add)\n"
        "            break\n"
        "        except StoreError as busy:\n"
        "            assert 'locked' in str(busy), busy\n"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(store.path)], env=dict(os.environ), stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for run in runs:
        _, said = run.communicate(timeout=50)
        assert run.returncode == 0, said.decode()
    assert known(store).latency.count == 40


def test_a_store_that_is_locked_costs_nothing_but_time(store):
    """What could not be saved because another process wrote is saved the next time."""
    learnt(1).hand_over(store.add)
    history = learnt(5)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another process"):
            history.hand_over(store.add)
    history.hand_over(store.add)
    assert known(store).latency.count == 6


def test_a_store_that_cannot_be_used_is_said_and_breaks_nothing(tmp_path, caplog):
    """Loading and saving hand back what is wrong in one sentence, log it, and never raise."""
    path = tmp_path / "store.db"
    path.write_text("this is no database, and long enough to be taken for one by nobody" * 20)
    agent = Agent("rules", [search])
    agent.memory.history.observe(search, 0.3)
    with caplog.at_level(logging.WARNING):
        problems = [load_forecasts(agent, path), save_forecasts(agent, path)]
    assert [problem[:24] for problem in problems] == ["forecasts are not loaded", "forecasts are not saved:"]
    assert all("is damaged" in problem for problem in problems)
    assert [record.message for record in caplog.records] == problems
    assert save_forecasts(agent, tmp_path / "other.db") is None
    assert known(ForecastStore(tmp_path / "other.db")).latency.count == 1


def test_a_damaged_row_is_replaced_and_the_others_stay(store, caplog):
    """Damage costs the key it hit, and the next save mends it."""
    learnt(10).hand_over(store.add)
    learnt(10, size=50).hand_over(store.add)
    spoil(store, "UPDATE forecasts SET learnt = '{\"state\"' WHERE key = 'search'")
    with caplog.at_level(logging.WARNING):
        learnt(3, size=50).hand_over(store.add)
    assert ["search is replaced" in record.message for record in caplog.records] == [True]
    assert known(store).latency.count == 3
    assert known(store, Key("tool", "search ≤100B")).latency.count == 13


def test_what_another_version_wrote_is_left_to_it(store):
    """Rows of an older or a newer version are neither read nor overwritten."""
    learnt(10).hand_over(store.add)
    spoil(store, "UPDATE forecasts SET version = 99, learnt = 'theirs'")
    assert store.load() == {}
    learnt(3).hand_over(store.add)
    assert known(store).latency.count == 3
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("SELECT learnt FROM forecasts WHERE version = 99").fetchall() == [("theirs",)]


def test_what_nothing_was_added_to_for_long_is_dropped(store):
    """A forecast of a quarter of a year ago is no longer believed."""
    learnt(10).hand_over(store.add)
    spoil(store, "UPDATE forecasts SET updated_ns = ?", time.time_ns() - int((KEEP_SECONDS + 60) * 1e9))
    History().hand_over(store.add)
    other = History()
    other.model("m").observe(1.0, 10)
    other.hand_over(store.add)
    assert set(store.load()) == {Key("model", "m")}


def test_a_store_of_traces_without_forecasts_is_a_whole_store(store):
    """A file that an earlier version made is read as having none, and takes them."""
    TraceStore(store.path).connect().close()
    assert store.load() == {}
    learnt(2).hand_over(store.add)
    assert known(store).latency.count == 2
    assert TraceStore(store.path).runs() == []


def test_loading_a_few_keys_takes_less_than_three_milliseconds(store):
    """The command line loads them at every start; the best of five counts, since others use the machine too."""
    for size in (50, 500, 5_000, 50_000):
        learnt(300, size=size).hand_over(store.add)
    took = []
    for _ in range(5):
        began = time.perf_counter()
        History().load(store.load())
        took.append(time.perf_counter() - began)
    assert min(took) < 0.003


# The command.


def test_the_table_says_what_is_known_and_how_well(store, shown):
    """Key, kind, samples, quantiles, and how often they were met, in one line a key."""
    learnt(300).hand_over(store.add)
    status, out, err = shown()
    assert (status, err) == (0, "")
    header, line = out.splitlines()[:2]
    assert header.split()[:7] == ["key", "kind", "n", "p50", "p90", "p95", "p99"]
    assert re.match(r"search +tool +300 +\d+ ms +\d+ ms +\d+ ms +\d", line)
    assert re.search(r"\d+ \d+ \d+ % of 280$", line.rstrip())


@pytest.mark.parametrize("width", [80, 100, 200])
def test_no_figure_is_cut_in_a_narrow_terminal(width, store, shown):
    """The names of keys give way; where even that is not enough the table is split."""
    history = learnt(300)
    history.model("a model with a name that is long enough for any terminal").observe(1.0, 40)
    history.hand_over(store.add)
    _, out, _ = shown(width=width)
    assert all(len(line) <= width for line in out.splitlines())
    assert duration(known(store).forecast.quantile(0.99)) in out
    assert duration(known(store).forecast.quantile(0.5)) in out
    assert " 300 " in out
    assert "% of 280" in out
    assert "ms a token" in out


def test_forecasts_that_break_their_word_are_marked(store, shown):
    """A tool that became three times as slow without being forecast again is met too rarely, and it is said."""
    history = learnt(100)
    for _ in range(60):
        history.observe(search, 2.0)
    history.hand_over(store.add)
    _, out, _ = shown()
    assert re.search(r"\d+! \d+! \d+! % of 140", out)
    assert "! met less often than forecast" in out


def test_size_classes_are_listed_where_there_are_several(store, shown):
    """One class alone says nothing that the tool does not."""
    learnt(30, size=50).hand_over(store.add)
    assert "≤100B" not in shown()[1]
    learnt(30, size=500).hand_over(store.add)
    assert "search ≤100B" in shown()[1]
    assert "search ≤1kB" in shown()[1]


def test_one_key_is_shown_in_detail(store, shown):
    """Its distribution in plain characters, its pace if it is a model, and its calibration by stage."""
    history, chance = learnt(60), random.Random(2)
    for _ in range(60):
        tokens = chance.randrange(50, 200)
        history.model("gpt").observe((0.5 + 0.02 * tokens) * math.exp(chance.gauss(0, 0.2)), tokens)
    history.hand_over(store.add)
    _, out, _ = shown("gpt")
    assert re.search(r"pace \d+ ms \+ \d+ ms a token", out)
    assert re.search(r"#{40}", out)
    assert re.search(r"by tokens +20 or more +p95 +\d+\.\d% +40", out)
    assert re.search(r"whole +under 20 samples +p50", shown("search")[1])


def test_a_histogram_holds_the_whole_distribution():
    """The shares of its lines, and what lies below and beyond, are 100 %."""
    state = LatencyState(PRIORS["tool"])
    chance = random.Random(3)
    for _ in range(100):
        state.observe(math.exp(chance.gauss(0, 0.5)))
    lines = histogram(state.forecast())
    shares = [int(re.search(r"(\d+)%$", line)[1]) for line in lines]
    assert len(lines) == 13
    assert 93 <= sum(shares) <= 106
    assert max(len(re.search(r"#*", line[25:])[0]) for line in lines) <= 40


def test_json_holds_every_figure(store, shown):
    """Programs get seconds, shares and counts, and the whole calibration."""
    learnt(50).hand_over(store.add)
    status, out, _ = shown("--json")
    (row,) = json.loads(out)
    assert status == 0
    assert (row["key"], row["kind"], row["n"], row["censored"]) == ("search", "tool", 50, 0.0)
    assert row["p50"] < row["p90"] < row["p95"] < row["p99"]
    settled = row["calibration"]["whole"]["settled"]
    assert [level["q"] for level in settled] == [0.5, 0.9, 0.95, 0.99]
    assert all(level["n"] == 30 and level["share"] == level["within"] / 30 for level in settled)


def test_an_empty_store_says_how_to_fill_it(store, shown):
    """Nothing known yet is no error, and an empty array for programs."""
    status, out, err = shown()
    assert (status, err) == (0, "")
    assert out.startswith(f"nothing is known yet in {store.path}")
    assert "shotclock ask" in out
    assert json.loads(shown("--json")[1]) == []


def test_an_unknown_key_and_an_unreadable_store_are_one_clear_line(store, shown):
    """Neither is a traceback."""
    learnt(3).hand_over(store.add)
    status, out, err = shown("nothing")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "nothing is known of 'nothing'" in err
    store.path.write_bytes(b"no database" * 500)
    status, out, err = shown()
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "is damaged" in err
    assert "mv " in err


def test_a_damaged_row_is_named_and_the_rest_is_shown(store, shown):
    """One key that cannot be read hides no other."""
    learnt(10).hand_over(store.add)
    learnt(10, size=50).hand_over(store.add)
    spoil(store, "UPDATE forecasts SET learnt = 'x' WHERE key = 'search ≤100B'")
    status, out, err = shown()
    assert status == 0
    assert "search" in out
    assert err.startswith("shotclock: search ≤100B is left out")


def test_a_key_can_be_forgotten(store, shown):
    """A tool goes with its size classes, others stay, and a second time there is nothing to forget."""
    history = learnt(10, size=50)
    history.model("search engine").observe(1.0)
    history.model("m").observe(1.0)
    history.hand_over(store.add)
    assert shown("--clear", "search engine")[1].startswith("forgot search engine")
    status, out, _ = shown("--clear", "search")
    assert (status, out) == (0, "forgot search and 1 more with it\n")
    assert set(store.load()) == {Key("model", "m")}
    status, _, err = shown("--clear", "search")
    assert (status, err.count("\n")) == (2, 1)
    assert shown("m", "--clear", "m")[0] == 2


def test_ask_keeps_what_it_learnt(tmp_path):
    """The command line remembers from one question to the next, beside its traces."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("OPENAI", "OTEL"))}
    env["SHOTCLOCK_TRACES"] = str(tmp_path / "traces.db")
    code = "from shotclock.agent.cli import run; run()"
    for _ in range(2):
        command = [sys.executable, "-c", code, "ask", "What is 17.5% of 2,480?"]
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
    entries = ForecastStore(tmp_path / "traces.db").entries()
    counts = {entry.key: Known.of(entry).latency.count for entry in entries}
    assert [count for key, count in counts.items() if key.kind == "tool" and " " not in key.name] == [2]
