"""The kind of a run's query, and what is said of its answer because of how others of that kind fared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..policies.quality import Fine, QualitySituation
from ..policies.standing import Kind, modality_of
from .attachments import ATTACHMENT

if TYPE_CHECKING:
    from .ending import Answer
    from .result import StopReason
    from .run import Run

QUALITY: Final = "quality"
"""The kind of the decision that says of what kind a run was, what its answer's verdict is, and whether the user is
warned. A trace holds it for every run that gave an answer."""


def kind_of(run: Run, model: str = "") -> Kind:
    """The kind of a run, as it is counted, by the model that wrote its answer; else by the one that is asked now."""
    # A copy: where the loop is blocked this is another thread.
    used = (item.tool for item in list(run.evidence) if item.usable and item.tool != ATTACHMENT)
    kinds = () if run.media is None else run.media.kinds
    return run.memory.standing.settled(Kind.of(modality_of(run.query, kinds), used, model or run.model.name))


def known_of(run: Run, kind: Kind, stronger: str = "") -> QualitySituation:
    """How answers of a kind fared so far; `stronger` is the model that could be asked instead."""
    known = run.memory.standing.of(kind)
    return QualitySituation(
        modality=kind.modality,
        tools=kind.tools,
        model=kind.model,
        good=known.good,
        bad=known.bad,
        unsure=known.unsure,
        rated=known.rated,
        score=known.score,
        stronger=stronger,
    )


def note(run: Run, answer: Answer, stop_reason: StopReason) -> None:
    """Count the answer that a run gives, and warn of it where answers of its kind are too often wrong.

    What is decided rests on the earlier answers alone. A run that its caller cancelled gives none.
    """
    if stop_reason == "cancelled":
        return
    kind, standing = kind_of(run, answer.by), run.memory.standing
    situation = known_of(run, kind)
    decided = run.policy.quality.decide(situation)
    choice = type(decided).__name__.lower()
    verdict = answer.verdict
    run.trace.decision(QUALITY, choice, decided.reason, situation, verdict=verdict.outcome, verifier=verdict.verifier,
                       verdict_score=verdict.score, verdict_reason=verdict.reason)  # fmt: skip
    if not isinstance(decided, Fine) and not answer.unanswered:
        run.warnings.append(f"{decided.reason[0].upper()}{decided.reason[1:]}.")
    if run.media is not None and run.media.kinds and not answer.unanswered:
        _warn_of_kind(run, kind, situation)
    standing.note(run.trace.trace_id, kind, verdict.outcome, span_id=run.trace.root_id)


def _warn_of_kind(run: Run, kind: Kind, known: QualitySituation) -> None:
    """Say where too little is known of how answers about such files fare."""
    checked, enough = known.good + known.bad + known.rated, run.policy.media.calibrated
    if checked < enough:
        said = f"Of answers of the kind {kind.words}, {checked} have a verdict or a rating so far"
        run.warnings.append(f"{said} (media.calibrated={enough}): how often they are right is not known yet.")
