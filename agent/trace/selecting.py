"""The options by which the commands of `shotclock trace` select runs, written down once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Final, get_type_hints

import typer

from ...policies.errors import ShotclockError
from .output import fail
from .select import Selection

_OPTIONS: Final[dict[str, tuple[Any, Any]]] = {
    "status": (
        Annotated[list[str] | None, typer.Option(help="Only runs that ended so, such as partial; repeatable.")],
        None,
    ),
    "stop_reason": (
        Annotated[list[str] | None, typer.Option(help="Only runs that stopped so, such as deadline; repeatable.")],
        None,
    ),
    "slower_than": (
        Annotated[str | None, typer.Option(metavar="TIME", help="Only runs that took longer: 2s, 250ms.")],
        None,
    ),
    "tool": (Annotated[str | None, typer.Option(metavar="NAME", help="Only runs that called this tool.")], None),
    "since": (Annotated[str | None, typer.Option(help="Only runs since then: 7d, 12h, 30min, or 2026-11-24.")], None),
    "unverified": (
        Annotated[bool, typer.Option("--unverified", help="Only runs whose answer is not verified.")],
        False,
    ),
}
_LIMIT: Final = Annotated[int, typer.Option(help="Most runs, the newest of them.")]


def selecting(limit: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options that select runs; it is called with what they select, as `selection`.

    Args:
        limit: the default of `--limit`.
    """
    options = {**_OPTIONS, "limit": (_LIMIT, limit)}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**arguments: Any) -> None:
            try:
                selection = Selection.read(**{name: arguments.pop(name) for name in options})
            except ShotclockError as error:
                fail(error)
            command(selection=selection, **arguments)

        parameters = _parameters(command, options)
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate


def _parameters(command: Callable[..., None], options: dict[str, tuple[Any, Any]]) -> list[inspect.Parameter]:
    """The command's own parameters, with the options in the place of its `selection`."""
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name != "selection":
            parameters.append(parameter.replace(annotation=hints[name], kind=parameter.KEYWORD_ONLY))
            continue
        for option, (kind, default) in options.items():
            parameters.append(inspect.Parameter(option, parameter.KEYWORD_ONLY, annotation=kind, default=default))
    return parameters
