"""What a person said of the calls that waited for them, read and checked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..policies.errors import UsageError
from ..tools.call import PendingCall
from ..tools.schema import Problem
from ..tools.toolbox import Toolbox

Reply = bool | str | Mapping[str, Any]
"""What a person says of one call: `True` approves it, `False` denies it, a text denies it and says why, and a mapping
approves it with these arguments in the place of the model's."""

Replies = Reply | Mapping[str, Reply]
"""What a person says of all calls that wait: one answer for each of them, by their ids, or `True`, `False` or a text
for all of them."""

Approver = Callable[[PendingCall], Awaitable[Reply | None] | Reply | None]
"""A product's own way to ask a person. It is told of one call and says what `Reply` says, or `None` to leave it open. A
plain function runs in a thread."""

DENIED = "a person did not approve it"
"""What the model is told of a call that was denied, before the reason where there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A reply, read.

    Attributes:
        choice: `approve`, `edit` or `deny`.
        reason: in words.
        arguments: what the call is made with, where a person changed that.
    """

    choice: str
    reason: str
    arguments: Mapping[str, Any] | None = None


def decided(reply: Any) -> Decided:
    """A reply as what becomes of its call.

    Raises:
        UsageError: it is none.
    """
    if reply is True:
        return Decided(choice="approve", reason="a person approved it")
    if reply is False:
        return Decided(choice="deny", reason=DENIED)
    if isinstance(reply, str) and reply.strip():
        return Decided(choice="deny", reason=f"{DENIED}: {reply.strip()}")
    if isinstance(reply, Mapping):
        return Decided(choice="edit", reason="a person approved it with other arguments", arguments=dict(reply))
    raise UsageError(
        f"an answer must be True, False, a reason to deny the call, or the arguments to call it with, got {reply!r}"
    )


def read_approver(approve: Any) -> Any:
    """Who is asked to approve calls; `None` where nobody is.

    Raises:
        UsageError: it is no function.
    """
    if approve is not None and not callable(approve):
        raise UsageError(f"approve must be a function of the PendingCall, got {approve!r}")
    return approve


def read_replies(approve: Any, calls: Sequence[PendingCall], toolbox: Toolbox) -> dict[str, Any]:
    """The reply to each call, by its id, as plain values; each has been checked.

    Raises:
        UsageError: a call has no answer or an answer no call, one is of another kind, a tool is gone, or arguments do
            not fit it.
    """
    if not isinstance(approve, Mapping):
        approve = {call.id: approve for call in calls}
    known = ", ".join(f"{call.id} ({call.tool})" for call in calls)
    if unknown := sorted(str(each) for each in set(approve) - {call.id for call in calls}):
        raise UsageError(f"approve names {', '.join(unknown)}, and what waits is {known}; edited arguments are given "
                         "as {call_id: {...}}")  # fmt: skip
    if missing := [call.id for call in calls if call.id not in approve]:
        raise UsageError(f"approve must answer every call that waits, and {', '.join(missing)} is missing of {known}")
    return {call.id: _checked(approve[call.id], call, toolbox) for call in calls}


def _checked(reply: Any, call: PendingCall, toolbox: Toolbox) -> Any:
    read = decided(reply)
    if read.choice == "deny":
        return reply
    tool = toolbox.get(call.tool)
    if tool is None:
        raise UsageError(f"{call.id} cannot be approved: the agent has no tool {call.tool!r} any more; deny it")
    arguments = call.arguments if read.arguments is None else read.arguments
    if isinstance(problem := tool.schema.read(arguments), Problem):
        raise UsageError(f"{call.id} cannot be approved: {problem.message}")
    return reply if read.arguments is None else dict(read.arguments)
