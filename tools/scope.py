"""What code inside a run can know of the run around it, and how that travels to other processes and arrives here."""

from __future__ import annotations

import asyncio
import math
import os
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from ..policies.deadline import NEVER, Deadline
from ..policies.errors import UsageError
from ..policies.ledger import Above

REMAINING_HEADER = "Shotclock-Remaining-Ms"
"""The header in which the time left travels: whole milliseconds, elapsed time already deducted, never an instant,
because two machines share no clock (as in gRPC's guide to deadlines)."""
HOSTS_VARIABLE = "SHOTCLOCK_DEADLINE_HOSTS"
"""The environment variable that lists, separated by commas, the hosts our own HTTP calls tell the time left."""
_MOST_DIGITS = 10
"""Digits of a header that is believed: ten are 115 days; a longer one was written by mistake."""
_TRACE_HEADERS = ("traceparent", "tracestate")
_INJECTED = "shotclock_injected"


class Enclosing(NamedTuple):
    """The attempt that code runs in: its deadline, and the ledger of its run, where there is one; a tuple, because
    every attempt makes one.

    Attributes:
        deadline: when it must be over.
        ledger: its run's ledger.
        origins: untrusted content that had been shown when the attempt was asked for, as tools by origin: a run inside
            is held to that.
        brought: where a run inside notes the untrusted content that it has read itself, in the same form.
        report: told what the attempt says meanwhile, from any thread; `None` where nobody listens.
    """

    deadline: Deadline = NEVER
    ledger: Above | None = None
    origins: Mapping[str, str] = MappingProxyType({})
    brought: dict[str, str] | None = None
    report: Callable[[Any], None] | None = None


OUTSIDE = Enclosing()
"""No run at all."""

ENCLOSING: ContextVar[Enclosing] = ContextVar("shotclock_attempt", default=OUTSIDE)
"""The attempt this code runs in. It follows context variables into tasks and threads."""


def remaining() -> float:
    """Seconds the tool that calls this has left, never negative; `math.inf` outside a run or without a deadline.

    A tool that can do its work more or less thoroughly asks this and does what fits.
    """
    deadline = ENCLOSING.get().deadline
    return math.inf if deadline.never else deadline.remaining(clock())


def clock() -> float:
    """The time deadlines are measured by: the running loop's, else the monotonic clock, which it is by default."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()


# Outgoing: the time left and the trace travel to the hosts that the product lists, and to no other.


def deadline_headers(url: str, hosts: Iterable[str], *, deadline: Deadline | None = None) -> dict[str, str]:
    """The headers that tell `url` how much time is left and which trace it belongs to; empty for a host not listed.

    Add them to a request of your own that follows no redirects; where it does, use `deadline_hook`, which takes them
    back on the way to another host::

        httpx.get(url, headers=deadline_headers(url, {"api.example.com"}))

    | hosts             | `example.com` | `api.example.com` | `a.api.example.com` | `notexample.com` |
    |-------------------|---------------|-------------------|---------------------|------------------|
    | `example.com`     | yes           | no                | no                  | no               |
    | `.example.com`    | no            | yes               | yes                 | no               |

    Args:
        url: where the request goes; only http and https are told anything.
        hosts: names or addresses, without scheme and port; a leading dot stands for all subdomains.
        deadline: the deadline; that of the attempt around the caller by default. Without one no time is sent.

    Raises:
        UsageError: an entry of `hosts` is no host.
    """
    return _headers(deadline) if _listed(_host(url), _allowed(hosts)) else {}


class _Request(Protocol):
    """As much of `httpx.Request` as the hook uses."""

    url: Any
    headers: Any
    extensions: dict[str, Any]


class _Done:
    """What the hook returns: an async client awaits it, a sync one ignores it."""

    def __await__(self) -> Generator[Any, None, None]:
        yield from ()


_DONE = _Done()


class DeadlineHook:
    """The hook that `deadline_hook` makes."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed = allowed

    def __call__(self, request: _Request) -> _Done:
        """Give the request the headers where its host is listed, and take them away where it is not."""
        for name in (REMAINING_HEADER, *request.extensions.get(_INJECTED, ())):
            request.headers.pop(name, None)
        headers = _headers(None) if _listed(_host(str(request.url)), self._allowed) else {}
        # A product that instruments its client has set its own traceparent, for the span of this very request.
        added = {name: value for name, value in headers.items() if name not in request.headers}
        request.headers.update(added)
        # A new dictionary: httpx hands the same one on to the request of a redirect.
        request.extensions = {**request.extensions, _INJECTED: tuple(added)}
        return _DONE


def deadline_hook(hosts: Iterable[str]) -> DeadlineHook:
    """A request hook for httpx that does what `deadline_headers` does, anew for every request and redirect.

    The same hook serves both kinds of client::

        httpx.AsyncClient(event_hooks={"request": [deadline_hook({"api.example.com", ".internal.example.com"})]})

    Raises:
        UsageError: an entry of `hosts` is no host.
    """
    return DeadlineHook(_allowed(hosts))


def listed_hosts() -> frozenset[str]:
    """The hosts that `SHOTCLOCK_DEADLINE_HOSTS` lists, for our own HTTP calls; none by default.

    An entry that is no host is passed over with a warning, once.
    """
    return _from_environment(os.environ.get(HOSTS_VARIABLE, ""))


@lru_cache(maxsize=8)
def _from_environment(listed: str) -> frozenset[str]:
    hosts = set()
    for entry in filter(None, map(str.strip, listed.split(","))):
        try:
            hosts.add(_entry(entry))
        except UsageError as error:
            warnings.warn(f"{HOSTS_VARIABLE}: {error}", stacklevel=3)
    return frozenset(hosts)


def _headers(deadline: Deadline | None) -> dict[str, str]:
    headers: dict[str, str] = {}
    _inject(headers)
    until = ENCLOSING.get().deadline if deadline is None else deadline
    left = until.remaining(clock())
    if left < math.inf:
        # Rounded down: who is called must not be promised more than there is.
        headers[REMAINING_HEADER] = str(int(left * 1000))
    return headers


def carried() -> dict[str, str]:
    """The span that is current, as the headers of the W3C trace context; empty where there is none."""
    headers: dict[str, str] = {}
    _inject(headers)
    return headers


@contextmanager
def carried_here(headers: Mapping[str, str]) -> Iterator[None]:
    """Make a span of another process, as `carried` gave it there, the current one."""
    detach = _attach({name: [value] for name, value in headers.items()})
    try:
        yield
    finally:
        detach()


def _inject(headers: dict[str, str]) -> None:
    # Only the W3C trace context, not every propagator that is configured: baggage is the product's own to send.
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    TraceContextTextMapPropagator().inject(headers)


def _allowed(hosts: Iterable[str]) -> frozenset[str]:
    if isinstance(hosts, str):
        raise UsageError(f"hosts must be a collection of host names, got the text {hosts!r}; write {{{hosts!r}}}")
    return frozenset(map(_entry, hosts))


def _entry(host: Any) -> str:
    plain = _plain(host.removeprefix(".")) if isinstance(host, str) else ""
    if not plain:
        raise UsageError(
            f"hosts holds {host!r}, which is no host; write a name such as 'api.example.com', '.example.com' for all "
            f"its subdomains, or an address, without scheme, port and path"
        )
    return f".{plain}" if host.startswith(".") else plain


@lru_cache(maxsize=256)
def _plain(host: str) -> str:
    """A host as it is compared: lower case, ASCII, no closing dot, no brackets; empty where it is none."""
    bare = host.strip().removeprefix("[").removesuffix("]").removesuffix(".")
    with suppress(ValueError):
        return str(ip_address(bare))
    with suppress(UnicodeError):
        name = bare.encode("idna").decode().lower()
        labels = name.split(".")
        if all(labels) and all(c.isalnum() or c in "-_" for label in labels for c in label):
            return name
    return ""


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        return _plain(parts.hostname or "") if parts.scheme in ("http", "https") else ""
    except ValueError:  # brackets that do not match
        return ""


def _listed(host: str, allowed: frozenset[str]) -> bool:
    return bool(host) and (host in allowed or any(entry.startswith(".") and host.endswith(entry) for entry in allowed))


# Arriving: what another process sent becomes the enclosing deadline and the parent span.


@contextmanager
def arriving(headers: Mapping[Any, Any] | Iterable[tuple[Any, Any]]) -> Iterator[None]:
    """Honour the deadline and the trace that a request brought, for the runs inside; for a web server's handler::

        async def handle(request):
            with arriving(request.headers):
                return (await agent.run(request.query)).answer

    `Shotclock-Remaining-Ms: 250` makes every run inside return within 250 ms, or by its own deadline or an enclosing
    run's, whichever is earliest; `0` is a deadline that is over: such a run answers at once that it had no time. A
    header that is no whole number of milliseconds, is sent twice or has more than ten digits is no deadline.

    `traceparent` becomes the parent of the runs inside, unless a span is current already.

    The header can only ask for less time, so it needs no trust; leave it out at the edge of your system where strangers
    should not be able to shorten answers.

    Args:
        headers: by name, in any case, as text or bytes: a mapping as web frameworks have it, or pairs as in ASGI.
    """
    # Stamped before the headers are read: the sender's clock has been running.
    now, sent = clock(), _sent(headers)
    outer = ENCLOSING.get()
    token = ENCLOSING.set(outer._replace(deadline=_deadline(sent, now).earlier(outer.deadline)))
    detach = _attach(sent)
    try:
        yield
    finally:
        detach()
        # A stream that is closed by another task has nothing to put back there.
        with suppress(ValueError):
            ENCLOSING.reset(token)


def _sent(headers: Any) -> dict[str, list[str]]:
    wanted = {REMAINING_HEADER.lower(), *_TRACE_HEADERS}
    found: dict[str, list[str]] = {}
    pairs = headers.items() if hasattr(headers, "items") else headers
    for name, value in pairs:
        if (key := _text(name).lower()) in wanted:
            found.setdefault(key, []).append(_text(value).strip())
    return found


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _deadline(sent: Mapping[str, list[str]], now: float) -> Deadline:
    match sent.get(REMAINING_HEADER.lower()):
        case [value] if value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS:
            return Deadline.after(now, int(value) / 1000)
    return NEVER


def _attach(sent: Mapping[str, list[str]]) -> Callable[[], None]:
    """Make the trace that was sent the current one; what undoes it is returned."""
    parents = sent.get("traceparent", ())
    if len(parents) != 1:
        return _nothing
    from opentelemetry import context, trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if trace.get_current_span().get_span_context().is_valid:
        return _nothing  # the server is instrumented: its own span has taken the place already
    carrier = {"traceparent": parents[0], "tracestate": ",".join(sent.get("tracestate", ()))}
    token = context.attach(TraceContextTextMapPropagator().extract(carrier))
    return lambda: context.detach(token)


def _nothing() -> None:
    pass
