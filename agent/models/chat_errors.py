"""What a LangChain chat model raised, as an error of ours: what failed, by which status, and how long to wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...policies.errors import ModelError
from ...tools.landing import message_of
from ...tools.refusal import passes, status_of, wait_of
from .completion import QUOTE

_CHAIN = 5
"""Causes of an error that are looked at: providers' clients wrap the one that says what happened."""
_NO_ANSWER = ("APIConnectionError", "APITimeoutError", "EndpointConnectionError", "ReadTimeoutError", "ServerTimeout")
"""Names by which providers' clients say that no answer came."""
_OTHER_LOOP = "Event loop is closed"
"""What a connection says that a client kept from an event loop that has ended; the next one is a fresh one."""
_EMPTY = "No generation chunks were returned"
"""What LangChain raises where a stream ends without any chunk."""


def error_of(name: str, error: BaseException, *, begun: bool) -> ModelError:
    """The error of a call of the model `name`; `begun` says that part of its answer had come.

    | it is | `kind` |
    |---|---|
    | an HTTP answer, such as 401 or 429 | `status`, with it and its `Retry-After` |
    | no answer, or a connection that failed | `unreachable`; `dropped` in the middle of an answer |
    | a stream without anything in it | `dropped` |
    | anything else | `malformed`, which is not tried again |
    """
    if isinstance(error, ModelError):
        return error
    said = " ".join(message_of(error).split())
    message = f"{name} raised {type(error).__name__}: {said if len(said) <= QUOTE else said[: QUOTE - 1] + '…'}"
    chain = list(_chain(error))
    status = next((found for each in chain if (found := _status(each)) is not None), None)
    if status is not None and status >= 400:
        wait = next((asked for each in chain if (asked := wait_of(each)) is not None), None)
        return ModelError(message, kind="status", status=status, retry_after=wait)
    if _EMPTY in said:
        return ModelError(message, kind="dropped")
    if any(map(_is_lost, chain)):
        return ModelError(message, kind="dropped" if begun else "unreachable")
    return ModelError(message, kind="malformed")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(_CHAIN):
        if error is None:
            return
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_lost(error: BaseException) -> bool:
    of_another_loop = isinstance(error, RuntimeError) and _OTHER_LOOP in message_of(error)
    return passes(error) or type(error).__name__ in _NO_ANSWER or of_another_loop


def _status(error: BaseException) -> int | None:
    """The HTTP status it carries: as most clients do, as Google's `code`, or as in AWS's response."""
    found = status_of(error)
    if found is not None:
        return found
    held = vars(error)
    code = held.get("code", getattr(type(error), "code", None))
    if isinstance(code, int) and 400 <= code < 600:
        return int(code)
    return _aws_status(held.get("response"))


def _aws_status(response: Any) -> int | None:
    about = response.get("ResponseMetadata") if type(response) is dict else None
    code = about.get("HTTPStatusCode") if isinstance(about, Mapping) else None
    return code if type(code) is int else None
