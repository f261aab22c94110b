"""`shotclock mcp`: an agent as an MCP server over the standard streams."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...tools.tool import Tool

McpOption = Annotated[
    list[str] | None,
    typer.Option("--mcp", metavar="SERVER", help="An MCP server, a command or a URL, whose tools to take; repeatable."),
]


def mcp_of(servers: list[str] | None) -> AbstractContextManager[Iterable[Tool]]:
    """The tools of the servers that `--mcp` names, connected to while the context lasts."""
    if not servers:
        return nullcontext(())
    from ...tools.mcp_servers import mcp_tools

    return mcp_tools(*servers)


def mcp(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files and folders the questions are about.", show_default=False)
    ] = None,
    model: Annotated[str, typer.Option(help="rules (offline) or openai:NAME.")] = "rules",
    tools: Annotated[
        list[str] | None,
        typer.Option(
            "--tools", metavar="MODULE:NAME", help="Your own tools: a tool, a function or a list; repeatable."
        ),
    ] = None,
    latency: Annotated[
        str, typer.Option(help="Time an answer may take at most: 2s, 250ms; 'none' for no limit.")
    ] = "10s",
    tool_calls: Annotated[int | None, typer.Option(help="Most attempts of tools for a question.")] = None,
    model_calls: Annotated[int | None, typer.Option(help="Most model calls for a question.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Most tokens of all model calls for a question.")] = None,
    cost: Annotated[float | None, typer.Option(metavar="USD", help="Most US dollars for a question.")] = None,
    servers: McpOption = None,
    policy: Annotated[Path | None, typer.Option(help="A policy file in TOML.")] = None,
) -> None:
    """Serve the agent to an MCP client over standard input and output, as one tool named ask."""
    from ...policies.budget import Budget
    from .. import forecasts, quality
    from ..agent import Agent
    from ..mcp_server import mcp_server
    from ..trace.provider import local_tracing
    from .tool_options import builtin_of, own_tools, policy_of

    limit = None if latency.strip().lower() == "none" else latency
    budget = Budget(limit, tool_calls=tool_calls, model_calls=model_calls, tokens=tokens, cost_usd=cost)
    tracing = local_tracing()
    with mcp_of(servers) as theirs:
        agent = Agent(
            model, [*builtin_of(paths), *own_tools(tools), *theirs], name="shotclock", budget=budget,
            policy=policy_of(policy), tracer_provider=tracing,
        )  # fmt: skip
        server = mcp_server(agent)
        forecasts.load_forecasts(agent)
        quality.load_quality(agent)
        try:
            server.run("stdio")
        finally:
            tracing.flush()
            forecasts.save_forecasts(agent)
            quality.save_quality(agent)
