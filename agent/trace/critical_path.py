"""Which spans a run's duration was made of: the walk along the last child to finish, backwards from the end.

The walk is Jaeger's: from the end of a span step to the child that finished last before it, attribute what lies between
to the span itself, go on within the child, then before the child's start. Children that outlive their parent are
clipped. The sections follow each other without gap or overlap, so that they sum to the root's duration to the
nanosecond.

One step differs: what was started while something else ran need not have waited for what had finished before. A tool
that was begun while the model still wrote waited for the model's words, and a hedge for the attempt that was slow: from
the start of such an attempt the walk goes on within the model call, or the attempt, that was under way.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, Literal, get_args

from . import conventions as names
from .rows import SpanRow

Phase = Literal["inference", "tool", "verification", "orchestration", "wait", "unexplained"]
PHASES: Final[tuple[Phase, ...]] = get_args(Phase)

_PHASE_OF: Final[Mapping[str, Phase]] = {
    names.CHAT: "inference",
    names.EXECUTE_TOOL: "tool",
    names.VERIFY: "verification",
}
UNEXPLAINED_NS: Final = 50_000_000
"""Nanoseconds of the run's own time without a span, a wait or an event from which on it is `unexplained`: between two
steps the loop takes a millisecond or so, and what takes longer was not recorded (a blocked event loop, a span lost)."""

_WAIT: Final = names.FIGURE + "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A stretch of the critical path: the span it is spent in, its phase, and its ends in wall clock nanoseconds."""

    span_id: str
    phase: Phase
    start_ns: int
    end_ns: int

    @property
    def duration_ns(self) -> int:
        """Nanoseconds."""
        return self.end_ns - self.start_ns

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"span_id": self.span_id, "phase": self.phase, "start_ns": self.start_ns, "end_ns": self.end_ns}


def critical_path(root: SpanRow, spans: Iterable[SpanRow]) -> tuple[Section, ...]:
    """The critical path of a run in order of time; the durations sum to the root's.

    The phase of a section is that of the call under the root in which it happened: a judge's model call within a check
    is `verification`, a request within a tool is `tool`. What is spent in the root itself is `orchestration`, except
    where the run is known to have waited: for a place (`shotclock.call.queue.duration`) or before a retry (a decision
    with the figure `wait`, unless it chose to `give_up`). A stretch of the root's own time that is longer than
    `UNEXPLAINED_NS` and in which nothing was recorded is `unexplained`.
    """
    # A root that a damaged trace names below itself must not be walked twice.
    children = tree(span for span in spans if span.span_id != root.span_id)
    sections: list[Section] = []
    todo: list[tuple[SpanRow, int, int, Phase]] = [
        (root, root.started_ns, root.started_ns + root.duration_ns, "orchestration")
    ]
    while todo:
        span, start, end, phase = todo.pop()
        cursor = end
        for child, child_start, child_end in _walk(children.get(span.span_id, ()), start, end):
            sections.append(Section(span_id=span.span_id, phase=phase, start_ns=child_end, end_ns=cursor))
            todo.append((child, child_start, child_end, _phase(child, phase)))
            cursor = child_start
        sections.append(Section(span_id=span.span_id, phase=phase, start_ns=start, end_ns=cursor))
    waits = _waits(root, children.get(root.span_id, ()))
    marks = sorted(event.at_ns for event in root.events)
    split = [part for section in sections if section.duration_ns for part in _split(section, waits, marks)]
    return tuple(sorted(split, key=lambda section: section.start_ns))


def by_phase(sections: Iterable[Section]) -> dict[Phase, int]:
    """Nanoseconds of the path in each phase, in the order of `PHASES`, all of them named."""
    sums = dict.fromkeys(PHASES, 0)
    for section in sections:
        sums[section.phase] += section.duration_ns
    return sums


def by_span(sections: Iterable[Section]) -> dict[str, int]:
    """Nanoseconds of the path spent in each span itself, by the span's id."""
    sums: dict[str, int] = defaultdict(int)
    for section in sections:
        sums[section.span_id] += section.duration_ns
    return dict(sums)


def slack(span: SpanRow, spans: Iterable[SpanRow], sections: Sequence[Section]) -> int:
    """Nanoseconds by which a span could have ended later before the run did; 0 for one that the path runs through.

    It is the distance from the span's end to what its parent did next on the path, by itself or in another child: that
    could not begin without the span, as far as a trace can tell. Under a parent beside the path it is what the parent
    still took, and the parent's own slack.
    """
    by_id = {other.span_id: other for other in spans}
    on_path = {section.span_id for section in sections}
    found = 0
    while span.span_id not in on_path:
        parent = by_id.pop(span.parent_id or "", None)
        nexts = [section.start_ns for section in sections if parent and section.span_id == parent.span_id]
        nexts += [o.started_ns for o in by_id.values() if o.parent_id == span.parent_id and o.span_id in on_path]
        later = [start for start in nexts if start >= span.ended_ns]
        if later or parent is None or parent.span_id in on_path:
            end = max((section.end_ns for section in sections), default=span.ended_ns)
            return found + max(0, min(later, default=end) - span.ended_ns)
        found += max(0, parent.ended_ns - span.ended_ns)
        span = parent
    return found


def tree(spans: Iterable[SpanRow]) -> dict[str, list[SpanRow]]:
    """The children of each span, by the parent's id; a span that names itself as its parent has none."""
    children: dict[str, list[SpanRow]] = defaultdict(list)
    for span in spans:
        if span.parent_id is not None and span.parent_id != span.span_id:
            children[span.parent_id].append(span)
    return dict(children)


def lost_races(calls: Iterable[SpanRow]) -> set[str]:
    """The ids of attempts that another attempt of their call was quicker than: the run did not wait for them.

    Where no attempt of a call won, the run waited for all of them.
    """
    raced = [call for call in calls if call.attributes.get(names.HEDGE_WON) is not None]
    won = {call.attributes.get(names.TOOL_CALL_ID) for call in raced if call.attributes[names.HEDGE_WON]}
    beaten = [call for call in raced if not call.attributes[names.HEDGE_WON]]
    identified = ((call.span_id, call.attributes.get(names.TOOL_CALL_ID)) for call in beaten)
    return {span_id for span_id, call_id in identified if call_id is None or call_id in won}


def _walk(children: Sequence[SpanRow], start: int, end: int) -> Iterator[tuple[SpanRow, int, int]]:
    """The children that the walk from `end` back to `start` steps into, each with the part it takes."""
    cursor, taken = end, set[str]()
    for child, first, last in _last_finished_first(children, start, end):
        if last > cursor or child.span_id in taken:
            continue
        yield child, first, last
        cursor = first
        cause = _begun_by(child, children, cursor, taken)
        while cause is not None:
            taken.add(cause.span_id)
            first = max(start, cause.started_ns)
            yield cause, first, cursor
            cursor = first
            cause = _begun_by(cause, children, cursor, taken)


def _begun_by(span: SpanRow, siblings: Sequence[SpanRow], instant: int, taken: set[str]) -> SpanRow | None:
    """What was under way when an attempt of a tool was started, and is why it was; the latest where there are several.

    The first attempt is begun by the model call that writes it, a hedge by another attempt of the same call.
    """
    read = span.attributes.get
    if read(names.OPERATION_NAME) != names.EXECUTE_TOOL:
        return None
    running = [s for s in siblings if s.started_ns < instant < s.ended_ns and s.span_id not in taken]
    if read(names.CALL_ATTEMPT, 1) == 1:
        found = [s for s in running if s.attributes.get(names.OPERATION_NAME) == names.CHAT]
    else:
        found = [s for s in running if s.attributes.get(names.TOOL_CALL_ID) == read(names.TOOL_CALL_ID)]
    return max(found, key=lambda other: other.started_ns, default=None)


def _last_finished_first(children: Sequence[SpanRow], start: int, end: int) -> list[tuple[SpanRow, int, int]]:
    """The children clipped to their parent's time, without those that lie outside it or that lost a race.

    A call that was abandoned ends with the run because the run ended, so the run waited for it only after everything
    else had finished: its part begins there. Otherwise one hung call would hide all that went on beside it.
    """
    lost = lost_races(children)
    waited = [child for child in children if child.span_id not in lost]
    finished = [child.ended_ns for child in waited if not _abandoned(child) and child.ended_ns <= end]
    last_finish = max(finished, default=start)
    clipped = [
        (child, max(start, child.started_ns, last_finish if _abandoned(child) else start), min(end, child.ended_ns))
        for child in waited
    ]
    return sorted(
        ((child, first, last) for child, first, last in clipped if first <= last),
        key=lambda item: (item[2], item[1]),
        reverse=True,
    )


def _abandoned(span: SpanRow) -> bool:
    return span.attributes.get(names.ERROR_TYPE) == "abandoned"


def _phase(span: SpanRow, inherited: Phase) -> Phase:
    if inherited != "orchestration":
        return inherited
    return _PHASE_OF.get(str(span.attributes.get(names.OPERATION_NAME)), inherited)


def _waits(root: SpanRow, calls: Iterable[SpanRow]) -> list[tuple[int, int]]:
    """When the run waited, as instants: merged, in order."""
    queued = [
        (call.started_ns - _nanoseconds(call.attributes.get(names.CALL_QUEUE_DURATION)), call.started_ns)
        for call in calls
    ]
    delayed = [
        (event.at_ns, event.at_ns + _nanoseconds(event.attributes.get(_WAIT)))
        for event in root.events
        if event.attributes.get(names.CHOICE) != "give_up"
    ]
    merged: list[tuple[int, int]] = []
    for start, end in sorted(pair for pair in queued + delayed if pair[0] < pair[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _nanoseconds(seconds: object) -> int:
    return int(seconds * 1e9) if isinstance(seconds, (int, float)) else 0


def _split(section: Section, waits: Sequence[tuple[int, int]], marks: Sequence[int]) -> list[Section]:
    """Cut a section of the root's own time where the run waited, and where nothing says what it did."""
    if section.phase != "orchestration":
        return [section]
    parts: list[Section] = []
    cursor = section.start_ns

    def add(phase: Phase, until: int) -> None:
        nonlocal cursor
        if until > cursor:
            parts.append(replace(section, phase=phase, start_ns=cursor, end_ns=until))
            cursor = until

    for start, end in waits:
        add("orchestration", min(start, section.end_ns))
        add("wait", min(end, section.end_ns))
    add("orchestration", section.end_ns)
    return [each for part in parts for each in _silences(part, marks)]


def _silences(section: Section, marks: Sequence[int]) -> Iterator[Section]:
    """A section of the root's own time cut at its silences, stretches between events too long to be its own."""
    if section.phase != "orchestration":
        yield section
        return
    within = marks[bisect_right(marks, section.start_ns) : bisect_left(marks, section.end_ns)]
    begun = section.start_ns
    for start, end in pairwise((section.start_ns, *within, section.end_ns)):
        if end - start <= UNEXPLAINED_NS:
            continue
        if begun < start:
            yield replace(section, start_ns=begun, end_ns=start)
        yield replace(section, phase="unexplained", start_ns=start, end_ns=end)
        begun = end
    if begun < section.end_ns:
        yield replace(section, start_ns=begun)
