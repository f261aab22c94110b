"""The node that judges the turn: what the model is shown of it, and where to go next."""

from __future__ import annotations

import json
from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from ..policies.outcome import Skipped, Verdict
from ..policies.stopping import Stop, TurnSituation
from ..tools.call import Evidence
from .models.base import Message
from .prompts import tool_message
from .run import Run
from .state import State


async def verify(state: State, runtime: Runtime[Run]) -> Command[Literal["reason", "answer"]]:
    """Tell the model what each call gave, withhold what failed its checks, and decide: another turn, or the answer."""
    run = runtime.context
    asked = state["messages"][-1].get("calls", [])
    found = {item.id: item for item in run.evidence}
    turn = [found[call["id"]] for call in asked if call["id"] in found]
    span = run.trace.verify("turn", verifier="turn", node="verify")
    messages = [Message(role="tool", content=tool_message(e), call_id=e.id, tool=e.tool) for e in turn]
    situation = _situation(run, state, turn)
    decided = run.policy.stopping.decide(situation)
    span.end(_verdict(turn))
    if isinstance(decided, Stop):
        run.end(decided.stop_reason, decided.reason, turn=situation.turn, remaining=situation.remaining,
                next_turn=situation.next_turn, passed=situation.passed)  # fmt: skip
        return Command(goto="answer", update={"messages": messages})
    run.trace.decision("continue", "reason", decided.reason, turn=situation.turn, remaining=situation.remaining,
                       next_turn=situation.next_turn, passed=situation.passed)  # fmt: skip
    return Command(goto="reason", update={"messages": messages})


def _verdict(turn: list[Evidence]) -> Verdict:
    """The turn in one verdict, for the trace: it fails where a result does."""
    failed = [item.tool for item in turn if item.verdict.outcome == "fail"]
    if failed:
        return Verdict.failed("turn", f"{len(failed)} of {len(turn)} results are not usable: {', '.join(failed)}")
    if all(item.verdict.outcome == "pass" for item in turn):
        return Verdict.passed("turn", f"all {len(turn)} results passed their checks")
    return Verdict.unsure("turn", "some results had nothing to check")


def _situation(run: Run, state: State, turn: list[Evidence]) -> TurnSituation:
    now = run.now()
    ids = {item.id for item in turn}
    earlier = {_key(item) for item in run.evidence if item.id not in ids}
    new = [item for item in turn if _key(item) not in earlier]
    refused = [e.outcome.limit for e in turn if isinstance(e.outcome, Skipped) and e.outcome.limit != "deadline"]
    exhausted = refused[0] if refused and run.ledger.left().get("tool_calls", 1) <= 0 else None
    return TurnSituation(
        turn=state["turn"],
        most_turns=run.policy.limits.turns,
        remaining=run.soft.remaining(now),
        next_turn=run.model_seconds,
        passed=sum(item.verdict.outcome == "pass" for item in run.evidence),
        repeated=bool(turn) and not new,
        cut=run.soft.expired(now),
        exhausted=exhausted,
    )


def _key(item: Evidence) -> str:
    """What makes two calls the same; one that was refused for its arguments is new where the refusal says something
    new."""
    refused = item.content if item.verdict.verifier == "arguments" else ""
    return f"{item.tool} {json.dumps(dict(item.arguments), sort_keys=True, default=str)} {refused}"
