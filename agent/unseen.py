"""What was found and is in no message yet, such as by early starts of a turn that was cut: an answer needs it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..tools.call import Evidence
from .models.base import Message
from .plan_text import shortened
from .prompts import FINAL, UNSEEN, tool_message
from .run import Run

MOST_ARGUMENTS = 300
"""Characters of a call's arguments that are named beside what it gave."""


def told(run: Run, messages: Sequence[Message], request: str = FINAL) -> list[Message]:
    """The conversation, then what was found and is not in it, and the request to answer; in one message, as endpoints
    differ in which calls they take where none can be made."""
    found = _unseen(run, messages)
    if not found:
        return [*messages, Message(role="user", content=request)]
    run.show()
    run.calls.listed.update(item.id for item in found)
    results = [_result(item) for item in shortened(found, run.policy.limits.result)]
    return [*messages, Message(role="user", content="\n\n".join([UNSEEN, *results, request]))]


def _unseen(run: Run, messages: Sequence[Message]) -> list[Evidence]:
    seen = set(_seen(run, messages))
    return [item for item in list(run.evidence) if item.usable and item.id not in seen]


def _seen(run: Run, messages: Sequence[Message]) -> Iterator[str]:
    """The ids of the evidence that messages of tools tell of."""
    keys: dict[str, str] = {}
    for message in messages:
        yield from (ref["key"] for ref in message.get("parts", ()))
        keys |= {call["id"]: call.get("key", call["id"]) for call in message.get("calls", ())}
        if message["role"] == "tool":
            key = keys.get(message["call_id"], message["call_id"])
            yield from run.calls.given(key).values()


def _result(item: Evidence) -> str:
    """A call and what it gave. Its arguments may hold what a plan took from untrusted content: then they are fenced."""
    asked = _arguments(item.arguments)
    if item.untrusted:
        return tool_message(replace(item, content=f"{asked}\n{item.content}"))
    return f"[{item.tool} {asked}]\n{tool_message(item)}"


def _arguments(arguments: Mapping[str, Any]) -> str:
    text = json.dumps(dict(arguments), ensure_ascii=False, default=str)
    return text if len(text) <= MOST_ARGUMENTS else f"{text[: MOST_ARGUMENTS - 1]}…"
