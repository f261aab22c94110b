"""The command line: ask, look at tools, look at traces."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from ..policies.errors import InvalidTool, ShotclockError, UsageError
from .trace.cli import app as trace_app

if TYPE_CHECKING:
    from ..policies.budget import Budget
    from ..policies.settings import Policy
    from ..tools.tool import Tool
    from .result import Result

app = typer.Typer(
    name="shotclock",
    help="Tool-using agents that answer by a deadline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
tools_app = typer.Typer(help="List the tools, or try one.", invoke_without_command=True)
app.add_typer(tools_app, name="tools")
app.add_typer(trace_app, name="trace")

PathsArgument = Annotated[
    list[Path] | None, typer.Argument(help="Files and folders the question is about.", show_default=False)
]
ToolsOption = Annotated[
    list[str] | None,
    typer.Option("--tools", metavar="MODULE:NAME", help="Your own tools: a tool, a function or a list; repeatable."),
]


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    paths: PathsArgument = None,
    latency: Annotated[
        str, typer.Option(help="Time until the answer is due: 2s, 250ms, 1.5min; 'none' for no limit.")
    ] = "10s",
    tool_calls: Annotated[int | None, typer.Option(help="Most attempts of tools; retries count.")] = None,
    model_calls: Annotated[int | None, typer.Option(help="Most model calls.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Most tokens of all model calls together.")] = None,
    cost: Annotated[float | None, typer.Option(metavar="USD", help="Most US dollars.")] = None,
    model: Annotated[str, typer.Option(help="rules (offline) or openai:NAME.")] = "rules",
    tools: ToolsOption = None,
    policy: Annotated[Path | None, typer.Option(help="A policy file in TOML.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Answer a question by a deadline, with the evidence, what was checked and what was spent."""
    from ..policies.budget import Budget

    limit = None if latency.strip().lower() == "none" else latency
    budget = Budget(limit, tool_calls=tool_calls, model_calls=model_calls, tokens=tokens, cost_usd=cost)
    chosen = [*_builtin(paths), *_own(tools)]
    result, problem = _answer(question, budget, model, chosen, _policy(policy), live=not as_json)
    if as_json:
        print(json.dumps(result.to_dict(), ensure_ascii=False, indent=2, default=str))
    else:
        from .view import show_result

        show_result(result)
    if problem:
        print(f"shotclock: {problem}", file=sys.stderr)


@tools_app.callback()
def list_tools(
    context: typer.Context,
    own: ToolsOption = None,
    path: Annotated[list[Path] | None, typer.Option("--path", help="Files and folders to make tools for.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """List the tools: what each does, what it takes, and what its author promises."""
    if context.invoked_subcommand is not None:
        return
    chosen = [*_builtin(path), *_own(own)]
    if as_json:
        rows = [{"name": t.name, "description": t.description, "parameters": t.schema.parameters} for t in chosen]
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    from .view import show_tools

    show_tools(chosen)


@tools_app.command("try")
def try_tool(
    name: Annotated[str, typer.Argument(help="The tool's name.")],
    arguments: Annotated[str, typer.Argument(help="Its arguments as a JSON object.")] = "{}",
    own: ToolsOption = None,
    path: Annotated[list[Path] | None, typer.Option("--path", help="Files and folders to make tools for.")] = None,
    latency: Annotated[str, typer.Option(help="Time it may take.")] = "10s",
    as_json: Annotated[bool, typer.Option("--json", help="Print the evidence as one JSON object.")] = False,
) -> None:
    """Run one call through the whole pipeline: arguments read, admitted, run, checked."""
    from .trial import try_call

    evidence = try_call([*_builtin(path), *_own(own)], name, _object(arguments), latency)
    if as_json:
        print(json.dumps(evidence.to_dict(), ensure_ascii=False, indent=2, default=str))
        return
    from .view import show_evidence

    show_evidence(evidence)


def main() -> None:
    """Run one command. Wrong usage is one clear line and exit status 2, never a traceback."""
    # The engine is half a million objects that stay. Looking through them for garbage while they are loaded is a tenth
    # of a short command's time, so this process, which is ours, starts collecting only afterwards.
    gc.disable()
    try:
        app()
    except ShotclockError as error:
        print(f"shotclock: {error}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, UsageError) else 1) from None


def run() -> NoReturn:
    """The console script: `main`, then the end of the process at once.

    Taking a loaded engine apart object by object is another tenth of a short command's time and serves nobody: the
    trace is written, the output is flushed, and a tool that is stuck in a thread cannot hold anything up.
    """
    status = 0
    try:
        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    # A reader of our output who left, such as `head`, has what it wanted.
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def _answer(
    question: str, budget: Budget, model: str, tools: list[Tool], policy: Policy | None, *, live: bool
) -> tuple[Result, str | None]:
    """The result, and what went wrong with keeping its trace, where something did."""
    from .agent import Agent
    from .trace.provider import local_tracing

    gc.enable()
    tracing = local_tracing()
    agent = Agent(model, tools, name="ask", policy=policy, tracer_provider=tracing)
    if live and sys.stderr.isatty():
        from .live import Live

        with Live(budget) as view:
            result = agent.run_sync(question, budget=budget, on_event=view.take)
    else:
        result = agent.run_sync(question, budget=budget)
    tracing.flush()
    return result, tracing.problem


def _builtin(paths: Iterable[Path] | None) -> list[Tool]:
    from ..tools.builtin import builtin_tools

    return builtin_tools(paths or ())


def _own(names: Iterable[str] | None) -> list[Tool]:
    return [tool for name in names or () for tool in _load(name)]


def _load(name: str) -> list[Tool]:
    """The tools at MODULE:NAME, looked for from the current folder on."""
    from importlib import import_module

    from ..tools.tool import Tool

    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise InvalidTool(f"--tools {name!r} must be MODULE:NAME, such as my_tools:weather")
    sys.path.insert(0, os.getcwd())
    try:
        found = getattr(import_module(module_name), attribute)
    except ImportError as error:
        raise InvalidTool(f"--tools {name!r}: module {module_name!r} cannot be imported: {error}") from error
    except AttributeError as error:
        raise InvalidTool(f"--tools {name!r}: module {module_name!r} has no {attribute!r}") from error
    finally:
        sys.path.remove(os.getcwd())
    items = found if isinstance(found, (list, tuple)) else [found]
    return [item if isinstance(item, Tool) else Tool(item) for item in items]


def _policy(path: Path | None) -> Policy | None:
    if path is None:
        return None
    from ..policies.settings import Policy

    return Policy.from_toml(path)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError(f'the arguments must be a JSON object such as \'{{"text": "hi"}}\': {error}') from error
    if not isinstance(value, dict):
        raise UsageError(f'the arguments must be a JSON object such as \'{{"text": "hi"}}\', got {text}')
    return value
