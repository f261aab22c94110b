"""The node that judges the turn: what the model is shown of it, and where to go next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from ..policies.outcome import Skipped, Verdict
from ..policies.stopping import Stop, TurnSituation
from ..tools.call import Evidence
from ..tools.media.results import media_in
from .accord import compare, disputed
from .attachments import Attachments
from .judging import begin_judging
from .models.base import Message, PartMessage
from .plan_text import answer_to, given
from .run import Run
from .state import State
from .timing import next_turn_seconds
from .turns import Turns


async def verify(state: State, runtime: Runtime[Run]) -> Command[Literal["reason", "answer"]]:
    """Tell the model what each call gave, withhold what failed its checks, and decide: another turn, or the answer."""
    run = runtime.context
    asked = state["messages"][-1].get("calls", [])
    compare(run, [item for items in given(run, asked).values() for item in items.values()])
    gave = given(run, asked)
    turn = [item for items in gave.values() for item in items.values()]
    span = run.trace.verify("turn", verifier="turn", node="verify")
    messages = [
        _told(answer_to(run, call, gave[call["id"]]), gave[call["id"]], run.conversation.edited)
        for call in asked
        if gave[call["id"]]
    ]
    for message, call in zip(messages, (call for call in asked if gave[call["id"]]), strict=True):
        if parts := _files(run, gave[call["id"]].values()):
            message["parts"] = parts
    turns = run.turns
    turns.take(state["turn"], turn)
    begin_judging(run, turn)
    if run.voice is not None and run.output is None:
        run.voice.found(run.query, run.evidence)
    situation = _situation(run, state, turn, turns)
    decided = run.policy.stopping.decide(situation)
    span.end(_verdict(turn))
    for fault in decided.faults:
        run.trace.decision("rule", "failed", fault, turn=situation.turn)
        run.warn(f"{fault[0].upper()}{fault[1:]}.")
    # The record holds the results in its own form: less of them, and no text where content is not to be written.
    if isinstance(decided, Stop):
        run.end(decided.stop_reason, decided.reason, situation=situation, results=turns.record())
        return Command(goto="answer", update={"messages": messages})
    run.trace.decision("continue", "reason", decided.reason, situation, results=turns.record())
    return Command(goto="reason", update={"messages": messages})


def _files(run: Run, items: Iterable[Evidence]) -> list[PartMessage]:
    """The files among what calls gave, taken in by their run; they are made ready before the model is asked next."""
    found = [(part, item) for item in items if item.usable for part in media_in(item.value)]
    if not found:
        return []
    media = run.media = run.media or Attachments()
    return [media.add(part, item.id).ref for part, item in found]


def _told(message: Message, gave: Mapping[str, Evidence], edited: Mapping[str, str]) -> Message:
    """The message, with what is said against its results, and whose arguments were `edited`."""
    reasons = dict.fromkeys(item.verdict.reason for item in disputed(gave.values()))
    reasons |= dict.fromkeys(
        f"a person changed its arguments to {edited[i.id]}" for i in gave.values() if i.id in edited
    )
    return Message(**message | {"content": "\n".join([message["content"], *(f"[{each}]" for each in reasons)])})


def _verdict(turn: list[Evidence]) -> Verdict:
    """The turn in one verdict, for the trace: it fails where a result does."""
    failed = [item.tool for item in turn if item.verdict.outcome == "fail"]
    if failed:
        return Verdict.failed("turn", f"{len(failed)} of {len(turn)} results are not usable: {', '.join(failed)}")
    if all(item.verdict.outcome == "pass" for item in turn):
        return Verdict.passed("turn", f"all {len(turn)} results passed their checks")
    return Verdict.unsure("turn", "some results had nothing to check")


def _situation(run: Run, state: State, turn: list[Evidence], turns: Turns) -> TurnSituation:
    now = run.now()
    spend = run.ledger.spend(now - run.started)
    limits = [e.outcome.limit for e in turn if isinstance(e.outcome, Skipped)]
    refused = [name for name in limits if name in ("tool_calls", "cost_usd") or name.startswith("per_tool")]
    exhausted = refused[0] if refused and run.ledger.left().get("tool_calls", 1) <= 0 else None
    return TurnSituation(
        turn=state["turn"],
        most_turns=run.policy.limits.turns,
        remaining=run.last.remaining(now),
        next_turn=next_turn_seconds(run, run.last.remaining(now)),
        passed=turns.passed,
        repeated=turns.repeated,
        cut=run.last.expired(now) or (run.soft.expired(now) and any(e.outcome.name == "timed_out" for e in turn)),
        exhausted=exhausted,
        elapsed=spend.latency,
        tool_calls=spend.tool_calls,
        model_calls=spend.model_calls,
        cost_usd=spend.cost_usd,
        agreeing=turns.agreeing,
        gains=turns.gains,
        fruitless=turns.fruitless,
        results=tuple(turns.results),
    )
