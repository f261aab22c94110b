"""Exported runs: whole where content was captured, without a word of it where it was not; pairs and rewards."""

from __future__ import annotations

import json
import logging
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import jsonschema
import pytest

from shotclock import Agent, Budget, Policy, local_tracing
from shotclock.agent.export import MOST_PAIRS, Selection, lines
from shotclock.agent.quality import QualityStore
from shotclock.policies.errors import StoreError, UsageError
from shotclock.testing import ScriptedModel, ask, fake_tool

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
SECRET = "Zanzibar4711"
GOOD, BAD = "There are 7 apples.", "There are 9 apples."

TEXT, NUMBER = {"type": "string"}, {"type": "number"}
ANY_TEXT, ANY_NUMBER, COUNT = {"type": ["string", "null"]}, {"type": ["number", "null"]}, {"type": ["integer", "null"]}


def record(required, optional=()):
    """The schema of an object with these keys and no others."""
    properties = dict(required) | dict(optional)
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def listed(required, optional=()):
    """The schema of a list of such objects."""
    return {"type": "array", "items": record(required, optional)}


WHEN = {"at": NUMBER, "duration": NUMBER}
VERDICT = {"outcome": {"enum": ["pass", "fail", "unsure"]}, "verifier": ANY_TEXT, "score": ANY_NUMBER}
CALL = WHEN | {"outcome": ANY_TEXT, "error_type": ANY_TEXT, "cost_usd": ANY_NUMBER}
TOOL_CALL = CALL | {"id": TEXT, "tool": TEXT, "attempt": COUNT, "attempt_kind": ANY_TEXT}
MODEL_CALL = CALL | {"purpose": ANY_TEXT, "model": TEXT, "input_tokens": COUNT, "output_tokens": COUNT}
DECISION = {"at": NUMBER, "kind": TEXT, "choice": ANY_TEXT, "situation": ANY_TEXT, "figures": {"type": "object"}}
REASON, SHOWN = {"reason": ANY_TEXT}, {"arguments": {}, "result": ANY_TEXT}
ALWAYS = {
    "schema": {"const": "shotclock.trajectory.v1"},
    "trace_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "span_id": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    "agent": TEXT,
    "model": TEXT,
    "kind": record({"modality": TEXT, "tools": {"type": "array", "items": TEXT}, "model": TEXT}),
    "conversation": ANY_TEXT,
    "metadata": {"type": "object"},
    "started": TEXT,
    "elapsed": NUMBER,
    "status": ANY_TEXT,
    "stop_reason": ANY_TEXT,
    "verified": {"type": ["boolean", "null"]},
    "error_type": ANY_TEXT,
    "budget": {"type": "object", "additionalProperties": NUMBER},
    "spend": {"type": "object", "additionalProperties": NUMBER},
    "tokens": record({"input": COUNT, "output": COUNT}),
    "model_calls": listed(MODEL_CALL),
    "feedback": listed({"author": TEXT, "score": NUMBER, "comment": ANY_TEXT, "at": TEXT}),
}
BARE = record(
    ALWAYS
    | {
        "tool_calls": listed(TOOL_CALL),
        "verdicts": listed(WHEN | VERDICT | {"of": TEXT}),
        "verdict": {"anyOf": [record(VERDICT), {"type": "null"}]},
        "decisions": listed(DECISION),
        "content": {"const": False},
    }
)
WHOLE = record(
    ALWAYS
    | {
        "tool_calls": listed(TOOL_CALL | SHOWN),
        "verdicts": listed(WHEN | VERDICT | {"of": TEXT} | REASON),
        "verdict": {"anyOf": [record(VERDICT | REASON), {"type": "null"}]},
        "decisions": listed(DECISION | REASON),
        "content": {"const": True},
        "query": ANY_TEXT,
        "answer": ANY_TEXT,
        "messages": {"type": "array", "items": {"type": "object", "required": ["role", "content"]}},
    }
)
RUN = record({"trace_id": TEXT, "span_id": TEXT, "model": TEXT, "query": TEXT, "score": NUMBER})
CHAT = listed({"role": TEXT, "content": TEXT})
PREFERENCE = record(
    {
        "schema": {"const": "shotclock.preference.v1"},
        "source": {"enum": ["feedback", "verdict"]},
        "paired_by": {"enum": ["label", "query"]},
        "prompt": CHAT,
        "chosen": CHAT,
        "rejected": CHAT,
        "chosen_run": RUN,
        "rejected_run": RUN,
    }
)
REWARD = record(
    {
        "schema": {"const": "shotclock.reward.v1"},
        "reward": {"type": "number", "minimum": 0, "maximum": 1},
        "source": {"enum": ["feedback", "verdict"]},
        "trajectory": {"anyOf": [BARE, WHOLE]},
    }
)


class Shop:
    """A store, and runs that are recorded into it."""

    def __init__(self, path):
        self.path = path
        self.store = QualityStore(path)
        self.policy = replace(Policy(), verification=replace(Policy().verification, resamples=0))

    def run(self, answer=GOOD, query="How many apples are there?", calls=None, tools=None, **options):
        """One run: the model asks its tools, then answers; its result, stored."""
        tracing = local_tracing(self.path)
        tools = tools or [fake_tool("apples", returns="There are 7 apples.", read_only=True)]
        model = ScriptedModel([ask(*(calls or [("apples", {})])), answer])
        self.agent = Agent(model, tools, policy=self.policy, tracer_provider=tracing)
        result = self.agent.run_sync(query, budget=Budget(latency=10), **options)
        assert tracing.flush(5.0)
        return result

    def rate(self, result, score, **given):
        """Give feedback to a run."""
        self.agent.feedback(result.trace_id, score, **given)

    def lines(self, shape="trajectories", selection=None):
        """What is exported."""
        return list(lines(shape, selection or Selection(), self.path))

    def spoil(self, sql, *values):
        """Change the file behind the store's back."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(sql, values)


@pytest.fixture
def shop(tmp_path):
    """An empty store."""
    return Shop(tmp_path / "store.db")


@pytest.fixture
def captured(monkeypatch):
    """Content is captured."""
    monkeypatch.setenv(CAPTURE, "true")


@pytest.fixture
def command(shop, shotclock):
    """Runs `shotclock export`: its exit status, output and errors."""
    return lambda *arguments: shotclock("export", *arguments, "--db", str(shop.path))


# Trajectories.


def test_a_captured_run_is_exported_whole(shop, captured):
    """Question, answer, calls with arguments and results, verdicts with reasons, labels and feedback are there."""
    result = shop.run(metadata={"user": "u-17"})
    shop.rate(result, 0.75, comment="Good.", author="ann")
    [line] = shop.lines()
    jsonschema.validate(line, WHOLE)
    assert (line["trace_id"], line["query"], line["answer"]) == (result.trace_id, "How many apples are there?", GOOD)
    assert (line["status"], line["verified"], line["metadata"]) == ("complete", True, {"user": "u-17"})
    assert line["kind"] == {"modality": "text", "tools": ["apples"], "model": "scripted"}
    [call] = line["tool_calls"]
    assert (call["tool"], call["arguments"], call["result"]) == ("apples", {"text": ""}, "There are 7 apples.")
    assert (line["verdict"]["outcome"], line["verdict"]["verifier"]) == ("pass", "grounding")
    assert line["verdict"]["reason"]
    assert [(f["author"], f["score"], f["comment"]) for f in line["feedback"]] == [("ann", 0.75, "Good.")]
    assert [decision["kind"] for decision in line["decisions"]][-1] == "quality"


def test_messages_are_a_chat_that_can_be_trained_on(shop, captured):
    """The calls stand with their ids and arguments as text, each followed by its result, failures included."""
    tools = [
        fake_tool("apples", returns="There are 7 apples.", read_only=True),
        fake_tool("pears", error=ValueError("no pears"), read_only=False),
    ]
    shop.run(tools=tools, calls=[("apples", {}), ("pears", {})])
    [line] = shop.lines()
    roles = [message["role"] for message in line["messages"]]
    assert (roles[0], roles[-1]) == ("user", "assistant")
    asked = {c["id"]: c["function"] for m in line["messages"] for c in m.get("tool_calls", ())}
    told = {m["tool_call_id"]: m["content"] for m in line["messages"] if m["role"] == "tool"}
    assert asked.keys() == told.keys()
    assert {asked[i]["name"]: told[i] for i in asked}["apples"] == "There are 7 apples."
    assert "no pears" in {asked[i]["name"]: told[i] for i in asked}["pears"]
    assert {function["arguments"] for function in asked.values()} == {'{"text": ""}'}


def test_nothing_of_the_content_leaks_where_it_was_not_captured(shop, tmp_path, command):
    """The bytes hold no word of question, arguments, result, error or answer, whatever repeated it, in no format."""

    def echo(text: str) -> str:
        """Say it again."""
        return f"{SECRET} {text}"

    def broken(text: str) -> str:
        """Fail with it."""
        raise ValueError(f"{SECRET} {text}")

    calls = [("echo", {"text": SECRET}), ("broken", {"text": SECRET}), (SECRET, {"text": SECRET})]
    calls += [(SECRET, {"text": f"{SECRET}{n}"}) for n in range(40)]  # more than may run side by side
    result = shop.run(f"{SECRET} is 9 miles off.", f"How far is {SECRET}?", calls, [echo, broken])
    assert SECRET in json.dumps(result.decisions, default=str)  # the trace's decisions do quote it
    for shape in ("trajectories", "rewards", "preferences"):
        out = tmp_path / f"{shape}.jsonl"
        assert command("--format", shape, "--out", str(out))[0] == 0
        assert SECRET.lower() not in out.read_bytes().decode().lower()
    [line] = shop.lines()
    jsonschema.validate(line, BARE)
    assert {call["tool"]: call["outcome"] for call in line["tool_calls"]} == {"echo": "ok", "broken": "error"}


def test_content_is_a_matter_of_each_run(shop, monkeypatch):
    """Runs with and without content stand side by side, each marked."""
    shop.run(query=f"{SECRET}?")
    monkeypatch.setenv(CAPTURE, "true")
    shop.run()
    bare, whole = shop.lines()
    jsonschema.validate(bare, BARE)
    jsonschema.validate(whole, WHOLE)
    assert SECRET not in json.dumps(bare)


def test_a_comment_was_written_to_be_kept(shop):
    """It is exported whether or not content was captured."""
    shop.rate(shop.run(), 0.5, comment="about pears")
    assert shop.lines()[0]["feedback"][0]["comment"] == "about pears"


def test_runs_come_oldest_first_and_page_after_page(shop, monkeypatch):
    """Paging neither loses a run nor writes one twice."""
    monkeypatch.setattr("shotclock.agent.export._PAGE", 2)
    made = [shop.run().trace_id for _ in range(5)]
    assert [line["trace_id"] for line in shop.lines()] == made


def test_runs_are_selected_by_age_and_by_how_they_ended(shop):
    """`--since` and `--status` leave the others out."""
    old = shop.run().trace_id
    failing = fake_tool("apples", error=ValueError("x"), read_only=False)
    partial = shop.run(tools=[failing])
    shop.spoil("UPDATE runs SET started_ns = started_ns - 8 * 86400 * 1000000000 WHERE trace_id = ?", old)
    assert [line["trace_id"] for line in shop.lines(selection=Selection.read("7d"))] == [partial.trace_id]
    assert [line["trace_id"] for line in shop.lines(selection=Selection.read("9d", ["complete"]))] == [old]


def test_an_age_or_a_date_is_read():
    """Ages count back from now, dates are instants; what is neither is refused."""
    now = datetime.now(UTC).timestamp()
    for text, ago in (("90s", 90), ("30min", 1_800), ("12h", 43_200), ("1.5d", 129_600), ("2w", 1_209_600)):
        assert Selection.read(text).since_ns / 1e9 == pytest.approx(now - ago, abs=5)
    moment = datetime.now(UTC) - timedelta(days=3)
    assert Selection.read(moment.isoformat()).since_ns / 1e9 == pytest.approx(moment.timestamp(), abs=0.001)
    for text in ("soon", "-3d", "7 years", "", "99999-01-01"):
        with pytest.raises(UsageError, match="--since must be an age such as 7d"):
            Selection.read(text)


@pytest.mark.parametrize("table", ["spans", "root"])
def test_a_damaged_run_is_left_out_and_the_others_stay(table, shop, caplog):
    """Damage costs the run it hit, and it is said."""
    broken, whole = shop.run().trace_id, shop.run().trace_id
    if table == "spans":
        shop.spoil("UPDATE spans SET attributes = '{' WHERE trace_id = ?", broken)
    else:
        shop.spoil("DELETE FROM spans WHERE trace_id = ? AND parent_id IS NULL", broken)
    with caplog.at_level(logging.WARNING):
        assert [line["trace_id"] for line in shop.lines()] == [whole]
    assert f"{broken} is left out" in caplog.text


def test_a_file_that_is_no_store_is_said(tmp_path):
    """There is nothing to export from it, and the message says what to do."""
    path = tmp_path / "store.db"
    path.write_text("this is no database, and long enough to be taken for one by nobody" * 20)
    with pytest.raises(StoreError, match="is damaged"):
        list(lines("trajectories", Selection(), path))


# Rewards.


def test_a_reward_says_what_it_is_taken_from(shop):
    """People's scores come first, as their mean; a verdict is 1 or 0; what is not known is left out."""
    rated, failed, passed = shop.run(), shop.run(), shop.run()
    shop.spoil("UPDATE spans SET events = replace(events, '\"pass\"', '\"fail\"') WHERE trace_id = ?", failed.trace_id)
    unsure = shop.run()
    shop.spoil(
        "UPDATE spans SET events = replace(events, '\"pass\"', '\"unsure\"') WHERE trace_id = ?", unsure.trace_id
    )
    shop.rate(rated, 0.5, author="ann")
    shop.rate(rated, 0.25, author="bob")
    found = shop.lines("rewards")
    for line in found:
        jsonschema.validate(line, REWARD)
    assert [(line["trajectory"]["trace_id"], line["reward"], line["source"]) for line in found] == [
        (rated.trace_id, 0.375, "feedback"),
        (failed.trace_id, 0.0, "verdict"),
        (passed.trace_id, 1.0, "verdict"),
    ]


# Preferences.


def pairs(shop):
    """The exported pairs as answers."""
    found = shop.lines("preferences")
    for line in found:
        jsonschema.validate(line, PREFERENCE)
    return [(line["source"], line["chosen"][0]["content"], line["rejected"][0]["content"]) for line in found]


def test_answers_to_the_same_question_make_a_pair(shop, captured):
    """The one that was rated higher is chosen; other questions and equal answers make no pair."""
    shop.rate(shop.run("7 apples are there."), 0.25)
    shop.rate(shop.run(GOOD, "How many  apples\nare there?"), 1.0)
    shop.rate(shop.run(GOOD), 0.5)
    shop.rate(shop.run(GOOD, "And pears?"), 0.0)
    assert pairs(shop) == [("feedback", GOOD, "7 apples are there.")]


def test_a_label_pairs_runs_whose_words_differ(shop, captured):
    """Runs with the same metadata `pair` answer the same, and runs of other labels do not."""
    for query, answer, score, label in (("A?", GOOD, 1.0, "x"), ("B?", "7 apples.", 0.0, "x"), ("A?", "7.", 0.5, "y")):
        shop.rate(shop.run(answer, query, metadata={"pair": label}), score)
    [line] = shop.lines("preferences")
    assert (line["paired_by"], line["prompt"][0]["content"]) == ("label", "A?")
    assert (line["chosen_run"]["query"], line["rejected_run"]["query"]) == ("A?", "B?")


def test_verdicts_make_pairs_where_nobody_rated(shop, captured):
    """What passed is chosen over what failed; ratings and verdicts are never compared with each other."""
    shop.run(GOOD)
    failed = shop.run("7 apples are there.")
    shop.spoil("UPDATE spans SET events = replace(events, '\"pass\"', '\"fail\"') WHERE trace_id = ?", failed.trace_id)
    assert pairs(shop) == [("verdict", GOOD, "7 apples are there.")]
    shop.rate(failed, 1.0)
    assert pairs(shop) == [("verdict", GOOD, "7 apples are there.")]


def test_pairs_of_one_question_are_bounded(shop, captured, monkeypatch):
    """The best is paired with the worst ones, so many at most."""
    assert MOST_PAIRS == 20
    monkeypatch.setattr("shotclock.agent.export.MOST_PAIRS", 2)
    for number in range(5):
        shop.rate(shop.run(f"{number} of 7 apples."), number / 4)
    assert [(chosen[0], rejected[0]) for _, chosen, rejected in pairs(shop)] == [("4", "0"), ("4", "1")]


def test_without_content_there_are_no_pairs(shop):
    """An answer that was not captured cannot be preferred."""
    shop.rate(shop.run("7 apples are there."), 0.0)
    shop.rate(shop.run(GOOD), 1.0)
    assert shop.lines("preferences") == []


# The command.


def test_the_command_writes_lines(shop, command, tmp_path):
    """One JSON object a line, on standard output or into a file, and then it says how many."""
    shop.run()
    shop.run()
    status, out, err = command()
    assert (status, err) == (0, "")
    assert [json.loads(line)["schema"] for line in out.splitlines()] == ["shotclock.trajectory.v1"] * 2
    file = tmp_path / "runs.jsonl"
    status, empty, err = command("--out", str(file))
    assert (status, empty, file.read_text()) == (0, "", out)
    assert f"wrote 2 lines of trajectories to {file}" in err


def test_an_empty_store_is_an_empty_file(command):
    """Nothing was recorded, nothing is wrong."""
    assert command() == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--format", "csv"), "--format must be one of trajectories, preferences, rewards, got 'csv'"),
        (("--since", "soon"), "--since must be an age such as 7d"),
        (("--status", "good"), "--status must be one of complete, partial, fallback, suspended, got 'good'"),
        (("--out", "/nowhere/at/all.jsonl"), "--out '/nowhere/at/all.jsonl' cannot be written"),
    ],
)
def test_wrong_usage_is_one_clear_line(arguments, says, command):
    """Exit status 2 and a sentence, never a traceback."""
    status, _, err = command(*arguments)
    assert (status, says in err, err.count("\n")) == (2, True, 1)


def test_a_reader_who_leaves_is_no_failure(shop, captured):
    """`shotclock export | head -1` ends quietly, although more was to be written than a pipe holds."""
    for _ in range(4):
        shop.run(f"{GOOD} {'Well, 7 apples. ' * 900}")
    code = "from shotclock.agent.cli import run; run()"
    arguments = [sys.executable, "-c", code, "export", "--db", str(shop.path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith(b'{"schema"')
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=30) == 0
