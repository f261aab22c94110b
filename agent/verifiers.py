"""Checks of answers that a product brings along: `Agent(verify=[...])`.

A verifier takes what was `Answered` and says what a check of results says: `True` for no objection, `False` or a reason
against it, a `Verdict` of its own, or `None` for nothing. It may be a plain function, which runs in a thread, or an
async one. Whatever it does, it costs neither the answer nor the deadline: one that raises, hangs or says something else
is `unsure`, and the user is warned.

One that takes time or money, such as a `judge`, says so: it is asked after the others, where that pays
(`policy.verification`). `priced.costly` makes such a one of any function.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from ..policies.deadline import Deadline
from ..policies.errors import UsageError
from ..policies.forecast import Forecast
from ..policies.ledger import Claim, Refusal, Reservation
from ..policies.outcome import Verdict
from ..policies.verdicts import together
from ..policies.verification import Buy, RungSituation
from ..tools.call import Evidence
from ..tools.checking import CheckResult, check_name, verdict_of
from ..tools.isolation import POOL, in_time, spawn
from ..tools.landing import message_of
from ..tools.scope import ENCLOSING
from .ending import Answer
from .run import Run
from .trace.handles import VerifySpan


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a verifier is asked about.

    Attributes:
        text: the answer.
        query: the question.
        evidence: what the run has found.
        value: the answer as the agent's `output_type`, `None` where that is text; of a result what the tool returned.
        call: the call that it is the result of, where it is no answer; empty else.
    """

    text: str
    query: str
    evidence: tuple[Evidence, ...] = ()
    value: Any = None
    call: str = ""


Verifier = Callable[[Answered], "CheckResult | Awaitable[CheckResult]"]
"""A check of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a costly verifier is granted.

    Attributes:
        until: when its verdict is of no use any more.
        reservation: its claim in the run's ledger; it settles it.
        span: the span of the check.
        forecast: how long it was expected to take.
    """

    until: Deadline
    reservation: Reservation
    span: VerifySpan
    forecast: Forecast


@runtime_checkable
class Costly(Protocol):
    """A verifier that takes time or money of the run: it is asked only where that pays."""

    def forecast(self, run: Run) -> Forecast:
        """How long its next verdict takes."""

    def claim(self, run: Run, answered: Answered) -> Claim:
        """What its verdict costs at most."""

    def ask(self, run: Run, answered: Answered, terms: Terms) -> Awaitable[CheckResult]:
        """What it says; it is interrupted where its time is up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stake:
    """What hangs on a costly verdict.

    Attributes:
        generate: seconds that what it checks takes to make; 0 where that takes no time.
        again: seconds until another answer could be there; `None` where none is to be had.
        made_by: who made it: a model, or a tool.
    """

    generate: float = 0.0
    again: float | None = None
    made_by: str = ""


def verifiers_of(verify: Any) -> tuple[Verifier, ...]:
    """What a product gave as `verify`, the cheap ones first.

    Raises:
        UsageError: it is no list of functions.
    """
    if callable(verify):
        raise UsageError("verify must be a list of functions of an answer; write verify=[...]")
    read = tuple(verify)
    for each in read:
        if not callable(each):
            raise UsageError(f"verify must hold functions of an answer, got {each!r}")
    return tuple(sorted(read, key=lambda each: isinstance(each, Costly)))


async def verified(run: Run, answer: Answer, stake: Stake | None = None) -> Answer:
    """The answer with the verdict that the evidence and the product's verifiers give it together.

    They are asked in their order, costly ones last, until one fails; where the evidence refutes the answer, or it says
    that there is none, nobody is asked.
    """
    if not run.verifiers or answer.unanswered or answer.verdict.outcome == "fail":
        return answer
    until = run.deadline.less(run.policy.reserve.compose + run.policy.reserve.margin)
    answered = Answered(text=answer.text, query=run.query, evidence=tuple(run.evidence), value=answer.value)
    said: list[tuple[Verdict, bool]] = []
    for verifier in run.verifiers:
        if isinstance(verifier, Costly):
            found = await consult(run, verifier, answered, until, together(answer.verdict, said), stake or Stake())
            if found is not None and found[0].outcome == "unsure":
                found = found[0], False  # it need not have been asked: what it leaves open stays as the others found it
        else:
            found = await _ask(run, verifier, answered, until)
        if found is not None:
            said.append(found)
            if found[0].outcome == "fail":
                break
    whole = replace(answer, verdict=together(answer.verdict, said))
    if run.voice is not None and said:
        run.voice.answer(whole.text, whole.verdict)
    return whole


async def _ask(run: Run, verifier: Verifier, answered: Answered, until: Deadline) -> tuple[Verdict, bool]:
    """What a verifier says that costs nothing, bounded in time, and whether it vouches for it."""
    name = check_name(verifier)
    span = run.trace.verify("answer", verifier=name, node="answer")
    return await _heard(run, name, lambda: begun(verifier, answered), until, span, always=True)


async def consult(
    run: Run, verifier: Costly, answered: Answered, until: Deadline, before: Verdict, stake: Stake, what: str = "answer"
) -> tuple[Verdict, bool] | None:
    """What a costly verifier says and whether it vouches for it; `None` where it was not worth asking."""
    name = check_name(verifier)  # type: ignore[arg-type]  # a verifier is a callable
    forecast, claim = verifier.forecast(run), verifier.claim(run, answered)
    counted = name if what == "answer" else f"{name} of {what}"
    asked = run.tally.of(counted, before)
    situation = _situation(run, name, forecast, claim, until, before, stake, asked)
    decided = run.policy.verification.decide(situation)
    if not isinstance(decided, Buy):
        run.trace.decision("verify", "not_bought", decided.reason, situation, what=what, made_by=stake.made_by)
        return None
    reservation = run.ledger.reserve(claim)
    if isinstance(reservation, Refusal):  # another of the run's checks was quicker
        run.trace.decision("verify", "not_bought", reservation.reason, verifier=name, what=what)
        return None
    run.trace.decision("verify", "buy", decided.reason, situation, what=what, made_by=stake.made_by)
    began = run.now()
    until = until.earlier(Deadline.after(began, decided.seconds))
    span = run.trace.verify(what, verifier=name, node="answer" if what == "answer" else "verify")
    terms = Terms(until=until, reservation=reservation, span=span, forecast=forecast)
    coroutine = functools.partial(_awaited, lambda: verifier.ask(run, answered, terms))
    found = await _heard(run, name, lambda: spawn(coroutine(), f"verifier {name}"), until, span)
    run.draft.verifying += run.now() - began
    run.tally.count(counted, before, found[0])
    return found


def _situation(
    run: Run,
    name: str,
    forecast: Forecast,
    claim: Claim,
    until: Deadline,
    before: Verdict,
    stake: Stake,
    counted: tuple[int, int],
) -> RungSituation:
    now = run.now()
    asked, refused = counted
    refusal = run.ledger.check(claim)
    # An answer after it takes one model call more, whatever the verdict itself takes.
    after = run.ledger.check(replace(claim, model_calls=claim.model_calls + 1))
    return RungSituation(
        verifier=name,
        verdict=before.outcome,
        slack=until.remaining(now),
        expected=forecast.median,
        q95=forecast.quantile(0.95),
        seen=forecast.n,
        latency=run.deadline.at - run.started,
        spent=run.draft.verifying,
        generate=stake.generate,
        again=stake.again,
        asked=asked,
        refused=refused,
        cost_usd=claim.cost_usd,
        refusal="" if refusal is None else refusal.reason,
        refusal_again="" if after is None else after.reason,
        draw=int(run.trace.trace_id[8:16], 16) / 2**32,
    )


class _Trouble(str):
    """Why a verifier said nothing."""


async def _heard(
    run: Run,
    name: str,
    begin: Callable[[], asyncio.Future[Any]],
    until: Deadline,
    span: VerifySpan,
    *,
    always: bool = False,
) -> tuple[Verdict, bool]:
    """What a verifier says as a verdict, whatever it does, and whether it counts for more than no objection: the
    silence of one that is `always` asked does, that of one which need not have been asked at all does not."""
    began = run.now()
    with span.context():
        said = await _said(run, begin, until)
    if isinstance(said, _Trouble):
        verdict = Verdict.unsure(name, f"the verifier {name} {said}")
        run.warn(f"The verifier {name} {said}.")
    else:
        verdict = verdict_of(name, said) or Verdict.unsure(name, "it says nothing")
    verdict = replace(verdict, duration=run.now() - began)
    span.end(verdict)
    if isinstance(said, _Trouble):
        return verdict, always
    return verdict, isinstance(said, Verdict) and not (always and said.outcome == "unsure")


async def _said(run: Run, begin: Callable[[], asyncio.Future[Any]], until: Deadline) -> Any:
    left = until.remaining(run.now())
    if left <= 0:
        return _Trouble("was not asked: no time is left")
    token = ENCLOSING.set(ENCLOSING.get()._replace(deadline=until, ledger=run.ledger))
    try:
        future = begin()
    finally:
        ENCLOSING.reset(token)
    run.own(future)
    if not await in_time(future, None if until.never else left):
        return _Trouble(f"had not answered after {left:.2f} s")
    error = future.exception()
    if error is not None:
        return _Trouble(f"raised {type(error).__name__}: {message_of(error)}")
    return future.result()


def begun(verifier: Callable[[Answered], Any], answered: Answered) -> asyncio.Future[Any]:
    """What a verifier says, asked now: a plain one in a thread."""
    if _is_async(verifier):
        return spawn(_awaited(lambda: verifier(answered)), f"verifier {check_name(verifier)}")
    return POOL.run(functools.partial(verifier, answered), owner=check_name(verifier))


async def _awaited(call: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await call()
    except (SystemExit, KeyboardInterrupt) as error:  # in a task they would end the loop
        raise RuntimeError(type(error).__name__) from error


def _is_async(verifier: Callable[..., Any]) -> bool:
    call = getattr(verifier, "__call__", None)  # noqa: B004  # an object's method is wanted
    return inspect.iscoroutinefunction(verifier) or inspect.iscoroutinefunction(call)
