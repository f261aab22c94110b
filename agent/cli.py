"""The command line: ask, look at tools, look at traces."""

from __future__ import annotations

import contextlib
import errno
import gc
import io
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, cast

import typer

from ..policies.errors import ShotclockError, UsageError
from .forecast_cli import forecast
from .lab.whatif_cli import whatif
from .mcp_cli import McpOption, mcp, mcp_of
from .quality_cli import calibration, export, feedback
from .spoken import print_json, say
from .tool_options import PathsArgument, ToolsOption, builtin_of, own_tools, policy_of
from .tools_cli import app as tools_app
from .trace.cli import app as trace_app

if TYPE_CHECKING:
    from ..policies.budget import Budget
    from ..policies.settings import Policy
    from ..tools.tool import Tool
    from .live import Lines, Live
    from .query import Query
    from .result import Result

app = typer.Typer(
    name="shotclock",
    help="Tool-using agents that answer by a deadline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(tools_app, name="tools")
trace_app.command()(whatif)
app.add_typer(trace_app, name="trace")
app.command()(forecast)
app.command()(calibration)
app.command()(feedback)
app.command()(export)
app.command()(mcp)

# Typer brings its own copy of Click since 0.26; its public exception leads to the private root of wrong usage in both.
_WrongUsage = cast("type[typer.BadParameter]", typer.BadParameter.__base__)
_CANNOT_WRITE = frozenset({errno.ENOSPC, errno.EIO, errno.EBADF, errno.EDQUOT, errno.EFBIG})


def _show_version(wanted: bool) -> None:
    if not wanted:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        print(f"shotclock {version('shotclock')}")
    except PackageNotFoundError:
        print("shotclock, from a source tree that is not installed")
    raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """What can be said before a command."""


@app.command()
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
    from ..policies.budget import Budget
    from ..tools.media.results import file_at

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
        from .view import show_result

        show_result(result)
    if problem:
        say(problem)


def main() -> None:
    """Run one command. Wrong usage is one clear line and exit status 2, never a traceback."""
    # The engine is half a million objects that stay. Looking through them for garbage while they are loaded is a tenth
    # of a short command's time, so this process, which is ours, starts collecting only afterwards.
    gc.disable()
    try:
        status = app(standalone_mode=False)
    except ShotclockError as error:
        say(str(error))
        status = 2 if isinstance(error, UsageError) else 1
    except _WrongUsage as error:
        status = _refuse(error)
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except OSError as error:
        # A file that fails is named by its error; a standard stream has no name.
        if error.filename is not None or error.errno not in _CANNOT_WRITE:
            raise
        say(f"the output cannot be written: {error.strerror}")
        status = 1
    raise SystemExit(status if isinstance(status, int) else 0) from None


def run() -> NoReturn:
    """The console script: `main`, then the end of the process at once.

    Taking a loaded engine apart object by object is another tenth of a short command's time and serves nobody: the
    trace is written, the output is flushed, and a tool that is stuck in a thread cannot hold anything up.
    """
    status = 0
    try:
        _open_streams()
        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        status = 130
    except BaseException:
        traceback.print_exc()
        status = 1
    os._exit(_flushed(status))


def _open_streams() -> None:
    """Make output that cannot fail for a letter, and refuse to work for nobody."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # it lives as long as the process
    if sys.stdout is None:
        # Its number would go to the next file that is opened, such as the trace store.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        say("the output cannot be written: standard output is closed")
        raise SystemExit(1)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _flushed(status: int) -> int:
    """Write out what is buffered; the status, or 1 where all seemed well and it cannot be written."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # A reader of our output who left, such as `head`, has what it wanted.
        pass
    except (OSError, ValueError) as error:
        if status == 0:
            say(f"the output cannot be written: {getattr(error, 'strerror', None) or error}")
            status = 1
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    return status


def _refuse(error: typer.BadParameter) -> int:
    """Say in one line what was wrong with the command, and give the exit status."""
    if type(error).__name__ == "NoArgsIsHelpError":
        # A group without a command: its help is the message, and may have been printed while it was made.
        if message := error.format_message().strip():
            print(message, file=sys.stderr)
        return error.exit_code
    context = error.ctx
    command = context.command_path.split()[1:] if context is not None else []
    said = error.format_message().strip().rstrip(".")
    if command == ["ask"] and (question := _dashed(str(getattr(error, "option_name", "")))):
        hint = f'put -- before a question that begins with a dash: shotclock ask -- "{question}"'
    else:
        hint = f"see: {' '.join(['shotclock', *command, '--help'])}"
    say(f"{said}; {hint}")
    return error.exit_code


def _dashed(option: str) -> str | None:
    """The argument that was meant as a question and read as options, where there is one."""
    for argument in sys.argv[1:]:
        is_words = argument.startswith("-") and any(letter.isspace() for letter in argument)
        is_number = argument[:1] == "-" and argument[1:2].isdigit()
        if option and (is_words or is_number):
            return argument
    return None


def _answer(
    question: Query, budget: Budget, model: str, tools: list[Tool], policy: Policy | None, view: Live | Lines | None
) -> tuple[Result, str | None]:
    """The result, and what went wrong with keeping its trace or what it taught, where something did."""
    import logging

    from . import forecasts, quality
    from .agent import Agent
    from .trace import exporter
    from .trace.provider import local_tracing

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
