"""A run that waits for approval as plain JSON values, and a run that goes on from them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from pydantic_core import to_jsonable_python

from ..policies.budget import Budget, Spend
from ..policies.outcome import Cancelled, Failed, Ok, Outcome, Skipped, TimedOut, Verdict
from ..tools.call import Evidence, Passage, PendingCall
from ..tools.media.parts import Attachment, Audio, Document, Image, Video
from ..tools.media.results import media_in
from .attachments import ATTACHMENT, Attached, Attachments
from .ending import Ending
from .models.base import CallMessage
from .models.rules import Rules
from .run import Run
from .state import State, Suspended

_OUTCOMES: dict[str, type[Outcome]] = {kind.name: kind for kind in (Ok, Failed, TimedOut, Cancelled, Skipped)}

_FILES: dict[str, type[Attachment]] = {kind.kind: kind for kind in (Image, Document, Audio, Video)}


def suspended(run: Run, waiting: Sequence[PendingCall], began: float) -> Suspended:
    """What another process needs to go on with a run that waits for nothing but people since the instant `began`."""
    handed = run.handed_over
    return Suspended(
        run=run.identity,
        trace=run.trace.trace_id,
        query=run.query,
        calls=[call.to_dict() for call in waiting],
        asked_at=time.time(),
        budget={"latency": None} | run.budget.to_dict(),
        left=None if run.deadline.never else run.deadline.remaining(began),
        spent=run.ledger.spend(began - run.started).to_dict(),
        found=[{**item.to_dict(), "ended": _ended(item.outcome)} for item in run.evidence],
        gave={call: dict(gave) for call, gave in run.calls.gave.items()},
        origins=dict(run.seen.origins),
        warnings=list(run.warnings),
        model=run.model.name,
        handed_over=None if handed is None else [handed.stop_reason, handed.reason],
        resampled=run.draft.resampled,
        begins=list(run.conversation.begins),
    )


def pending_of(kept: Suspended) -> tuple[PendingCall, ...]:
    """The calls that wait."""
    return tuple(PendingCall(**call) for call in kept["calls"])


def budget_of(kept: Suspended) -> Budget:
    """The limits that the run had."""
    return Budget(**kept["budget"])


def spend_of(kept: Suspended) -> Spend:
    """What the run had spent."""
    spent = kept["spent"]
    return Spend(**{field.name: spent[field.name] for field in fields(Spend)})


def raised(budget: Budget, spent: Spend) -> Budget:
    """Limits on what is spent from now on, as limits on all that the run spends."""
    used = {"latency": spent.latency, "tool_calls": spent.tool_calls, "model_calls": spent.model_calls,
            "tokens": spent.tokens, "cost_usd": spent.cost_usd or 0.0}  # fmt: skip
    limits = {name: getattr(budget, name) for name in used}
    each = {name: limit + spent.per_tool.get(name, 0) for name, limit in budget.per_tool.items()}
    return Budget(**{name: None if limit is None else limit + used[name] for name, limit in limits.items()},
                  per_tool=each)  # fmt: skip


def restore(run: Run, kept: Suspended, state: State) -> None:
    """Give a new run what a suspended one knew."""
    run.conversation.begins = (kept["begins"][0], kept["begins"][1])
    run.evidence += [_evidence(item) for item in kept["found"]]
    run.calls.gave |= kept["gave"]
    run.warnings += kept["warnings"]
    run.draft.resampled = kept["resampled"]
    _take_model(run, kept)
    _recall(run, state)
    messages = state["messages"][run.conversation.begins[0] :]
    asked_before = [message["calls"] for message in messages if message.get("calls")][:-1]
    found = {item.id: item for item in run.evidence}
    for number, calls in enumerate(asked_before, 1):
        run.turns.take(number, [found[each] for each in _gave(run, calls) if each in found])
    now = set(_gave(run, state["messages"][-1].get("calls", [])))
    # What the turn that waits has found is shown to the model when it is asked next, and not before.
    run.seen.show(item for item in run.evidence if item.id not in now)
    run.seen.origins |= kept["origins"]
    _take_files(run, state)


def _take_files(run: Run, state: State) -> None:
    """The files of the conversation: of what was read there is the text, and the bytes are gone with their run."""
    refs = {ref["key"]: ref for message in state["messages"] for ref in message.get("parts", ())}
    if not refs:
        return
    run.media = Attachments()
    for item in run.evidence:
        if item.tool == ATTACHMENT and (ref := refs.get(item.id)) is not None and ref["kind"] in _FILES:
            part = _FILES[ref["kind"]](data=b"", name=ref["name"], trusted=item.trusted)
            run.media.items[item.id] = Attached(key=item.id, part=part, passages=item.passages, ready=True)


def _recall(run: Run, state: State) -> None:
    """What the conversation said and found before the run; and every id that it has used."""
    messages, evidence = run.conversation.begins
    run.calls.recall(state["messages"])
    for message in state["messages"]:
        if "parts" in message and run.media is None:
            run.media = Attachments()  # to say of the files that they are gone: their bytes were never kept
    for message in state["messages"][:messages]:
        if message["role"] == "user":
            run.seen.said(message["content"])
    run.seen.resume(state["evidence"][:evidence])
    run.seen.resume(item for item in state["evidence"][evidence:] if item["tool"] == ATTACHMENT)


def _take_model(run: Run, kept: Suspended) -> None:
    """Go on with the model that was asked last, where the agent still has it."""
    if kept["handed_over"] is not None:
        stop, reason = kept["handed_over"]
        run.model = Rules()
        run.handed_over = Ending(stop_reason=stop, reason=reason)  # type: ignore[arg-type]  # it was one when it was kept
        return
    run.model = run.ladder.named(kept["model"]) or run.model


def _gave(run: Run, calls: Sequence[CallMessage]) -> list[str]:
    return [each for call in calls for each in run.calls.gave.get(call.get("key", call["id"]), {}).values()]


def _ended(outcome: Outcome) -> dict[str, Any]:
    """An outcome's fields as JSON values; a value that JSON cannot say becomes its text."""
    if isinstance(outcome, Ok) and media_in(outcome.value):
        return {"value": None}  # the bytes of files are never kept
    known = {field.name: getattr(outcome, field.name) for field in fields(outcome)}
    try:
        ended: dict[str, Any] = to_jsonable_python(known, fallback=str, bytes_mode="base64")
    except Exception:  # a value of a stranger's type may raise anything, also when it is written as text
        ended = {"value": None}
    return ended


def _evidence(item: Mapping[str, Any]) -> Evidence:
    passages = tuple(Passage(**passage) for passage in item["passages"])
    plain = {name: item[name] for name in ("id", "tool", "arguments", "content", "origin", "truncated", "trusted",
                                           "attempts", "duration")}  # fmt: skip
    outcome = _OUTCOMES[item["outcome"]](**item["ended"])
    return Evidence(**plain, outcome=outcome, passages=passages, verdict=Verdict(**item["verdict"]))
