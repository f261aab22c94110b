"""The node that answers: by the model where that fits, else composed from the evidence; checked either way."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from langgraph.runtime import Runtime

from ..policies.grounding import MAX_SOURCE, Grounding, Source, ground
from ..policies.ledger import Claim
from ..policies.outcome import Verdict
from ..policies.verification import MOST_RESAMPLES, Again, AgainSituation
from . import timing
from .accord import DISPUTE, disputed
from .inference import infer
from .models.base import Message
from .models.compose import compose
from .models.rules import Rules
from .prompts import AGAIN
from .run import Answer, Run
from .state import State
from .stream import Turn
from .unseen import told
from .verifiers import Stake, verified

_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]]*(?=\s|$)")


def grounding_seconds(answer: int, evidence: int) -> float:
    """Seconds the check of so many characters of an answer against so many of evidence takes at most where none of it
    was read before, measured: 65 against 20,000 take 10 to 13 ms, 800 take 30 to 35 ms, against 100,000 some 87 ms. One
    that does not fit is left out rather than late."""
    return 0.001 + evidence / 1_600_000 + answer / 32_000 * (1 + evidence / 200_000)


async def answer(state: State, runtime: Runtime[Run]) -> dict[str, list[Message]]:
    """Settle on the answer: the model's own, one it writes now, or one composed from the evidence."""
    run = runtime.context
    if run.writer is not None:
        run.writer.disarm()
    text = state["messages"][-1].get("content", "") if state["messages"][-1]["role"] == "assistant" else ""
    if text.strip() and run.whole:
        run.answer = checked(run, text, unanswered=run.unanswered)
        run.answer = await _settled(run, state["messages"], run.answer)
        if run.answer.verdict.outcome == "fail":
            run.answer = await _instead(run, run.answer)
        return {"messages": [] if run.answer.text == text else [_message(run.answer)]}
    # The best answer so far stands outside the graph before anything else is awaited.
    run.answer = _from_draft(run, text) or await _written(run, state["messages"]) or composed(run)
    run.answer = await verified(run, run.answer)
    return {"messages": [_message(run.answer)]}


def _message(settled: Answer) -> Message:
    return Message(role="assistant", content=settled.text)


async def _settled(run: Run, messages: list[Message], first: Answer) -> Answer:
    """The model's answer as its checks leave it: one that was refused is asked for again, where another one fits."""
    made = 0.0 if timing.embedded(run.model) else run.tally.made(run.elapsed)
    best = run.answer = await verified(run, first, _stake(run, made, 0))
    for number in range(MOST_RESAMPLES + 1):
        if best.verdict.outcome != "fail" or not _again(run, best.verdict, number):
            return best
        again = told(run, messages, AGAIN.format(reason=best.verdict.reason))
        turn = await infer(run, again, (), "answer", run.last)
        if turn.error is not None or turn.refusal is not None or turn.cut or not turn.text.strip():
            return best
        if turn.text.split() == best.text.split():
            return best  # it says the same again, and has been refused that
        unanswered = turn.finish is not None and turn.finish.unanswered
        other = await verified(run, checked(run, turn.text, unanswered=unanswered), _stake(run, made, number + 1))
        if _RANK[other.verdict.outcome] > _RANK[best.verdict.outcome]:
            best = run.answer = other
    return best


def _stake(run: Run, made: float, resampled: int) -> Stake:
    """What hangs on a costly verdict: what an answer typically takes to make, tools and all, and whether another one
    could follow."""
    none = isinstance(run.model, Rules) or resampled >= run.policy.verification.resamples
    again = None if none else timing.answer_forecast(run.memory.history, run.model).median
    return Stake(generate=made, again=again)


async def _instead(run: Run, refused: Answer) -> Answer:
    """The answer composed from the evidence in the place of a model's that was refused for good, where that passes.

    Not where the model says that something was done that no call did: who asked for it is told that it was not, and is
    not handed something that was found by the way.
    """
    if not run.policy.verification.compose or refused.boasts:
        return refused
    other = await verified(run, composed(run))
    if other.unanswered or other.verdict.outcome != "pass":
        return refused
    reason = f"the model's answer was refused ({refused.verdict.reason}), and the one composed from the evidence passes"
    run.trace.decision("verify", "composed", reason)
    run.warn(f"The model's answer was refused: {refused.verdict.reason}.")
    return other


_RANK = {"pass": 2, "unsure": 1, "fail": 0}


def _again(run: Run, verdict: Verdict, resampled: int) -> bool:
    """Whether the model is asked once more."""
    due = timing.final_answer(run, run.last.remaining(run.now()))
    refusal = run.ledger.check(Claim(model_calls=1))
    situation = AgainSituation(
        reason=verdict.reason,
        resampled=resampled,
        remaining=due.remaining,
        expected=due.expected,
        embedded=isinstance(run.model, Rules),
        refusal="" if refusal is None else refusal.reason,
        unfounded=verdict.verifier == "grounding" and not any(item.usable for item in run.evidence),
    )
    decided = run.policy.verification.again(situation)
    choice = "again" if isinstance(decided, Again) else "keep"
    run.trace.decision("verify", choice, decided.reason, situation)
    return choice == "again"


def composed(run: Run) -> Answer:
    """An answer from the evidence without a model: it takes milliseconds, and can be made at any moment."""
    composition = compose(run.query, run.evidence)
    return checked(run, composition.text, composed=True, unanswered=composition.unanswered)


def checked(run: Run, text: str, *, composed: bool = False, unanswered: bool = False) -> Answer:
    """The answer with the verdict of its check against the evidence."""
    text = run.cleaned(text)
    span = run.trace.verify("answer", verifier="grounding", node="answer")
    grounding = _grounding(run, text, unanswered)
    span.end(grounding.verdict)
    boasts = any(sentence.problem == "claim" for sentence in grounding.sentences)
    return Answer(text=text, verdict=grounding.verdict, composed=composed, unanswered=unanswered, boasts=boasts)


def _grounding(run: Run, text: str, unanswered: bool) -> Grounding:
    if unanswered:
        return _left_open("it says that the question was not answered")
    sources = [
        Source(id=item.id, text=_source_text(item.tool, item.arguments, item.content), origin=item.origin)
        for item in run.evidence
        if item.usable
    ]
    doubted = disputed(run.evidence)
    left = run.deadline.remaining(run.now())
    size = min(MAX_SOURCE, sum(len(source.text) for source in sources))
    if grounding_seconds(len(text), size) > left:
        return _left_open(f"{left:.3f} s are too little to check it against {size:,} characters")
    found = ground(text, question=run.query, sources=sources)
    if found.verdict.outcome != "pass" or not doubted:
        return found
    ids = {item.id for item in doubted}
    without = ground(text, question=run.query, sources=[source for source in sources if source.id not in ids])
    if without.verdict.outcome == "pass":
        return found
    return replace(
        found, verdict=Verdict.unsure(DISPUTE, f"it rests on results that differ: {doubted[0].verdict.reason}")
    )


def _left_open(reason: str) -> Grounding:
    return Grounding(verdict=Verdict.unsure("grounding", reason))


def _source_text(tool: str, arguments: object, content: str) -> str:
    """A call as the check reads it: its name backs what is claimed done, its arguments say what the result is of."""
    return f"{tool} {json.dumps(arguments, ensure_ascii=False, default=str)}\n{content}"


def _from_draft(run: Run, text: str) -> Answer | None:
    """What a model had written of its answer when it was interrupted, up to its last whole sentence."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    return checked(run, text[: ends[-1]]) if ends else None


async def _written(run: Run, messages: list[Message]) -> Answer | None:
    """The model's final answer: the one begun beside what ran, else one written now where the plan and the time allow
    it."""
    begun = None if run.writer is None else await run.writer.take()
    if begun is not None and (answer := _of(run, begun)) is not None:
        return answer
    until = run.last
    situation = timing.final_answer(run, until.remaining(run.now()))
    writer = run.policy.reserve.writer(situation)
    run.trace.decision("answer", writer.by, writer.reason, situation)
    if writer.by != "model":
        return None
    return _of(run, await infer(run, told(run, messages), (), "answer", until))


def _of(run: Run, turn: Turn) -> Answer | None:
    """A turn that was to give the final answer, as one."""
    if turn.error is not None or turn.refusal is not None or not turn.text.strip():
        return None
    if turn.cut or turn.limited is not None:
        return _from_draft(run, turn.text)
    if run.plan.probe:
        timing.answered(run)
    return checked(run, turn.text, unanswered=turn.finish is not None and turn.finish.unanswered)
