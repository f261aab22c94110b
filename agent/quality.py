"""How answers fared and what people said of them, kept beyond the process in the file the traces are kept in.

    agent = Agent(...)
    load_quality(agent)    # as the process starts
    ...
    save_quality(agent)    # from time to time, and before it ends

Counts are added to what is kept, so that processes side by side know what all of them saw. Feedback is kept at once,
and for as long as the trace it belongs to; the counts it went into stay.
"""

from __future__ import annotations

import logging
import math
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..policies.standing import Counts, Kind, modality_of, settled
from .keyed import Keyed, problem_of
from .kind import QUALITY
from .trace import conventions as names
from .trace.rows import RunRow
from .trace.run_view import RunView
from .trace.schema import FEEDBACK_SCHEMA, FEEDBACK_TRIGGER, QUALITY_SCHEMA
from .trace.store import KEEP_SECONDS, TraceStore

if TYPE_CHECKING:
    from .agent import Agent

logger = logging.getLogger(__name__)

VERSION: Final = 1
"""Of what is counted; rows of another version are theirs who wrote them."""

_TABLE: Final = Keyed(
    name="quality",
    schema=QUALITY_SCHEMA,
    version=VERSION,
    key=("modality", "tools", "model"),
    values=("good", "bad", "unsure", "rated", "score"),
    logger=logger,
)
_FEEDBACK: Final = "trace_id, author, given_ns, score, comment"


def load_quality(agent: Agent, path: str | Path | None = None) -> str | None:
    """Let an agent begin with how the answers of earlier processes fared.

    It takes a few milliseconds. Called again, it takes up what other processes saved since.

    Args:
        agent: whose policy judges by it.
        path: the store's file; `None` is that of the traces.

    Returns:
        What kept the store from being read, in one sentence, which is logged too; `None` where all is well. The agent
        then begins with nothing.
    """
    standing = agent.memory.standing
    return problem_of(
        lambda: standing.load({entry.kind: entry.counts for entry in QualityStore(path).entries()}),
        "how answers fared is not loaded",
        logger,
    )


def save_quality(agent: Agent, path: str | Path | None = None) -> str | None:
    """Add how an agent's answers fared since it was last saved to what is kept.

    It takes some milliseconds, and a quarter of a second more where another process writes: in an event loop call it
    by `await asyncio.to_thread(save_quality, agent)`.

    Args:
        agent: whose answers they are.
        path: the store's file; `None` is that of the traces.

    Returns:
        What kept the store from being written, in one sentence, which is logged too; `None` where all is well. The
        next call saves what this one could not.
    """
    standing = agent.memory.standing
    return problem_of(lambda: standing.hand_over(QualityStore(path).add), "how answers fared is not saved", logger)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of one kind.

    Attributes:
        kind: of what.
        counts: how its answers fared.
        updated_ns: when something was last added, nanoseconds since 1970.
    """

    kind: Kind
    counts: Counts
    updated_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What somebody said of an answer.

    Attributes:
        trace_id: the run.
        author: who said it; a later word of the same author replaces the earlier one.
        given_ns: when, nanoseconds since 1970.
        score: from 0, wrong or useless, to 1, right.
        comment: in words; `None` where there are none.
    """

    trace_id: str
    author: str
    given_ns: int
    score: float
    comment: str | None = None


class QualityStore:
    """The tables of counts and of feedback. Opening it touches nothing; each call opens the file and closes it.

    Args:
        path: the file; `None` is that of the traces.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.traces = TraceStore(path)

    @property
    def path(self) -> Path:
        """The file."""
        return self.traces.path

    def entries(self) -> list[Entry]:
        """What is kept, in the order of the kinds. Rows that cannot be read are left out, which is logged.

        Raises:
            StoreError: the store cannot be read; the message says what to do.
        """
        entries = []
        for kind, counts, updated_ns in _TABLE.rows(self.traces):
            try:
                entries.append(Entry(Kind(*map(str, kind)), Counts.read(counts), int(updated_ns)))
            except ValueError as error:  # a usage error is one too
                logger.warning("what was kept of %s is left out: %s", Kind(*map(str, kind)).words, error)
        return entries

    def add(self, counts: Mapping[Kind, Counts]) -> None:
        """Add counts to what is kept, in one transaction: no other process's addition is lost.

        What is kept and cannot be read is replaced, which is logged as a warning.

        Raises:
            StoreError: it cannot be written; nothing was.
        """
        with _TABLE.writing(self.traces) as connection:
            known = _kinds(connection)
            for kind, more in counts.items():
                place = settled(kind, known)
                known.add(place)
                _add(connection, place, more)

    def give(self, feedback: Feedback, kind: Kind) -> tuple[Kind, Counts]:
        """Keep feedback and count it once: what its author said before of the same run is replaced.

        Returns:
            The kind it was counted as, and what it changed there.

        Raises:
            StoreError: it cannot be written; nothing was.
        """
        with _TABLE.writing(self.traces, FEEDBACK_SCHEMA, FEEDBACK_TRIGGER) as connection:
            kind, change = _change(connection, feedback, kind)
            _add(connection, kind, change)
            given = (feedback.trace_id, feedback.author, feedback.given_ns, feedback.score, feedback.comment)
            marks = ", ".join("?" * len((*given, *kind)))
            sql = f"INSERT OR REPLACE INTO feedback ({_FEEDBACK}, modality, tools, model) VALUES ({marks})"
            connection.execute(sql, (*given, *kind))
            _drop_old(connection)
        return kind, change

    def feedback(self, trace_ids: Sequence[str]) -> dict[str, list[Feedback]]:
        """What was said of some runs, by trace, in the order it was given; rows that cannot be read are left out.

        Raises:
            StoreError: the store cannot be read; the message says what to do.
        """
        marks = ", ".join("?" * len(trace_ids))
        sql = f"SELECT {_FEEDBACK} FROM feedback WHERE trace_id IN ({marks}) ORDER BY given_ns, author"
        said: dict[str, list[Feedback]] = {}
        for trace_id, author, given_ns, score, comment in self.traces.read(sql, trace_ids, table="feedback"):
            if not _is_score(score) or type(given_ns) is not int:
                logger.warning("the feedback of %r to %s is left out: it cannot be read", author, trace_id)
                continue
            one = Feedback(trace_id=trace_id, author=author, given_ns=given_ns, score=score, comment=comment)
            said.setdefault(trace_id, []).append(one)
        return said

    def run(self, ident: str) -> tuple[RunRow, Kind]:
        """The run that feedback is given to and its kind, by a trace's id, a prefix of it or `last`; of a trace with
        several runs the last one.

        Raises:
            UsageError: no trace has that id, or several have that prefix.
            StoreError: the store cannot be read.
        """
        run = self.traces.find(ident)[-1]
        spans = self.traces.spans(run.trace_id)
        if all(span.span_id != run.span_id for span in spans):
            return run, Kind.of(modality_of(""), (), run.model)
        return run, kind_in(RunView.of(run, spans))


def kind_in(view: RunView) -> Kind:
    """The kind of a stored run: as the run itself said, else by the spans that an earlier version wrote."""
    for decision in reversed(view.decisions):
        if decision.kind == QUALITY:
            said = [decision.figures.get(name) for name in Kind._fields]
            return Kind(*(str(each or "") for each in said))
    called = (span for _, span in view.spans if span.attributes.get(names.CALL_OUTCOME) in ("ok", "cached"))
    used = (span.attributes.get(names.TOOL_NAME) for span in called)
    return Kind.of(modality_of(view.query or ""), (str(tool) for tool in used if tool), view.run.model)


def _is_score(score: Any) -> bool:
    return isinstance(score, (int, float)) and math.isfinite(score) and 0 <= score <= 1


def _kinds(connection: sqlite3.Connection) -> set[Kind]:
    return {Kind(*row) for row in _TABLE.keys(connection)}


def _add(connection: sqlite3.Connection, kind: Kind, more: Counts) -> None:
    def onto(row: Sequence[Any] | None) -> Sequence[Any]:
        return ((Counts() if row is None else Counts.read(row)) + more).values()

    _TABLE.add(connection, kind, kind.words, onto)


def _change(connection: sqlite3.Connection, feedback: Feedback, kind: Kind) -> tuple[Kind, Counts]:
    """What feedback changes, and where: what replaces an earlier word counts where that one did."""
    sql = "SELECT score, modality, tools, model FROM feedback WHERE trace_id = ? AND author = ?"
    row = connection.execute(sql, (feedback.trace_id, feedback.author)).fetchone()
    if row is None:
        return settled(kind, _kinds(connection)), Counts(rated=1, score=feedback.score)
    # What was damaged has been counted, nobody knows as what: the number of ratings stays right.
    return Kind(*map(str, row[1:])), Counts(score=feedback.score - row[0] if _is_score(row[0]) else 0.0)


def _drop_old(connection: sqlite3.Connection) -> None:
    """Drop feedback to runs whose traces are kept elsewhere, at the age at which traces are dropped here."""
    oldest = time.time_ns() - int(KEEP_SECONDS * 1e9)
    sql = "DELETE FROM feedback WHERE given_ns < ? AND trace_id NOT IN (SELECT trace_id FROM runs)"
    connection.execute(sql, (oldest,))
