"""What `shotclock calibration` draws: one line a kind, and what the product's threshold says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...policies.quality import Fine, Quality, QualitySituation, percent
from ..quality import Entry
from ..trace.wording import clean

Judgement = Literal["fine", "under", "too few", "not asked"]
"""What the threshold says of a kind: met, missed, not yet to be judged, or there is none."""

_COLUMNS: Final = ("n>", "good>", "bad>", "open>", "share>", "at least>", "rated>", "mean>", "judged")
_STYLES: Final[dict[Judgement, str]] = {"fine": "green", "under": "red", "too few": "dim", "not asked": "dim"}
_KIND_WIDTH: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One kind as it is shown.

    Attributes:
        entry: what is kept of it.
        bound: the lower bound of the share that is right; `None` where too little is known.
        judgement: what the threshold says.
        by_people: whether ratings speak for it instead of verdicts.
        reason: the same in words.
    """

    entry: Entry
    bound: float | None
    judgement: Judgement
    by_people: bool
    reason: str

    @classmethod
    def of(cls, entry: Entry, quality: Quality) -> Judged:
        """What a policy says of a kind."""
        kind, counts = entry.kind, entry.counts
        situation = QualitySituation(
            modality=kind.modality,
            tools=kind.tools,
            model=kind.model,
            good=counts.good,
            bad=counts.bad,
            unsure=counts.unsure,
            rated=counts.rated,
            score=counts.score,
        )
        bound, decided = quality.bound(situation), quality.decide(situation)
        return cls(
            entry=entry,
            bound=bound,
            judgement=_judgement(quality, bound, isinstance(decided, Fine)),
            by_people=quality.speaks(situation)[2],
            reason=decided.reason,
        )

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints; shares from 0 to 1, and `null` for what is not known."""
        counts = self.entry.counts
        return {
            "kind": self.entry.kind.to_dict(),
            "n": counts.checked,
            "good": counts.good,
            "bad": counts.bad,
            "unsure": counts.unsure,
            "share": counts.share,
            "bound": self.bound,
            "by": "feedback" if self.by_people else "verdicts",
            "feedback": {"n": counts.rated, "mean": counts.mean},
            "judgement": self.judgement,
            "reason": self.reason,
            "updated_ns": self.entry.updated_ns,
        }


def _judgement(quality: Quality, bound: float | None, fine: bool) -> Judgement:
    if bound is None:
        return "too few"
    if quality.threshold is None:
        return "not asked"
    return "fine" if fine else "under"


def show_judged(judged: Sequence[Judged], quality: Quality, console: Console) -> None:
    """Print a table of all kinds; where the terminal is narrow the kind is folded, never a figure cut."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    table.add_column("kind", overflow="fold", min_width=_KIND_WIDTH)
    for column in _COLUMNS:
        table.add_column(column.removesuffix(">"), justify="right" if column.endswith(">") else "left", no_wrap=True)
    for one in judged:
        table.add_row(Text(clean(one.entry.kind.words)), *_figures(one), Text(one.judgement, _STYLES[one.judgement]))
    console.print(table)
    console.print(Text(_legend(quality), "dim"))


def _figures(one: Judged) -> list[str]:
    counts = one.entry.counts
    mark = "*" if one.by_people else ""
    return [
        str(counts.checked),
        str(counts.good),
        str(counts.bad),
        str(counts.unsure),
        "" if counts.share is None else percent(counts.share),
        "" if one.bound is None else f"{percent(one.bound)}{mark}",
        str(counts.rated),
        "" if counts.mean is None else f"{counts.mean:.2f}",
    ]


def _legend(quality: Quality) -> str:
    asked = "no threshold is set" if quality.threshold is None else f"{percent(quality.threshold)} are asked for"
    return (
        f"at least: with {percent(quality.confidence)} confidence, from {quality.least} checked answers on; "
        f"* from ratings, where {quality.least_rated} or more are there; {asked}"
    )
