"""The terminal while a run is under way: its calls, how far they are, and what is being written."""

from __future__ import annotations

import io

from rich.console import Console

from shotclock import Budget, CallProgress, CallStarted, InnerCall, RunStarted, TextDelta, TextWithdrawn
from shotclock.agent.cli.live import Live
from shotclock.tools.call import Call


def drawn(*events):
    out = io.StringIO()
    live = Live(Budget(latency=2), Console(file=out, width=120))
    for event in (RunStarted(trace_id="1", latency=2.0, soft=1.9), *events):
        live.take(event)
    Console(file=out, width=120).print(live._draw())
    return out.getvalue()


def test_text_is_shown_while_it_stands():
    """What is being written is seen, and is gone when it is withdrawn."""
    text = [TextDelta(text=word, at=0.1) for word in ("There ", "are ", "[7]")]
    assert "There are [7]" in drawn(*text)
    assert "There" not in drawn(*text, TextWithdrawn(draft=1, why="calls", at=0.2))


def test_a_call_says_how_far_it_is():
    """The newest progress of a call that runs stands beside it, whatever it holds."""
    call = CallStarted(call=Call(id="1", tool="count"), at=0.1)
    shown = drawn(call, *(CallProgress(call="1", tool="count", fraction=f, message="[red]w", at=0.2) for f in (0, 0.5)))
    assert "50% [red]w" in shown
    inside = CallProgress(call="1", tool="count", inner=(InnerCall(id="7", tool="add"),), fraction=0.25, at=0.3)
    assert "> add 25%" in drawn(call, inside)
    assert "0% [red]w" not in shown.replace("50%", "")
