"""A tool: a function that a model may call, and what its author promises about it."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

from ..policies.budget import amount, count, seconds
from ..policies.errors import InvalidBudget, InvalidTool
from .checking import is_costly
from .options import (
    WRAPPERS,
    Isolation,
    check_callable,
    checks_of,
    concurrency_of,
    flag_of,
    is_async,
    isolation_of,
    name_of,
    refuse_repeats,
    refuse_streams,
)
from .schema import Schema

if TYPE_CHECKING:
    from .declared import DeclaredSchema
    from .langchain.schema import ModelSchema


class Tool:
    """A function with a schema and promises; make one with `@tool`.

    Calling it calls the function, so a decorated function still works as before.

    Attributes:
        name: what the model calls it: 1 to 64 letters, digits, `_` or `-`.
        description: the docstring, without its sections.
        schema: what it takes and gives.
        function: the function itself.
        timeout: seconds one attempt may take; `None` leaves it to the run.
        read_only: it changes nothing; it may be started early, retried and run twice.
        idempotent: running it twice does what running it once does.
        latency: seconds it usually takes, before anything was measured.
        cost_usd: US dollars an attempt costs at most.
        retry: further attempts after a failure that may pass; `None` leaves it to the policy.
        hedge: whether a second attempt may race a slow one; `None` leaves it to the policy.
        cache: seconds a result is kept for equal calls; 0 shares only calls under way, `None` neither.
        concurrency: most attempts under way at once, `"adaptive"`, or `None` for no limit.
        isolation: where it runs, `loop`, `thread` or `process`.
        approval: whether a person has to approve every call.
        trusted: whether its results may be read as more than data.
        checks: what its results must pass.
        judges: checks that take time or money of the run; they are made beside its next turn, where they pay.
        fallback: the tool to take where this one does not fit into the time left.
    """

    judges_inside: ClassVar[bool] = False
    """Whether what it changes is judged inside it: it is an agent, and knows what its caller's model was shown."""

    def __init__(
        self,
        function: Callable[..., Any],
        name: str | None = None,
        *,
        timeout: float | str | timedelta | None = None,
        read_only: bool = False,
        idempotent: bool = False,
        latency: float | str | timedelta | None = None,
        cost_usd: float = 0.0,
        retry: int | None = None,
        hedge: bool | None = None,
        cache: float | str | timedelta | None = None,
        concurrency: int | Literal["adaptive"] | None = None,
        isolation: Isolation = "auto",
        approval: bool = False,
        trusted: bool = True,
        checks: Sequence[Callable[..., Any]] = (),
        fallback: Tool | None = None,
        schema: Schema | DeclaredSchema | ModelSchema | None = None,
    ) -> None:
        check_callable(function)
        self.function: Callable[..., Any] = function.function if isinstance(function, Tool) else function
        self.name = name_of(function, name)
        refuse_streams(self.name, self.function)
        # One that is written down, as a server's is, comes from `from_schema`; LangChain's tools have theirs.
        self.schema: Schema | DeclaredSchema | ModelSchema = (
            Schema(self.name, self.function) if schema is None else schema
        )
        self.description = self.schema.description
        try:
            self.timeout = seconds(f"timeout of tool {self.name!r}", timeout)
            self.latency = seconds(f"latency of tool {self.name!r}", latency)
            self.cost_usd = amount(f"cost_usd of tool {self.name!r}", cost_usd, unit="US dollars")
            self.retry = count(f"retry of tool {self.name!r}", retry)
            self.cache = seconds(f"cache of tool {self.name!r}", cache)
        except InvalidBudget as error:
            raise InvalidTool(str(error)) from error
        self.is_async = is_async(self.function)
        self.isolation = isolation_of(self.name, isolation, self.function, self.is_async)
        self.hedge = hedge
        self.concurrency = concurrency_of(self.name, concurrency)
        refuse_repeats(self.name, read_only, idempotent, retry=retry, hedge=hedge, cache=cache)
        self.approval = flag_of(self.name, "approval", approval)
        self.read_only = read_only
        self.idempotent = idempotent
        self.trusted = trusted
        given = checks_of(self.name, checks)
        self.checks = tuple(each for each in given if not is_costly(each))
        self.judges = tuple(each for each in given if is_costly(each))
        self.fallback = _fallback(self, fallback)
        update_wrapper(self, function, updated=())

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Tool:
        """A decorated method, read from an instance, is the tool bound to that instance."""
        if instance is None:
            return self
        return self._bound(self.function.__get__(instance, owner))

    def __repr__(self) -> str:
        return f"<Tool {self.name}>"

    @property
    def repeatable(self) -> bool:
        """Whether running it twice does no more than running it once."""
        return self.read_only or self.idempotent

    def _bound(self, function: Callable[..., Any]) -> Tool:
        return Tool(
            function,
            self.name,
            timeout=self.timeout,
            read_only=self.read_only,
            idempotent=self.idempotent,
            latency=self.latency,
            cost_usd=self.cost_usd,
            retry=self.retry,
            hedge=self.hedge,
            cache=self.cache,
            concurrency=self.concurrency,
            isolation=self.isolation,
            approval=self.approval,
            trusted=self.trusted,
            checks=(*self.checks, *self.judges),
            fallback=self.fallback,
        )


@overload
def tool(name: Callable[..., Any]) -> Tool: ...


@overload
def tool(
    name: str | None = None,
    *,
    timeout: float | str | timedelta | None = None,
    read_only: bool = False,
    idempotent: bool = False,
    latency: float | str | timedelta | None = None,
    cost_usd: float = 0.0,
    retry: int | None = None,
    hedge: bool | None = None,
    cache: float | str | timedelta | None = None,
    concurrency: int | Literal["adaptive"] | None = None,
    isolation: Isolation = "auto",
    approval: bool = False,
    trusted: bool = True,
    checks: Sequence[Callable[..., Any]] = (),
    fallback: Tool | None = None,
) -> Callable[[Callable[..., Any]], Tool]: ...


def tool(name: Callable[..., Any] | str | None = None, **options: Any) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a function a tool. The docstring is its description, the signature its schema.

    ::

        @tool(read_only=True, timeout=2.0)
        async def weather(city: str) -> Weather:
            \"\"\"Current weather in a city.\"\"\"

    Sync and async functions, methods and callable objects all work. Sync ones run in a bounded daemon thread, async
    ones in the caller's event loop.

    Args:
        name: what the model calls it; the function's name by default.
        timeout: seconds one attempt may take (a number, `"2s"`, a `timedelta`); by default what the run has left.
        read_only: it changes nothing, so it may be started early, retried, hedged and kept.
        idempotent: running it twice does what running it once does, so it may be retried and hedged.
        latency: seconds it usually takes; a call that cannot end in the time left is not begun.
        cost_usd: US dollars an attempt costs at most; reserved before it starts. Default 0.
        retry: further attempts after a failure that may pass; needs `read_only` or `idempotent`. Default: after what is
            known to pass, such as a 503 or a connection that broke, as many as `policy.attempts.retries` says for such
            tools, which is 2.
        hedge: whether a second attempt may race one that is slow; needs `read_only` or `idempotent`. Default: where
            history says that it pays (`policy.hedging`); `False` never.
        cache: how long a result answers equal calls, in this run and others of the agent; needs `read_only`, and a
            result that depends on nothing but the arguments: context variables do not tell calls apart. `0` only
            shares the attempt of equal calls made at once. Default: neither.
        concurrency: most attempts under way at once, over all runs of the agent; further ones wait, those whose
            deadline is nearest first. `"adaptive"` finds the limit from the latency it sees. Default: no limit.
        isolation: `auto` (by kind), `loop`, `thread`, or `process`, which alone can be killed: for code that may hang
            in native code, take too much memory or crash. Its function must be importable, and its arguments and its
            result must be picklable.
        approval: `True` makes no call before a person has approved it: the run is suspended, or the agent's `approve`
            function is asked, and where neither can be the call is refused. Such a call is never begun early. Further
            tools can be named in `policy.approval`. Default `False`.
        trusted: `False` marks results as data that must never be read as instructions.
        checks: functions of the result (and the arguments) that return `True`, `False`, a reason, or a `Verdict`. One
            that takes time or money (`judge`, `costly`) is shown what was `Answered`, the result as its text, and runs
            beside the model's next turn where it pays; calls that change something wait for it.
        fallback: a quicker tool with the same parameters, taken where this one does not fit; that of a `read_only` tool
            must be `read_only` too.

    Raises:
        InvalidTool: no docstring, a parameter without annotation, a name that models do not accept, a bad option.
    """
    if callable(name) or isinstance(name, WRAPPERS):
        return Tool(name, **options)  # a wrapper is refused there, in one sentence
    if name is not None and not isinstance(name, str):
        raise InvalidTool(f"@tool takes a function or a name, got {name!r}; write @tool or @tool('look_up')")
    _known(options)
    return lambda function: Tool(function, name, **options)


def _known(options: Iterable[str]) -> None:
    """Refuse an option that there is not, with the one that was probably meant."""
    offered = [name for name in inspect.signature(Tool).parameters if name not in ("function", "name", "schema")]
    for option in options:
        if option not in offered:
            close = difflib.get_close_matches(option, offered, n=1)
            meant = f"write {close[0]}=" if close else f"it takes {', '.join(offered)}"
            raise InvalidTool(f"@tool has no option {option!r}; {meant}")


def _fallback(of: Tool, fallback: object) -> Tool | None:
    if fallback is None:
        return None
    if not isinstance(fallback, Tool):
        raise InvalidTool(f"tool {of.name!r}: fallback must be another tool, made with @tool, got {fallback!r}")
    if of.read_only and not fallback.read_only:
        raise InvalidTool(
            f"tool {of.name!r}: read_only tools are begun before a model has asked for them for good, so its fallback "
            f"must change nothing either; write read_only=True on {fallback.name!r}, or leave it off {of.name!r}"
        )
    if fallback.approval and not of.approval:
        raise InvalidTool(
            f"tool {of.name!r}: a fallback is called without asking anybody again, so {fallback.name!r} with "
            f"approval=True needs approval=True on {of.name!r} too"
        )
    takes, given = fallback.schema.parameters, of.schema.parameters.get("properties", {})
    unknown = sorted(set(given) - set(takes.get("properties", {})))
    missing = sorted(set(takes.get("required", ())) - set(given))
    if unknown or missing:
        lacks = f"does not take {', '.join(unknown)}" if unknown else f"needs {', '.join(missing)}"
        raise InvalidTool(f"tool {of.name!r}: fallback {fallback.name!r} must take the same parameters, but it {lacks}")
    return fallback
