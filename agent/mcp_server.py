"""An agent as an MCP server: one tool, `ask`, that answers by a deadline and says what was verified."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field
from pydantic_core import to_jsonable_python

from ..policies.budget import Budget
from ..policies.errors import MissingExtra, UsageError
from .agent import Agent
from .events import BudgetTick, CallProgress, CallStarted, Event
from .result import Result

if TYPE_CHECKING:
    from mcp.server import MCPServer


class Answer(BaseModel):
    """What `ask` returns."""

    answer: Annotated[Any, Field(description="the answer, or a sentence that says there is none")]
    answered: Annotated[bool, Field(description="false where the answer only says that there is none")]
    verified: Annotated[bool, Field(description="true only where the answer passed its checks against the evidence")]
    status: Annotated[str, Field(description="complete, partial (something was cut) or fallback (no model wrote it)")]
    stop_reason: Annotated[str, Field(description="why reasoning ended, such as answered or deadline")]
    warnings: Annotated[list[str], Field(description="what the user should be told")]
    sources: Annotated[list[str], Field(description="where the evidence came from")]
    elapsed: Annotated[float, Field(description="seconds it took")]
    trace_id: Annotated[str, Field(description="for `shotclock trace show`")]


def mcp_server(agent: Agent) -> MCPServer[Any]:
    """A server whose tool `ask` runs the agent; start it with `.run("stdio")` or serve `.streamable_http_app()`.

    `ask` takes a question and, optionally, a latency in seconds, which can shorten the agent's own budget and never
    lengthens it. A client that cancels ends the run, and the span that a client sends in `_meta` is the run's parent. A
    client that asks for progress is told each second how much of the time is over, and which tools are called.

    Raises:
        MissingExtra: the extra `mcp` is not installed.
    """
    try:
        from mcp.server import MCPServer
        from mcp.server.mcpserver import Context
        from mcp.server.mcpserver.exceptions import ToolError as Refused
        from mcp.types import ToolAnnotations
    except ImportError as error:
        raise MissingExtra("an agent as an MCP server", "mcp") from error
    server: MCPServer[Any] = MCPServer(agent.name, log_level="ERROR")
    limit = agent.budget.latency
    within = "" if limit is None else f" It answers within {limit:g} seconds."
    hints = ToolAnnotations(read_only_hint=all(tool.read_only for tool in agent.toolbox))

    async def ask(
        question: Annotated[str, Field(description="what you want to know")],
        latency: Annotated[float | None, Field(description="seconds until the answer is due")] = None,
        context: Any = None,
    ) -> Answer:
        due = limit if latency is None else min(latency, limit) if limit is not None else latency
        try:
            return _answer(await _asked(agent, question, replace(agent.budget, latency=due), context.report_progress))
        except UsageError as error:  # the one kind whose words are meant for whoever asks
            raise Refused(str(error)) from error

    # The library finds its parameter by its type, which is loaded only here.
    ask.__annotations__["context"] = Context
    said = f"Answers a question with tools, by a deadline, and says whether the answer was verified.{within}"
    server.tool(description=said, annotations=hints)(ask)
    return server


async def _asked(agent: Agent, question: str, budget: Budget, tell: Callable[..., Awaitable[None]]) -> Result:
    """The result of a run; meanwhile a client that asked for it is told how many of its seconds are over, and of what
    is being done."""
    told = 0.0
    async with aclosing(agent.stream(question, budget=budget, tick=1.0)) as events:
        async for event in events:
            if isinstance(event, Result):
                return event
            if isinstance(event, (BudgetTick, CallStarted, CallProgress)):
                told = max(event.at, told + 0.001)  # the protocol wants it to grow each time
                await tell(told, budget.latency, _words(event))
    raise AssertionError("a stream ends with the result")


def _words(event: Event) -> str | None:
    match event:
        case CallStarted(call=call):
            return f"{call.tool} is called"
        case CallProgress(tool=tool, inner=inner, fraction=fraction, message=message):
            share = "" if fraction is None else f" {fraction:.0%}"
            return f"{' > '.join((tool, *(each.tool for each in inner)))}{share} {message}".rstrip()
    return None


def _answer(result: Result) -> Answer:
    sources = dict.fromkeys(item.origin or item.tool for item in result.evidence if item.usable)
    return Answer(
        answer=to_jsonable_python(result.answer, fallback=str),
        answered=result.answered,
        verified=result.verified,
        status=result.status,
        stop_reason=result.stop_reason,
        warnings=list(result.warnings),
        sources=list(sources),
        elapsed=round(result.elapsed, 6),
        trace_id=result.trace_id,
    )
