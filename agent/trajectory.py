"""One stored run as one JSON object, for evaluation and training: `shotclock.trajectory.v1`.

Its keys, in order:

- `schema`: `"shotclock.trajectory.v1"`
- `trace_id`, `span_id`: the run's, 32 and 16 hexadecimal digits
- `agent`, `model`: their names
- `kind`: `{modality, tools, model}`, the kind of query that its outcome is counted as; `tools` is a list
- `conversation`: the thread; `null` without one
- `metadata`: the caller's own labels, by name
- `started`, `elapsed`: when it began, ISO 8601 in UTC, and the seconds it took
- `status`, `stop_reason`, `error_type`: how it ended, each a text or `null`
- `verified`: whether the answer passed its checks; `null` where the run did not say
- `budget`, `spend`: limits and use, by `latency`, `tool_calls`, `model_calls`, `tokens` and `cost_usd`; what is
  unlimited or unknown is left out
- `tokens`: `{input, output}` as endpoints report them, each an integer or `null`
- `model_calls`: of each `at`, `duration`, `purpose`, `model`, `outcome`, `error_type`, `input_tokens`, `output_tokens`
  and `cost_usd`
- `tool_calls`: of each attempt `at`, `duration`, `id`, `tool`, `attempt`, `attempt_kind`, `outcome`, `error_type` and
  `cost_usd`; ° `arguments`, an object, and `result`, a text
- `verdicts`: of each check `at`, `duration`, `of`, `verifier`, `outcome` and `score`; ° `reason`
- `verdict`: that of the answer as it was given, `outcome`, `verifier` and `score`; ° `reason`; `null` where there
  is none
- `decisions`: of each `at`, `kind`, `choice`, `situation` and `figures`; ° `reason`
- `feedback`: of each author `author`, `score`, `comment` and `at`, ISO 8601 in UTC
- `content`: whether the run's content was captured
- ° `query`, `answer`: texts, or `null`
- ° `messages`: the question, the calls with their results, and the answer, as chat messages

Any other `at` is seconds since the run began, `duration` seconds; what is not known is `null`.

What is marked ° is content. It stands there where the capture of content was on as the run was made, and is left out
else: then every text that may quote a question, an answer or a result is gone too, reasons and the texts among the
figures of decisions. A comment was written to be kept, and always stands there.

Messages hold what the trace holds: the words of turns between the calls, and calls that were answered from the cache,
are not among it. Calls and checks of a run inside the run stand in the lists, and not among the messages.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from .kind import QUALITY
from .quality import Feedback, kind_in
from .trace import conventions as names
from .trace.decisions import Decision
from .trace.rows import SpanRow
from .trace.run_view import RunView

SCHEMA: Final = "shotclock.trajectory.v1"

_CHOSEN_BY_A_MODEL: Final = frozenset({"skip", "eager"})
"""Decisions whose choice is a tool's name as a model wrote it, of a tool that may not exist."""


def trajectory(view: RunView, feedback: Sequence[Feedback] = ()) -> dict[str, Any]:
    """A run as the module says, with what people said of it."""
    run, root, shown = view.run, view.root.attributes, has_content(view)
    record = {
        "schema": SCHEMA,
        "trace_id": run.trace_id,
        "span_id": run.span_id,
        "agent": run.agent,
        "model": run.model,
        "kind": kind_in(view).to_dict(),
        "conversation": root.get(names.CONVERSATION_ID),
        "metadata": metadata(view),
        "started": instant(run.started_ns),
        "elapsed": view.duration,
        "status": run.status,
        "stop_reason": run.stop_reason,
        "verified": run.verified,
        "error_type": run.error_type,
        "budget": view.limits,
        "spend": view.consumed,
        "tokens": {"input": root.get(names.USAGE_INPUT_TOKENS), "output": root.get(names.USAGE_OUTPUT_TOKENS)},
        "model_calls": [_model_call(view, span) for span in _spans(view, names.CHAT)],
        "tool_calls": [_tool_call(view, span, shown) for span in _spans(view, names.EXECUTE_TOOL)],
        "verdicts": [_check(view, span, shown) for span in _spans(view, names.VERIFY)],
        "verdict": verdict(view, shown=shown),
        "decisions": [_decision(view, made, shown) for made in view.decisions],
        "feedback": [_said(one) for one in feedback],
        "content": shown,
    }
    if shown:
        record |= {"query": view.query, "answer": view.answer, "messages": list(_messages(view))}
    return record


def has_content(view: RunView) -> bool:
    """Whether the run's content was captured."""
    return names.INPUT_MESSAGES in view.root.attributes


def verdict(view: RunView, *, shown: bool = False) -> dict[str, Any] | None:
    """The verdict of the answer that the run gave; `None` where it gave none, or an earlier version made it and said
    only whether it is verified. Its reason is content: only where that is `shown`."""
    for made in reversed(view.decisions):
        if made.kind == QUALITY:
            read = made.figures.get
            said = {"outcome": read("verdict"), "verifier": read("verifier"), "score": read("verdict_score")}
            return said | ({"reason": read("verdict_reason")} if shown else {})
    return None


def metadata(view: RunView) -> dict[str, Any]:
    """The caller's own labels."""
    begins = f"{names.METADATA}."
    return {k.removeprefix(begins): v for k, v in view.root.attributes.items() if k.startswith(begins)}


def instant(ns: int) -> str:
    """An instant in ISO 8601, in UTC."""
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="milliseconds")


def _spans(view: RunView, operation: str) -> Iterator[SpanRow]:
    """The spans of one operation, by their start; those of runs inside the run too."""
    found = (span for _, span in view.spans if span.attributes.get(names.OPERATION_NAME) == operation)
    return iter(sorted(found, key=lambda span: span.started_ns))


def _when(view: RunView, span: SpanRow) -> dict[str, Any]:
    return {"at": view.at(span.started_ns), "duration": span.duration_ns / 1e9}


def _model_call(view: RunView, span: SpanRow) -> dict[str, Any]:
    read = span.attributes.get
    return _when(view, span) | {
        "purpose": read(names.PURPOSE),
        "model": read(names.REQUEST_MODEL),
        "outcome": read(names.CALL_OUTCOME),
        "error_type": read(names.ERROR_TYPE),
        "input_tokens": read(names.USAGE_INPUT_TOKENS),
        "output_tokens": read(names.USAGE_OUTPUT_TOKENS),
        "cost_usd": read(names.CALL_COST_USD),
    }


def _tool_call(view: RunView, span: SpanRow, shown: bool) -> dict[str, Any]:
    read = span.attributes.get
    call = _when(view, span) | {
        "id": read(names.TOOL_CALL_ID),
        "tool": read(names.TOOL_NAME),
        "attempt": read(names.CALL_ATTEMPT),
        "attempt_kind": read(names.CALL_KIND),
        "outcome": read(names.CALL_OUTCOME),
        "error_type": read(names.ERROR_TYPE),
        "cost_usd": read(names.CALL_COST_USD),
    }
    return call | ({"arguments": _arguments(span), "result": read(names.TOOL_CALL_RESULT)} if shown else {})


def _arguments(span: SpanRow) -> Any:
    """The arguments as an object; as text where they were too long to be kept whole."""
    text = span.attributes.get(names.TOOL_CALL_ARGUMENTS)
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text


def _check(view: RunView, span: SpanRow, shown: bool) -> dict[str, Any]:
    event = next((e.attributes for e in span.events if e.name == names.EVALUATION_RESULT), {})
    check = _when(view, span) | {
        "of": span.name.removeprefix(f"{names.VERIFY} "),
        "verifier": event.get(names.EVALUATION_NAME) or span.attributes.get(names.VERIFIER_NAME),
        "outcome": span.attributes.get(names.VERIFIER_OUTCOME),
        "score": event.get(names.EVALUATION_SCORE),
    }
    return check | ({"reason": event.get(names.EVALUATION_EXPLANATION)} if shown else {})


def _decision(view: RunView, made: Decision, shown: bool) -> dict[str, Any]:
    decision: dict[str, Any] = {
        "at": made.at,
        "kind": made.kind,
        "choice": made.choice if shown or _is_ours(view, made) else None,
        "situation": made.situation or None,
        "figures": dict(made.figures) if shown else _figures(made.figures),
    }
    return decision | ({"reason": made.reason} if shown else {})


def _is_ours(view: RunView, made: Decision) -> bool:
    """Whether the choice is a word of ours or the name of a tool that there is, and not a text by a model."""
    if made.kind not in _CHOSEN_BY_A_MODEL:
        return True
    return any(span.attributes.get(names.TOOL_NAME) == made.choice for span in _spans(view, names.EXECUTE_TOOL))


def _figures(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures that are figures; a text may quote anything."""
    return {name: value for name, value in figures.items() if isinstance(value, (bool, int, float))}


def _said(feedback: Feedback) -> dict[str, Any]:
    at = instant(feedback.given_ns)
    return {"author": feedback.author, "score": feedback.score, "comment": feedback.comment, "at": at}


# The run as a chat.


def _messages(view: RunView) -> Iterator[dict[str, Any]]:
    """The run as chat messages: the calls that ran side by side stand in one message, and their results follow."""
    yield {"role": "user", "content": view.query}
    for calls in _rounds(_calls(view)):
        yield {"role": "assistant", "content": None, "tool_calls": [_request(span) for span in calls]}
        for span in calls:
            result = span.attributes.get(names.TOOL_CALL_RESULT)
            yield {"role": "tool", "tool_call_id": _id(span), "content": _failed(span) if result is None else result}
    if view.answer is not None:
        yield {"role": "assistant", "content": view.answer}


def _calls(view: RunView) -> list[SpanRow]:
    """One attempt of each call of the run itself: that which gave a result, else the last."""
    chosen: dict[str, SpanRow] = {}
    inner = _inner(view)
    for span in _spans(view, names.EXECUTE_TOOL):
        earlier = chosen.get(_id(span))
        if span.span_id not in inner and (earlier is None or names.TOOL_CALL_RESULT not in earlier.attributes):
            chosen[_id(span)] = span
    return list(chosen.values())


def _inner(view: RunView) -> set[str]:
    """The spans of runs inside the run: their calls are numbered anew."""
    inner: set[str] = set()
    for _, span in view.spans:  # parents come before their children
        if span.parent_id in inner or span.attributes.get(names.OPERATION_NAME) == names.INVOKE_AGENT:
            inner.add(span.span_id)
    return inner


def _rounds(calls: Iterable[SpanRow]) -> Iterator[list[SpanRow]]:
    """The calls in groups that overlap in time."""
    group: list[SpanRow] = []
    ends = 0
    for span in sorted(calls, key=lambda span: span.started_ns):
        if group and span.started_ns >= ends:
            yield group
            group, ends = [], 0
        group.append(span)
        ends = max(ends, span.ended_ns)
    if group:
        yield group


def _request(span: SpanRow) -> dict[str, Any]:
    arguments = span.attributes.get(names.TOOL_CALL_ARGUMENTS) or "{}"
    function = {"name": span.attributes.get(names.TOOL_NAME), "arguments": arguments}
    return {"id": _id(span), "type": "function", "function": function}


def _id(span: SpanRow) -> str:
    return str(span.attributes.get(names.TOOL_CALL_ID) or span.span_id)


def _failed(span: SpanRow) -> str:
    """What is said of a call that gave nothing: its error, or how it ended."""
    return span.description or str(span.attributes.get(names.ERROR_TYPE) or span.attributes.get(names.CALL_OUTCOME))
