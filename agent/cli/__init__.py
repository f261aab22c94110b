"""The command line: its commands, and how the process of one begins and ends."""

from __future__ import annotations

import contextlib
import errno
import gc
import io
import os
import sys
import traceback
from typing import Annotated, NoReturn, cast

import typer

from ...policies.errors import ShotclockError, UsageError
from ..lab.whatif_cli import whatif
from ..trace.cli import app as trace_app
from .ask_command import ask
from .forecast_command import forecast
from .mcp_command import mcp
from .quality_commands import calibration, export, feedback
from .spoken import say
from .tools_commands import app as tools_app

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
app.command()(ask)

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
