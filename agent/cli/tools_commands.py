"""`shotclock tools`: the tools as a list, a call of one, and the files of a new one."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...policies.errors import StoreError, UsageError
from .mcp_command import McpOption, mcp_of
from .spoken import print_json, say
from .tool_options import PathOption, ToolsOption, builtin_of, own_tools

if TYPE_CHECKING:
    from ...tools.tool import Tool
    from ..trace.run_view import RunView
    from ..trial import Trial
    from .scaffold import Flavour

app = typer.Typer(help="List the tools, try one, or write a new one.", invoke_without_command=True)


@app.callback()
def list_tools(
    context: typer.Context,
    own: ToolsOption = None,
    mcp: McpOption = None,
    path: PathOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """List the tools: what each does, what it takes, and what its author promises."""
    if context.invoked_subcommand is not None:
        return
    with mcp_of(mcp) as theirs:
        chosen = [*builtin_of(path), *own_tools(own), *theirs]
    if as_json:
        rows = [{"name": t.name, "description": t.description, "parameters": t.schema.parameters} for t in chosen]
        print_json(rows)
        return
    from .result_view import show_tools

    show_tools(chosen)


@app.command("try")
def try_tool(
    name: Annotated[str, typer.Argument(help="The tool's name.")],
    arguments: Annotated[str, typer.Argument(help="Its arguments as a JSON object.")] = "{}",
    own: ToolsOption = None,
    mcp: McpOption = None,
    path: PathOption = None,
    latency: Annotated[str, typer.Option(help="Time it may take.")] = "10s",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run one call through the whole pipeline, and show its schema, forecast, checks and trace.

    The exit status is 0 where the result may be answered with, 1 where it may not, 2 where the arguments are wrong.
    """
    with mcp_of(mcp) as theirs:
        tools = [*builtin_of(path), *own_tools(own), *theirs]
        trial, view, problem = _tried(tools, name, _object(arguments, tools, name), latency)
    if as_json:
        from .trial_view import trial_dict

        print_json(trial_dict(trial, view))
    else:
        from .trial_view import show_trial

        show_trial(trial, view)
    if problem:
        say(problem)
    raise typer.Exit(_status(trial))


@app.command("new")
def new_tool(
    name: Annotated[str, typer.Argument(help="What models call it, such as stock-level.")],
    to: Annotated[Path, typer.Option(help="The folder to write into.", file_okay=False)] = Path(),
    sync: Annotated[bool, typer.Option("--sync", help="A plain function, which runs in a thread.")] = False,
    http: Annotated[bool, typer.Option("--http", help="One that asks an API over HTTP, within its deadline.")] = False,
) -> None:
    """Write a tool that works, with checks and promises, and its tests; then say what to run next."""
    from .scaffold import Scaffold

    if sync and http:
        raise UsageError("--http writes an async tool; leave --sync off, or leave --http off for a plain function")
    flavour: Flavour = "http" if http else "sync" if sync else "async"
    scaffold = Scaffold(name=name, flavour=flavour, folder=to)
    scaffold.write()
    where = "" if to == Path() else f", in {to}"
    typer.echo(f"wrote {' and '.join(map(str, scaffold.paths))}; next{where}:")
    if http:
        typer.echo(f"  (BASE_URL in {scaffold.module}.py is where it asks; the tests need no network)")
    for command in scaffold.commands():
        typer.echo(f"  {command}")


def _tried(
    tools: list[Tool], name: str, arguments: dict[str, Any], latency: str
) -> tuple[Trial, RunView | None, str | None]:
    """The call, its trace as it was stored, and what went wrong with keeping it or what it taught."""
    from ...tools.memory import Memory
    from .. import forecasts
    from ..trace import exporter
    from ..trace.provider import local_tracing
    from ..trial import try_tool

    for module in (exporter.__name__, forecasts.__name__):  # what the store logs is said once, as the problem
        logging.getLogger(module).addHandler(logging.NullHandler())
    memory, tracing = Memory(), local_tracing()
    unread = forecasts.recall(memory.history)
    trial = try_tool(tools, name, arguments, latency, memory=memory, tracer_provider=tracing)
    tracing.flush()
    problem = tracing.problem or forecasts.keep(memory.history) or unread
    return trial, None if tracing.problem else _stored(trial.trace_id), problem


def _stored(trace_id: str) -> RunView | None:
    """The call's trace; `None` where it cannot be read, or sampling left it out."""
    from ..trace.run_view import RunView
    from ..trace.store import TraceStore

    store = TraceStore()
    try:
        return RunView.of(store.find(trace_id)[0], store.spans(trace_id))
    except (StoreError, UsageError):
        return None


def _status(trial: Trial) -> int:
    from ...policies.outcome import Failed

    outcome = trial.evidence.outcome
    if isinstance(outcome, Failed) and outcome.error_type == "InvalidArguments":
        return 2
    return 0 if trial.evidence.usable else 1


def _object(text: str, tools: list[Tool], name: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError(f"the arguments must be a JSON object {_such_as(tools, name)}: {error}") from error
    if not isinstance(value, dict):
        raise UsageError(f"the arguments must be a JSON object {_such_as(tools, name)}, got {text}")
    return value


def _such_as(tools: list[Tool], name: str) -> str:
    """An example of arguments: of the tool that is meant, where there is one of that name."""
    from ...tools.example import example_of

    meant = next((tool for tool in tools if tool.name == name), None)
    example = {"text": "hi"} if meant is None else example_of(meant.schema.parameters)
    return f"such as '{json.dumps(example)}'"
