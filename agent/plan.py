"""A plan that a model hands over: its steps run as calls of one turn, each as soon as what it waits for is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from ..policies.approval import Unasked
from ..policies.outcome import Failed, Ok, Skipped, Verdict
from ..policies.plan import CallPlan, Flaw, PlanText, Step, read_plan, settled
from ..policies.speculation import Begin, EarlySituation
from ..tools.call import Call, Evidence, PendingCall
from ..tools.landing import happened
from ..tools.pipeline import rejected
from .approving import Asking, Replied, asked_of, refused, replied
from .passing import passed
from .plan_text import PLAN, takes_plans
from .run import Run

_SHARES = (1 / 6, 1 / 2, 5 / 6)
"""Shares of calls by whose times the steps ahead are reckoned: a third of the cases each."""


def plan_of(run: Run, call: Call) -> CallPlan | Flaw | None:
    """The plan that a call hands over, what is wrong with it, or `None` where the call is one of a tool."""
    if call.tool != PLAN or not takes_plans(run):
        return None
    if call.malformed is not None:
        return Flaw(f"The plan was not run: {call.malformed}")
    return read_plan(call.arguments, [tool.name for tool in run.toolbox], run.policy.limits.parallel)


def plan_again(call: Call) -> CallPlan:
    """The plan of a call that was begun before, whatever has become of the tools and limits since."""
    rows = call.arguments["steps"]
    plan = read_plan(call.arguments, {row["tool"] for row in rows}, len(rows))
    assert isinstance(plan, CallPlan)
    return plan


def may_begin_early(run: Run, name: str) -> EarlySituation | None:
    """What it was decided on that a call of the tool of that name is begun before its turn is complete; `None` where it
    is not."""
    tool = run.toolbox.get(name)
    if tool is None or run.approves(tool):
        return None  # a call that a person may have to approve is not begun before they have
    situation = run.calls.early.situation(tool, run.policy.limits.parallel)
    return situation if isinstance(run.speculation.early(situation), Begin) else None


class PlanRun:
    """A plan under way. A step that a person has to approve is put to them, and holds up only what needs it.

    Args:
        run: the run it belongs to.
        call: the id of the call of `plan` that hands it over.
        plan: its steps, as far as they are known.
        begin: begins one call; told what was known, where that is before the turn was complete.
        held: whether the turn is not complete yet: until it is released, only read-only steps are begun.
        found: what its steps have given before the run was suspended, by their ids.
        replies: what people have said since, by the ids of the steps that waited for them.

    Attributes:
        open: the calls that nobody has answered, once it is over.
        since: since when nothing but people is waited for: the last step ended then.
    """

    def __init__(
        self,
        run: Run,
        call: str,
        plan: CallPlan,
        begin: Callable[[Run, Call, EarlySituation | None], asyncio.Task[Evidence]],
        *,
        held: bool = False,
        found: Mapping[str, Evidence] = MappingProxyType({}),
        replies: Mapping[str, Replied] = MappingProxyType({}),
    ) -> None:
        self._run = run
        self._id = call
        self._plan = plan
        self._begin = begin
        self._held = held
        self._begun: set[str] = set(found)
        self._found: dict[str, Evidence] = dict(found)
        self._replies = replies
        self._open: dict[str, PendingCall] = {}
        self.since = run.now()
        self._text = PlanText()
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._advance()

    def write(self, text: str) -> None:
        """Take in a further piece of the plan's JSON: what can be run whatever is written next is begun."""
        steps = self._text.add(text)
        if steps:
            run = self._run
            most = run.policy.limits.parallel - run.calls.early.taken
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

    @property
    def open(self) -> list[PendingCall]:
        """The calls that nobody has answered yet."""
        return [*self._open.values()]

    async def finish(self) -> dict[str, Evidence]:
        """The evidence of each step, by the step's id, once all are done that do not wait for a person or for what
        does."""
        await self._over
        return {step.id: self._found[step.id] for step in self._plan.steps if step.id in self._found}

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
        under_way = len(self._begun) - len(self._found) - len(self._open)
        if not self._held and not under_way and not self._over.done():
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
            reply = self._replies.get(step.id)
            call = await self._call(step) if reply is None else self._named(step)
            found = call if isinstance(call, Evidence) else await self._made(call, early, reply)
        except BaseException:
            self._over.cancel()  # whoever waits for a plan that was interrupted is interrupted too
            raise
        if isinstance(found, PendingCall):
            self._open[step.id] = found
        else:
            self._found[step.id], self.since = found, self._run.now()
        self._advance()

    async def _made(self, call: Call, early: EarlySituation | None, reply: Replied | None) -> Evidence | PendingCall:
        """What a call gives; where a person has to approve it and has not answered, what waits for them."""
        run = self._run
        if reply is not None:
            return await replied(run, call, reply, self._make)
        question = asked_of(run, call) if run.asks and early is None else None
        if question is None:
            return await self._begin(run, call, early)
        if isinstance(question, Unasked):
            return refused(run, call, question)
        asking = Asking(run, call, question, self._make)
        return (await asking.finish()).get("", asking.pending)

    def _make(self, run: Run, call: Call) -> Awaitable[Evidence]:
        return self._begin(run, call, None)

    def _named(self, step: Step) -> Call:
        """The step as a call with its arguments as the model wrote them."""
        found = [self._found[need] for need in step.needs]
        drawn = {item.origin: item.tool for item in found if item.untrusted}
        return Call(
            id=f"{self._id}.{step.id}",
            tool=step.tool,
            arguments=step.arguments,
            drawn_from=drawn,
            ahead=self._ahead(step),
        )

    async def _call(self, step: Step) -> Call | Evidence:
        """The step as a call with its arguments put together, or the evidence of why they cannot be."""
        call = self._named(step)
        if not step.takes:
            return call
        values = {need: self._found[need].value for need in step.takes}
        arguments = await passed(self._run, step, values)
        if isinstance(arguments, Flaw):
            evidence = rejected(call, "Reference", f"{step.tool} was not called: {arguments.message}.")
            self._run.evidence.append(evidence)
            return evidence
        return replace(call, arguments=arguments)

    def _ahead(self, step: Step) -> tuple[float, ...]:
        """Seconds that the steps take which need this one, each as probable, ascending; none where none needs it, or
        where no deadline presses."""
        if self._run.last.never or not any(step.id in later.needs for later in self._plan.steps):
            return ()
        return tuple(self._plan.ahead(step.id, partial(self._takes, share=share)) for share in _SHARES)

    def _takes(self, tool: str, share: float) -> float:
        """Seconds within which a share of the calls of the tool end; 0 where nothing is known."""
        made = self._run.toolbox.get(tool)
        forecast = None if made is None else self._run.memory.history.forecast(made)
        return 0.0 if forecast is None else forecast.quantile(share)

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
