"""The words of the tool side: a call that a model asked for, and the evidence that came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..policies.outcome import Failed, Ok, Outcome, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A model's request to use a tool.

    Attributes:
        id: unique in its run; ties the result to the request.
        tool: the tool's name as the model wrote it.
        arguments: the arguments as the model wrote them; not yet validated.
        malformed: why the arguments could not be read as a JSON object, where they could not.
        drawn_from: untrusted content that a plan made it from, which the model has not seen: tools by origin.
        ahead: seconds that the steps of its plan which need its result take, each as probable; empty where none does.
        approved: whether a person has approved it.
    """

    id: str
    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    malformed: str | None = None
    drawn_from: Mapping[str, str] = field(default_factory=dict)
    ahead: tuple[float, ...] = ()
    approved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerCall:
    """A call that an agent makes inside of another call: where an agent is a tool of another one.

    Attributes:
        id: the call's id in the inner run.
        tool: the tool's name.
        attempt: the attempt of it, counted from 1.
    """

    id: str
    tool: str
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingCall:
    """A call that is not made until a person approves it.

    Attributes:
        id: the call's id, by which it is approved or denied.
        tool: the tool's name.
        arguments: the arguments as the model wrote them; they fit the tool's schema.
        reason: why a person is asked.
    """

    id: str
    tool: str
    arguments: Mapping[str, Any]
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"id": self.id, "tool": self.tool, "arguments": dict(self.arguments), "reason": self.reason}


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of text of a result, and where it stands.

    Attributes:
        text: the passage, verbatim.
        origin: the file, table or URL it was taken from.
        page: the page in it, counted from 1, where it has pages.
    """

    text: str
    origin: str
    page: int | None = None

    @property
    def source(self) -> str:
        """The origin with its page, as people cite it."""
        return self.origin if self.page is None else f"{self.origin}, page {self.page}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one call gave: its outcome, what the model is shown of it, and what the checks said.

    Attributes:
        id: the call's id.
        tool: the tool's name.
        arguments: the validated arguments.
        outcome: `Ok | Failed | TimedOut | Cancelled | Skipped`.
        content: the result as text, as the model sees it; cut where it was over the size limit, and it says so.
        passages: the result's passages with their origin, where the tool gave some.
        verdict: what the checks said; `fail` means it is withheld from the answer.
        origin: where it came from: the tool, or the file or URL the tool named.
        truncated: whether the content was cut.
        trusted: whether the content may be read as more than data (`@tool(trusted=...)`).
        attempts: attempts that were started for it.
        duration: seconds from the request to the result.
    """

    id: str
    tool: str
    arguments: Mapping[str, Any]
    outcome: Outcome
    content: str = ""
    passages: tuple[Passage, ...] = ()
    verdict: Verdict
    origin: str = ""
    truncated: bool = False
    trusted: bool = True
    attempts: int = 0
    duration: float = 0.0

    @property
    def value(self) -> Any:
        """What the tool returned, or `None` where it did not."""
        return self.outcome.value if isinstance(self.outcome, Ok) else None

    @property
    def usable(self) -> bool:
        """Whether an answer may rest on it: the call returned, and no check failed."""
        return isinstance(self.outcome, Ok) and self.verdict.outcome != "fail"

    @property
    def untrusted(self) -> bool:
        """Whether it holds words that nobody vouches for: a result, or an error, that is not `trusted`."""
        return not self.trusted and isinstance(self.outcome, (Ok, Failed))

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; the content and passages are included, the raw value is not."""
        return {
            "id": self.id,
            "tool": self.tool,
            "arguments": dict(self.arguments),
            "outcome": self.outcome.name,
            "content": self.content,
            "passages": [{"text": p.text, "origin": p.origin, "page": p.page} for p in self.passages],
            "verdict": {
                "outcome": self.verdict.outcome,
                "score": self.verdict.score,
                "reason": self.verdict.reason,
                "verifier": self.verdict.verifier,
            },
            "origin": self.origin,
            "truncated": self.truncated,
            "trusted": self.trusted,
            "attempts": self.attempts,
            "duration": round(self.duration, 6),
        }
