"""The face of the loop: an agent answers queries, each under a budget."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from ..policies.budget import Budget, seconds
from ..policies.settings import Policy
from ..tools.isolation import warm
from ..tools.memory import Memory
from ..tools.tool import Tool
from ..tools.toolbox import Toolbox
from .beginning import Asked, begin
from .engine import ahead, compiled, supervised, waited
from .events import Event
from .models.base import Model
from .models.resolve import resolve_all
from .output import output_of
from .prompts import BASE
from .query import Labels, Query, read_budget, read_policy, read_query
from .replies import Replies, read_approver
from .result import Result
from .scribe import Scribe
from .streamed import TICK, streamed
from .tally import Tally
from .threads import Claims
from .trace.spans import Recorder
from .verifiers import Verifier, verifiers_of
from .voice import Listener

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.tools import BaseTool

    from .graph import Graph
    from .node import Node
    from .replies import Approver
    from .resumption import Resumption


class Agent:
    """Answers questions with tools, by a deadline, and always with a `Result`.

    Args:
        model: `"rules"` (embedded, offline, no key), `"openai:NAME"` (any OpenAI-compatible endpoint; `OPENAI_API_KEY`
            and `OPENAI_BASE_URL` are read), a LangChain chat model or its `"provider:name"` (extra `langchain`), or an
            object with the `Model` protocol. Or a list of these, cheapest first: the first one is asked, a stronger one
            goes on where there is doubt, and another one where one fails (`policy.routing`).
        tools: what the model may call: `@tool` functions, plain functions with annotations and a docstring, or
            LangChain's tools (`langchain_tool` says what they promise). Default: none.
        name: what traces call the agent. Default `"agent"`.
        instructions: what the model is told beside the question, after the built-in instructions. Default: nothing.
        output_type: what `result.answer` is: text, or a type with a JSON Schema, such as a pydantic model. The model is
            asked for JSON of it, and what does not fit is refused like any other answer. Default `str`.
        budget: the limits of a run that gives none. Default ten seconds, nothing else limited.
        policy: what decides admission, reserve, stopping, sizes and the rest. Default `Policy()`.
        verify: the product's own checks of answers, asked in their order after the check against the evidence:
            functions of what was `Answered`, plain or async; those that take time or money, such as a `judge`, come
            last and are asked where that pays. An answer that is refused is asked for again where that fits
            (`policy.verification`), and else marked. Default: none.
        checkpointer: a LangGraph checkpointer; runs of one `thread_id` then share a conversation, and a run is
            suspended for calls that a person has to approve, until `resume` goes on with it. Default: none.
        approve: who asks a person to approve a call: a function of the `PendingCall`, plain or async, that returns
            `True`, `False`, a text that says why not, or other arguments as a mapping; `None` leaves it open. It is
            waited for until the deadline. What is left open suspends the run where there is a checkpointer, and is
            refused otherwise. Default: nobody.
        transcribe: what writes down what is said in sounds, for models that take none: a read-only tool, or a function,
            of an `Audio` that returns its text. It is called in the time that `policy.media.share` gives to files, as a
            call under the budget, and never offered to a model; its text is untrusted evidence. Default: nothing.
        tracer_provider: where spans go; by default the process's global provider, and nowhere if there is none.
        meter_provider: where metrics go; likewise.

    Raises:
        UnknownModel: nobody serves the model, or its key is missing.
        InvalidTool: a tool has no schema, or two share a name.
        UsageError: `output_type` has no JSON Schema, `verify` is no list of functions, `approve` is no function, or
            `transcribe` takes something else than an `Audio`.
        InvalidBudget, InvalidPolicy: `budget` or `policy` is of another type.
    """

    def __init__(
        self,
        model: str | Model | BaseChatModel | Sequence[str | Model | BaseChatModel],
        tools: Iterable[Tool | Callable[..., Any] | BaseTool] = (),
        *,
        name: str = "agent",
        instructions: str = "",
        budget: Budget | None = None,
        policy: Policy | None = None,
        output_type: Any = str,
        verify: Iterable[Verifier] = (),
        checkpointer: Any = None,
        approve: Approver | None = None,
        transcribe: Tool | Callable[..., Any] | None = None,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self.models = resolve_all(model)
        """Who may be asked, cheapest first."""
        self.model = self.models[0]
        self.toolbox = Toolbox(tools)
        self.name = name
        self.budget = read_budget(budget) or Budget()
        self.policy = read_policy(policy)
        self._checkpointer = checkpointer
        self._approver = read_approver(approve)
        self._scribe = None if transcribe is None else Scribe(transcribe)
        self.claims = Claims()
        """The suspended runs that it has taken up."""
        self._graph = ahead(self.name, checkpointer)
        for each in (*self.toolbox, *(self._scribe.toolbox if self._scribe else ())):
            warm(each, self.policy.limits.process)
        self.instructions = instructions
        """What the product tells its model beside the question."""
        self._instructions = f"{BASE}\n\n{instructions}".strip()
        self.verifiers = verifiers_of(verify)
        self._output = output_of(output_type)
        self._tally = Tally()
        self._tracer_provider = tracer_provider
        tool_names = [each.name for each in self.toolbox]
        self._recorder = Recorder(tracer_provider, meter_provider, agent=name, model=self.model.name, tools=tool_names)
        self.memory = Memory.under(self.policy)
        """What its runs have learnt of the tools and the model: latencies, health, results that are kept."""

    def __repr__(self) -> str:
        return f"<Agent {self.name}: {self.model.name}, {len(self.toolbox)} tools>"

    @property
    def graph(self) -> Graph:
        """The compiled LangGraph graph, `reason → act → verify → (reason | answer)`. Its nodes need the run that `run`
        begins; in a graph of your own put `as_node`."""
        if self._graph is None:
            self._graph = compiled(self.name, self._checkpointer)
        return self._graph

    @property
    def resumable(self) -> bool:
        """Whether its runs can wait for a person, and be resumed."""
        return self._checkpointer is not None

    async def run(
        self,
        query: Query,
        *,
        budget: Budget | None = None,
        thread_id: str | None = None,
        metadata: Labels | None = None,
    ) -> Result:
        """Answer `query` within `budget`, whatever models and tools do.

        Args:
            query: the question, up to `policy.limits.query` characters; or a list of texts and parts, such as
                `["What is on it?", Image("receipt.png")]`, whose files are read in the run's time as `policy.media`
                says. A file that cannot be read costs a warning.
            budget: the limits of this run; the agent's by default, whose latency files extend (`policy.media`). Inside
                another run its deadline holds too.
            thread_id: the conversation this belongs to; needs a checkpointer.
            metadata: labels for the trace, short values by name.

        Raises:
            InvalidQuery: the query is empty, too long, no text or holds no part, or `metadata` is no mapping.
            InvalidBudget: `budget` is of another type.
            InvalidThread: the thread waits for approval.
            asyncio.CancelledError: the caller cancelled; the run's work is cancelled too.
        """
        asked = Asked(query=query, budget=budget, metadata=metadata, thread_id=thread_id)
        return await supervised(self, begin(self, asked))

    def run_sync(
        self,
        query: Query,
        *,
        budget: Budget | None = None,
        thread_id: str | None = None,
        metadata: Labels | None = None,
        on_event: Listener | None = None,
    ) -> Result:
        """`run` for callers without an event loop, on a loop thread of its own: on time even when a tool blocks the
        loop.

        Takes and raises what `run` does, and `on_event`: told of each event but budget ticks and the result, in the
        loop's thread, or at the deadline in the caller's where that loop is blocked. It must be quick.
        """
        asked = Asked(query=query, budget=budget, metadata=metadata, thread_id=thread_id)
        return waited(self, begin(self, asked, time.monotonic, on_event))

    def stream(
        self,
        query: Query,
        *,
        budget: Budget | None = None,
        thread_id: str | None = None,
        metadata: Labels | None = None,
        tick: float | str | timedelta | None = TICK,
    ) -> AsyncGenerator[Event, None]:
        """`run` as an iterator of events that ends with the `Result`; it begins when the first one is asked for.

        A consumer that leaves cancels the run: it closes the stream (`aclose`, `contextlib.aclosing`), or is cancelled
        itself. A slow one does not delay it: what it has not read waits, text in one piece, progress only as the
        newest. `docs/embedding.md` has the events and what they promise.

        Takes and raises what `run` does; what is wrong with the query is raised at once.

        Args:
            tick: seconds between two budget ticks; 0 or `None` gives none. Default 0.1.
        """
        every = seconds("tick", tick)
        read_query(query, self.policy)
        asked = Asked(query=query, budget=budget, metadata=metadata, thread_id=thread_id)
        return streamed(lambda emit: begin(self, asked, emit=emit), partial(supervised, self), every or None)

    async def resume(
        self, thread_id: str, approve: Replies, *, budget: Budget | None = None, metadata: Labels | None = None
    ) -> Result:
        """Go on with a run that was suspended for approval (`result.status == "suspended"`), in this process or in
        another one with the same checkpointer and tools. What was approved is made once, and what was denied is told
        to the model; the time in between is not charged.

        Args:
            thread_id: `result.thread_id`.
            approve: `True`, `False` or a text that says why not, for all of `result.pending`; or a mapping with one of
                these for each, by its id. A mapping in their place approves the call with other arguments:
                `{"call-1": {"to": "ann@example.com"}}`.
            budget: the limits from now on; by default what was left when the run was suspended.
            metadata: labels for the trace, short values by name.

        Raises:
            InvalidThread: the thread waits for nothing, is unknown, or is being resumed by somebody else.
            UsageError: `approve` leaves a call out or names another; a tool is gone, or does not take the arguments.
            InvalidBudget: `budget` is of another type, or there is none and no time was left.
            InvalidQuery: `metadata` is of another type.
            asyncio.CancelledError: the caller cancelled.
        """
        return await self._resumption(thread_id, approve, budget, metadata).run()

    def resume_sync(
        self,
        thread_id: str,
        approve: Replies,
        *,
        budget: Budget | None = None,
        metadata: Labels | None = None,
        on_event: Listener | None = None,
    ) -> Result:
        """`resume` for callers without an event loop, as `run_sync` is for `run`."""
        return self._resumption(thread_id, approve, budget, metadata).run_sync(on_event)

    def resume_stream(
        self,
        thread_id: str,
        approve: Replies,
        *,
        budget: Budget | None = None,
        metadata: Labels | None = None,
        tick: float | str | timedelta | None = TICK,
    ) -> AsyncGenerator[Event, None]:
        """`resume` as an iterator of events that ends with the `Result`, as `stream` is for `run`."""
        return self._resumption(thread_id, approve, budget, metadata).stream(seconds("tick", tick) or None)

    def _resumption(self, thread_id: str, approve: Replies, budget: Any, metadata: Any) -> Resumption:
        from .resumption import resumption

        return resumption(self, thread_id, approve, budget, metadata)

    def feedback(
        self,
        trace_id: str,
        score: float,
        comment: str | None = None,
        *,
        author: str = "",
        path: str | Path | None = None,
    ) -> None:
        """Say how good the answer of a run was: it is kept beside the run's trace, exported with it, and counted for
        its kind of query (`policy.quality`). What the same author said of the run before is replaced.

        It reads and writes a file, within a second: in an event loop call it by
        `await asyncio.to_thread(agent.feedback, ...)`. Where traces are recorded elsewhere than in the local store, a
        span `feedback` that is linked to the run's is recorded there too, and the store keeps the feedback for 30 days.

        Args:
            trace_id: `result.trace_id`, of a run of this agent in this process or of one whose trace is in the store.
            score: from 0, wrong or useless, to 1, right.
            comment: in words. It is kept, and exported, whether or not the capture of content is on.
            author: who says so, such as a user's id.
            path: the store's file; `None` is that of the agent's traces.

        Raises:
            UsageError: the score is out of range, or no run has that id.
            StoreError: the store cannot be read or written; nothing was counted.
        """
        from .feedback import give, read_feedback

        give(self, read_feedback(trace_id, score, comment, author), path)

    def as_tool(self, name: str | None = None, *, description: str | None = None) -> Tool:
        """This agent as a tool of another one: it runs under what the caller has left of time, calls, tokens and money.

        Every run inside a tool does that, with and without this method: the earlier deadline holds, and what the inner
        run spends is reserved in the outer ledger too. No answer, or one that failed its checks, is an error of the
        tool; one that is not `complete` says so in its last line.

        Args:
            name: the tool's name; the agent's by default.
            description: what the model is told of it; the agent's instructions by default.

        Raises:
            InvalidTool: the name is none that models accept, or there is no description.
        """
        from .inner import tool_of

        return tool_of(self, name or self.name, description or self.instructions, self._output)

    def as_node(
        self,
        *,
        query_from: Callable[[Any], str] | None = None,
        update: Callable[[Result], Mapping[str, Any]] | None = None,
        budget: Budget | None = None,
        stream: bool = False,
    ) -> Node:
        """This agent as a node of your own LangGraph graph: `graph.add_node("agent", agent.as_node())`.

        A run around the graph holds (inside a tool, or `within` a budget): the earlier deadline, and what is spent is
        reserved there too. Calls that a person has to approve interrupt your graph, where it has a checkpointer; the
        interrupt's value is `{"calls": [...]}`, and `Command(resume=...)` takes what `resume` takes as `approve`. A
        checkpointer of the agent is not used.

        Args:
            query_from: the question, from your graph's state; by default the last message of a user in `messages`.
            update: what your graph's state is to take from the `Result`; by default the answer as a message.
            budget: the limits of each run; the agent's by default.
            stream: whether your graph's `custom` stream is told of each event but budget ticks and the result, as it
                happens: `async for event in graph.astream(..., stream_mode="custom")`. Default `False`.

        Raises:
            InvalidBudget: `budget` is of another type.
        """
        from .node import last_user_message, node_of

        return node_of(self, query_from or last_user_message, update, read_budget(budget), stream=stream)
