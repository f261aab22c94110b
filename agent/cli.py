"""The command line: ask, look at tools, look at traces."""

from __future__ import annotations

import contextlib
import errno
import gc
import io
import json
import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, cast

import typer

from ..policies.errors import InvalidTool, ShotclockError, UsageError
from .forecast_cli import forecast
from .lab.whatif_cli import whatif
from .mcp_cli import mcp
from .quality_cli import calibration, export, feedback
from .trace.cli import app as trace_app

if TYPE_CHECKING:
    from types import ModuleType

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
trace_app.command()(whatif)
app.add_typer(trace_app, name="trace")
app.command()(forecast)
app.command()(calibration)
app.command()(feedback)
app.command()(export)
app.command()(mcp)

MAX_WARNINGS = 5
"""Lines about files that were left out."""

# Typer brings its own copy of Click since 0.26; its public exception leads to the private root of wrong usage in both.
_WrongUsage = cast("type[typer.BadParameter]", typer.BadParameter.__base__)
_CANNOT_WRITE = frozenset({errno.ENOSPC, errno.EIO, errno.EBADF, errno.EDQUOT, errno.EFBIG})

PathsArgument = Annotated[
    list[Path] | None, typer.Argument(help="Files and folders the question is about.", show_default=False)
]
ToolsOption = Annotated[
    list[str] | None,
    typer.Option("--tools", metavar="MODULE:NAME", help="Your own tools: a tool, a function or a list; repeatable."),
]


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
    chosen = [*builtin_of(paths), *own_tools(tools)]
    result, problem = _answer(question, budget, model, chosen, policy_of(policy), live=not as_json)
    if as_json:
        _print_json(result.to_dict())
    else:
        from .view import show_result

        show_result(result)
    if problem:
        _say(problem)


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
    chosen = [*builtin_of(path), *own_tools(own)]
    if as_json:
        rows = [{"name": t.name, "description": t.description, "parameters": t.schema.parameters} for t in chosen]
        _print_json(rows)
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

    evidence = try_call([*builtin_of(path), *own_tools(own)], name, _object(arguments), latency)
    if as_json:
        _print_json(evidence.to_dict())
        return
    from .view import show_evidence

    show_evidence(evidence)


def main() -> None:
    """Run one command. Wrong usage is one clear line and exit status 2, never a traceback."""
    # The engine is half a million objects that stay. Looking through them for garbage while they are loaded is a tenth
    # of a short command's time, so this process, which is ours, starts collecting only afterwards.
    gc.disable()
    try:
        status = app(standalone_mode=False)
    except ShotclockError as error:
        _say(str(error))
        status = 2 if isinstance(error, UsageError) else 1
    except _WrongUsage as error:
        status = _refuse(error)
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except OSError as error:
        # A file that fails is named by its error; a standard stream has no name.
        if error.filename is not None or error.errno not in _CANNOT_WRITE:
            raise
        _say(f"the output cannot be written: {error.strerror}")
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
        _say("the output cannot be written: standard output is closed")
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
            _say(f"the output cannot be written: {getattr(error, 'strerror', None) or error}")
            status = 1
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    return status


def _say(sentence: str) -> None:
    """One line on standard error, whatever the sentence quotes; nothing where that cannot be written either."""
    with contextlib.suppress(OSError, ValueError):
        print(f"shotclock: {' '.join(sentence.split())}", file=sys.stderr)


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
    _say(f"{said}; {hint}")
    return error.exit_code


def _dashed(option: str) -> str | None:
    """The argument that was meant as a question and read as options, where there is one."""
    for argument in sys.argv[1:]:
        is_words = argument.startswith("-") and any(letter.isspace() for letter in argument)
        is_number = argument[:1] == "-" and argument[1:2].isdigit()
        if option and (is_words or is_number):
            return argument
    return None


def _print_json(value: Any) -> None:
    # A pipe that does not take every letter gets them escaped, so that none is lost.
    every = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(value, ensure_ascii=not every, indent=2, default=str))


def _answer(
    question: str, budget: Budget, model: str, tools: list[Tool], policy: Policy | None, *, live: bool
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
    if live and sys.stderr.isatty():
        from .live import Live

        with Live(budget) as view:
            result = agent.run_sync(question, budget=budget, on_event=view.take)
    else:
        result = agent.run_sync(question, budget=budget)
    tracing.flush()
    unsaved = [forecasts.save_forecasts(agent), quality.save_quality(agent)]
    return result, tracing.problem or next(filter(None, unsaved), unread)


def builtin_of(paths: Iterable[Path] | None) -> list[Tool]:
    """The tools that ship, and those of the files that were named."""
    from ..tools.builtin import builtin_tools

    chosen = list(paths or ())
    if not chosen:
        return builtin_tools()
    from ..tools.builtin.files import builtin_files, sort_paths

    files = sort_paths(chosen)
    tools = [*builtin_tools(), *builtin_files(files)]
    shown = len(files.warnings) if len(files.warnings) <= MAX_WARNINGS else MAX_WARNINGS - 1
    for warning in files.warnings[:shown]:
        _say(f"warning: {warning}")
    if left := len(files.warnings) - shown:
        _say(f"warning: {left} further files or folders were left out")
    return tools


def own_tools(names: Iterable[str] | None) -> list[Tool]:
    """The tools that `--tools` names."""
    return [tool for name in names or () for tool in _load(name)]


def _load(name: str) -> list[Tool]:
    """The tools at MODULE:NAME, looked for from the current folder on."""
    from ..tools.tool import Tool

    module_name, _, attribute = name.partition(":")
    if not attribute or not all(part.isidentifier() for part in module_name.split(".")):
        raise InvalidTool(f"--tools {name!r} must be MODULE:NAME, such as my_tools:weather for my_tools.py")
    module = _imported(name, module_name)
    try:
        found = getattr(module, attribute)
    except AttributeError as error:
        raise InvalidTool(f"--tools {name!r}: module {module_name!r} has no {attribute!r}") from error
    items = found if isinstance(found, (list, tuple)) else [found]
    return [item if isinstance(item, Tool) else Tool(item) for item in items]


def _imported(name: str, module_name: str) -> ModuleType:
    """The module, looked for from the current folder on. It is the user's code: whatever it raises is its failure."""
    from importlib import import_module

    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        return import_module(module_name)
    except (Exception, SystemExit) as error:
        why = str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
        raise InvalidTool(f"--tools {name!r}: module {module_name!r} cannot be imported: {why[:300]}") from error
    finally:
        # The module may have changed the search path itself.
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


def policy_of(path: Path | None) -> Policy | None:
    """The policy of a file; `None` where none was named."""
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
