"""The open spans a run holds: a model call, an attempt of a tool, a check."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple, Protocol

from opentelemetry.trace import Span, Status, StatusCode

from ...policies.outcome import Failed, Outcome, Verdict
from . import conventions as names
from .attributes import known
from .content import ContentRule, content, message, redact
from .rows import SpanRow

_NO_ERROR: Final = frozenset({"ok", "cached"})
_ERROR_TYPES: Final = {"timed_out": "timeout", "cancelled": "cancelled", "rejected": "rejected", "skipped": "rejected"}
_INTERRUPTIONS: Final = {"timeout": "timed_out", "cancelled": "cancelled", "abandoned": "cancelled"}
"""What `shotclock.call.outcome` says of an `error.type` that means an interruption."""


class Owner(Protocol):
    """What a handle needs of its run."""

    @property
    def rule(self) -> ContentRule:
        """What content is written."""
        ...

    def close(self, handle: SpanHandle, usage: Mapping[str, int]) -> int | None:
        """The instant the handle ended, or `None` if it had ended before."""
        ...

    def closed(self, handle: SpanHandle, closing: Closing) -> None:
        """Write how a handle ended into its span."""
        ...

    def measure(self, handle: SpanHandle, ended: dict[str, Any], instant: int) -> None:
        """Take in a call that has ended, where somebody measures."""
        ...

    def current(self, handle: SpanHandle) -> AbstractContextManager[None]:
        """Make a handle's span current."""
        ...


class SpanHandle:
    """An open span of a run. Ending it again changes nothing; any thread may end it.

    Attributes:
        span: the span, or `None` where nobody records or nothing needs it yet.
        name: the span's name.
        attributes: what it was opened with.
        parent: the handle it belongs to; `None` is the root.
        started_ns: when it was opened; 0 where nothing comes of it: nobody records or measures, or the run had ended.
    """

    __slots__ = ("_number", "_run", "attributes", "name", "parent", "span", "started_ns")

    def __init__(self, run: Owner) -> None:
        self._run = run
        self.span: Span | None = None
        self.name = ""
        self.started_ns = 0

    def opened(
        self, name: str, attributes: dict[str, Any], instant: int, number: int, parent: SpanHandle | None
    ) -> None:
        """Take note of what it was opened with."""
        self.name = name
        self.started_ns = instant
        self.attributes = attributes
        self.parent = parent
        self._number = number

    def row(self, ended: dict[str, Any], instant: int) -> SpanRow:
        """It as it has ended; spans are numbered within their run, the root is the one without a name."""
        return SpanRow(
            trace_id="", span_id=str(self._number), parent_id="" if self.parent is None else str(self.parent._number),
            name=self.name, started_ns=self.started_ns, ended_ns=instant, attributes=self.attributes | ended,
        )  # fmt: skip

    def context(self) -> AbstractContextManager[None]:
        """Make this span current for a while, so that spans of the tool or the HTTP client nest under it."""
        return self._run.current(self)

    def interrupt(self, error_type: str) -> None:
        """End it as interrupted: `cancelled`, `timeout` or `abandoned` (the run ended and it had not)."""
        self._finish({names.CALL_OUTCOME: _INTERRUPTIONS.get(error_type, "error")}, error_type)

    def _finish(
        self,
        attributes: dict[str, Any],
        error_type: str | None,
        error: str | None = None,
        *,
        usage: Mapping[str, int] | None = None,
        evaluation: Mapping[str, Any] | None = None,
    ) -> None:
        """The one place where a span gets its status and a metric its `error.type`, so that they never disagree."""
        instant = self._run.close(self, usage or {}) if self.started_ns else None
        if instant is None:
            return
        if error_type is not None:
            attributes[names.ERROR_TYPE] = error_type
        ended = known(attributes)
        self._run.measure(self, ended, instant)
        # An error's text may quote what the tool was given, so it is content.
        text = redact(error) if error and self._run.rule.capture else None
        self._run.closed(self, Closing(ended, instant, text, evaluation))


class Closing(NamedTuple):
    """How a call's span ended.

    Attributes:
        attributes: what is known of it by then.
        instant: when, nanoseconds of the wall clock.
        text: the message of its error, where that may be written.
        evaluation: attributes of the event that says a verdict.
    """

    attributes: dict[str, Any]
    instant: int
    text: str | None
    evaluation: Mapping[str, Any] | None

    def write(self, span: Span, *, known: bool = False) -> None:
        """End the span so; its attributes may be `known` to it."""
        try:
            if self.evaluation is not None:
                span.add_event(names.EVALUATION_RESULT, self.evaluation, self.instant)
            if names.ERROR_TYPE in self.attributes:
                span.set_status(Status(StatusCode.ERROR, self.text))
            if not known:
                span.set_attributes(self.attributes)
        finally:
            span.end(self.instant)


class ChatSpan(SpanHandle):
    """The span of a model call."""

    __slots__ = ()

    def end(
        self,
        outcome: Outcome | str = "ok",
        *,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        finish_reason: str | None = None,
        response_model: str | None = None,
        response_id: str | None = None,
        first_chunk: float | None = None,
        cost_usd: float | None = None,
        error_type: str | None = None,
        error: str | None = None,
        text: str | None = None,
    ) -> None:
        """End the model call.

        Args:
            outcome: `ok`, `error`, `timed_out`, `cancelled`, `cached` or `rejected`, or an `Outcome`.
            input_tokens: tokens sent, as the endpoint reports them; unknown where not given.
            output_tokens: tokens written, likewise.
            finish_reason: why the stream ended.
            response_model: the model that answered.
            response_id: the endpoint's id of the response.
            first_chunk: seconds until the first chunk came.
            cost_usd: US dollars; unknown where not given.
            error_type: what went wrong, a class name or a status; worked out from an interruption.
            error: its message; written only where the capture of content is on.
            text: what the model wrote; likewise.
        """
        if not self.started_ns:
            return
        name, kind, said = ending(outcome, error_type, error)
        usage = {names.USAGE_INPUT_TOKENS: input_tokens, names.USAGE_OUTPUT_TOKENS: output_tokens}
        reported = {key: tokens for key, tokens in usage.items() if tokens is not None}
        attributes = {
            names.CALL_OUTCOME: name,
            names.RESPONSE_FINISH_REASONS: None if finish_reason is None else [finish_reason],
            names.RESPONSE_MODEL: response_model,
            names.RESPONSE_ID: response_id,
            names.RESPONSE_TIME_TO_FIRST_CHUNK: first_chunk,
            names.CALL_COST_USD: cost_usd,
            **reported,
        }
        if self._run.rule.capture and text:
            attributes[names.OUTPUT_MESSAGES] = message("assistant", text)
            attributes |= self._run.rule.io(output=redact(text))
        self._finish(attributes, kind, said, usage=reported)


class ToolSpan(SpanHandle):
    """The span of one attempt of a tool."""

    __slots__ = ()

    def end(
        self,
        outcome: Outcome | str = "ok",
        *,
        result: Any = None,
        cost_usd: float | None = None,
        hedge_won: bool | None = None,
        error_type: str | None = None,
        error: str | None = None,
    ) -> None:
        """End the attempt.

        Args:
            outcome: `ok`, `error`, `timed_out`, `cancelled`, `cached` or `rejected`, or an `Outcome`.
            result: what the tool returned; written only where the capture of content is on.
            cost_usd: US dollars; unknown where not given.
            hedge_won: where it was raced against another attempt, whether it won.
            error_type: what went wrong; worked out from an `Outcome` or an interruption.
            error: its message; written only where the capture of content is on.
        """
        if not self.started_ns:
            return
        name, kind, text = ending(outcome, error_type, error)
        attributes: dict[str, Any] = {
            names.CALL_OUTCOME: name,
            names.CALL_COST_USD: cost_usd,
            names.HEDGE_WON: hedge_won,
        }
        if self._run.rule.capture and result is not None:
            attributes[names.TOOL_CALL_RESULT] = shown = content(result)
            attributes |= self._run.rule.io(output=shown)
        self._finish(attributes, kind, text)


class VerifySpan(SpanHandle):
    """The span of a check. A verdict of `fail` is a check that worked, not an error."""

    __slots__ = ("_verifier",)

    def __init__(self, run: Owner, verifier: str) -> None:
        super().__init__(run)
        self._verifier = verifier

    def end(self, verdict: Verdict | None = None, *, error_type: str | None = None, error: str | None = None) -> None:
        """End the check with its verdict, or with what kept it from one (`cancelled`, `timeout`, a class name)."""
        if not self.started_ns:
            return
        attributes: dict[str, Any] = {names.VERIFIER_OUTCOME: "unsure" if verdict is None else verdict.outcome}
        if verdict is not None:
            attributes[names.CALL_COST_USD] = verdict.cost or None
        if error_type is not None:
            attributes[names.CALL_OUTCOME] = _INTERRUPTIONS.get(error_type, "error")
        evaluation = None if verdict is None else _evaluation(self._verifier, verdict)
        self._finish(attributes, error_type, error, evaluation=evaluation)


def ending(outcome: Outcome | str, error_type: str | None, error: str | None) -> tuple[str, str | None, str | None]:
    """How a call ended as `(shotclock.call.outcome, error.type, message)`; success has no error type.

    | given                               | outcome     | error.type     |
    |-------------------------------------|-------------|----------------|
    | `"ok"`, `Ok(…)`, `"cached"`         | as given    | none           |
    | `Failed("ConnectError", …)`         | `error`     | `ConnectError` |
    | `"error"` with nothing else         | `error`     | `_OTHER`       |
    | `TimedOut(…)`, `"timed_out"`        | `timed_out` | `timeout`      |
    | `"ok"` with `error_type="timeout"`  | `timed_out` | `timeout`      |
    """
    name = outcome if isinstance(outcome, str) else outcome.name
    if isinstance(outcome, Failed):
        return name, error_type or outcome.error_type, error or outcome.message
    if name in _NO_ERROR and error_type is not None:
        return _INTERRUPTIONS.get(error_type, "error"), error_type, error
    if name in _NO_ERROR:
        return name, None, None
    return (
        "rejected" if name == "skipped" else name,
        error_type or _ERROR_TYPES.get(name, names.ERROR_TYPE_OTHER),
        error,
    )


def _evaluation(verifier: str, verdict: Verdict) -> dict[str, Any]:
    return {
        names.EVALUATION_NAME: verdict.verifier or verifier,
        names.EVALUATION_SCORE: verdict.score,
        names.EVALUATION_LABEL: verdict.outcome,
        names.EVALUATION_EXPLANATION: redact(verdict.reason),
    }
