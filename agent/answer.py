"""The node that answers: by the model where that fits, else composed from the evidence; checked either way."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Final, Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from ..policies.asked import speaks_of
from ..policies.deadline import Deadline
from ..policies.gap import without_unborne
from ..policies.ledger import Claim
from ..policies.outcome import Verdict
from ..policies.verification import Again, AgainSituation
from ..tools.shapes import short
from . import timing
from .ending import Answer
from .grounds import grounded, left_open
from .inference import infer
from .judging import news, settle
from .models.base import Message
from .models.compose import compose
from .models.rules import Rules
from .prompts import AGAIN, LOOK_UP, OPEN
from .routes import ease, rise_for, step_back
from .run import Run
from .state import State
from .turn import Turn
from .typed import composed_of_type, of_type
from .unseen import told
from .verifiers import Stake, verified

_END: Final = "__end__"
"""LangGraph's `END`, whose type says only that it is a text."""

_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]]*(?=\s|$)")


async def answer(state: State, runtime: Runtime[Run]) -> Command[Literal["reason", "__end__"]]:
    """Settle on the answer: the model's own, one it writes now, or one composed from the evidence; one that was refused
    may send the run back to its tools."""
    run = runtime.context
    if run.draft.writer is not None:
        run.draft.writer.disarm()
    text = state["messages"][-1].get("content", "") if state["messages"][-1]["role"] == "assistant" else ""
    await settle(run)
    messages = [*state["messages"], *news(run)]
    if text.strip() and run.draft.whole:
        first = run.land(checked(run, text, by=run.draft.spoke, unanswered=run.draft.unanswered))
        run.answer = await _settled(run, messages, first)
        if run.draft.reopened is not None:
            return _reopen(run, run.draft.reopened)
        if run.answer.verdict.outcome == "fail":
            run.land(await _instead(run, run.answer))
        run.land(await _with_gap(run, run.answer))
        return Command(goto=_END, update={"messages": [] if run.answer.text == text else [_message(run.answer)]})
    # The best answer so far stands outside the graph before anything else is awaited.
    best = run.land(_from_draft(run, text, run.draft.spoke) or await _written(run, messages) or composed(run))
    best = run.land(await _with_gap(run, await verified(run, best)))
    return Command(goto=_END, update={"messages": [_message(best)]})


def _reopen(run: Run, refused: Verdict) -> Command[Literal["reason", "__end__"]]:
    """Ask the model again, with the tools: what it rests on may have been wrong, and may be looked up."""
    run.draft.reopened = run.ending = None
    run.turns.forget()
    if run.voice is not None:
        run.voice.withdraw("refused")
    told = Message(role="user", content=LOOK_UP.format(reason=refused.reason))
    return Command(goto="reason", update={"messages": [told]})


def _message(settled: Answer) -> Message:
    return Message(role="assistant", content=settled.text)


async def _settled(run: Run, messages: list[Message], first: Answer) -> Answer:
    """The model's answer as its checks leave it: a stronger one writes it again where they refused it or left it open,
    and else the same one where they refused it; each where another one fits."""
    made = 0.0 if timing.embedded(run.model) else run.tally.made(first.by, run.elapsed)
    best = run.land(await verified(run, first, _stake(run, first, made)))
    if run.draft.refused.split() == best.text.split():
        return best  # it says the same again, after all that it could look up
    while best.verdict.outcome != "pass":
        doubted, model = best.verdict.outcome, run.model
        risen = rise_for(run, best.verdict, messages, run.last)
        if risen is None:
            again = None if doubted == "unsure" else _again(run, best)
            if again is None:
                return best
            run.draft.resampled += 1
            if again.tools:
                run.draft.reopened, run.draft.refused = best.verdict, best.text
                return best
        if run.voice is not None and doubted == "fail":
            run.voice.withdraw("refused")
        request = (AGAIN if doubted == "fail" else OPEN).format(reason=best.verdict.reason)
        until = run.last if risen is None else Deadline.after(run.now(), risen.seconds).earlier(run.last)
        turn = await infer(run, told(run, messages, request), (), "answer", until, fall_back=risen is None)
        best, better = await _better(run, best, turn, _stake(run, first, made))
        if risen is not None:
            run.tally.escalated("refused" if doubted == "fail" else "unsure", helped=better)
        if not better and not _said(turn):
            if risen is None:
                return best
            step_back(run, model, turn)
        elif not better and turn.text.split() == best.text.split():
            return best  # it says the same again, and its checks have had their say
    return best


async def _better(run: Run, best: Answer, turn: Turn, stake: Stake) -> tuple[Answer, bool]:
    """The better one, by its checks, of an answer and of what was written in its place, and whether that is it."""
    if not _said(turn) or turn.text.split() == best.text.split():
        return best, False
    unanswered = turn.finish is not None and turn.finish.unanswered
    anew = checked(run, turn.text, by=turn.by, unanswered=unanswered, refused=best.verdict)
    other = await verified(run, anew, stake)
    if _rank(other) <= _rank(best):
        return best, False
    return run.land(other), True


def _said(turn: Turn) -> bool:
    """Whether a turn gave a whole answer."""
    return turn.error is None and turn.refusal is None and not turn.cut and bool(turn.text.strip())


def _stake(run: Run, first: Answer, made: float) -> Stake:
    """What hangs on a costly verdict: what an answer typically takes to make, tools and all, and whether another one
    could follow."""
    none = isinstance(run.model, Rules) or run.draft.resampled >= run.policy.verification.resamples
    again = None if none else timing.answer_forecast(run.memory.history, run.model).median
    return Stake(generate=made, again=again, made_by=first.by)


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


async def _with_gap(run: Run, refused: Answer) -> Answer:
    """A refused answer without the sentences that the evidence does not bear out, where what is left passes; it says
    that they are missing."""
    if not run.policy.verification.omit or refused.verdict.outcome != "fail" or refused.unanswered:
        return refused
    if run.output is not None:
        return refused  # what is left of a value would be another one
    gap = without_unborne(refused.text, grounded(run, refused.text))
    if gap is None:
        return refused
    rest = await verified(run, checked(run, gap.text, by=refused.by))
    if rest.verdict.outcome != "pass":
        return refused
    reason = f"{len(gap.left_out)} sentences were refused ({refused.verdict.reason}), and the rest passes"
    run.trace.decision("verify", "omitted", reason)
    for sentence in gap.left_out:
        run.warn(f"Left out of the answer, as the evidence does not bear it out: {short(sentence)!r}.")
    return replace(rest, text=f"{rest.text} {gap.note}", gap=True)


_RANK = {"pass": 2, "unsure": 1, "fail": 0}


def _rank(answer: Answer) -> tuple[bool, int]:
    """How good an answer is, by its checks; one that is of no use to the caller's program is worst."""
    return not answer.misfit, _RANK[answer.verdict.outcome]


def _again(run: Run, refused: Answer) -> Again | None:
    """How the model is asked once more, or `None` where it is not."""
    verdict = refused.verdict
    due = timing.final_answer(run, run.last.remaining(run.now()))
    refusal = run.ledger.check(Claim(model_calls=1))
    situation = AgainSituation(
        reason=verdict.reason,
        resampled=run.draft.resampled,
        remaining=due.remaining,
        expected=due.expected,
        embedded=isinstance(run.model, Rules),
        refusal="" if refusal is None else refusal.reason,
        unfounded=verdict.verifier == "grounding" and not any(item.usable for item in run.evidence),
        turn=_turn(run, due.expected, boasts=refused.boasts),
    )
    decided = run.policy.verification.again(situation)
    run.trace.decision("verify", "again" if isinstance(decided, Again) else "keep", decided.reason, situation)
    return decided if isinstance(decided, Again) else None


def _turn(run: Run, answer: float, *, boasts: bool) -> float:
    """Seconds that a turn with the tools and an answer take; infinite where there is no tool to ask.

    A model that said it has done what no call did is not asked to do it now: who asked may have seen that it was not.
    """
    nothing = not any(item.attempts for item in run.evidence) or run.ledger.left().get("tool_calls", 1) <= 0
    return math.inf if nothing or boasts else timing.next_turn(run).median + answer


def composed(run: Run) -> Answer:
    """An answer from the evidence without a model: it takes milliseconds, and can be made at any moment."""
    if run.output is not None:
        return composed_of_type(run, run.output)
    found = compose(run.query, run.evidence)
    return checked(run, found.text, stated=found.stated, composed=True, unanswered=found.unanswered)


def checked(
    run: Run,
    text: str,
    *,
    by: str = "",
    stated: str = "",
    composed: bool = False,
    unanswered: bool = False,
    refused: Verdict | None = None,
) -> Answer:
    """The answer with the verdict of its check against the evidence, as the type that answers have; `by` names the
    model that wrote it, `refused` says what was said against another. Of a composed one `stated` is checked: the rest
    is the run's own word on calls that gave nothing."""
    clean = run.cleaned(text)
    text, stated = clean, (stated or text) if clean == text else clean
    if run.output is not None and not composed:
        return of_type(run, run.output, text, by)
    span = run.trace.verify("answer", verifier="grounding", node="answer")
    doubts = "" if refused is None or refused.verifier == "grounding" else refused.reason
    grounding = grounded(run, stated, unanswered=unanswered, doubts=doubts)
    if composed and grounding.verdict.outcome == "pass" and not speaks_of(run.query, stated):
        grounding = replace(left_open("it states what was found, and nothing of what was asked"), vain=True)
    span.end(grounding.verdict)
    if run.voice is not None:
        run.voice.answer(text, grounding.verdict)
    boasts = any(sentence.problem == "claim" for sentence in grounding.sentences)
    unanswered = unanswered or grounding.vain
    return Answer(text=text, verdict=grounding.verdict, composed=composed, unanswered=unanswered, boasts=boasts, by=by)


def _from_draft(run: Run, text: str, by: str) -> Answer | None:
    """What a model had written of its answer when it was interrupted: up to its last whole sentence, or what fits the
    type that answers have."""
    if run.output is not None:
        draft = of_type(run, run.output, text, by, partial=True)
        return None if draft.misfit else draft
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    return checked(run, text[: ends[-1]], by=by) if ends else None


async def _written(run: Run, messages: list[Message]) -> Answer | None:
    """The model's final answer: the one begun beside what ran, else one written now where the plan and the time allow
    it."""
    begun = None if run.draft.writer is None else await run.draft.writer.take()
    if begun is not None and (answer := _of(run, begun)) is not None:
        return answer
    until = run.last
    ease(run, until)
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
        return _from_draft(run, turn.text, turn.by)
    if run.plan.probe:
        timing.answered(run)
    return checked(run, turn.text, by=turn.by, unanswered=turn.finish is not None and turn.finish.unanswered)
