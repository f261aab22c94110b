"""Results that must agree: two tools, or two calls, that were asked the same and of which an author says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..policies.agreement import same
from ..policies.outcome import Verdict
from ..tools.call import Evidence
from ..tools.checks import AgreesWith
from ..tools.toolbox import Toolbox, by_toolbox
from .run import Run


def compare(run: Run, turn: Sequence[Evidence]) -> None:
    """Put what a turn brought beside what must agree with it, and give both the verdict that follows."""
    declared = _declared(run.toolbox)
    if not declared:  # as of nearly every agent
        return
    new = [item.id for item in turn]
    for at, item in enumerate(turn):
        for other in [each for each in run.evidence if each.id not in new[: at + 1]]:
            check = declared.get((item.tool, other.tool)) or declared.get((other.tool, item.tool))
            if check is not None and item.usable and other.usable and _asked(item) == _asked(other):
                _judge(run, check, item.id, other.id)


def disputed(evidence: Iterable[Evidence]) -> list[Evidence]:
    """What another result contradicts."""
    return [item for item in evidence if item.verdict.outcome == "unsure" and item.verdict.verifier == DISPUTE]


DISPUTE = "agreement"
"""The verifier that such verdicts name."""


@by_toolbox
def _declared(toolbox: Toolbox) -> dict[tuple[str, str], AgreesWith]:
    """What their authors say must agree: the check by the tool that has it and the other."""
    checks = ((tool.name, each) for tool in toolbox for each in reversed(tool.checks))
    return {(name, each.other): each for name, each in checks if isinstance(each, AgreesWith)}


def _asked(item: Evidence) -> list[str]:
    return sorted(str(value).casefold() for value in item.arguments.values())


def _judge(run: Run, check: AgreesWith, one: str, two: str) -> None:
    at = {item.id: place for place, item in enumerate(run.evidence) if item.id in (one, two)}
    first, second = sorted((run.evidence[at[one]], run.evidence[at[two]]), key=lambda item: item.tool)
    says = [check.read(item.value, item.content) for item in (first, second)]
    if says[0] is None or says[1] is None or disputed((first, second)):
        return
    agree = same(says[0], says[1], check.tolerance)
    names = f"{first.tool} and {second.tool}" if first.tool != second.tool else f"two calls of {first.tool}"
    reason = f"{names} {'say the same' if agree else 'disagree'}"
    if agree:
        verdict = Verdict.passed(DISPUTE, reason, 1 - (1 - first.verdict.score) * (1 - second.verdict.score))
    else:
        verdict = Verdict.unsure(DISPUTE, reason)
        run.warn(f"{reason[0].upper()}{reason[1:]}.")
    for item in (first, second):
        run.evidence[at[item.id]] = replace(item, verdict=verdict)
        if run.voice is not None:
            run.voice.result(run.evidence[at[item.id]])
    run.trace.decision("verify", "agree" if agree else "disagree", reason, calls=f"{first.id}, {second.id}")
