"""Everything Shotclock raises on purpose.

A run never raises for what tools and models do: those failures are values (see `outcome`). What is raised is a mistake
of the calling program, found as early as it can be found::

    ShotclockError
    ├── UsageError (also a ValueError)   the calling program asked for something impossible
    │   ├── InvalidBudget                a limit that is negative, NaN or of the wrong type
    │   ├── InvalidQuery                 a query that is empty, too long or of the wrong type
    │   ├── InvalidThread                a thread that waits for approval, or is to be resumed and does not
    │   ├── InvalidTool                  a tool whose schema cannot be made, or two tools of one name
    │   ├── InvalidPolicy                a policy setting that cannot be read or is out of range
    │   ├── InvalidPath                  a file that does not exist, cannot be read or is not what it says
    │   ├── UnknownModel                 a model name nobody serves, or one whose key is missing
    │   └── MissingExtra                 an optional dependency is not installed
    ├── ToolError                        raised *by tool code* to tell the model what went wrong
    ├── ModelError                       raised *by model adapters*; a run turns it into a value
    └── StoreError                       the trace store cannot be read; recording never raises it

Every message names the parameter, the limit and the value, and says what to do.
"""

from __future__ import annotations


class ShotclockError(Exception):
    """Root of all errors that Shotclock raises on purpose."""


class UsageError(ShotclockError, ValueError):
    """The calling program asked for something impossible; the message says what to write instead."""


class InvalidBudget(UsageError):
    """A limit of a `Budget` is negative, NaN or of the wrong type."""


class InvalidQuery(UsageError):
    """A query is empty, too long or of the wrong type."""


class InvalidThread(UsageError):
    """A thread that waits for approval was to go on without it, or one that does not was to be resumed."""


class InvalidTool(UsageError):
    """A tool's schema cannot be derived from its signature, or two tools share one name."""


class InvalidPolicy(UsageError):
    """A policy setting cannot be read, is unknown or is out of range."""


class InvalidPath(UsageError):
    """A file that a tool was given does not exist, cannot be read, is empty or is of another type than its name
    says."""


class UnknownModel(UsageError):
    """A model name that nobody serves, or whose credentials are missing."""


class MissingExtra(UsageError):
    """An optional dependency is not installed; the message names the extra that brings it."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs the extra '{extra}'; install it with: pip install 'shotclock[{extra}]'")


class ToolError(ShotclockError):
    """Raise it in a tool to tell the model, in one sentence, why there is no result and what to ask for instead."""


class ModelError(ShotclockError):
    """Raised by a `Model` whose endpoint failed; a run turns it into a retry, a fallback or a stop.

    Args:
        message: one sentence for the trace and the warnings.
        kind: what failed: `unreachable`, `status`, `dropped` (cut in the middle) or `malformed`.
        status: the HTTP status, where there was one.
        retry_after: seconds the endpoint asked to wait, where it said so.
    """

    def __init__(
        self, message: str, *, kind: str = "status", status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed a moment later (429, 5xx, a connection that failed or was cut)."""
        return self.kind in ("unreachable", "dropped") or self.status in (408, 425, 429) or (self.status or 0) >= 500


class StoreError(ShotclockError):
    """The trace store is damaged, locked or of a newer version; the message says how to go on."""
