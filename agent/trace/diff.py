"""Two runs side by side: what changed in time, by phase and by call, in what was decided, and in the answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from .critical_path import PHASES
from .decisions import Decision
from .run_view import RunView
from .subjects import LOOP, Subject, subject

Change = Literal["same", "changed", "removed", "added"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeChange:
    """Seconds of the critical path spent in something, before and after, and how often it was called."""

    what: str
    before: float
    after: float
    calls_before: int = 0
    calls_after: int = 0

    @property
    def change(self) -> float:
        """Seconds more; negative where it is less."""
        return self.after - self.before

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "what": self.what,
            "before": self.before,
            "after": self.after,
            "change": self.change,
            "calls": [self.calls_before, self.calls_after],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionChange:
    """A decision of one run beside its counterpart in the other: `changed` where it was made on other figures."""

    change: Change
    before: Decision | None
    after: Decision | None

    @property
    def shown(self) -> Decision:
        """The later one, or the only one."""
        decision = self.after or self.before
        assert decision is not None  # one of them always is
        return decision

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "change": self.change,
            "before": self.before.to_dict() if self.before else None,
            "after": self.after.to_dict() if self.after else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """What changed from one run to another.

    Attributes:
        before: the one.
        after: the other.
        phases: the critical path by phase; the changes sum to that of the duration.
        calls: the critical path by tool, model and verifier, and the run's own time, the largest change first; the
            changes sum likewise.
        decisions: what was decided, in order: what stayed, what was made on other figures, what came and went.
        facts: what the runs ended with, by name, where it differs.
    """

    before: RunView
    after: RunView
    phases: tuple[TimeChange, ...]
    calls: tuple[TimeChange, ...]
    decisions: tuple[DecisionChange, ...]
    facts: dict[str, tuple[Any, Any]]

    @classmethod
    def of(cls, before: RunView, after: RunView) -> Diff:
        """The change from one run to another."""
        return cls(
            before=before,
            after=after,
            phases=_phases(before, after),
            calls=_calls(before, after),
            decisions=tuple(_decisions(before.decisions, after.decisions)),
            facts=_facts(before, after),
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "before": self.before.run.to_dict(),
            "after": self.after.run.to_dict(),
            "duration": TimeChange(what="run", before=self.before.duration, after=self.after.duration).to_dict(),
            "phases": [each.to_dict() for each in self.phases],
            "calls": [each.to_dict() for each in self.calls],
            "decisions": [each.to_dict() for each in self.decisions],
            "facts": {name: {"before": old, "after": new} for name, (old, new) in self.facts.items()},
        }


def _phases(before: RunView, after: RunView) -> tuple[TimeChange, ...]:
    old, new = before.phases, after.phases
    rows = (TimeChange(what=phase, before=old[phase] / 1e9, after=new[phase] / 1e9) for phase in PHASES)
    return tuple(row for row in rows if row.before or row.after)


def _calls(before: RunView, after: RunView) -> tuple[TimeChange, ...]:
    old, new = _spent(before), _spent(after)
    rows = []
    for who in {**old, **new}:
        (spent, calls), (spent_after, calls_after) = old.get(who, (0.0, 0)), new.get(who, (0.0, 0))
        what = "the run itself" if who == LOOP else str(who)
        rows.append(TimeChange(what=what, before=spent, after=spent_after, calls_before=calls, calls_after=calls_after))
    shown = (row for row in rows if row.before or row.after or row.calls_before != row.calls_after)
    return tuple(sorted(shown, key=lambda row: (-abs(row.change), row.what)))


def _spent(view: RunView) -> dict[Subject, tuple[float, int]]:
    """Seconds of the critical path and calls by subject; what is in no call is the run's own."""
    spent: dict[Subject, int] = defaultdict(int)
    calls: dict[Subject, int] = defaultdict(int)
    for depth, span in view.spans:
        if depth == 1:
            who = subject(span) or LOOP
            spent[who] += view.sensitivities[span.span_id].on_path_ns
            calls[who] += who != LOOP
    spent[LOOP] += view.root.duration_ns - sum(spent.values())
    return {who: (ns / 1e9, calls[who]) for who, ns in spent.items()}


def _decisions(before: Sequence[Decision], after: Sequence[Decision]) -> Iterator[DecisionChange]:
    matcher = SequenceMatcher(None, [_key(d) for d in before], [_key(d) for d in after], autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            for old, new in zip(before[i1:i2], after[j1:j2], strict=True):
                change: Change = "same" if old.reason == new.reason else "changed"
                yield DecisionChange(change=change, before=old, after=new)
            continue
        yield from (DecisionChange(change="removed", before=old, after=None) for old in before[i1:i2])
        yield from (DecisionChange(change="added", before=None, after=new) for new in after[j1:j2])


def _key(decision: Decision) -> tuple[str, str, str]:
    return decision.kind, decision.choice, str(decision.figures.get("tool") or "")


def _facts(before: RunView, after: RunView) -> dict[str, tuple[Any, Any]]:
    pairs: dict[str, tuple[Any, Any]] = {
        name: (getattr(before.run, name), getattr(after.run, name))
        for name in ("agent", "model", "status", "stop_reason", "verified", "error_type")
    }
    pairs |= {
        f"{name} limit": (before.limits.get(name), after.limits.get(name)) for name in _union("limits", before, after)
    }
    pairs |= {
        f"{name} spent": (before.consumed.get(name), after.consumed.get(name))
        for name in _union("consumed", before, after)
        if name != "latency"
    }
    pairs |= {"query": (before.query, after.query), "answer": (before.answer, after.answer)}
    return {name: (old, new) for name, (old, new) in pairs.items() if old != new}


def _union(what: str, before: RunView, after: RunView) -> list[str]:
    return list({**getattr(before, what), **getattr(after, what)})
