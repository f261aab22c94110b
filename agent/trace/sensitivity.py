"""How much a run's duration hangs on each of its calls: its share of the critical path, what it would save, its slack.

A call is a span directly below the root: a model call, an attempt of a tool, a check.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import conventions as names
from .critical_path import Section, lost_races, slack
from .rows import SpanRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """What a call meant for the run's duration.

    Attributes:
        span_id: the call.
        on_path_ns: nanoseconds of the critical path spent in it and in what it called.
        share: that as a share of the run, from 0 to 1; over all calls and the run's own time the shares sum to 1.
        saves_ns: nanoseconds by which the run would have been shorter had the call taken none; at most `on_path_ns`,
            and less where something beside it was nearly as late.
        fan_out: calls under way at some instant of its time, itself included; the more, the likelier one is late.
        slack_ns: nanoseconds by which it could have ended later before the run did; 0 on the critical path.
    """

    span_id: str
    on_path_ns: int
    share: float
    saves_ns: int
    fan_out: int
    slack_ns: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, in seconds."""
        return {
            "span_id": self.span_id,
            "on_path": self.on_path_ns / 1e9,
            "share": self.share,
            "saves": self.saves_ns / 1e9,
            "fan_out": self.fan_out,
            "slack": self.slack_ns / 1e9,
        }


def sensitivities(root: SpanRow, spans: Sequence[SpanRow], sections: Sequence[Section]) -> tuple[Sensitivity, ...]:
    """The sensitivity of every call of a run, in the order of `spans`.

    Args:
        root: the run's root span.
        spans: all spans below it.
        sections: the run's critical path.
    """
    calls = [span for span in spans if span.parent_id == root.span_id and span.span_id != root.span_id]
    parts = _parts(root, spans, sections)
    lost = lost_races(calls)
    waited = [call for call in calls if call.span_id not in lost]
    whole = max(1, root.duration_ns)
    return tuple(
        Sensitivity(
            span_id=call.span_id,
            on_path_ns=(own := sum(part.duration_ns for part in parts.get(call.span_id, ()))),
            share=own / whole,
            saves_ns=_saves(call, parts.get(call.span_id, ()), waited),
            fan_out=sum(_overlap(call, other) for other in calls),
            slack_ns=slack(call, [root, *spans], sections),
        )
        for call in calls
    )


def _parts(root: SpanRow, spans: Sequence[SpanRow], sections: Sequence[Section]) -> Mapping[str, list[Section]]:
    """The sections of the path by the call in which they were spent."""
    parents = {span.span_id: span.parent_id for span in spans}
    parts: dict[str, list[Section]] = defaultdict(list)
    for section in sections:
        call, parent = section.span_id, parents.get(section.span_id)
        while parent is not None and parent != root.span_id:
            call, parent = parent, parents.get(parent)
        parts[call].append(section)
    return parts


def _overlap(call: SpanRow, other: SpanRow) -> bool:
    return other is call or (other.started_ns < call.ended_ns and call.started_ns < other.ended_ns)


def _saves(call: SpanRow, own: Sequence[Section], waited: Sequence[SpanRow]) -> int:
    """What is left of its part of the path when all that ran beside it, and did not come of it, has ended."""
    others = [other for other in waited if other is not call and not _came_of(other, call)]
    saved = 0
    for section in own:
        ends = [other.ended_ns for other in others if other.started_ns < section.end_ns]
        saved += section.end_ns - min(section.end_ns, max([section.start_ns, *ends]))
    return saved


def _came_of(other: SpanRow, call: SpanRow) -> bool:
    """Whether a call was begun by another: a tool by the model call that wrote it, a hedge by an earlier attempt."""
    if other.started_ns < call.started_ns:
        return False
    read = call.attributes.get
    if read(names.OPERATION_NAME) == names.CHAT:
        return other.attributes.get(names.OPERATION_NAME) == names.EXECUTE_TOOL
    identity = read(names.TOOL_CALL_ID)
    return identity is not None and other.attributes.get(names.TOOL_CALL_ID) == identity
