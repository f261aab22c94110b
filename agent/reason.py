"""The node that thinks: one streamed model call, told what is left."""

from __future__ import annotations

from typing import Any, Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from ..policies.interruption import Decline
from ..tools.call import Call
from . import timing
from .act import begin_early
from .attach import make_ready
from .attachments import Attachments
from .ending import Ending
from .inference import infer
from .judging import news
from .models.base import CallMessage, Message
from .models.rules import Rules
from .plan_text import offered
from .routes import ease, review, rise
from .run import Run, live
from .state import State
from .stream import ENDPOINT
from .turn import Turn


async def reason(state: State, runtime: Runtime[Run]) -> Command[Literal["act", "answer"]]:
    """Ask the model for calls or an answer; hand over to the embedded model where the endpoint fails or is too
    slow for what is left."""
    run = live(runtime)
    run.tick()
    if state["turn"] == 0:
        _recall(run, state)
    if run.media is not None:
        await make_ready(run, run.media)
    ease(run, run.last)
    if state["turn"] == 0 and timing.can_take_over(run):
        _begin(run)
    told = news(run)
    messages = [*state["messages"], *told]
    review(run, messages)
    turn = await _think(run, messages)
    if _helpless(turn) and rise(run, "unanswered", "it has nothing to answer with", messages, run.last):
        turn = await _think(run, messages)
        run.tally.escalated("unanswered", helped=not _helpless(turn))
    if turn.error is not None and not isinstance(run.model, Rules):
        _hand_over(run, Ending(stop_reason="model_failed", reason="the model failed"), "failed", str(turn.error))
        turn = await _think(run, messages)
    elif turn.stopped is not None and turn.stopped.then == "embedded":
        _too_slow(run, turn.stopped.reason)
        turn = await _think(run, messages)
    if turn.calls and not turn.cut:
        message = Message(role="assistant", content=turn.text, calls=[_call_message(turn, call) for call in turn.calls])
        known = {"messages": [*told, message], "turn": state["turn"] + 1, **_records(run, state)}
        return Command(goto="act", update=known)
    run.calls.strand()
    _end(run, turn)
    said = Message(role="assistant", content=turn.text)
    return Command(goto="answer", update={"messages": [*told, said], **_records(run, state)})


def _records(run: Run, state: State) -> dict[str, Any]:
    """What the conversation keeps of the files that its question came with."""
    return {} if run.media is None or state["turn"] else {"evidence": run.media.records()}


def _helpless(turn: Turn) -> bool:
    """Whether a model says that it found nothing to answer with."""
    return turn.finish is not None and turn.finish.unanswered


def _begin(run: Run) -> None:
    """Where the model is known to be too slow for what is left, the embedded one begins."""
    situation = timing.first_turn(run)
    decided = run.policy.interruption.begin(situation)
    if isinstance(decided, Decline) and timing.finds_calls(run):
        run.trace.decision("interrupt", "decline", decided.reason, situation)
        _too_slow(run, decided.reason)


def _recall(run: Run, state: State) -> None:
    """What the conversation said and found before this run is before the model as well."""
    run.conversation.begins = (len(state["messages"]) - 1, len(state["evidence"]))
    for message in state["messages"]:
        if "parts" in message and run.media is None:
            run.media = Attachments()  # to say of earlier files that they are gone
        if message["role"] == "user":
            run.seen.said(message["content"])
    run.calls.recall(state["messages"])
    run.seen.resume(state["evidence"])


async def _think(run: Run, messages: list[Message]) -> Turn:
    # A model that has no attempt left is not shown tools, nor one that is out of order: asking would waste its turn.
    run.draft.asked = messages
    run.show()
    exhausted = run.ledger.left().get("tool_calls", 1) <= 0
    broken = run.broken()
    for tool, refused in broken.items():
        if tool not in run.calls.withheld:
            run.calls.withheld.add(tool)
            run.trace.decision("withhold", tool, refused)
    tools = () if exhausted else tuple(spec for spec in offered(run) if spec.name not in broken)
    return await infer(run, messages, tools, "reason", run.last, lambda call: begin_early(run, call))


def _too_slow(run: Run, reason: str) -> None:
    ending = Ending(stop_reason="deadline", reason=f"the model {run.model.name} was too slow: {reason}")
    _hand_over(run, ending, "was too slow", reason)


def _hand_over(run: Run, ending: Ending, did: str, reason: str) -> None:
    """The embedded model takes the run over: an endpoint that fails costs the better model, not the answer."""
    run.calls.strand()
    replaced = run.model.name
    run.handed_over = ending
    run.model = Rules()
    run.trace.decision("fallback", "rules", f"{replaced}: {reason}", failed=replaced)
    run.warn(f"The model {replaced} {did} ({reason}); the embedded model 'rules' took over.")


def _end(run: Run, turn: Turn) -> None:
    run.draft.take(turn)
    if turn.refusal is not None:
        run.end(turn.refusal.limit, turn.refusal.reason)
    elif turn.cut:
        why = "the deadline interrupted the model" if turn.stopped is None else turn.stopped.reason
        run.end("deadline", why, remaining=run.deadline.remaining(run.now()))
    elif turn.limited is not None:
        stop, allowing = (turn.limited, turn.limited) if turn.limited != ENDPOINT else ("tokens", "the endpoint")
        run.end(stop, f"the answer was ended by the tokens that {allowing} allowed")
    elif run.handed_over is not None:
        run.end(run.handed_over.stop_reason, run.handed_over.reason)
    elif turn.error is not None:
        run.end("model_failed", str(turn.error))
    elif not turn.text.strip():
        finish = "" if turn.finish is None else f" (finish reason: {turn.finish.reason})"
        run.end("model_failed", f"the model {run.model.name} stopped without an answer{finish}")
    else:
        run.end("answered", "the model answered")


def _call_message(turn: Turn, call: Call) -> CallMessage:
    own = turn.ids.own(call.id)
    message = CallMessage(id=own, tool=call.tool, arguments=dict(call.arguments))
    if own != call.id:
        message["key"] = call.id
    if call.malformed is not None:
        message["malformed"] = call.malformed
    return message
