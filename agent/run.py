"""One query under one budget: everything alive about it, and the best answer so far.

Graph state holds what a resumed run needs; the handles live here and travel in the run's context. The evidence and the
answer live here too, outside graph state, so that they survive a super-step that is interrupted.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..policies.approval import Approval
from ..policies.budget import Budget
from ..policies.deadline import Deadline
from ..policies.errors import UsageError
from ..policies.fencing import ROLE, smuggled
from ..policies.ledger import Ledger
from ..policies.markup import cleaned
from ..policies.reserve import Plan
from ..policies.settings import Policy
from ..policies.speculation import Speculation
from ..tools.call import Evidence
from ..tools.isolation import abandon
from ..tools.lent import Scope
from ..tools.memory import Memory
from ..tools.pipeline import Pipeline
from ..tools.scope import ENCLOSING, Enclosing
from ..tools.seen import Seen
from ..tools.tool import Tool
from ..tools.toolbox import Toolbox
from .aside import Aside
from .calls import Calls
from .conversation import Conversation
from .draft import Draft
from .ending import Answer, Ending
from .events import Event, Warned
from .ladder import Ladder
from .models.base import Model, ToolSpec
from .output import Output
from .result import Result
from .specs import specs_of
from .tally import Tally
from .trace.spans import RunTrace
from .turn import Turn
from .turns import Turns
from .voice import Voice, heard

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

    from .attachments import Attachments
    from .scribe import Scribe


_NONE = Approval()


@dataclass(slots=True, eq=False)
class Run:
    """The live side of a run; one object, from the call of `run` to its `Result`.

    Attributes:
        query: the question.
        budget: the limits.
        policy: the policies.
        model: who reasons; another one, and at last the embedded model, takes its place where it fails.
        aside: the judgements of results that are under way.
        ladder: the models that could be asked, cheapest first.
        toolbox: the tools.
        trace: where spans and decisions go.
        now: the clock of `deadline` and `soft`.
        started: when the run began, on that clock.
        deadline: when the caller must have the result.
        soft: when an answer begins to be written of what there is, beside what still runs and may yet end in time.
        last: when calls and reasoning are interrupted: only composing and checking an answer still fits.
        plan: what is kept back, and who writes the final answer.
        memory: what the agent knows of its tools and model from earlier runs.
        seen: what the model has been shown, and by whose word.
        voice: tells whoever streams the run what happens; `None` where nobody listens.
        verifiers: what the product checks answers with.
        tally: how often costly ones of them refused, over the agent's runs.
        output: the type that answers have; `None` is text.
        evidence: what calls gave so far.
        ending: why reasoning ended, once it has.
        answer: the best answer so far.
        handed_over: why the embedded model took the run over, where it did.
        turn: what the model gives now, or gave last, to the question what to do next.
        media: the files of the query and of results; `None` where there are none.
        calls: its calls.
        draft: how its answer comes about.
        conversation: what it goes on with, and what it may wait for.
        scribe: who writes down what is said in sounds; `None` where nobody does.
        scribing: what the scribe is called through.
    """

    query: str
    budget: Budget
    policy: Policy
    model: Model
    toolbox: Toolbox
    trace: RunTrace
    now: Callable[[], float]
    started: float
    deadline: Deadline
    plan: Plan
    memory: Memory = field(default_factory=Memory)
    instructions: str = ""
    voice: Voice | None = None
    verifiers: tuple[Callable[..., Any], ...] = ()
    tally: Tally = field(default_factory=Tally)
    output: Output | None = None
    aside: Aside = field(default_factory=Aside)
    ladder: Ladder = field(default_factory=lambda: Ladder(()))
    calls: Calls = field(default_factory=Calls)
    draft: Draft = field(default_factory=Draft)
    conversation: Conversation = field(default_factory=Conversation)
    soft: Deadline = field(init=False)
    last: Deadline = field(init=False)
    ledger: Ledger = field(init=False)
    pipeline: Pipeline = field(init=False)
    turns: Turns = field(init=False)
    seen: Seen = field(init=False)
    specs: tuple[ToolSpec, ...] = field(init=False)
    evidence: list[Evidence] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    ending: Ending | None = None
    answer: Answer | None = None
    handed_over: Ending | None = None
    turn: Turn | None = None
    media: Attachments | None = None
    scribe: Scribe | None = None
    scribing: Pipeline | None = field(init=False)
    _enclosing: Enclosing = field(init=False)
    _owned: set[asyncio.Future[Any]] = field(default_factory=set)
    _closing: threading.Lock = field(default_factory=threading.Lock)
    _result: Result | None = None

    def __post_init__(self) -> None:
        self.soft = self.deadline.less(self.plan.seconds)
        # Where little time is left in all, less is kept back than composing asks for.
        self.last = max(self.soft, self.deadline.less(self.policy.reserve.compose + self.policy.reserve.margin))
        self._enclosing = ENCLOSING.get()
        self.ledger = Ledger(self.budget, self._enclosing.ledger, self.conversation.before)
        self.seen = Seen(self.query, self.instructions, self._enclosing.origins)
        scope = Scope(
            ledger=self.ledger,
            policy=self.policy,
            soft=self.last,
            answer=self.soft,
            now=self.now,
            trace=self.trace,
            memory=self.memory,
            own=self.own,
            seen=self.seen,
            report=heard(self.voice, self._enclosing.report),
            asker=self.conversation.asker,
        )
        self.pipeline = Pipeline(self.toolbox, scope)
        self.scribing = None if self.scribe is None else Pipeline(self.scribe.toolbox, scope)
        stopping = self.policy.stopping
        compared = stopping.agree is not None or stopping.rules
        self.turns = Turns(tolerance=stopping.tolerance if compared else None, text=self.trace.rule.capture)
        self.specs = specs_of(self.toolbox)

    @property
    def speculation(self) -> Speculation:
        """What is begun early, and whether plans are offered."""
        return self.policy.speculation

    @property
    def identity(self) -> str:
        """The id by which models know the run, the same before and after it was suspended."""
        return self.conversation.origin or self.trace.trace_id

    @property
    def asks(self) -> bool:
        """Whether a call may have to be approved at all."""
        policy = self.policy
        return self.toolbox.approval or policy.approval != _NONE or policy.trust.effects_after_untrusted == "ask"

    def approves(self, tool: Tool) -> bool:
        """Whether a person may have to approve a call of the tool."""
        effects = not tool.read_only
        if self.policy.approval.needed(tool.name, declared=tool.approval, effects=effects):
            return True
        return effects and self.policy.trust.effects_after_untrusted == "ask"

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self.now() - self.started

    @property
    def answering(self) -> bool:
        """Whether the model is writing text, which is the answer."""
        turn = self.turn
        return turn is not None and turn.finish is None and turn.kind == "answer" and not turn.heard

    def broken(self) -> dict[str, str]:
        """The tools that would not be called now, whatever is asked of them, and why; not those with a fallback."""
        refused = self.memory.gates.refusals(self.now())
        own = ((name, self.toolbox.get(name), skipped.reason) for name, skipped in refused.items())
        return {name: reason for name, tool, reason in own if tool is not None and tool.fallback is None}

    def own(self, future: asyncio.Future[Any]) -> None:
        """Remember what was started, so that `release` lets go of it."""
        self._owned.add(future)
        future.add_done_callback(self._owned.discard)

    def tell(self, event: Event) -> None:
        """Hand an event to whoever streams the run."""
        if self.voice is not None:
            self.voice.say(event)

    def land(self, answer: Answer) -> Answer:
        """Keep the best answer so far, outside the graph, before anything else is awaited."""
        self.answer = answer
        if self.voice is not None:
            self.voice.best(answer)
        return answer

    def warn(self, message: str) -> None:
        """Tell the user something, once."""
        if message not in self.warnings:
            self.warnings.append(message)
            self.tell(Warned(message=message, at=self.elapsed))

    def show(self) -> None:
        """The model is about to be shown what was found; what nobody vouches for is marked, with what it tries."""
        for item in self.seen.show(self.evidence):
            where = "a result" if item.outcome.name == "ok" else "an error"
            reason = f"{where} of {item.tool} is shown as data that nobody vouches for"
            self.trace.decision("trust", "entered", reason, call=item.id, tool=item.tool, origin=item.origin)
            if found := smuggled(item.content, [tool.name for tool in self.toolbox]):
                tried = f"{where} of {item.tool} holds {', '.join(found)}; it was shown to the model as data"
                self.trace.decision("trust", "smuggled", tried, call=item.id, tool=item.tool)
                if set(found) - {ROLE}:  # what speaks of a user or a system is mostly about one
                    self.warn(f"{tried[0].upper()}{tried[1:]}.")

    @property
    def disarms(self) -> bool:
        """Whether text is shown without markup while it is being written: the model has read untrusted content."""
        return self.seen.tainted and self.policy.trust.strip_markup

    def cleaned(self, text: str) -> str:
        """An answer without markup that untrusted content may have put there to be fetched."""
        untrusted = [item for item in self.evidence if item.untrusted]
        through = {*self.seen.origins.values(), *(item.tool for item in untrusted)}
        if not through or not self.policy.trust.strip_markup:
            return text
        known = [*self.seen.texts, *(item.content for item in self.evidence)]
        clean, removed = cleaned(text, vouching=self.seen.vouching, known=known)
        if removed:
            reason = f"{', '.join(removed)} was taken out of the answer, as untrusted content may have put it there"
            self.trace.decision("trust", "stripped", reason, through=", ".join(sorted(through)))
            self.warn(f"{reason[0].upper()}{reason[1:]}.")
        return clean if clean.strip() or not text.strip() else "The answer held nothing but markup that was taken out."

    def end(self, stop_reason: str, reason: str, **figures: Any) -> None:
        """Note why reasoning ends; the first reason stands."""
        if self.ending is None:
            self.ending = ending = Ending.by(stop_reason, reason)
            self.trace.decision("stop", ending.stop_reason, reason, **figures)

    def tick(self) -> None:
        """Record what is left, for the burn-down."""
        self.trace.budget_tick(self.elapsed, self.ledger.left(), reserve=self.plan.seconds)

    def release(self) -> None:
        """Cancel whatever still runs, without waiting. In the loop's thread."""
        for future in (*self._owned, *self.pipeline.under_way()):
            abandon(future)

    def count_stubborn(self) -> None:
        """Count what ignored its cancellation."""
        stubborn = [future for future in {*self._owned, *self.pipeline.under_way()} if not future.done()]
        if stubborn:
            names = ", ".join(sorted({_name(f) for f in stubborn}))
            self.trace.decision("abandon", "abandoned", f"still running after its cancellation: {names}",
                                count=len(stubborn), tools=sum(map(_is_tool, stubborn)))  # fmt: skip

    def conclude(self, make: Callable[[], Result]) -> Result:
        """The result, made once; later calls, from any thread, return the same."""
        with self._closing:
            if self._result is None:
                self._result = make()
            return self._result

    @property
    def closed(self) -> bool:
        """Whether the result has been made."""
        return self._result is not None

    def gather(self) -> None:
        """Take in what has landed although the loop could not say so: its thread may be blocked. From any thread."""
        known = {item.id for item in self.evidence}
        self.evidence.extend(item for item in self.pipeline.landed() if item.id not in known)

    def bring(self) -> None:
        """Tell the run around this one, where there is one, of what nobody vouches for in what was found."""
        if self._enclosing.brought is not None:
            self._enclosing.brought.update({item.origin: item.tool for item in self.evidence if item.untrusted})


def live(runtime: Runtime[Run]) -> Run:
    """The run that a node of the graph belongs to.

    Raises:
        UsageError: there is none: the graph was called by itself, or as a node of another one.
    """
    run = runtime.context
    if not isinstance(run, Run):
        raise UsageError(
            "agent.graph needs the run that agent.run begins (a deadline, a ledger, a trace); call agent.run(...), or "
            "make it a node of another graph by add_node('agent', agent.as_node())"
        )
    return run


def _is_tool(future: asyncio.Future[Any]) -> bool:
    """Whether it is an attempt of a tool: in the loop by its name, else in a thread or a process."""
    return _name(future).partition(" ")[0] in ("tool", "thread")


def _name(future: asyncio.Future[Any]) -> str:
    name = future.get_name() if isinstance(future, asyncio.Task) else "thread"
    return name.removeprefix("shotclock ")
