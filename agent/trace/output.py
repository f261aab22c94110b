"""What the commands of `shotclock trace` share: how they print and fail."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from ...policies.errors import ShotclockError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OutOption = Annotated[Path | None, typer.Option(metavar="FILE", help="Where to.", show_default=False)]


def console() -> Console:
    """A console on standard output; a pipe of a narrow encoding gets a question mark, not a traceback."""
    from rich.console import Console

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    return Console(highlight=False)


def print_json(value: Any) -> None:
    """Print a value as JSON in ASCII, so that a pipe of any encoding takes it."""
    json.dump(value, sys.stdout, indent=2)
    print()


def write_lines(rows: Iterable[Any], out: Path | None) -> int | None:
    """Write each row as a line of JSON to a file, or to standard output; how many, or `None` on standard output.

    Raises:
        UsageError: the file cannot be written.
    """
    if out is None:
        try:
            _write(rows, sys.stdout)
            sys.stdout.flush()
        except BrokenPipeError:
            # A reader who left, such as `head`, has what it wanted. What is still buffered goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return None
    try:
        with open(out, "w", encoding="ascii") as file:
            return _write(rows, file)
    except OSError as error:
        raise unwritable(out, error) from error


def _write(rows: Iterable[Any], file: IO[str]) -> int:
    written = 0
    for row in rows:
        file.write(json.dumps(row) + "\n")
        written += 1
    return written


def unwritable(out: Path, error: OSError) -> UsageError:
    """What to say of a file that `--out` names and that cannot be written."""
    return UsageError(f"--out {str(out)!r} cannot be written: {error.strerror or error}")


def say(sentence: str) -> None:
    """One line beside the output, on standard error."""
    print(f"shotclock trace: {sentence}", file=sys.stderr)


def fail(error: ShotclockError) -> NoReturn:
    """Say what is wrong in one line and end with status 2."""
    say(str(error))
    raise typer.Exit(2) from None
