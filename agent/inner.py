"""An agent as a tool of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..policies.errors import ToolError
from ..tools.tool import Tool
from .output import Output, text_of
from .result import Result

if TYPE_CHECKING:
    from .agent import Agent


class InnerTool(Tool):
    """An agent as a tool: its own policy judges what it may change, and it knows what its caller's model was shown."""

    judges_inside = True


def tool_of(agent: Agent, name: str, description: str, output: Output | None) -> Tool:
    """The tool that asks the agent; see `Agent.as_tool`. `output` is the type that its answers have."""

    async def ask(question: str) -> str:
        result = await agent.run(question)
        _refuse(agent.name, result)
        text = text_of(result.answer, output)
        return text if result.status == "complete" else f"{text}\n[{_reservation(result)}]"

    ask.__doc__ = description
    return InnerTool(ask, name)


def _refuse(name: str, result: Result) -> None:
    """What is no answer is an error of the tool."""
    if result.status == "suspended":
        calls = ", ".join(call.tool for call in result.pending)
        raise ToolError(f"{name} waits for approval of {calls}, which is given outside of this question, in its thread "
                        f"{result.thread_id}")  # fmt: skip
    if not result.answered:
        raise ToolError(f"{name} has no answer ({result.stop_reason}): {result.answer}")
    if result.verdict.outcome == "fail":
        raise ToolError(f"{name} has no answer that passed its checks: {result.verdict.reason}")


def _reservation(result: Result) -> str:
    """Why an answer is not all that was asked for, in words that hold no fact it could be taken to rest on."""
    early = result.stop_reason not in ("answered", "enough")
    why = f"the reasoning ended early by {result.stop_reason}" if early else "a part of it could not be found out"
    made = ", and it was put together without the model" if result.status == "fallback" else ""
    return f"{result.status} answer: {why}{made}"
