"""From a trace to what its run met with."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from ...policies.budget import Budget
from ..trace import conventions as names
from ..trace.decisions import Decision
from ..trace.rows import SpanRow
from ..trace.run_view import RunView
from ..trace.subjects import cut
from .recording import How, Lived, Recording, Thought, Wanted, name_of

OWN_CHECKS: Final = frozenset({"grounding", "turn"})
"""Checks that the loop makes by itself: made again, not recorded."""

_TOGETHER: Final = 0.005
"""Seconds within which a step that begins as another one ends is held to have waited for it."""

_TELLING: Final = 4
"""Characters from which on a text that stands in a result and in arguments is held to come from there."""

_PASSING: Final = frozenset(
    {"ConnectError", "ConnectionError", "ConnectTimeout", "ReadTimeout", "TimeoutError", "ReadError", "429", "502",
     "503", "504", "HTTPStatusError"}
)  # fmt: skip
"""Types of errors that may pass when they are tried again."""


def recording_of(view: RunView) -> Recording:
    """What a stored run says of what it met with."""
    chats = _chats(view)
    turns, answers = _thoughts(view, chats)
    in_time = view.deadline is None or view.duration <= view.deadline + _TOGETHER
    return Recording(
        key=view.run.trace_id,
        started_ns=view.run.started_ns,
        model=view.run.model,
        query=view.query,
        budget=_budget(view),
        turns=turns,
        answers=answers,
        grounded=_grounded(view, chats),
        checks=_checks(view),
        whole=view.run.stop_reason in ("answered", "enough"),
        seconds=view.duration,
        complete=in_time and view.run.status == "complete",
        verified=in_time and view.run.verified is True,
        cost_usd=view.run.cost_usd,
    )


def _budget(view: RunView) -> Budget:
    def whole(name: str) -> int | None:
        return int(view.limits[name]) if name in view.limits else None

    return Budget(
        # A deadline is an instant: the seconds to it differ in their last digits from run to run.
        latency=None if view.deadline is None else round(view.deadline, 6),
        tool_calls=whole("tool_calls"),
        model_calls=whole("model_calls"),
        tokens=whole("tokens"),
        cost_usd=view.limits.get("cost_usd"),
    )


def _chats(view: RunView) -> list[SpanRow]:
    """The calls of the run's own model, without those that the embedded one made in its place."""
    return [
        span
        for depth, span in view.spans
        if depth == 1
        and span.attributes.get(names.OPERATION_NAME) == names.CHAT
        and span.attributes.get(names.REQUEST_MODEL) == view.run.model
        and span.attributes.get(names.CALL_OUTCOME) != "error"
    ]


def _thoughts(view: RunView, chats: Sequence[SpanRow]) -> tuple[tuple[Thought, ...], tuple[Thought, ...]]:
    calls, skipped = _attempts(view), _skips(view.decisions)
    turns: list[Thought] = []
    answers: list[Thought] = []
    for index, chat in enumerate(chats):
        until = chats[index + 1].started_ns if index + 1 < len(chats) else view.root.ended_ns
        began = {c: s for c, s in calls.items() if chat.started_ns <= s[0].started_ns < until}
        left = [made for made in skipped if view.at(chat.started_ns) <= made.at < view.at(until)]
        thought = _thought(chat, len(turns), began, left)
        if thought.wanted or (chat.attributes.get(names.PURPOSE) == "reason" and thought.lived.how == "cut"):
            turns.append(thought)
        else:
            answers.append(thought)
    return tuple(turns), tuple(answers)


def _attempts(view: RunView) -> dict[str, list[SpanRow]]:
    """The attempts of each call, in order, by the call's id, the calls by their first attempts."""
    calls: dict[str, list[SpanRow]] = defaultdict(list)
    for depth, span in view.spans:
        if depth == 1 and span.attributes.get(names.OPERATION_NAME) == names.EXECUTE_TOOL:
            calls[str(span.attributes.get(names.TOOL_CALL_ID, span.span_id))].append(span)
    return {call: sorted(spans, key=_attempt) for call, spans in calls.items()}


def _attempt(span: SpanRow) -> int:
    number = span.attributes.get(names.CALL_ATTEMPT, 1)
    return number if isinstance(number, int) else 1


def _skips(decisions: Iterable[Decision]) -> list[Decision]:
    return [made for made in decisions if made.kind == "skip" and made.figures.get("call")]


def _thought(chat: SpanRow, turn: int, began: Mapping[str, list[SpanRow]], skipped: Sequence[Decision]) -> Thought:
    read = chat.attributes.get
    lived = _lived(chat)
    order = [*sorted(began, key=lambda call: began[call][0].started_ns)]
    order += [call for call in dict.fromkeys(str(made.figures["call"]) for made in skipped) if call not in began]
    known = {call: name_of(turn, n) for n, call in enumerate(order)}
    needs = {str(made.figures["call"]): made for made in skipped}
    wanted = tuple(
        Wanted(
            name=known[call],
            tool=_tool(call, began, needs),
            ready=_ready(chat, began[call][0]) if call in began else None,
            attempts=tuple(_outcome(span, began[call]) for span in began.get(call, ())),
            after=_after(call, known, began, needs, chat),
            result=_result(began.get(call, ())),
        )
        for call in order
    )
    first = read(names.RESPONSE_TIME_TO_FIRST_CHUNK)
    return Thought(
        lived=lived,
        first=float(first) if isinstance(first, (int, float)) else None,
        tokens=_count(read(names.USAGE_OUTPUT_TOKENS)),
        sent=_count(read(names.USAGE_INPUT_TOKENS)),
        wanted=wanted,
        plan=any("." in call for call in order),
    )


def _result(attempts: Sequence[SpanRow]) -> str | None:
    given = (span.attributes.get(names.TOOL_CALL_RESULT) for span in attempts)
    return next((text for text in given if isinstance(text, str)), None)


def _tool(call: str, began: Mapping[str, list[SpanRow]], needs: Mapping[str, Decision]) -> str:
    if call in began:
        return str(began[call][0].attributes.get(names.TOOL_NAME, "tool"))
    return needs[call].choice


def _ready(chat: SpanRow, first: SpanRow) -> float:
    """When its arguments were there: as it began while the model wrote, else at the end of that."""
    begun = min(first.started_ns, chat.ended_ns)
    return (begun - chat.started_ns) / 1e9


def _after(
    call: str,
    known: Mapping[str, str],
    began: Mapping[str, list[SpanRow]],
    needs: Mapping[str, Decision],
    chat: SpanRow,
) -> tuple[str, ...]:
    """The calls it waited for: the step that a skip names, or the one that ended as it began."""
    if call in needs:
        named = f"{call.rpartition('.')[0]}.{needs[call].figures.get('needs')}"
        return (known[named],) if named in known else ()
    start = began[call][0].started_ns
    taken = _taken(call, known, began)
    if taken or "." not in call or start < chat.ended_ns + _TOGETHER * 1e9:
        return taken
    ended = [other for other, spans in began.items() if other != call and _close(spans, start)]
    return tuple(known[other] for other in ended[-1:])


def _taken(call: str, known: Mapping[str, str], began: Mapping[str, list[SpanRow]]) -> tuple[str, ...]:
    """The calls whose results stand among its arguments, where content was captured."""
    wanted = set(_texts(began[call][0].attributes.get(names.TOOL_CALL_ARGUMENTS)))
    found = []
    for other, spans in began.items():
        given = (span.attributes.get(names.TOOL_CALL_RESULT) for span in spans)
        own = set(_texts(spans[0].attributes.get(names.TOOL_CALL_ARGUMENTS)))
        if other != call and any(wanted & (set(_texts(result)) - own) for result in given):
            found.append(known[other])
    return tuple(found)


def _texts(document: Any) -> Iterator[str]:
    """The texts in a JSON document that are long enough to tell things apart; a text that is no JSON is one itself."""
    try:
        todo = [json.loads(document)] if isinstance(document, str) else []
    except ValueError:
        todo = [document]
    while todo:
        value = todo.pop()
        if isinstance(value, str) and len(value) >= _TELLING:
            yield value
        elif isinstance(value, Mapping):
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)


def _close(spans: Sequence[SpanRow], start: int) -> bool:
    return any(abs(span.ended_ns - start) <= _TOGETHER * 1e9 for span in spans)


def _lived(span: SpanRow) -> Lived:
    return Lived(seconds=span.duration_ns / 1e9, how="cut" if cut(span) else "ok")


def _outcome(span: SpanRow, attempts: Sequence[SpanRow]) -> Lived:
    seconds, read = span.duration_ns / 1e9, span.attributes.get
    if cut(span):
        return Lived(seconds=seconds, how="cut")
    if read(names.CALL_OUTCOME) not in ("error", "rejected"):
        return Lived(seconds=seconds)
    again = any(other.attributes.get(names.CALL_KIND) == "retry" for other in attempts)
    return Lived(seconds=seconds, how="error", passing=again or str(read(names.ERROR_TYPE)) in _PASSING)


def _grounded(view: RunView, chats: Sequence[SpanRow]) -> tuple[str, ...]:
    """The verdicts of the loop's own check that follow on a model call: others are of answers that were composed."""
    ends = {chat.ended_ns for chat in chats}
    found = []
    for _, span in view.spans:
        read = span.attributes.get
        if read(names.VERIFIER_NAME) == "grounding" and any(_at_once(end, span.started_ns) for end in ends):
            found.append(str(read(names.VERIFIER_OUTCOME, "unsure")))
    return tuple(found)


def _at_once(end: int, start: int) -> bool:
    return 0 <= start - end <= _TOGETHER * 1e9


def _checks(view: RunView) -> dict[str, tuple[Lived, ...]]:
    found: dict[str, list[Lived]] = defaultdict(list)
    for _, span in view.spans:
        read = span.attributes.get
        name = read(names.VERIFIER_NAME)
        if read(names.OPERATION_NAME) == names.VERIFY and name not in OWN_CHECKS:
            said = str(read(names.VERIFIER_OUTCOME, "unsure"))
            # A check that had not answered when its time was up is unsure, and its span ends as any other.
            how: How = "cut" if cut(span) or said == "unsure" else "ok"
            found[str(name)].append(Lived(seconds=span.duration_ns / 1e9, how=how, said=said))
    return {name: tuple(lived) for name, lived in found.items()}


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
