"""The trace store over real files: what is written is read, and a broken store costs the trace, never the run."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from shotclock.agent.trace.background import BackgroundProcessor
from shotclock.agent.trace.exporter import StoreExporter
from shotclock.agent.trace.provider import local_tracing
from shotclock.agent.trace.rows import SpanRow
from shotclock.agent.trace.spans import Recorder
from shotclock.agent.trace.store import TraceStore, default_path
from shotclock.policies.budget import Budget, Spend
from shotclock.policies.errors import StoreError, UsageError
from shotclock.policies.outcome import Verdict

SECOND = 1_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "traces.db"


def record(path: Path, tool: str = "weather") -> tuple[str, str | None]:
    """Record one small run into the store at `path`: its trace's id, and the problem there was."""
    tracing = local_tracing(path)
    run = Recorder(tracing, agent="desk", model="m-1").start_run("q", Budget(latency=2.0, tool_calls=5))
    run.execute_tool(tool, "c1").end()
    run.verify("answer", verifier="v").end(Verdict.passed("v", "fine"))
    run.decision("stop", "enough", "because", remaining=float("nan"))
    run.end_run("complete", "answered", True, Spend(latency=0.5, tool_calls=1, model_calls=1, cost_usd=0.002))
    tracing.flush(2.0)
    tracing.shutdown()
    return run.trace_id, tracing.problem


def rows(trace_id: str, started_ns: int | None = None) -> list[SpanRow]:
    """A run's root and one call, as rows."""
    start = time.time_ns() if started_ns is None else started_ns
    root = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a", "gen_ai.request.model": "m"}
    return [
        SpanRow(trace_id=trace_id, span_id="1", name="r", started_ns=start, ended_ns=start + SECOND, attributes=root),
        SpanRow(trace_id=trace_id, span_id="2", parent_id="1", name="c", started_ns=start, ended_ns=start + 5),
    ]


def written(store: TraceStore, *traces: list[SpanRow]) -> TraceStore:
    with closing(store.connect()) as connection:
        for trace in traces:
            store.write(connection, trace)
    return store


@pytest.fixture
def locked(path: Path) -> Iterator[Path]:
    """A store whose write lock another connection holds."""
    record(path)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield path


def test_what_is_recorded_is_read(path: Path) -> None:
    """A run and its spans come back from the file with their tree, attributes and events."""
    trace_id, problem = record(path)
    assert problem is None
    store = TraceStore(path)
    (run,) = store.runs()
    assert (run.trace_id, run.agent, run.model, run.status, run.stop_reason, run.verified) == (
        trace_id, "desk", "m-1", "complete", "answered", True,
    )  # fmt: skip
    assert (run.tool_calls, run.model_calls, run.cost_usd) == (1, 1, 0.002)
    root, *calls = store.spans(trace_id)
    assert [(span.name, span.parent_id) for span in calls] == [
        ("execute_tool weather", root.span_id),
        ("verify answer", root.span_id),
    ]
    assert root.duration_ns == run.duration_ns > 0
    assert root.events[0].attributes["shotclock.figure.remaining"] == "nan"
    assert store.find("last") == store.find(trace_id[:8]) == [run]


def test_two_processes_write_at_once(path: Path) -> None:
    """Processes that make the same new store and write to it at the same time lose nothing."""
    script = (
        "import sys; from shotclock.agent.trace.provider import local_tracing\n"
        "from shotclock.agent.trace.spans import Recorder\n"
        "from shotclock.policies.budget import Budget, Spend\n"
        "tracing = local_tracing(sys.argv[1])\n"
        "sys.stdin.readline()\n"
        "for _ in range(50):\n"
        "    run = Recorder(tracing, agent='a', model='m').start_run('q', Budget())\n"
        "    run.execute_tool('t', '1').end()\n"
        "    run.end_run('complete', 'answered', True, Spend())\n"
        "    tracing.flush(2.0)\n"
        "sys.exit(tracing.problem)\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=30)
        assert process.returncode == 0
    runs = TraceStore(path).runs(limit=1_000)
    assert len(runs) == 100
    assert len(TraceStore(path).spans(runs[0].trace_id)) == 2


def test_a_process_that_just_ends_keeps_its_trace(path: Path) -> None:
    """What is queued when a process ends is written, though nobody flushed."""
    script = (
        "import sys; from shotclock.agent.trace.provider import local_tracing\n"
        "from shotclock.agent.trace.spans import Recorder\n"
        "from shotclock.policies.budget import Budget, Spend\n"
        "run = Recorder(local_tracing(sys.argv[1]), agent='a', model='m').start_run('q', Budget())\n"
        "run.end_run('complete', 'answered', True, Spend())\n"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, timeout=30)
    assert len(TraceStore(path).runs()) == 1


def test_no_store_is_no_error(path: Path) -> None:
    """Where nothing was ever written there are no runs, and asking for one says how to make one."""
    store = TraceStore(path)
    assert store.runs() == []
    assert not path.parent.exists()
    with pytest.raises(UsageError, match=r"no traces yet in .*traces\.db; make one with: shotclock"):
        store.find("last")


def test_an_empty_file_is_an_empty_store(path: Path) -> None:
    """A file of no bytes is read as empty and can be written."""
    path.parent.mkdir()
    path.touch()
    assert TraceStore(path).runs() == []
    assert record(path)[1] is None
    assert len(TraceStore(path).runs()) == 1


def test_a_damaged_store(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged file is reported once and never raised while recording; reading it says how to move it away."""
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 100)
    with caplog.at_level(logging.WARNING):
        _, problem = record(path)
        exporter = StoreExporter(path)
        for _ in range(3):
            exporter.export([])
    assert problem is not None
    assert "not stored" in problem
    assert str(path) in problem
    assert len(caplog.records) == 2  # one for each exporter, not one for each batch
    with pytest.raises(StoreError, match=r"is damaged .*; move it away with: mv .*traces\.db .*traces\.db\.damaged"):
        TraceStore(path).runs()


def test_a_store_damaged_in_the_middle(path: Path) -> None:
    """A file whose head is sound and whose pages are not is reported as damaged when it is read."""
    store = written(TraceStore(path), *(rows(f"{n:032x}") for n in range(300)))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[8_192:] = os.urandom(len(content) - 8_192)
    path.write_bytes(bytes(content))
    with pytest.raises(StoreError, match="is damaged"):
        store.runs(limit=300)


def test_a_locked_store_is_waited_for_and_then_said(locked: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A lock that another process holds too long costs no run; the spans wait and go in when it is free."""
    tracing = StoreExporter(locked)
    processor = BackgroundProcessor(tracing)
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    run = Recorder(provider, agent="a", model="m").start_run("q", Budget())
    begun = time.perf_counter()
    run.end_run("complete", "answered", True, Spend())
    assert time.perf_counter() - begun < 0.1
    assert not provider.force_flush(2_000)
    assert tracing.problem is not None
    assert "another process has held the trace store" in tracing.problem


def test_spans_wait_for_a_lock(path: Path) -> None:
    """What could not be written while the store was locked is written with the next batch."""
    written(TraceStore(path), rows("0" * 32))
    tracing = local_tracing(path)
    recorder = Recorder(tracing, agent="a", model="m")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        recorder.start_run("q", Budget()).end_run("complete", "answered", True, Spend())
        assert not tracing.flush(2.0)
        other.execute("ROLLBACK")
    recorder.start_run("q", Budget()).end_run("complete", "answered", True, Spend())
    assert tracing.flush(2.0)
    assert tracing.problem is None
    assert len(TraceStore(path).runs()) == 3


def test_reading_a_locked_store_says_so(path: Path) -> None:
    """A store that cannot be read because another process holds it asks to try again."""
    written(TraceStore(path), rows("0" * 32))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        # In write-ahead mode readers are never locked out; a store on a file system without it can be.
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="is locked by another process; try again"):
            TraceStore(path).runs()


def test_a_newer_store_is_left_alone(path: Path) -> None:
    """A store of a later version is neither written nor read, and both say to update."""
    record(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    _, problem = record(path)
    assert problem is not None
    assert "is of version 99" in problem
    with pytest.raises(StoreError, match="update Shotclock"):
        TraceStore(path).runs()


def test_another_programs_database_is_left_alone(path: Path) -> None:
    """A SQLite file without our tables is not written into."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()
    _, problem = record(path)
    assert problem is not None
    assert "another program's database" in problem
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """A path below a file, or one that is a folder, costs the trace only and names the path."""
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "traces.db", tmp_path):
        _, problem = record(path)
        assert problem is not None
        assert f"{path} cannot be written" in problem
    with pytest.raises(StoreError, match="cannot be opened"):
        TraceStore(tmp_path).runs()


class FullDisk(TraceStore):
    """A store whose file may not grow, as on a full disk."""

    pages = 12

    def connect(self) -> sqlite3.Connection:
        connection = super().connect()
        connection.execute(f"PRAGMA max_page_count = {self.pages}")
        return connection


def test_a_full_disk(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A full disk is said once, costs the trace and not the run, and the store stays sound."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    exporter = StoreExporter(FullDisk(path))
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    recorder = Recorder(provider, agent="a" * 4_000, model="m")
    with caplog.at_level(logging.WARNING):
        for _ in range(40):
            recorder.start_run("q", Budget()).end_run("complete", "answered", True, Spend())
    assert exporter.problem is not None
    assert "full" in exporter.problem
    assert len(caplog.records) == 1
    exporter.shutdown()
    assert 0 < len(TraceStore(path).runs(100)) < 40


def test_text_that_is_no_text(path: Path) -> None:
    """A tool's name that cannot be written as UTF-8, as models make them up, is stored repaired."""
    trace_id, problem = record(path, tool="bad\ud800name")
    assert problem is None
    assert "execute_tool bad?name" in [span.name for span in TraceStore(path).spans(trace_id)]


def test_prefixes(path: Path) -> None:
    """A unique prefix of four characters finds a trace; an ambiguous, unknown or malformed one says what to do."""
    store = written(TraceStore(path), rows("aaaa1" + "0" * 27), rows("aaaa2" + "0" * 27), rows("bbbb" + "f" * 28))
    assert store.find("BBBB")[0].trace_id == "bbbb" + "f" * 28
    assert store.find("aaaa2")[0].trace_id == "aaaa2" + "0" * 27
    with pytest.raises(UsageError, match="the beginning of several traces"):
        store.find("aaaa")
    with pytest.raises(UsageError, match="no trace begins with 'cccc'"):
        store.find("cccc")
    for malformed in ("aaa", "", "zzzzzz", "a%_b"):
        with pytest.raises(UsageError, match="at least 4 hexadecimal digits"):
            store.find(malformed)


def test_a_run_that_has_not_ended(path: Path) -> None:
    """Spans whose run never ended are found and explained, not shown as a run."""
    store = written(TraceStore(path), rows("c" * 32)[1:])
    assert store.runs() == []
    with pytest.raises(UsageError, match="no run that ended"):
        store.find("cccc")


def test_old_runs_go(path: Path) -> None:
    """The store keeps the newest runs up to its number and its age, and their spans go with them."""
    store = TraceStore(path, keep_runs=3, keep_seconds=100.0)
    now = time.time_ns()
    ages = [500, 400, 50, 40, 30, 20]
    written(store, *(rows(f"{age:032x}", now - age * SECOND) for age in ages))
    with closing(store.connect()) as connection:
        store.prune(connection)
        (spans,) = connection.execute("SELECT count(*) FROM spans").fetchone()
    assert [run.trace_id for run in store.runs()] == [f"{age:032x}" for age in (20, 30, 40)]
    assert spans == 6


def test_a_store_past_its_size_drops_the_oldest(path: Path) -> None:
    """Past `keep_bytes` the oldest runs go, until the rest fits, and the file gets smaller."""
    store = TraceStore(path, keep_bytes=1_000_000)
    text = "x" * 20_000
    with closing(store.connect()) as connection:
        for number in range(100):
            spans = rows(f"{number:032x}", time.time_ns() - (100 - number) * SECOND)
            store.write(connection, [replace(spans[0], description=text), spans[1]])
        before = store.used_bytes(connection)
        for _ in range(10):
            store.prune(connection)
        after = store.used_bytes(connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = [run.trace_id for run in store.runs(limit=100)]
    assert before > 2_000_000
    assert 500_000 < after <= 1_000_000
    assert kept == [f"{number:032x}" for number in range(99, 99 - len(kept), -1)]
    assert path.stat().st_size < 1_200_000


def test_it_is_read_while_it_is_written(path: Path) -> None:
    """Whoever reads the store while others write sees whole runs, at once, and waits for nobody."""
    record(path)
    store, stop = TraceStore(path), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            written(store, rows(f"{number:032x}"))

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(50):
            for run in store.runs(limit=5):
                assert store.spans(run.trace_id)
    finally:
        stop.set()
        for writer in writers:
            writer.join()


def test_a_flush_is_bounded(path: Path) -> None:
    """A store that hangs costs a flush and a shutdown half a second each at most."""
    release = threading.Event()

    class Hanging(TraceStore):
        def connect(self) -> sqlite3.Connection:
            release.wait(20)
            return super().connect()

    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BackgroundProcessor(StoreExporter(Hanging(path))))
    Recorder(provider, agent="a", model="m").start_run("q", Budget()).end_run("complete", "x", True, Spend())
    begun = time.perf_counter()
    flushed = provider.force_flush(100)
    after_flush = time.perf_counter() - begun
    provider.shutdown()
    after_shutdown = time.perf_counter() - begun
    release.set()
    assert not flushed
    assert after_flush < 0.4
    assert after_shutdown < 1.0


def test_the_global_provider_is_left_alone(path: Path) -> None:
    """Local tracing is handed to whoever asks for it and does not become the process's provider."""
    from opentelemetry import trace

    before = trace.get_tracer_provider()
    record(path)
    assert trace.get_tracer_provider() is before


def test_where_traces_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment names the file, else it lies in the user's state directory."""
    monkeypatch.setenv("SHOTCLOCK_TRACES", str(tmp_path / "x.db"))
    assert default_path() == tmp_path / "x.db"
    monkeypatch.delenv("SHOTCLOCK_TRACES")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_path() == tmp_path / "shotclock" / "traces.db"
    monkeypatch.setenv("XDG_STATE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path() == tmp_path / ".local" / "state" / "shotclock" / "traces.db"
