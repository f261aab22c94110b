"""A plan that a model hands over: its steps run as calls of one turn, each as soon as what it waits for is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace

from ..policies.outcome import Failed, Ok, Skipped, Verdict
from ..policies.plan import CallPlan, Flaw, PlanText, Step, read_plan, settled
from ..policies.speculation import Begin, EarlySituation
from ..tools.call import Call, Evidence
from ..tools.landing import happened
from ..tools.pipeline import rejected
from .passing import passed
from .plan_text import PLAN, takes_plans
from .run import Run


def plan_of(run: Run, call: Call) -> CallPlan | Flaw | None:
    """The plan that a call hands over, what is wrong with it, or `None` where the call is one of a tool."""
    if call.tool != PLAN or not takes_plans(run):
        return None
    if call.malformed is not None:
        return Flaw(f"The plan was not run: {call.malformed}")
    return read_plan(call.arguments, [tool.name for tool in run.toolbox], run.policy.limits.parallel)


def may_begin_early(run: Run, name: str) -> EarlySituation | None:
    """What it was decided on that a call of the tool of that name is begun before its turn is complete; `None` where it
    is not."""
    tool = run.toolbox.get(name)
    if tool is None or run.approves(tool):
        return None  # a call that a person may have to approve is not begun before they have
    situation = run.early.situation(tool, run.policy.limits.parallel)
    return situation if isinstance(run.speculation.early(situation), Begin) else None


class PlanRun:
    """A plan under way.

    Args:
        run: the run it belongs to.
        call: the id of the call of `plan` that hands it over.
        plan: its steps, as far as they are known.
        begin: begins one call; told what was known, where that is before the turn was complete.
        held: whether the turn is not complete yet: until it is released, only read-only steps are begun.
    """

    def __init__(
        self,
        run: Run,
        call: str,
        plan: CallPlan,
        begin: Callable[[Run, Call, EarlySituation | None], asyncio.Task[Evidence]],
        *,
        held: bool = False,
    ) -> None:
        self._run = run
        self._id = call
        self._plan = plan
        self._begin = begin
        self._held = held
        self._begun: set[str] = set()
        self._found: dict[str, Evidence] = {}
        self._text = PlanText()
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._advance()

    def write(self, text: str) -> None:
        """Take in a further piece of the plan's JSON: what can be run whatever is written next is begun."""
        steps = self._text.add(text)
        if steps:
            run = self._run
            most = run.policy.limits.parallel - run.early.taken
            self.grow(settled(steps, [tool.name for tool in run.toolbox], most))

    def grow(self, plan: CallPlan) -> None:
        """More of the plan is known, or all of it."""
        self._plan = plan
        self._advance()

    def release(self) -> None:
        """Begin what is left of it, now that its turn is complete."""
        self._held = False
        plan = self._plan
        self._run.trace.decision(
            "plan", "run", f"{len(plan.steps)} steps in {plan.layers} layers", call=self._id, steps=len(plan.steps),
            layers=plan.layers, early=len(self._begun),
        )  # fmt: skip
        self._advance()

    async def finish(self) -> dict[str, Evidence]:
        """The evidence of each step, by the step's id, once all are done."""
        await self._over
        return {step.id: self._found[step.id] for step in self._plan.steps}

    def stop(self) -> None:
        """Begin no further step: the turn, or the plan, came to nothing."""
        self._plan = CallPlan(steps=())

    def _advance(self) -> None:
        """Begin, or skip, every step whose turn it is."""
        while ready := [*self._ready()]:
            for step, early in ready:
                self._begun.add(step.id)
                lacking = next((need for need in step.needs if not self._found[need].usable), None)
                if lacking is not None:
                    self._found[step.id] = self._skipped(step, lacking)
                    continue
                name = f"shotclock step {step.tool}"
                self._run.own(asyncio.get_running_loop().create_task(self._one(step, early), name=name))
        if not self._held and len(self._found) == len(self._plan.steps) and not self._over.done():
            self._over.set_result(None)

    def _ready(self) -> Iterator[tuple[Step, EarlySituation | None]]:
        """The steps whose turn it is; each with what it was decided on, where that is before the turn was complete."""
        for step in self._plan.ready(self._found, self._begun):
            if not self._held:
                yield step, None
            elif all(self._found[need].usable for need in step.needs):
                early = may_begin_early(self._run, step.tool)
                if early is not None:
                    yield step, early

    async def _one(self, step: Step, early: EarlySituation | None) -> None:
        try:
            call = await self._call(step)
            found = call if isinstance(call, Evidence) else await self._begin(self._run, call, early)
        except BaseException:
            self._over.cancel()  # whoever waits for a plan that was interrupted is interrupted too
            raise
        self._found[step.id] = found
        self._advance()

    async def _call(self, step: Step) -> Call | Evidence:
        """The step as a call with its arguments put together, or the evidence of why they cannot be."""
        found = [self._found[need] for need in step.needs]
        drawn = {item.origin: item.tool for item in found if item.untrusted}
        ahead = self._plan.ahead(step.id, self._usual)
        call = Call(id=f"{self._id}.{step.id}", tool=step.tool, arguments=step.arguments, drawn_from=drawn, ahead=ahead)
        if not step.takes:
            return call
        values = {need: self._found[need].value for need in step.takes}
        arguments = await passed(self._run, step, values)
        if isinstance(arguments, Flaw):
            evidence = rejected(call, "Reference", f"{step.tool} was not called: {arguments.message}.")
            self._run.evidence.append(evidence)
            return evidence
        return replace(call, arguments=arguments)

    def _usual(self, tool: str) -> float:
        """Seconds a call of the tool usually takes; 0 where nothing is known."""
        made = self._run.toolbox.get(tool)
        forecast = None if made is None else self._run.memory.history.forecast(made)
        return 0.0 if forecast is None else forecast.median

    def _skipped(self, step: Step, lacking: str) -> Evidence:
        reason = f"needs {lacking}, which {_why(self._found[lacking])}"
        identity = f"{self._id}.{step.id}"
        self._run.trace.decision("skip", step.tool, reason, call=identity, limit=PLAN, needs=lacking)
        evidence = Evidence(
            id=identity,
            tool=step.tool,
            arguments=step.arguments,
            outcome=Skipped(PLAN, reason),
            content=f"{step.tool} was skipped: {reason}.",
            verdict=Verdict.failed(PLAN, reason),
            origin=step.tool,
        )
        self._run.evidence.append(evidence)
        return evidence


def _why(evidence: Evidence) -> str:
    """Why a step's result cannot be used, as the end of a sentence; not in words that nobody vouches for."""
    if evidence.untrusted:
        return "failed" if isinstance(evidence.outcome, Failed) else "was withheld"
    if isinstance(evidence.outcome, Ok):
        return f"was withheld: {evidence.verdict.reason}".rstrip(".")
    return happened(evidence.outcome).rstrip(".")
