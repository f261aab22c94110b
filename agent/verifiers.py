"""Checks of answers that a product brings along: `Agent(verify=[...])`.

A verifier takes what was `Answered` and says what a check of results says: `True` for no objection, `False` or a reason
against it, a `Verdict` of its own, or `None` for nothing. It may be a plain function, which runs in a thread, or an
async one. Whatever it does, it costs neither the answer nor the deadline: one that raises, hangs or says something else
is `unsure`, and the user is warned.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from ..policies.deadline import Deadline
from ..policies.outcome import Verdict
from ..policies.verification import together
from ..tools.call import Evidence
from ..tools.checks import CheckResult, check_name, verdict_of
from ..tools.isolation import POOL, abandon, spawn
from ..tools.landing import message_of
from ..tools.scope import ENCLOSING
from .run import Answer, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a verifier is asked about.

    Attributes:
        text: the answer.
        query: the question.
        evidence: what the run has found.
    """

    text: str
    query: str
    evidence: tuple[Evidence, ...] = ()


Verifier = Callable[[Answered], "CheckResult | Awaitable[CheckResult]"]
"""A check of an answer."""


async def verified(run: Run, answer: Answer) -> Answer:
    """The answer with the verdict that the evidence and the product's verifiers give it together.

    They are asked in their order, until one fails; where the evidence refutes the answer, or it says that there is
    none, nobody is asked.
    """
    if not run.verifiers or answer.unanswered or answer.verdict.outcome == "fail":
        return answer
    until = run.deadline.less(run.policy.reserve.compose + run.policy.reserve.margin)
    answered = Answered(text=answer.text, query=run.query, evidence=tuple(run.evidence))
    said: list[tuple[Verdict, bool]] = []
    for verifier in run.verifiers:
        verdict, vouches = await _ask(run, verifier, answered, until)
        said.append((verdict, vouches))
        if verdict.outcome == "fail":
            break
    return replace(answer, verdict=together(answer.verdict, said))


async def _ask(run: Run, verifier: Verifier, answered: Answered, until: Deadline) -> tuple[Verdict, bool]:
    """What one verifier says, bounded in time, and whether it vouches for it."""
    name, began = check_name(verifier), run.now()
    span = run.trace.verify("answer", verifier=name, node="answer")
    said = await _said(run, verifier, answered, until)
    if isinstance(said, _Trouble):
        verdict = Verdict.unsure(name, f"the verifier {name} {said}")
        run.warn(f"The verifier {name} {said}.")
    else:
        verdict = verdict_of(name, said) or Verdict.unsure(name, "it says nothing")
    verdict = replace(verdict, duration=run.now() - began)
    span.end(verdict)
    return verdict, isinstance(said, Verdict)


class _Trouble(str):
    """Why a verifier said nothing."""


async def _said(run: Run, verifier: Verifier, answered: Answered, until: Deadline) -> Any:
    left = until.remaining(run.now())
    if left <= 0:
        return _Trouble("was not asked: no time is left")
    token = ENCLOSING.set(replace(ENCLOSING.get(), deadline=until, ledger=run.ledger))
    try:
        future = _begun(verifier, answered)
    finally:
        ENCLOSING.reset(token)
    run.own(future)
    try:
        await asyncio.wait((future,), timeout=None if until.never else left)
    finally:
        abandon(future)
    if not future.done() or future.cancelled():
        return _Trouble(f"had not answered after {left:.2f} s")
    error = future.exception()
    if error is not None:
        return _Trouble(f"raised {type(error).__name__}: {message_of(error)}")
    return future.result()


def _begun(verifier: Verifier, answered: Answered) -> asyncio.Future[Any]:
    if _is_async(verifier):
        return spawn(_awaited(verifier, answered), f"verifier {check_name(verifier)}")
    return POOL.run(functools.partial(verifier, answered))


async def _awaited(verifier: Verifier, answered: Answered) -> Any:
    try:
        return await verifier(answered)  # type: ignore[misc]  # it is known to be async
    except (SystemExit, KeyboardInterrupt) as error:  # in a task they would end the loop
        raise RuntimeError(type(error).__name__) from error


def _is_async(verifier: Verifier) -> bool:
    call = getattr(verifier, "__call__", None)  # noqa: B004  # an object's method is wanted
    return inspect.iscoroutinefunction(verifier) or inspect.iscoroutinefunction(call)
