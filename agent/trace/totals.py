"""Many runs at once: where their time went, what missed deadlines, how forecasts held, what skips and retries did."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from . import conventions as names
from .critical_path import PHASES, Phase
from .rows import SpanRow
from .run_view import RunView
from .subjects import Subject, cause, cut, late, missed, subject

QUANTILES: Final = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Spread:
    """Figures in ascending order, in seconds."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Of figures in any order."""
        return cls(tuple(sorted(values)))

    @property
    def n(self) -> int:
        """How many."""
        return len(self.values)

    @property
    def total(self) -> float:
        """Their sum."""
        return sum(self.values)

    def quantile(self, q: float) -> float | None:
        """The figure that a share `q` of them does not exceed, between neighbours in proportion; `None` of nothing."""
        if not self.values:
            return None
        at = q * (len(self.values) - 1)
        low = int(at)
        high = min(low + 1, len(self.values) - 1)
        return self.values[low] + (at - low) * (self.values[high] - self.values[low])

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"n": self.n, "total": self.total} | {f"p{q * 100:g}": self.quantile(q) for q in QUANTILES}


@dataclass(slots=True)
class _Calls:
    """What was gathered of the calls of one subject."""

    took: list[float] = field(default_factory=list)
    cut: list[float] = field(default_factory=list)
    forecasts: dict[str, list[float]] = field(default_factory=lambda: {"p50": [], "p95": []})
    outcomes: Counter[str] = field(default_factory=Counter)
    per_run: list[float] = field(default_factory=list)
    saves: float = 0.0
    misses: int = 0
    met: dict[str, list[bool]] = field(default_factory=lambda: {"p50": [], "p95": []})

    def add(self, span: SpanRow) -> None:
        read, took = span.attributes.get, span.duration_ns / 1e9
        was_cut = cut(span)
        (self.cut if was_cut else self.took).append(took)
        outcome = read(names.CALL_OUTCOME) or read(names.VERIFIER_OUTCOME) or span.status
        self.outcomes["ok" if outcome == "unset" else str(outcome)] += 1
        for name, attribute in (("p50", names.FORECAST_P50), ("p95", names.FORECAST_P95)):
            said = read(attribute)
            # A call that was cut sooner might have ended within its forecast or not.
            if isinstance(said, (int, float)) and not (was_cut and took <= said):
                self.met[name].append(took <= said)
                self.forecasts[name].append(said)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTotals:
    """All calls of one tool, model or verifier.

    Attributes:
        subject: of what.
        took: seconds of the calls that ended by themselves.
        cut: seconds after which the others were interrupted.
        per_run: seconds of the critical path spent in it, of each run that called it.
        share: its share of the critical paths of all runs together.
        saves: seconds by which all runs together would have been shorter had each of its calls, alone, taken none.
        outcomes: how often each outcome came.
        misses: deadline misses that it is the cause of.
        met: for `p50` and `p95`, how many of how many calls ended within the forecast they were started with; calls
            that were cut within it count as neither.
        forecasts: the median of those forecasts, in seconds; `None` where there were none.
    """

    subject: Subject
    took: Spread
    cut: Spread
    per_run: Spread
    share: float
    saves: float
    outcomes: Mapping[str, int]
    misses: int
    met: Mapping[str, tuple[int, int]]
    forecasts: Mapping[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "kind": self.subject.kind,
            "name": self.subject.name,
            "took": self.took.to_dict(),
            "cut": self.cut.to_dict(),
            "on_path": self.per_run.to_dict(),
            "share": self.share,
            "saves": self.saves,
            "outcomes": dict(self.outcomes),
            "deadline_misses": self.misses,
            "forecast_met": {name: {"within": a, "of": b} for name, (a, b) in self.met.items()},
            "forecast": dict(self.forecasts),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Many runs at once.

    Attributes:
        runs: how many.
        took: seconds of the runs.
        limited: how many had a deadline.
        late: how many came later than the grace past it.
        verified: how many answers passed their checks.
        statuses: how many ended so.
        stop_reasons: how many stopped so.
        phases: seconds of the critical path in each phase, of every run, in the order of `PHASES`.
        calls: by subject, the largest share of the critical paths first.
        misses: deadline misses by cause, the most frequent first.
        skips: calls that were not made, by tool and by the limit that refused them.
        retries: attempts that were retries, and how many of them succeeded.
        hedges: attempts that were hedges, and how many of them won.
        early: calls begun while the model still wrote, and how many were asked for in the end.
        lost: spans whose parents were not stored.
    """

    runs: int
    took: Spread
    limited: int
    late: int
    verified: int
    statuses: Mapping[str, int]
    stop_reasons: Mapping[str, int]
    phases: Mapping[Phase, Spread]
    calls: tuple[CallTotals, ...]
    misses: Mapping[Subject, int]
    skips: Mapping[tuple[str, str], int]
    retries: tuple[int, int]
    hedges: tuple[int, int]
    early: tuple[int, int]
    lost: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "runs": self.runs,
            "took": self.took.to_dict(),
            "with_deadline": self.limited,
            "late": self.late,
            "verified": self.verified,
            "status": dict(self.statuses),
            "stop_reason": dict(self.stop_reasons),
            "phases": {phase: spread.to_dict() for phase, spread in self.phases.items()},
            "calls": [each.to_dict() for each in self.calls],
            "deadline_misses": [{"cause": str(who).strip(), "runs": n} for who, n in self.misses.items()],
            "skips": [{"tool": tool, "limit": limit, "calls": n} for (tool, limit), n in self.skips.items()],
            "retries": {"started": self.retries[0], "succeeded": self.retries[1]},
            "hedges": {"started": self.hedges[0], "won": self.hedges[1]},
            "early": {"started": self.early[0], "adopted": self.early[1]},
            "lost_spans": self.lost,
        }


class Tally:
    """Gathers runs one by one, so that many need not be in memory at once; `totals()` sums up what it has."""

    def __init__(self) -> None:
        self._took: list[float] = []
        self._phases: dict[Phase, list[float]] = {phase: [] for phase in PHASES}
        self._counts: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._stops: Counter[str] = Counter()
        self._misses: Counter[Subject] = Counter()
        self._skips: Counter[tuple[str, str]] = Counter()
        self._calls: dict[Subject, _Calls] = defaultdict(_Calls)

    def add(self, view: RunView) -> None:
        """Take a run in."""
        self._took.append(view.duration)
        self._statuses[view.run.status or "unknown"] += 1
        self._stops[view.run.stop_reason or "unknown"] += 1
        for phase, spent in view.phases.items():
            self._phases[phase].append(spent / 1e9)
        self._counts["limited"] += view.deadline is not None
        self._counts["late"] += late(view)
        self._counts["verified"] += view.run.verified is True
        self._counts["lost"] += view.lost
        if missed(view):
            why = cause(view)
            self._misses[why] += 1
            self._calls[why].misses += 1
        self._add_calls(view)
        self._add_decisions(view)

    def _add_calls(self, view: RunView) -> None:
        on_path: dict[Subject, float] = defaultdict(float)
        for _, span in view.spans:
            who = subject(span)
            if who is None:
                continue
            calls, meant = self._calls[who], view.sensitivities.get(span.span_id)
            calls.add(span)
            on_path[who] += meant.on_path_ns / 1e9 if meant else 0.0
            calls.saves += meant.saves_ns / 1e9 if meant else 0.0
            self._count_attempt(span)
        for who, spent in on_path.items():
            self._calls[who].per_run.append(spent)

    def _count_attempt(self, span: SpanRow) -> None:
        read = span.attributes.get
        kind, succeeded = read(names.CALL_KIND), read(names.CALL_OUTCOME) == "ok"
        if kind == "retry":
            self._counts["retries"] += 1
            self._counts["retried"] += succeeded
        elif kind == "hedge":
            self._counts["hedges"] += 1
            self._counts["won"] += read(names.HEDGE_WON) is True

    def _add_decisions(self, view: RunView) -> None:
        for made in view.decisions:
            if made.kind == "skip":
                self._skips[made.choice, str(made.figures.get("limit") or "unknown")] += 1
            elif made.kind == "speculation":
                self._counts["launched"] += _count(made.figures.get("launched"))
                self._counts["adopted"] += _count(made.figures.get("adopted"))

    def totals(self) -> Totals:
        """All runs so far."""
        whole, counts = sum(self._took), self._counts
        calls = [_totals(who, gathered, whole) for who, gathered in self._calls.items() if gathered.outcomes]
        return Totals(
            runs=len(self._took),
            took=Spread.of(self._took),
            limited=counts["limited"],
            late=counts["late"],
            verified=counts["verified"],
            statuses=_ordered(self._statuses),
            stop_reasons=_ordered(self._stops),
            phases={phase: Spread.of(spent) for phase, spent in self._phases.items()},
            calls=tuple(sorted(calls, key=lambda each: (-each.share, each.subject))),
            misses=_ordered(self._misses),
            skips=_ordered(self._skips),
            retries=(counts["retries"], counts["retried"]),
            hedges=(counts["hedges"], counts["won"]),
            early=(counts["launched"], counts["adopted"]),
            lost=counts["lost"],
        )


def totals(views: Iterable[RunView]) -> Totals:
    """All these runs at once."""
    tally = Tally()
    for view in views:
        tally.add(view)
    return tally.totals()


def _totals(who: Subject, calls: _Calls, whole: float) -> CallTotals:
    return CallTotals(
        subject=who,
        took=Spread.of(calls.took),
        cut=Spread.of(calls.cut),
        per_run=Spread.of(calls.per_run),
        share=sum(calls.per_run) / whole if whole else 0.0,
        saves=calls.saves,
        outcomes=_ordered(calls.outcomes),
        misses=calls.misses,
        met={name: (sum(met), len(met)) for name, met in calls.met.items()},
        forecasts={name: Spread.of(said).quantile(0.5) for name, said in calls.forecasts.items()},
    )


def _ordered(counter: Counter[Any]) -> dict[Any, int]:
    return dict(sorted(counter.items(), key=lambda pair: (-pair[1], str(pair[0]))))


def _count(figure: Any) -> int:
    return figure if isinstance(figure, int) else 0
