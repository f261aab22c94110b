"""What the graph hands from node to node."""

from __future__ import annotations

import operator
from typing import Annotated, Any, NotRequired, TypedDict

from .models.base import Message


class Suspended(TypedDict):
    """A run that waits for approval, as plain JSON values: what another process needs to go on with it.

    Keys:
        run: the id by which models know the run: that of its first trace.
        trace: the trace of the run that was suspended.
        query: the question.
        calls: what waits, as `PendingCall.to_dict` writes it.
        replies: what a person said to each, by the call's id; there once they have.
        asked_at: when it was suspended, in seconds since 1970.
        budget: the limits, `latency` included where there is none.
        left: seconds that were left then; `None` where there was no deadline.
        spent: what had been spent, as `Spend.to_dict` writes it.
        found: the evidence so far, with how each call ended.
        gave: the ids of what each call gave, as in `Calls.gave`.
        origins: where untrusted content that the model had been shown came from, as in `Seen.origins`.
        warnings: what the user is to be told of it.
        model: the name of the model that was asked last.
        handed_over: the stop reason, and in words, where the embedded model has taken over.
        resampled: how often the model was asked again.
        begins: how many messages and pieces of evidence of the thread are older than the run.
    """

    run: str
    trace: str
    query: str
    calls: list[dict[str, Any]]
    replies: NotRequired[dict[str, Any]]
    asked_at: float
    budget: dict[str, Any]
    left: float | None
    spent: dict[str, Any]
    found: list[dict[str, Any]]
    gave: dict[str, dict[str, str]]
    origins: dict[str, str]
    warnings: list[str]
    model: str
    handed_over: list[str] | None
    resampled: int
    begins: list[int]


class State(TypedDict):
    """What a resumed run needs, as plain JSON values; the same with and without a checkpointer.

    Keys:
        messages: the conversation; a thread's earlier questions come before this one's.
        evidence: what calls gave, as `Evidence.to_dict` writes it.
        turn: rounds of reason → act → verify so far.
        suspended: what waits for approval; absent, or `None`, where nothing does.
    """

    messages: Annotated[list[Message], operator.add]
    evidence: Annotated[list[dict[str, Any]], operator.add]
    turn: int
    suspended: NotRequired[Suspended | None]
