"""The node that thinks: one streamed model call, told what is left."""

from __future__ import annotations

from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from ..tools.call import Call
from .act import begin_early
from .inference import Turn, infer
from .models.base import CallMessage, Message
from .models.rules import Rules
from .run import Run
from .state import State


async def reason(state: State, runtime: Runtime[Run]) -> Command[Literal["act", "answer"]]:
    """Ask the model for calls or an answer; hand over to the embedded model where the endpoint fails."""
    run = runtime.context
    run.tick()
    turn = await _think(run, state["messages"])
    if turn.error is not None and not isinstance(run.model, Rules):
        _hand_over(run, turn)
        turn = await _think(run, state["messages"])
    if turn.calls and not turn.cut:
        message = Message(role="assistant", content=turn.text, calls=[_call_message(call) for call in turn.calls])
        return Command(goto="act", update={"messages": [message], "turn": state["turn"] + 1})
    _end(run, turn)
    return Command(goto="answer", update={"messages": [Message(role="assistant", content=turn.text)]})


async def _think(run: Run, messages: list[Message]) -> Turn:
    # A model that has no attempt left is not shown tools: asking for them would only waste its turn.
    exhausted = run.ledger.left().get("tool_calls", 1) <= 0
    tools = () if exhausted else run.specs
    return await infer(run, messages, tools, "reason", run.soft, lambda call: begin_early(run, call))


def _hand_over(run: Run, turn: Turn) -> None:
    """The embedded model takes the run over: a failed endpoint costs the better model, not the answer."""
    failed = run.model.name
    run.model_failed = True
    run.model = Rules()
    run.trace.decision("fallback", "rules", f"{failed}: {turn.error}", failed=failed)
    run.warn(f"The model {failed} failed ({turn.error}); the embedded model 'rules' took over.")


def _end(run: Run, turn: Turn) -> None:
    run.unanswered = turn.finish is not None and turn.finish.unanswered
    if turn.refusal is not None:
        run.end(turn.refusal.limit, turn.refusal.reason)
    elif turn.cut:
        run.end("deadline", "the soft deadline interrupted the model", remaining=run.deadline.remaining(run.now()))
    elif run.model_failed:
        run.end("model_failed", "the model failed")
    elif turn.error is not None:
        run.end("model_failed", str(turn.error))
    else:
        run.end("answered", "the model answered")


def _call_message(call: Call) -> CallMessage:
    message = CallMessage(id=call.id, tool=call.tool, arguments=dict(call.arguments))
    if call.malformed is not None:
        message["malformed"] = call.malformed
    return message
