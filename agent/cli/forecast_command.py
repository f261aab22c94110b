"""`shotclock forecast`: what is known of how long tools and models take, and how far it can be trusted."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...policies.errors import UsageError

if TYPE_CHECKING:
    from ..forecasts import ForecastStore
    from .forecast_view import Known


def forecast(
    key: Annotated[str | None, typer.Argument(metavar="KEY", help="One tool or model, in detail.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
    db: Annotated[Path | None, typer.Option(metavar="PATH", help="The store; default: that of the traces.")] = None,
    clear: Annotated[str | None, typer.Option(metavar="KEY", help="Forget one tool or model.")] = None,
) -> None:
    """Show how long tools and models take, as far as it is known, and how well it was forecast."""
    from ..forecasts import ForecastStore

    store = ForecastStore(db)
    if clear is not None:
        _clear(store, clear, key)
        return
    known = _known(store, key)
    if as_json:
        # ASCII only, so that a pipe of any encoding takes it.
        print(json.dumps([one.to_dict() for one in known], indent=2))
    elif not known:
        typer.echo(f'nothing is known yet in {store.path}; runs teach it: shotclock ask "What is 17 * 23?"')
    else:
        _show(known, detail=key is not None)


def _clear(store: ForecastStore, name: str, key: str | None) -> None:
    if key is not None:
        raise UsageError(f"--clear takes the key to forget, and {key!r} was given beside it; leave one of them out")
    forgotten = store.clear(name)
    if not forgotten:
        raise UsageError(f"nothing is known of {name!r} in {store.path}; see what is known with: shotclock forecast")
    typer.echo(f"forgot {name}" + (f" and {forgotten - 1} more with it" if forgotten > 1 else ""))


def _known(store: ForecastStore, key: str | None) -> list[Known]:
    """What can be read of the store, or of one key; what cannot is said."""
    from .forecast_view import Known

    known = []
    for entry in store.entries():
        if key is not None and entry.key.name != key:
            continue
        try:
            known.append(Known.of(entry))
        except UsageError as error:
            print(f"shotclock: {entry.key.name} is left out: {error}", file=sys.stderr)
    if key is not None and not known:
        raise UsageError(f"nothing is known of {key!r} in {store.path}; see what is known with: shotclock forecast")
    return known


def _show(known: list[Known], *, detail: bool) -> None:
    from rich.console import Console

    from .forecast_view import show_all, show_one

    # A pipe of a narrow encoding gets a question mark, not a traceback.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    console = Console(highlight=False)
    if not detail:
        show_all(known, console)
        return
    for one in known:
        show_one(one, console)
