"""Costly checks of results: they run beside the next turn, and calls that change something wait for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace

from ..policies.forecast import PRIORS
from ..policies.latency import LatencyState
from ..policies.outcome import Skipped, Verdict
from ..policies.verification import Hold, HoldSituation
from ..tools.call import Call, Evidence
from .models.base import Message
from .prompts import fence
from .run import Run
from .verifiers import Answered, Costly, Stake, consult

HOLD = "judging"
"""The limit that a held call names."""

_UNKNOWN = LatencyState(PRIORS["tool"]).forecast()


def begin_judging(run: Run, turn: Sequence[Evidence]) -> None:
    """Begin what costly checks the turn's results have, and go on."""
    for item in turn:
        tool = run.toolbox.get(item.tool)
        if tool is not None and tool.judges and item.usable:
            name = f"shotclock judging {item.tool}"
            task = asyncio.get_running_loop().create_task(_judge(run, item, tool.judges), name=name)
            run.own(task)
            run.aside.add(task)


def news(run: Run) -> list[Message]:
    """What the model has to be told of results that it was shown before they were refused."""
    return [Message(role="user", content=told) for told in run.aside.news()]


async def settle(run: Run) -> None:
    """Wait for what is being judged, until the soft deadline at the latest: then it counts as unsure."""
    if run.aside.under_way:
        await run.aside.settle(None if run.soft.never else run.soft.remaining(run.now()))


async def held(run: Run, call: Call) -> Evidence | None:
    """The evidence of a call that is not made, because it would change something and rests on what is being judged or
    was refused meanwhile; `None` where it is made."""
    tool = run.toolbox.get(call.tool)
    aside = run.aside
    if tool is None or tool.read_only or not (aside.under_way or aside.refused or aside.unsettled):
        return None
    began = run.now()
    await settle(run)
    situation = HoldSituation(
        tool=call.tool,
        unsettled=aside.unsettled + aside.under_way,
        refused=len(aside.refused),
        waited=run.now() - began,
    )
    decided = run.policy.verification.hold(situation)
    if not isinstance(decided, Hold):
        run.trace.decision("hold", "release", decided.reason, situation, call=call.id)
        return None
    run.trace.decision("skip", call.tool, decided.reason, situation, call=call.id, limit=HOLD)
    run.warn(f"{call.tool} was not called: {decided.reason}.")
    return Evidence(
        id=call.id,
        tool=call.tool,
        arguments=call.arguments,
        outcome=Skipped(HOLD, decided.reason),
        content=f"{call.tool} was skipped: {decided.reason}.",
        verdict=Verdict.failed(HOLD, decided.reason),
        origin=call.tool,
    )


async def _judge(run: Run, item: Evidence, judges: Sequence[object]) -> None:
    """Ask the costly checks of a result in their order, until one refuses it."""
    call = f"{item.tool} {json.dumps(dict(item.arguments), ensure_ascii=False, default=str)}"
    answered = Answered(text=item.content, query=run.query, value=item.value, call=call)
    tool = run.toolbox.get(item.tool)
    takes = (None if tool is None else run.memory.history.forecast(tool)) or _UNKNOWN
    stake = Stake(generate=takes.median, made_by=item.tool)
    for verifier in judges:
        if isinstance(verifier, Costly):
            found = await consult(run, verifier, answered, run.soft, item.verdict, stake, what=item.tool)
            if found is not None and _settled(run, item, *found):
                return


def _settled(run: Run, item: Evidence, verdict: Verdict, said: bool) -> bool:
    """Give a result the verdict that a costly check has of it; whether it is refused, and nothing else matters. Where
    the check `said` nothing, the result counts as not judged."""
    run.aside.unsettled += verdict.outcome == "unsure" and not said
    place = next((at for at, each in enumerate(run.evidence) if each.id == item.id), None)
    if place is None or verdict.outcome == "unsure":
        return False
    run.evidence[place] = replace(run.evidence[place], verdict=verdict)
    if run.voice is not None:
        run.voice.result(run.evidence[place])
    if verdict.outcome == "fail":
        told = f"The result of {item.tool} that you were shown is withdrawn; do not use it"
        run.aside.refused.append(f"{told}: {verdict.reason}." if not item.untrusted else
                                 f"{told}. {fence(item.tool, verdict.reason)}")  # fmt: skip
        run.warn(f"A result of {item.tool} was refused: {verdict.reason}.")
    return verdict.outcome == "fail"
