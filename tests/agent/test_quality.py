"""How answers fare by kind of query: counted, kept by several processes, warned of, rated by people, and shown."""

from __future__ import annotations

import json
import logging
import math
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shotclock import Agent, Budget, Policy, UsageError, local_tracing
from shotclock.agent.lab.replay import replay
from shotclock.agent.quality import QualityStore, load_quality, save_quality
from shotclock.agent.trace.store import KEEP_SECONDS, TraceStore
from shotclock.policies.errors import StoreError
from shotclock.policies.quality import Quality
from shotclock.policies.standing import Counts, Kind, Standing
from shotclock.testing import ScriptedModel, ask, fake_tool

APPLES = fake_tool("apples", returns="There are 7 apples.", read_only=True)
KIND = Kind("text", "apples", "scripted")
GOOD, BAD = "There are 7 apples.", "There are 9 apples."
ASKING = Policy(quality=Quality(threshold=0.8))


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return QualityStore(tmp_path / "kept" / "store.db")


@pytest.fixture
def command(store, shotclock):
    """Runs `shotclock` on the store: its exit status, output and errors."""
    return lambda *arguments, **options: shotclock(*arguments, "--db", str(store.path), **options)


def agent(answer=GOOD, *, policy=None, provider=None, runs=1):
    """An agent that asks its tool and then answers so, for a number of runs."""
    policy = policy or Policy()
    policy = replace(policy, verification=replace(policy.verification, resamples=0))
    steps = [ask(("apples", {})), answer] * runs
    made = Agent(ScriptedModel(steps), [APPLES], policy=policy, tracer_provider=provider)
    assert made.model.name == KIND.model
    return made


def answered(one):
    """A run of an agent."""
    return one.run_sync("How many apples are there?", budget=Budget(latency=10))


def recorded(store, answer=GOOD):
    """A run whose trace is in the store, and its agent."""
    tracing = local_tracing(store.path)
    one = agent(answer, provider=tracing)
    result = answered(one)
    assert tracing.flush(5.0)
    return one, result


def counts(store, kind=KIND):
    """What the store keeps of a kind."""
    return next(entry.counts for entry in store.entries() if entry.kind == kind)


def spoil(store, sql, *values):
    """Change the file behind the store's back."""
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute(sql, values)


def rows(store, table):
    """How many rows a table has."""
    with closing(sqlite3.connect(store.path)) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


# Counting, and warning.


def test_an_answer_is_counted_for_its_kind():
    """The kind is the tools that gave something and the model; the verdict says what is counted."""
    one = agent()
    assert answered(one).verified
    assert one.memory.standing.of(KIND) == Counts(good=1)


def test_an_answer_without_anything_to_check_counts_as_open():
    """What the checks leave open is neither right nor wrong."""
    one = Agent(ScriptedModel(["Nice to meet you."]), [APPLES])
    answered(one)
    assert one.memory.standing.of(Kind("text", "", "scripted")) == Counts(unsure=1)


@pytest.mark.parametrize(("known", "warned"), [(Counts(good=34, bad=14), True), (Counts(good=99, bad=1), False)])
def test_the_user_is_told_where_answers_of_the_kind_are_too_often_wrong(known, warned):
    """`result.warnings` says it in words, although this answer passed its checks; nothing is said of good kinds."""
    one = agent(policy=ASKING)
    one.memory.standing.load({KIND: known})
    result = answered(one)
    sentence = (
        "34 of 48 checked answers of this kind (text, with apples, by scripted) passed: with 95 % confidence at least "
        "59.3 %, under the 80 % asked for."
    )
    assert result.verified
    assert result.warnings == ((sentence,) if warned else ())


def test_a_decision_on_quality_is_recorded_and_can_be_made_again():
    """The figures suffice to decide again, under the same policy and under another one."""
    one = agent(policy=ASKING)
    one.memory.standing.load({KIND: Counts(good=10, bad=30)})
    result = answered(one)
    [made] = [decision for decision in result.decisions if decision["kind"] == "quality"]
    assert (made["choice"], made["figures"]["good"], made["figures"]["verdict"]) == ("warn", 10, "pass")
    assert [again.same for again in replay([made], one.policy)] == [True]
    [lenient] = replay([made], Policy(quality=Quality(threshold=0.1)))
    assert type(lenient.again).__name__ == "Fine"


async def test_a_run_that_its_caller_cancelled_is_no_answer():
    """Nobody got an answer, so none is counted."""
    import asyncio

    from shotclock.testing import Hang

    asked = asyncio.Event()

    def hangs(request):
        asked.set()
        return Hang()

    one = Agent(ScriptedModel([hangs]), [APPLES])
    task = asyncio.ensure_future(one.run("How many apples are there?", budget=Budget(latency=10)))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert one.memory.standing.hand_over(lambda counts: None) == 0


# Keeping.


def test_an_agent_begins_with_what_earlier_ones_saved(store):
    """What is saved once is loaded by the next, and counts once however often it is saved."""
    before, after = agent(runs=2), agent()
    answered(before)
    assert [save_quality(before, store.path), save_quality(before, store.path)] == [None, None]
    answered(before)
    assert save_quality(before, store.path) is None
    assert load_quality(after, store.path) is None
    assert after.memory.standing.of(KIND) == before.memory.standing.of(KIND) == Counts(good=2)


def test_processes_that_add_at_once_lose_nothing(store):
    """Four processes that add twenty times each keep every count, waiting for one another where they must."""
    code = (
        "import sys\n"
        "from shotclock.agent.quality import QualityStore\n"
        "from shotclock.policies.errors import StoreError\n"
        "from shotclock.policies.standing import Kind, Standing\n"
        "standing, store = Standing(), QualityStore(sys.argv[1])\n"
        "for turn in range(20):\n"
        "    standing.note(str(turn), Kind('text', 'apples', 'scripted'), 'pass' if turn % 2 else 'fail')\n"
        "    while True:\n"
        "        try:\n"
        "            standing.hand_over(store.add)\n"
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
    assert counts(store) == Counts(good=40, bad=40)


def test_a_damaged_row_costs_only_itself(store, caplog):
    """It is left out with a warning as it is read, and replaced as it is added to."""
    other = Kind("text", "", "scripted")
    store.add({KIND: Counts(good=3), other: Counts(good=5)})
    spoil(store, "UPDATE quality SET good = 'three' WHERE tools = 'apples'")
    with caplog.at_level(logging.WARNING):
        assert [entry.kind for entry in store.entries()] == [other]
        store.add({KIND: Counts(bad=1)})
    assert [("left out" in r.message, "replaced" in r.message) for r in caplog.records] == [
        (True, False),
        (False, True),
    ]
    assert (counts(store), counts(store, other)) == (Counts(bad=1), Counts(good=5))


def test_a_store_that_cannot_be_used_is_said_and_breaks_nothing(tmp_path, caplog):
    """Loading and saving hand back what is wrong in one sentence, log it, and never raise; nothing is lost."""
    path = tmp_path / "store.db"
    path.write_text("this is no database, and long enough to be taken for one by nobody" * 20)
    one = agent()
    answered(one)
    with caplog.at_level(logging.WARNING):
        problems = [load_quality(one, path), save_quality(one, path)]
    assert all("is damaged" in problem for problem in problems)
    assert [record.message for record in caplog.records] == problems
    assert save_quality(one, tmp_path / "other.db") is None
    assert counts(QualityStore(tmp_path / "other.db")) == Counts(good=1)


def test_kinds_are_bounded_in_the_store_too(store, monkeypatch):
    """Processes that each saw few kinds cannot fill the store together."""
    monkeypatch.setattr("shotclock.policies.standing.MOST_KINDS", 3)
    monkeypatch.setattr("shotclock.policies.standing.MOST_OTHERS", 1)
    for number in range(9):
        store.add({Kind("text", f"t{number}", "m"): Counts(good=1)})
    assert [entry.kind.tools for entry in store.entries()] == ["(other)", "t0", "t1", "t2"]
    assert sum(entry.counts.good for entry in store.entries()) == 9


# Feedback.


def test_feedback_is_kept_with_the_run_and_counted_for_its_kind(store):
    """Score and comment stand beside the trace, and the agent knows the new mean at once, and once."""
    one, result = recorded(store)
    one.feedback(result.trace_id, 0.25, "It is about pears.")
    [said] = store.feedback([result.trace_id])[result.trace_id]
    assert (said.score, said.comment, said.author) == (0.25, "It is about pears.", "")
    assert counts(store) == Counts(rated=1, score=0.25)
    assert one.memory.standing.of(KIND) == Counts(good=1, rated=1, score=0.25)
    save_quality(one, store.path)
    assert counts(store) == Counts(good=1, rated=1, score=0.25)


def test_a_later_word_of_the_same_author_replaces_the_earlier_one(store):
    """A run counts once for each author, with what they said last."""
    one, result = recorded(store)
    for author, score in (("ann", 0.0), ("ann", 1.0), ("bob", 0.5), ("ann", 0.75)):
        one.feedback(result.trace_id, score, author=author)
    assert counts(store) == Counts(rated=2, score=1.25)
    assert one.memory.standing.of(KIND).mean == 0.625
    assert {said.author: said.score for said in store.feedback([result.trace_id])[result.trace_id]} == {
        "ann": 0.75,
        "bob": 0.5,
    }


def test_feedback_to_a_run_of_another_process_is_counted_for_the_kind_it_had(store):
    """The kind is found in the stored run, by the beginning of its id too."""
    _, result = recorded(store)
    later = agent()
    later.feedback(result.trace_id[:8], 1, path=store.path)
    assert counts(store) == Counts(rated=1, score=1.0)
    assert later.memory.standing.of(KIND).rated == 1


def test_a_run_that_an_earlier_version_stored_has_the_kind_of_its_spans(store):
    """Where the run did not say its kind, its tools and its model do."""
    _, result = recorded(store)
    spoil(store, "UPDATE spans SET events = '[]' WHERE name LIKE 'invoke_agent%'")
    assert store.run(result.trace_id)[1] == KIND


def test_feedback_without_a_local_trace_is_kept_and_told_to_whoever_records(store, monkeypatch):
    """Where traces go elsewhere, a span linked to the run's root says it there; its words only with the capture on."""
    spans = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    one = agent(provider=provider)
    result = answered(one)
    one.feedback(result.trace_id, 0.5, "a secret word", path=store.path)
    [root] = [span for span in spans.get_finished_spans() if span.name.startswith("invoke_agent")]
    [told] = [span for span in spans.get_finished_spans() if span.name == "feedback"]
    assert [(link.context.trace_id, link.context.span_id) for link in told.links] == [
        (root.context.trace_id, root.context.span_id)
    ]
    assert told.events[0].name == "gen_ai.evaluation.result"
    assert told.events[0].attributes["gen_ai.evaluation.score.value"] == 0.5
    assert "secret" not in str(dict(told.events[0].attributes))
    assert counts(store) == Counts(rated=1, score=0.5)
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
    one.feedback(result.trace_id, 0.5, "a secret word", path=store.path)
    last = spans.get_finished_spans()[-1]
    assert last.events[0].attributes["gen_ai.evaluation.explanation"] == "a secret word"


def test_no_span_lies_between_the_runs_of_a_local_store(store):
    """The local store keeps feedback in a table of its own."""
    one, result = recorded(store)
    before = rows(store, "spans")
    one.feedback(result.trace_id, 1.0)
    assert rows(store, "spans") == before


@pytest.mark.parametrize("score", [-1, 1.01, math.nan, math.inf, True, "1", None])
def test_a_score_that_is_none_is_refused(score, store):
    """It says what scores are, and nothing is counted."""
    one, result = recorded(store)
    with pytest.raises(UsageError, match=r"score must be a number from 0 \(wrong\) to 1 \(right\)"):
        one.feedback(result.trace_id, score)
    assert store.entries() == []


def test_feedback_to_a_run_that_nobody_knows_is_refused(store):
    """Nothing is kept of a run that neither this process nor the store has seen."""
    recorded(store)
    with pytest.raises(UsageError, match="no trace begins with"):
        agent().feedback("0" * 32, 1.0, path=store.path)
    with pytest.raises(UsageError, match="no traces yet"):
        agent().feedback("0" * 32, 1.0, path=store.path.parent / "none.db")
    assert store.entries() == []


def test_feedback_that_cannot_be_written_is_an_error_and_counts_nothing(store):
    """Who gives it must know that it is not kept."""
    one, result = recorded(store)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another process"):
            one.feedback(result.trace_id, 1.0)
    assert one.memory.standing.of(KIND).rated == 0
    one.feedback(result.trace_id, 1.0)
    assert one.memory.standing.of(KIND).rated == 1


def test_a_comment_is_kept_without_the_secrets_in_it(store):
    """Keys and passwords are taken out, and what is no text in UTF-8 is repaired."""
    one, result = recorded(store)
    one.feedback(result.trace_id, 1.0, "my password: hunter2hunter2 \ud800")
    [said] = store.feedback([result.trace_id])[result.trace_id]
    assert said.comment == "my password: [redacted] ?"


def test_deleting_a_run_deletes_its_feedback_and_no_count(store):
    """Feedback is kept as long as its trace, the counts it went into stay; a trace that is written again keeps it."""
    one, result = recorded(store)
    one.feedback(result.trace_id, 1.0)
    traces = TraceStore(store.path, keep_seconds=0)
    with closing(traces.connect()) as connection:
        traces.write(connection, traces.spans(result.trace_id))
        assert rows(store, "feedback") == 1
        assert traces.prune(connection) == 1
    assert rows(store, "feedback") == 0
    assert counts(store) == Counts(rated=1, score=1.0)


def test_feedback_to_traces_that_are_kept_elsewhere_ages_too(store):
    """What has no run here is dropped at the age of traces."""
    one = agent(runs=2)
    old, new = answered(one).trace_id, answered(one).trace_id
    one.feedback(old, 1.0, path=store.path)
    spoil(store, "UPDATE feedback SET given_ns = ?", time.time_ns() - int((KEEP_SECONDS + 60) * 1e9))
    one.feedback(new, 1.0, path=store.path)
    assert set(store.feedback([old, new])) == {new}
    assert counts(store).rated == 2


def test_damaged_feedback_is_left_out_and_counts_no_second_time(store, caplog):
    """It is not read, and a new word of its author does not make two ratings of one."""
    one, result = recorded(store)
    one.feedback(result.trace_id, 1.0)
    spoil(store, "UPDATE feedback SET score = 'much'")
    with caplog.at_level(logging.WARNING):
        assert store.feedback([result.trace_id]) == {}
    assert "left out" in caplog.text
    one.feedback(result.trace_id, 0.5)
    assert counts(store).rated == 1


# The commands.


def test_the_table_says_how_each_kind_fares(store, command):
    """Counts, share, bound, ratings and what the threshold says, one line a kind."""
    store.add({KIND: Counts(good=34, bad=14, unsure=3, rated=2, score=1.0), Kind("text", "", "m"): Counts(good=3)})
    status, out, err = command("calibration", "--threshold", "0.8")
    assert (status, err) == (0, "")
    header, without, line = out.splitlines()[:3]
    assert header.split() == ["kind", "n", "good", "bad", "open", "share", "at", "least", "rated", "mean", "judged"]
    assert without.split()[5:] == ["3", "3", "0", "0", "100", "%", "0", "too", "few"]
    assert line.startswith("text, with apples, by scripted")
    assert line.split()[5:] == ["48", "34", "14", "3", "70.8", "%", "59.3", "%", "2", "0.50", "under"]
    assert "80 % are asked for" in out


@pytest.mark.parametrize("width", [80, 200])
def test_no_figure_is_cut_in_a_narrow_terminal(width, store, command):
    """The kind gives way, never a figure."""
    kind = Kind.of("text", ["a_tool_with_a_name_that_is_long", "another"], "a-model-with-a-name-that-is-longer-still")
    store.add({kind: Counts(good=12_345, bad=678, unsure=90, rated=1_234, score=617.0)})
    _, out, _ = command("calibration", width=width)
    assert all(len(line) <= width for line in out.splitlines())
    figures = ("12345", "678", "90", "94.7 %", "47.6 %*", "1234", "0.50", "not asked")
    assert [figure for figure in figures if figure not in out] == []


def test_the_table_is_there_for_programs(store, command, tmp_path):
    """`--json` says the same with what is not known as null, and a policy file judges."""
    store.add({KIND: Counts(good=3, bad=1)})
    policy = tmp_path / "policy.toml"
    policy.write_text("[quality]\nthreshold = 0.9\nleast = 4\n")
    [one] = json.loads(command("calibration", "--json")[1])
    assert one["kind"] == {"modality": "text", "tools": ["apples"], "model": "scripted"}
    assert (one["n"], one["share"], one["bound"], one["judgement"]) == (4, 0.75, None, "too few")
    assert one["feedback"] == {"n": 0, "mean": None}
    [one] = json.loads(command("calibration", "--json", "--policy", str(policy))[1])
    assert (one["judgement"], round(one["bound"], 2)) == ("under", 0.35)


def test_where_nothing_is_known_it_says_how_to_learn(command):
    """An empty store is no error."""
    status, out, _ = command("calibration")
    assert (status, "nothing is known yet" in out) == (0, True)


def test_feedback_from_the_command_line(store, command):
    """A run is named by `last` or by the beginning of its id; the command says what it was counted as."""
    _, result = recorded(store)
    status, out, _ = command("feedback", "last", "0.8", "--comment", "good")
    assert status == 0
    assert f"noted 0.8 for {result.trace_id[:12]} (text, with apples, by scripted)" in out
    status, out, _ = command("feedback", result.trace_id[:6], "0.4")
    assert "1 answer of this kind is rated, 0.40 on average" in out
    assert counts(store) == Counts(rated=1, score=0.4)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("last", "2"), "score must be"), (("beef", "1"), "no trace"), (("last", "much"), "Invalid value for 'score'")],
)
def test_wrong_feedback_is_one_clear_line(arguments, says, store, command):
    """Exit status 2 and a sentence, never a traceback."""
    recorded(store)
    status, _, err = command("feedback", *arguments)
    assert (status, says in err, err.count("\n")) == (2, True, 1)


def test_standing_is_safe_in_threads():
    """Counts from several threads all arrive, and what is handed over meanwhile counts once."""
    import threading

    standing, taken = Standing(), []

    def work():
        for number in range(500):
            standing.note(str(number), KIND, "pass")
            standing.hand_over(taken.append)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts[KIND].good for counts in taken) == standing.of(KIND).good == 2_000
