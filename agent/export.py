"""Runs of the trace store as lines of JSON, for evaluation, preference pairs and reward training: `shotclock export`.

Three formats, one object a line, the oldest run first; each begins with its `schema`.

`trajectories`, `shotclock.trajectory.v1`: every run whole; see `trajectory` for its keys, and for what stands there
where content was not captured.

`rewards`, `shotclock.reward.v1`: the runs of which it is known how good they were.

- `schema`: `"shotclock.reward.v1"`
- `reward`: from 0 to 1
- `source`: `"feedback"`, the mean of the scores people gave, or where nobody did `"verdict"`, 1 where the answer passed
  and 0 where it failed
- `trajectory`: the run

Runs whose answer the checks left open, and of which nobody said anything, have no reward: unknown is not a half.

`preferences`, `shotclock.preference.v1`: pairs of answers to the same question, where content was captured. Runs belong
together by the metadata label `pair`, where they have one, else by the query's text, white space aside. The best run of
a group is paired with those that scored lower and answered otherwise, the worst first, 20 at most. Within a group
feedback decides where it tells runs apart, else verdicts do; the two are never compared with each other.

- `schema`: `"shotclock.preference.v1"`
- `source`: `"feedback"` or `"verdict"`
- `paired_by`: `"label"` or `"query"`
- `prompt`: the question of the chosen run, as a list of one chat message
- `chosen`, `rejected`: the answers, each as a list of one chat message
- `chosen_run`, `rejected_run`: `{trace_id, span_id, model, query, score}`

A run that cannot be read is left out, which is logged as a warning.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from ..policies.errors import StoreError, UsageError
from .quality import Feedback, QualityStore
from .result import Status
from .trace.rows import RunRow
from .trace.run_view import RunView
from .trace.schema import RUN_COLUMNS, run_from
from .trace.select import instant_ns
from .trajectory import has_content, metadata, trajectory, verdict

logger = logging.getLogger(__name__)

REWARD: Final = "shotclock.reward.v1"
PREFERENCE: Final = "shotclock.preference.v1"
PAIR: Final = "pair"
"""The metadata label of runs that answer the same."""
MOST_PAIRS: Final = 20
"""Pairs of one group."""

Source = Literal["feedback", "verdict"]
"""What a score is taken from."""

SOURCES: Final[tuple[Source, ...]] = get_args(Source)
"""The sources, the one that outweighs the other first."""

_PAGE: Final = 200
_VERDICTS: Final[Mapping[Any, float]] = {"pass": 1.0, "fail": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which runs are exported.

    Attributes:
        since_ns: those that began then or later, nanoseconds since 1970. Default all.
        statuses: those that ended so; empty for all.
    """

    since_ns: int = 0
    statuses: tuple[str, ...] = ()

    @classmethod
    def read(cls, since: str | None = None, statuses: Iterable[str] | None = None) -> Selection:
        """A selection from what a person writes: `7d`, `12h`, `30min` or a date or instant in ISO 8601, local unless
        it says otherwise; and names of `Status`.

        Raises:
            UsageError: it is none of these.
        """
        chosen = tuple(statuses or ())
        for status in chosen:
            if status not in get_args(Status):
                raise UsageError(f"--status must be one of {', '.join(get_args(Status))}, got {status!r}")
        return cls(since_ns=0 if since is None else instant_ns(since), statuses=chosen)


def lines(shape: str, selection: Selection, path: str | Path | None = None) -> Iterator[dict[str, Any]]:
    """The lines of one format, made as they are asked for.

    Args:
        shape: `trajectories`, `preferences` or `rewards`.
        selection: which runs.
        path: the store's file; `None` is that of the traces.

    Raises:
        UsageError: there is no such format.
        StoreError: the store cannot be read, as the first line is asked for or later.
    """
    if shape not in _SHAPES:
        raise UsageError(f"--format must be one of {', '.join(_SHAPES)}, got {shape!r}")
    return _SHAPES[shape](QualityStore(path), selection)


# Reading.


@dataclass(frozen=True, slots=True)
class _Told:
    """A run with what people said of it."""

    view: RunView
    feedback: Sequence[Feedback]

    def score(self, source: Source) -> float | None:
        """How good it was by this source; `None` where that does not say."""
        if source == "feedback":
            scores = [one.score for one in self.feedback]
            return sum(scores) / len(scores) if scores else None
        return _VERDICTS.get((verdict(self.view) or {}).get("outcome"))

    @property
    def scores(self) -> dict[Source, float]:
        """What is known of it, by source, the one that outweighs the other first."""
        known = ((source, self.score(source)) for source in SOURCES)
        return {source: score for source, score in known if score is not None}


def _told(store: QualityStore, selection: Selection) -> Iterator[_Told]:
    """The runs that were selected, the oldest first; a page of them is in memory at a time."""
    for page in _pages(store, selection):
        feedback = store.feedback([run.trace_id for run in page])
        for run in page:
            view = _view(store, run)
            if view is not None:
                yield _Told(view, feedback.get(run.trace_id, ()))


def _pages(store: QualityStore, selection: Selection) -> Iterator[list[RunRow]]:
    marks = ", ".join("?" * len(selection.statuses))
    sql = (
        f"SELECT {RUN_COLUMNS} FROM runs WHERE (started_ns, trace_id, span_id) > (?, ?, ?) "
        + (f"AND status IN ({marks}) " if marks else "")
        + f"ORDER BY started_ns, trace_id, span_id LIMIT {_PAGE}"
    )
    after: tuple[Any, ...] = (selection.since_ns, "", "")
    while page := [run_from(row) for row in store.traces.read(sql, (*after, *selection.statuses))]:
        yield page
        after = (page[-1].started_ns, page[-1].trace_id, page[-1].span_id)


def _view(store: QualityStore, run: RunRow) -> RunView | None:
    """A run whole; `None` where it is damaged or half gone, which is logged."""
    try:
        spans = store.traces.spans(run.trace_id)
    except StoreError as error:
        logger.warning("the run %s is left out: %s", run.trace_id, error)
        return None
    if all(span.span_id != run.span_id for span in spans):
        logger.warning("the run %s is left out: its root span is gone", run.trace_id)
        return None
    return RunView.of(run, spans)


# The formats.


def _trajectories(store: QualityStore, selection: Selection) -> Iterator[dict[str, Any]]:
    for told in _told(store, selection):
        yield trajectory(told.view, told.feedback)


def _rewards(store: QualityStore, selection: Selection) -> Iterator[dict[str, Any]]:
    for told in _told(store, selection):
        source, reward = next(iter(told.scores.items()), (None, None))
        if source is not None:
            run = trajectory(told.view, told.feedback)
            yield {"schema": REWARD, "reward": reward, "source": source, "trajectory": run}


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What is remembered of a run until its group is whole: no text, so that a large store fits into memory."""

    run: RunRow
    answer: bytes
    scores: Mapping[Source, float]


def _preferences(store: QualityStore, selection: Selection) -> Iterator[dict[str, Any]]:
    groups: dict[tuple[str, bytes], list[_Candidate]] = {}
    for told in _told(store, selection):
        if (key := _group(told.view)) is not None:
            candidate = _Candidate(told.view.run, _digest(told.view.answer or ""), told.scores)
            groups.setdefault(key, []).append(candidate)
    for (paired_by, _), group in groups.items():
        for source, chosen, rejected in _pairs(group):
            pair = _preference(store, source, chosen, rejected)
            if pair is not None:
                yield {"schema": PREFERENCE, "source": source, "paired_by": paired_by, **pair}


def _group(view: RunView) -> tuple[str, bytes] | None:
    """What a run belongs together by; `None` where its question or answer is not there."""
    if not has_content(view) or view.query is None or view.answer is None:
        return None
    label = metadata(view).get(PAIR)
    return ("query", _digest(view.query)) if label is None else ("label", _digest(str(label)))


def _digest(text: str) -> bytes:
    return hashlib.sha256(" ".join(text.split()).encode()).digest()


def _pairs(group: Sequence[_Candidate]) -> list[tuple[Source, _Candidate, _Candidate]]:
    """The pairs of a group, by the first source that tells any of its runs apart."""
    for source in SOURCES:
        scored = sorted((c for c in group if source in c.scores), key=lambda c: c.scores[source])
        best = scored[-1] if scored else None
        worse = [c for c in scored if best and c.scores[source] < best.scores[source] and c.answer != best.answer]
        if best and worse:
            return [(source, best, other) for other in worse[:MOST_PAIRS]]
    return []


def _preference(store: QualityStore, source: Source, chosen: _Candidate, rejected: _Candidate) -> dict[str, Any] | None:
    """A pair with its texts, read again; `None` where a run was dropped meanwhile."""
    good, bad = _view(store, chosen.run), _view(store, rejected.run)
    if good is None or bad is None:
        return None
    return {
        "prompt": [{"role": "user", "content": good.query}],
        "chosen": [{"role": "assistant", "content": good.answer}],
        "rejected": [{"role": "assistant", "content": bad.answer}],
        "chosen_run": _named(good, chosen.scores[source]),
        "rejected_run": _named(bad, rejected.scores[source]),
    }


def _named(view: RunView, score: float) -> dict[str, Any]:
    run = view.run
    named = {"trace_id": run.trace_id, "span_id": run.span_id, "model": run.model}
    return named | {"query": view.query, "score": score}


_SHAPES: Final[Mapping[str, Callable[[QualityStore, Selection], Iterator[dict[str, Any]]]]] = {
    "trajectories": _trajectories,
    "preferences": _preferences,
    "rewards": _rewards,
}
