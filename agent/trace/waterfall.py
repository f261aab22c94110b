"""A run's spans as bars on one axis of time, for terminals of any width, with or without colour."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from .critical_path import Section
from .decisions import Decision
from .rows import SpanRow
from .run_view import RunView, label, outcome
from .wording import clean, duration, joined, style_of

_MOST_OF_AXIS: Final = 2.0
"""A deadline further away than this many durations is named, not drawn: it would squeeze the bars."""
_STEPS: Final = (1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """What bars and marks are drawn with."""

    on: str
    off: str
    deadline: str
    soft: str
    skip: str
    rule: str
    tick: str


UNICODE: Final = Glyphs(on="█", off="░", deadline="┃", soft="┊", skip="×", rule="─", tick="┬")
ASCII: Final = Glyphs(on="#", off="-", deadline="|", soft=":", skip="x", rule="-", tick="+")
"""For terminals and pipes whose encoding has no box drawing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Seconds from 0 to `end` on `cells` columns, with the instants of the deadlines that lie on it."""

    end: float
    cells: int
    deadline: float | None = None
    soft: float | None = None

    @classmethod
    def of(cls, view: RunView, cells: int) -> Axis:
        """The axis of a run: as long as the run, and up to its deadline where that is near."""
        longest = max([view.duration, *(view.at(span.ended_ns) for _, span in view.spans)])
        longest = max(longest, 1e-6)
        deadline = view.deadline if view.deadline is not None and view.deadline <= longest * _MOST_OF_AXIS else None
        end = max(longest, deadline or 0.0)
        soft = view.soft_deadline if view.soft_deadline is not None and view.soft_deadline <= end else None
        # One cell more than the deadline needs, so that its mark has a column of its own.
        return cls(end=end * (1 + 1 / cells), cells=cells, deadline=deadline, soft=soft)

    def cell(self, at: float) -> int:
        """The column of an instant."""
        return min(self.cells - 1, max(0, int(at / self.end * self.cells)))

    def seconds(self, cell: int) -> float:
        """The instant at which a column begins."""
        return cell * self.end / self.cells

    def empty(self, glyphs: Glyphs) -> list[tuple[str, str]]:
        """A row with nothing but the marks of the deadlines, as glyph and style."""
        row = [(" ", "")] * self.cells
        if self.soft is not None:
            row[self.cell(self.soft)] = (glyphs.soft, "yellow")
        if self.deadline is not None:
            row[self.cell(self.deadline)] = (glyphs.deadline, "red")
        return row

    def ticks(self) -> list[float]:
        """Instants to label: a round step, about eight columns apart."""
        wanted = self.end / max(3, self.cells // 8)
        power = 10.0 ** math.floor(math.log10(wanted))
        step = next((s * power for s in _STEPS if s * power >= wanted), 10 * power)
        return [n * step for n in range(int(self.end / step) + 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The widths of the columns: what, bars, seconds, outcome."""

    label: int
    bar: int
    took: int
    outcome: int

    @classmethod
    def of(cls, width: int, labels: Sequence[str], outcomes: Sequence[str]) -> Layout:
        """The widths for a terminal of `width` columns; the bars get what the words leave."""
        took = 8
        words = min(max(map(len, outcomes), default=0), max(9, width // 5))
        what = min(max(map(len, labels), default=0), max(16, width * 3 // 10))
        return cls(label=what, bar=max(10, width - what - took - words - 3), took=took, outcome=words)


def waterfall(view: RunView, width: int, glyphs: Glyphs = UNICODE) -> Iterator[Text]:
    """The lines of the waterfall: the axis, the root, its spans and the calls it skipped, then the legend."""
    items = list(_items(view))
    layout = Layout.of(width, [what for what, *_ in items], [how for *_, how in items])
    axis = Axis.of(view, layout.bar)
    yield from _header(axis, layout, glyphs)
    for what, span, how in items:
        yield _line(what, span, how, view, axis, layout, glyphs)
    yield from (Text(line, "dim") for line in joined(_legend(view, axis, glyphs), width))


def _items(view: RunView) -> Iterator[tuple[str, SpanRow | Decision, str]]:
    """Label, span or skip, and outcome of each row, the skips among the root's children by their time."""
    yield clean(label(view.root)), view.root, outcome(view.root)
    skips = sorted((d for d in view.decisions if d.kind == "skip"), key=lambda d: -d.at)
    for depth, span in view.spans:
        while depth == 1 and skips and skips[-1].at <= view.at(span.started_ns):
            yield from _skip(skips.pop())
        yield "  " * depth + clean(label(span)), span, outcome(span)
    while skips:
        yield from _skip(skips.pop())


def _skip(decision: Decision) -> Iterator[tuple[str, Decision, str]]:
    yield f"  {clean(decision.choice)}", decision, "skipped"


def _line(
    what: str, item: SpanRow | Decision, how: str, view: RunView, axis: Axis, layout: Layout, glyphs: Glyphs
) -> Text:
    line = Text(what, no_wrap=True, style="bold" if item is view.root else "")
    line.truncate(layout.label, overflow="ellipsis", pad=True)
    line = Text.assemble(line, " ")
    if isinstance(item, Decision):
        cells, took = axis.empty(glyphs), ""
        cells[axis.cell(item.at)] = (glyphs.skip, "yellow")
    else:
        cells, took = _bar(item, view, axis, glyphs), duration(item.duration_ns / 1e9)
    for glyph, style in cells:
        line.append(glyph, style)
    line.append(f"{took:>{layout.took}}")
    how_text = Text(how, style_of(how))
    how_text.truncate(layout.outcome, overflow="ellipsis")
    return Text.assemble(line, "  ", how_text)


def _bar(span: SpanRow, view: RunView, axis: Axis, glyphs: Glyphs) -> list[tuple[str, str]]:
    row = axis.empty(glyphs)
    start, end = view.at(span.started_ns), view.at(span.ended_ns)
    first = axis.cell(start)
    last = min(axis.cells, max(first + 1, round(end / axis.end * axis.cells)))
    own = [section for section in view.sections if section.span_id == span.span_id]
    on = _critical_cells(own, view, axis, (start, end))
    colour = {"ok": "cyan", "pass": "green"}.get(outcome(span).split()[0], style_of(outcome(span)) or "cyan")
    for cell in range(first, last):
        row[cell] = (glyphs.on, f"bold {colour}") if cell in on else (glyphs.off, colour)
    return row


def _critical_cells(own: Sequence[Section], view: RunView, axis: Axis, span: tuple[float, float]) -> set[int]:
    """The columns of a span that are mostly on the critical path; at least one where the path runs through it."""
    cells = range(axis.cell(span[0]), axis.cell(span[1]) + 1)
    covered: dict[int, float] = {}
    on = set()
    for cell in cells:
        start, end = max(span[0], axis.seconds(cell)), min(span[1], axis.seconds(cell + 1))
        covered[cell] = sum(max(0.0, min(end, view.at(s.end_ns)) - max(start, view.at(s.start_ns))) for s in own)
        if covered[cell] * 2 >= end - start > 0:
            on.add(cell)
    if not on and any(covered.values()):
        on = {max(covered, key=covered.__getitem__)}
    return on


def _header(axis: Axis, layout: Layout, glyphs: Glyphs) -> Iterator[Text]:
    """The labels of the axis over its rule."""
    labels, rule = [" "] * (layout.bar + layout.took), [glyphs.rule] * layout.bar
    step = axis.ticks()[1] if len(axis.ticks()) > 1 else axis.end
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    for at in axis.ticks():
        cell = axis.cell(at)
        text = f"{at:.{digits}f}" if at else "0 s"
        if cell + len(text) <= len(labels):
            labels[cell : cell + len(text)] = text
        rule[cell] = glyphs.tick
    margin = " " * (layout.label + 1)
    yield Text(margin + "".join(labels).rstrip(), "dim")
    yield Text(margin + "".join(rule), "dim")


def _legend(view: RunView, axis: Axis, glyphs: Glyphs) -> list[str]:
    parts = [f"{glyphs.on} on the critical path", f"{glyphs.off} beside it"]
    if view.soft_deadline is not None:
        parts.append(_mark(glyphs.soft, "soft deadline", view.soft_deadline, axis.soft))
    if view.deadline is not None:
        parts.append(_mark(glyphs.deadline, "deadline", view.deadline, axis.deadline))
    if any(decision.kind == "skip" for decision in view.decisions):
        parts.append(f"{glyphs.skip} skipped")
    return parts


def _mark(glyph: str, name: str, at: float, drawn: float | None) -> str:
    return f"{glyph} {name} {duration(at)}" if drawn is not None else f"{name} {duration(at)}, off the axis"
