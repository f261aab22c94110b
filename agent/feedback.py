"""What people say of answers: read, kept, counted with the kind of query, and told to whoever records traces."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace as otel
from opentelemetry.trace import Link, SpanContext, TraceFlags, TracerProvider

from ..policies.errors import UsageError
from ..policies.standing import Counts, Kind
from .quality import Feedback, QualityStore
from .trace import conventions as names
from .trace.content import ContentRule, redact

if TYPE_CHECKING:
    from .agent import Agent

SPAN: Final = "feedback"
"""The name of the span, and of the evaluation in it."""
MOST_AUTHOR: Final = 200
"""Characters of an author's name."""

_LOCAL: Final = f"{__package__}.trace.local"


def read_feedback(trace_id: str, score: float, comment: str | None, author: str) -> Feedback:
    """Feedback from what somebody wrote, given now. A comment is kept without the secrets in it, and cut at 16,384
    characters.

    Raises:
        UsageError: something is of another type or out of range.
    """
    if not isinstance(trace_id, str) or not trace_id.strip():
        raise UsageError(f"trace_id must be the id of a run, such as result.trace_id, got {trace_id!r}")
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0 <= score <= 1 or math.isnan(score):
        raise UsageError(
            f"score must be a number from 0 (wrong) to 1 (right), got {score!r}; thumbs are 0 down and 1 up"
        )
    if comment is not None and not isinstance(comment, str):
        raise UsageError(f"comment must be a text or None, got a {type(comment).__name__}")
    if not isinstance(author, str) or len(author) > MOST_AUTHOR:
        raise UsageError(f"author must be a text of at most {MOST_AUTHOR} characters, got {str(author)[:80]!r}")
    said = None if comment is None or not comment.strip() else redact(_utf8(comment))
    return Feedback(
        trace_id=trace_id.strip(), author=_utf8(author), given_ns=time.time_ns(), score=float(score), comment=said
    )


def give(agent: Agent, feedback: Feedback, path: str | Path | None = None) -> None:
    """Keep feedback to a run of this agent, or to one that the store knows; see `Agent.feedback`."""
    provider = agent._tracer_provider
    store = QualityStore(path if path is not None else _file_of(provider))
    known = agent.memory.standing.recent(feedback.trace_id)
    if known is None:
        run, kind = store.run(feedback.trace_id)
        feedback = _to(feedback, run.trace_id)
        known = kind, int(run.span_id, 16)
    kind, change = store.give(feedback, known[0])
    agent.memory.standing.rated(kind, change)
    if _file_of(provider) is None:
        tell(feedback, known[1], provider)


def keep(store: QualityStore, feedback: Feedback) -> tuple[Feedback, Kind, Counts]:
    """Keep feedback to a run that the store knows: what was kept, of what kind the run is, and how its kind fared.

    Raises:
        UsageError: no run has that id, or several have that prefix.
        StoreError: the store cannot be read or written.
    """
    run, kind = store.run(feedback.trace_id)
    feedback = _to(feedback, run.trace_id)
    kind, _ = store.give(feedback, kind)
    return feedback, kind, next((e.counts for e in store.entries() if e.kind == kind), Counts())


def tell(feedback: Feedback, span_id: int, provider: TracerProvider | None) -> None:
    """Record feedback as a span that is linked to the run's, for those who look at traces elsewhere.

    Its words are written only where the capture of content is on.
    """
    links = []
    if span_id:
        root = SpanContext(int(feedback.trace_id, 16), span_id, is_remote=True, trace_flags=TraceFlags(1))
        links.append(Link(root))
    tracer = otel.get_tracer("shotclock", tracer_provider=provider)
    with tracer.start_as_current_span(SPAN, links=links) as span:
        event: dict[str, Any] = {names.EVALUATION_NAME: SPAN, names.EVALUATION_SCORE: feedback.score}
        if feedback.comment is not None and ContentRule.of().capture:
            event[names.EVALUATION_EXPLANATION] = feedback.comment
        span.add_event(names.EVALUATION_RESULT, event)


def _to(feedback: Feedback, trace_id: str) -> Feedback:
    """The same with the whole id of the run."""
    return Feedback(
        trace_id=trace_id,
        author=feedback.author,
        given_ns=feedback.given_ns,
        score=feedback.score,
        comment=feedback.comment,
    )


def _file_of(provider: Any) -> Path | None:
    """The file that an agent's traces are kept in; `None` where it is none of ours."""
    # The module is loaded where there is such a provider; loading it costs what the SDK costs.
    module = sys.modules.get(_LOCAL)
    if module is None or not isinstance(provider, module.LocalTracerProvider):
        return None
    path: Path = provider.path
    return path


def _utf8(text: str) -> str:
    """The text without lone surrogates, which SQLite refuses."""
    return text.encode("utf-8", "replace").decode("utf-8")
