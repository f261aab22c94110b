"""`shotclock trace whatif`: what recorded runs would have given under another budget or policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...policies.budget import seconds
from ...policies.errors import ShotclockError, UsageError
from ..trace.output import JsonOption, console, fail, print_json
from ..trace.select import Selection, views
from ..trace.selecting import selecting

SHARES = (0.25, 0.5, 0.75, 1.0, 1.5)
"""Of the usual deadline: the budgets that are tried where none is named."""


@selecting(200)
def whatif(
    *,
    latency: Annotated[
        str | None, typer.Option(metavar="TIMES", help="Budgets to try: 1s,2s,4s.", show_default=False)
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="A policy file in TOML.", show_default=False)] = None,
    target: Annotated[
        float | None, typer.Option(help="The share of complete runs that is wanted, 0 to 1.", show_default=False)
    ] = None,
    selection: Selection,
    as_json: JsonOption = False,
) -> None:
    """Live through recorded runs again under other budgets or another policy: what share would have been on time,
    complete and verified, at what cost."""
    # The agent is loaded only here: looking at traces needs none of it.
    from ...policies.settings import Policy
    from ..trace.store import TraceStore
    from .learnt import Learnt
    from .whatif import what_if

    try:
        _check_target(target)
        budgets = None if latency is None else read_latencies(latency)
        wanted = Policy() if policy is None else Policy.from_toml(policy)
        store = TraceStore()
        learnt = Learnt.of(views(store, selection.runs(store)))
        if not learnt.recordings:
            raise UsageError(f"none of the runs in {store.path} is such; there is nothing to live through again")
        found = what_if(learnt, budgets or usual(learnt.deadlines), wanted, target)
    except ShotclockError as error:
        fail(error)
    if as_json:
        print_json(found.to_dict())
        return
    from .whatif_view import show_what_if

    said = [f"under the policy of {policy}"] if policy is not None else []
    show_what_if(found, console(), said=said)


def read_latencies(text: str) -> list[float]:
    """Seconds from what a person writes: `1s,2s,4s`.

    Raises:
        UsageError, InvalidBudget: it is no such list.
    """
    found = [seconds("--latency", part.strip()) for part in text.split(",") if part.strip()]
    if not found or any(not value for value in found):
        raise UsageError(f"--latency must be one or more times above 0, such as 1s,2s,4s, got {text!r}")
    return [value for value in found if value]


def usual(deadlines: list[float]) -> list[float]:
    """Budgets to try around the deadline that most runs had.

    Raises:
        UsageError: no run had one.
    """
    if not deadlines:
        raise UsageError("no run had a deadline; name the budgets to try: --latency 1s,2s,4s")
    deadline = max(sorted(set(deadlines)), key=deadlines.count)
    return [round(deadline * share, 3) for share in SHARES]


def _check_target(target: float | None) -> None:
    if target is not None and not 0 < target <= 1:
        raise UsageError(f"--target must be above 0 and at most 1, got {target:g}")
