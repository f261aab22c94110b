"""The hard edge: waits on the run with the deadline, never on its cancellation."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import math
from collections.abc import Coroutine
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TYPE_CHECKING, Any

from langchain_core.runnables.config import var_child_runnable_config
from langgraph.errors import GraphInterrupt
from langgraph.types import Command

from ..policies.errors import UsageError
from ..policies.outcome import Verdict
from ..tools.isolation import abandon
from ..tools.loops import LoopThread
from ..tools.watchdog import PATIENCE, WATCHDOG, Blocked, Watch, blocker
from .answer import composed
from .closing import close
from .ending import Answer
from .events import RunStarted
from .models.base import Message
from .result import Result
from .run import Run
from .state import State
from .threads import left_behind
from .writer import Writer

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from .graph import Graph

GRACE = 0.02
"""Seconds past the deadline after which the thread that called `run_sync` closes a run whose loop is blocked: less
than half of the 50 ms that are promised, so that a noisy machine still keeps them."""


async def supervise(run: Run, graph: Graph, config: RunnableConfig, go_on: Command[Any] | None = None) -> Result:
    """Run the graph until it is done, waits for a person or the deadline is there, and return a result either way.

    Args:
        run: the run.
        graph: the agent's graph.
        config: LangGraph's settings; those of a node around it hold where the run has no thread of its own.
        go_on: what a suspended run is resumed with; `None` begins one.

    Raises:
        InvalidThread: the thread waits for approval.
        langgraph.errors.GraphInterrupt: it waits for a person, and a graph around it keeps its state.
        asyncio.CancelledError: the caller cancelled; the run's work is cancelled as at the deadline.
    """
    loop = asyncio.get_running_loop()
    # A virtual clock jumps over the time that a real thread would measure.
    watch = None if getattr(loop, "virtual", False) else WATCHDOG.add(loop)
    announce(run)
    run.draft.writer = Writer(run)
    run.draft.writer.arm()
    task = loop.create_task(_loop(run, graph, config, go_on), context=_context(run))
    try:
        await asyncio.wait((task,), timeout=_edge(run))
    except asyncio.CancelledError:
        run.end("cancelled", "the caller cancelled the run")
        _release(run, task)
        # One turn of the loop, so that what obeys has ended before the caller goes on.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        run.count_stubborn()
        close_cancelled(run)
        raise
    finally:
        if watch is not None:
            WATCHDOG.remove(watch)
    _note(run, task, watch)
    _release(run, task)
    await asyncio.sleep(0)  # one turn of the loop, in which everything well-behaved obeys its cancellation
    run.count_stubborn()
    result = close(run, _waiting(run) if run.conversation.waits else run.answer or _last_resort(run))
    if (raised := _raised(task)) is not None:
        raise raised
    return result


def announce(run: Run) -> None:
    """Tell whoever listens that the run begins, once; in the loop that it goes on in."""
    if run.voice is not None and run.voice.open(asyncio.get_running_loop()):
        run.tell(RunStarted(trace_id=run.trace.trace_id, latency=_latency(run),
                            soft=None if run.soft.never else run.soft.at - run.started))  # fmt: skip


def _latency(run: Run) -> float | None:
    """The run's budget in seconds; of one that goes on, what it has from now on."""
    if run.conversation.before is None:
        return run.budget.latency
    return None if run.deadline.never else run.deadline.remaining(run.started)


def _loop(
    run: Run, graph: Graph, config: RunnableConfig, go_on: Command[Any] | None
) -> Coroutine[Any, Any, dict[str, Any] | Any]:
    """The graph, from its beginning or from where it was interrupted."""
    if go_on is not None:
        # What was approved is kept before it is made: whatever happens then, it is not made once more.
        return graph.ainvoke(go_on, config, context=run, durability="sync")
    inputs = State(messages=[_question(run)], evidence=[], turn=0)
    return _named(run, graph, config, inputs) if run.conversation.named else graph.ainvoke(inputs, config, context=run)


async def _named(run: Run, graph: Graph, config: RunnableConfig, inputs: State) -> Any:
    """The graph in a thread that may hold something, such as calls that an interrupted run left behind."""
    left = await left_behind(graph, config, run.conversation.thread_id)
    inputs = State(**{**inputs, "messages": [*left, *inputs["messages"]], "suspended": None})
    return await graph.ainvoke(inputs, config, context=run)


def _context(run: Run) -> contextvars.Context:
    """The context variables of the graph: with a thread of its own it is no part of a graph around it."""
    context = contextvars.copy_context()
    if run.conversation.thread_id:
        context.run(var_child_runnable_config.set, None)
    return context


def _raised(task: asyncio.Task[Any]) -> BaseException | None:
    """What is the caller's to know: a mistake of theirs, or that a graph around this one has to wait."""
    if not task.done() or task.cancelled():
        return None
    error = task.exception()
    return error if isinstance(error, (GraphInterrupt, UsageError)) else None


def _interrupted(task: asyncio.Task[Any]) -> bool:
    """Whether the graph waits for a person."""
    if not task.done() or task.cancelled():
        return False
    if (error := task.exception()) is not None:
        return isinstance(error, GraphInterrupt)
    return "__interrupt__" in (task.result() or {})


def _waiting(run: Run) -> Answer:
    """The answer of a run that waits: there is none yet."""
    text = f"Waiting for approval of {', '.join(dict.fromkeys(call.tool for call in run.conversation.waiting))}."
    verdict = Verdict.unsure("approval", "the run waits for a person")
    return Answer(text=text, verdict=verdict, composed=True, unanswered=True)


def close_cancelled(run: Run) -> None:
    """Close a run whose caller cancelled it, so that its trace is whole; nobody takes the result."""
    run.end("cancelled", "the caller cancelled the run")
    close(run, _last_resort(run))


def wait(run: Run, coroutine: Coroutine[Any, Any, Result], thread: LoopThread) -> Result:
    """Wait in the calling thread for a run on a loop thread; where that loop is blocked, close the run from here."""
    future = thread.submit(coroutine)
    left = None if run.deadline.never else run.deadline.remaining(run.now()) + GRACE
    try:
        return future.result(timeout=left)
    except FutureTimeout:
        if future.done():
            return future.result()
    except BaseException:  # such as the interrupt of a person at the keyboard: the run must not go on behind their back
        future.cancel()
        raise
    blocked = blocker(thread.ident)
    run.end("deadline", "the deadline came while the event loop was blocked")
    if blocked is not None:
        _accuse(run, blocked)
    thread.loop.call_soon_threadsafe(run.release)
    return close(run, run.answer or _last_resort(run))


def _question(run: Run) -> Message:
    """The query as a message; its files are named there, and their bytes stay with the run."""
    message = Message(role="user", content=run.query)
    if run.media is not None:
        message["parts"] = run.media.refs()
    return message


def _edge(run: Run) -> float | None:
    """Seconds until the graph is given up, with just enough left to compose."""
    if run.deadline.never:
        return None
    kept = min(run.policy.reserve.compose, run.plan.seconds / 3)
    left = run.deadline.less(kept).remaining(run.now())
    return None if math.isinf(left) else left


def _release(run: Run, task: asyncio.Task[Any]) -> None:
    if run.draft.writer is not None:
        run.draft.writer.stop()
    abandon(task)
    run.release()


def _note(run: Run, task: asyncio.Task[Any], watch: Watch | None) -> None:
    """What the supervisor saw that the loop could not say itself."""
    if not task.done():
        run.end("deadline", "the deadline came before the answer")
    elif _interrupted(task):
        run.conversation.waits = True
        waiting = len(run.conversation.waiting)
        run.end("approval", f"{waiting} calls wait for approval", left=run.deadline.remaining(run.now()))
    elif isinstance(error := _raised(task), UsageError):
        run.end("cancelled", f"it could not begin: {error}")
    elif not task.cancelled() and (error := task.exception()) is not None:
        run.end("model_failed", f"the loop failed: {type(error).__name__}: {error}")
        run.warn(f"The loop failed with {type(error).__name__}: {error}; the answer was composed from the evidence.")
    if watch is None:
        return
    if (blocked := watch.since(run.started)) is not None:
        _accuse(run, blocked)
    elif (lag := watch.lag(run.started)) > PATIENCE:
        reason = f"the event loop came {lag:.2f} s late to what was due: it has more to do than its core can"
        run.trace.decision("watchdog", "late", reason, seconds=lag)


def _accuse(run: Run, blocked: Blocked) -> None:
    run.warn(f"{blocked.message}.")
    run.trace.decision("watchdog", "blocked", blocked.message, tool=blocked.tool, where=blocked.where)


def _last_resort(run: Run) -> Answer:
    try:
        run.gather()
        return composed(run)
    except Exception as error:  # the promise is a result, whatever happened: even a fault of ours is one to report
        reason = f"no answer could be composed: {type(error).__name__}: {error}"
        return Answer(
            text="No answer could be given.",
            verdict=Verdict.unsure("grounding", reason),
            composed=True,
            unanswered=True,
        )
