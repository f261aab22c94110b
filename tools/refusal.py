"""What an exception says of the HTTP answer behind it: whether it is final, and how long to wait.

Exceptions of strangers are read from what their instances and classes hold, never through a property, which could do
anything and take any time. Nothing here raises.
"""

from __future__ import annotations

import inspect
import math
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any

from .asked_wait import asked_wait

PASSING = frozenset((408, 409, 425, 429))
"""The statuses of 4xx after which the same request may succeed: time-out, conflict, too early, too many."""
_SLOTS = (MemberDescriptorType, GetSetDescriptorType)


_CONNECTIONS = {
    "builtins.ConnectionError", "builtins.TimeoutError", "httpx.TransportError", "httpcore.NetworkError",
    "httpcore.TimeoutException", "requests.ConnectionError", "requests.Timeout", "aiohttp.ClientConnectionError",
}  # fmt: skip
"""What clients raise where no answer came; by name, so that none of them need be installed."""


def is_final(error: BaseException) -> bool:
    """Whether the server behind it refused the request for good: a 4xx that is not in `PASSING`."""
    status = status_of(error)
    return status is not None and 400 <= status < 500 and status not in PASSING


def is_throttled(error: BaseException) -> bool:
    """Whether the server behind it has too many requests, and says so."""
    return status_of(error) == 429


def passes(error: BaseException) -> bool:
    """Whether such failures are known to pass: the server says so, or no answer came from it."""
    status = status_of(error)
    if status is not None:
        return status in PASSING or 500 <= status < 600
    kinds = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(error).__mro__}
    return bool(kinds & _CONNECTIONS)


def status_of(error: BaseException) -> int | None:
    """The HTTP status of the answer that an exception carries."""
    for holder in (_held(error, "response"), error):
        for name in ("status_code", "status"):
            status = _held(holder, name)
            if issubclass(type(status), int):  # `http.HTTPStatus` too; `isinstance` would ask its `__class__`
                return int.__int__(status)
    return None


def wait_of(error: BaseException) -> float | None:
    """Seconds it asks to wait: its `retry_after`, or the headers of its answer; `None` where it asks for nothing."""
    asked = _held(error, "retry_after")
    if type(asked) in (int, float) and 0 <= asked < math.inf:
        return float(asked)
    for holder in (_held(error, "response"), error):
        headers = _held(holder, "headers")
        if headers is not None and (wait := _asked_wait(headers)) is not None:
            return wait
    return None


def _held(holder: Any, name: str) -> Any:
    """An attribute that is simply there, or `None`; a property is not asked."""
    try:
        found = inspect.getattr_static(holder, name, None)
        if type(found) in _SLOTS:
            found = found.__get__(holder, type(holder))
        return None if hasattr(type(found), "__get__") else found
    except BaseException:  # an exception may be made of anything, and reading it costs the hint only
        return None


def _asked_wait(headers: Any) -> float | None:
    """The one place that runs a stranger's code: a mapping of headers has to be asked."""
    named = {}
    try:
        for name in ("retry-after-ms", "retry-after"):
            # httpx, requests and aiohttp do not mind the case; a plain dictionary does.
            value = headers.get(name) or headers.get(name.title())
            if type(value) in (str, bytes):
                named[name] = value if type(value) is str else value.decode("latin-1")
    except BaseException:  # as above
        return None
    return asked_wait(named)
