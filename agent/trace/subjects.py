"""What a call was a call of, and whether and why a run missed its deadline."""

from __future__ import annotations

from collections import defaultdict
from typing import Final, NamedTuple

from . import conventions as names
from .rows import SpanRow
from .run_view import RunView

GRACE: Final = 0.05
"""Seconds past the deadline within which an answer still counts as on time, as the project promises it."""

_CUT: Final = frozenset({"timed_out", "cancelled"})


class Subject(NamedTuple):
    """A tool, a model or a verifier: what calls are summed up by."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


LOOP: Final = Subject("loop", "")
"""The run itself: its own time, in no call."""


def subject(span: SpanRow) -> Subject | None:
    """What a span is a call of; `None` for spans that are no call of the run."""
    read = span.attributes.get
    match read(names.OPERATION_NAME):
        case names.EXECUTE_TOOL:
            return Subject("tool", str(read(names.TOOL_NAME, span.name)))
        case names.CHAT:
            return Subject("model", str(read(names.REQUEST_MODEL, span.name)))
        case names.VERIFY:
            return Subject("verifier", str(read(names.VERIFIER_NAME, span.name)))
        case _:
            return None


def cut(span: SpanRow) -> bool:
    """Whether a call was interrupted: how long it would have taken is not known."""
    read = span.attributes.get
    return read(names.CALL_OUTCOME) in _CUT or read(names.ERROR_TYPE) in ("abandoned", "cancelled", "timeout")


def late(view: RunView) -> bool:
    """Whether the answer came later than `GRACE` past its deadline."""
    return view.deadline is not None and view.duration > view.deadline + GRACE


def missed(view: RunView) -> bool:
    """Whether the deadline cut the run short, or it came later than `GRACE` past it."""
    return late(view) or view.run.stop_reason == "deadline"


def cause(view: RunView) -> Subject:
    """What a run that missed its deadline was waiting for: the call that was cut on the critical path; where none was,
    what took most of the path. The run itself is named where no call did."""
    calls = [(span, view.sensitivities[span.span_id].on_path_ns) for depth, span in view.spans if depth == 1]
    were_cut = [(spent, span) for span, spent in calls if spent and cut(span) and subject(span)]
    if were_cut:
        longest = max(were_cut, key=lambda pair: pair[0])[1]
        return subject(longest) or LOOP
    took: dict[Subject, int] = defaultdict(int)
    for span, spent in calls:
        took[subject(span) or LOOP] += spent
    took[LOOP] += view.root.duration_ns - sum(spent for _, spent in calls)
    return max(took, key=took.__getitem__)
