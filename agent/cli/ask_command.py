"""`shotclock ask`: one answer, and what is shown while it is being found."""

from __future__ import annotations

import contextlib
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .mcp_command import McpOption, mcp_of
from .spoken import print_json, say
from .tool_options import PathsArgument, ToolsOption, builtin_of, own_tools, policy_of

if TYPE_CHECKING:
    from ...policies.budget import Budget
    from ...policies.settings import Policy
    from ...tools.tool import Tool
    from ..query import Query
    from ..result import Result
    from .live import Lines, Live


def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    paths: PathsArgument = None,
    attach: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="An image, document, sound or video that is shown to the model; repeatable."),
    ] = None,
    latency: Annotated[
        str, typer.Option(help="Time until the answer is due: 2s, 250ms, 1.5min; 'none' for no limit.")
    ] = "10s",
    tool_calls: Annotated[int | None, typer.Option(help="Most attempts of tools; retries count.")] = None,
    model_calls: Annotated[int | None, typer.Option(help="Most model calls.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Most tokens of all model calls together.")] = None,
    cost: Annotated[float | None, typer.Option(metavar="USD", help="Most US dollars.")] = None,
    model: Annotated[str, typer.Option(help="rules (offline) or openai:NAME.")] = "rules",
    tools: ToolsOption = None,
    mcp: McpOption = None,
    policy: Annotated[Path | None, typer.Option(help="A policy file in TOML.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    lines: Annotated[
        bool,
        typer.Option("--json-lines", help="Print events as they come, a JSON object a line, the result last."),
    ] = False,
) -> None:
    """Answer a question by a deadline, with the evidence, what was checked and what was spent."""
    from ...policies.budget import Budget
    from ...tools.media.results import file_at

    limit = None if latency.strip().lower() == "none" else latency
    budget = Budget(limit, tool_calls=tool_calls, model_calls=model_calls, tokens=tokens, cost_usd=cost)
    with mcp_of(mcp) as theirs:
        chosen = [*builtin_of(paths), *own_tools(tools), *theirs]
        view = _view(budget, live=not as_json, lines=lines)
        query: Query = question if not attach else [question, *map(file_at, attach)]
        result, problem = _answer(query, budget, model, chosen, policy_of(policy), view)
    if as_json and not lines:
        print_json(result.to_dict())
    elif not lines:
        from .result_view import show_result

        show_result(result)
    if problem:
        say(problem)


def _answer(
    question: Query, budget: Budget, model: str, tools: list[Tool], policy: Policy | None, view: Live | Lines | None
) -> tuple[Result, str | None]:
    """The result, and what went wrong with keeping its trace or what it taught, where something did."""
    import logging

    from .. import forecasts, quality
    from ..agent import Agent
    from ..trace import exporter
    from ..trace.provider import local_tracing

    gc.enable()
    # What the store logs is handed back as the problem, and said once.
    for module in (exporter.__name__, forecasts.__name__, quality.__name__):
        logging.getLogger(module).addHandler(logging.NullHandler())
    tracing = local_tracing()
    agent = Agent(model, tools, name="ask", policy=policy, tracer_provider=tracing)
    unread = forecasts.load_forecasts(agent) or quality.load_quality(agent)
    with view or contextlib.nullcontext():
        result = agent.run_sync(question, budget=budget, on_event=None if view is None else view.take)
        if view is not None:
            view.take(result)
    tracing.flush()
    unsaved = [forecasts.save_forecasts(agent), quality.save_quality(agent)]
    return result, tracing.problem or next(filter(None, unsaved), unread)


def _view(budget: Budget, *, live: bool, lines: bool) -> Live | Lines | None:
    """What shows the run while it is under way, where there is anybody to see it."""
    if not lines and not (live and sys.stderr.isatty()):
        return None
    from .live import Lines, Live

    return Lines() if lines else Live(budget)
