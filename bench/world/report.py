"""The report: a table to read, figures as JSON, and the curves as a drawing (SVG)."""

from __future__ import annotations

import html
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from .score import MULTIPLES, TIGHT, areas, closed, curve, gates, interval, ratio
from .systems.register import PEERS
from .table import CAUSAL, ORACLE, Table, only

COLOURS = {ORACLE: "#333333", CAUSAL: "#999999", "ours": "#0b6bcb", "loop": "#d9480f"}
_MORE = ("#2b8a3e", "#9c36b5", "#e67700", "#c2255c", "#1098ad", "#868e00", "#7048e8", "#a0522d")
POOLED = "pooled"
"""All rows together."""

MOST_ENDINGS = 6


def figures(table: Table, rounds: int = 1_000) -> dict[str, Any]:
    """Every figure of the report as JSON values."""
    names = [ORACLE, CAUSAL, *table.size.systems]
    return {
        "median_of_oracle_s": round(table.median, 4),
        "multiples": list(MULTIPLES),
        "seeds": list(table.size.seeds),
        "queries_a_row": table.size.queries,
        "warm_up": table.size.warm_up,
        "rows": {
            fault or POOLED: {name: _row(table, name, fault, rounds) for name in names}
            for fault in (*table.size.faults, None)
        },
        "gates": {
            name: asdict(gates([(job.multiple, record) for job, record in table.records[name]]))
            for name in table.size.systems
        },
        "endings": {name: _endings(table, name) for name in table.size.systems},
        "tuned": {f"{name} {fault}": found for (name, fault), found in table.tuned.items()},
    }


def _endings(table: Table, name: str) -> dict[str, int]:
    """What a system said most often of how its answers came about."""
    return dict(Counter(record.error or record.detail for _, record in table.records[name]).most_common(MOST_ENDINGS))


def _row(table: Table, name: str, fault: str | None, rounds: int) -> dict[str, Any]:
    good, graded = only(table.good(name), fault), only(table.graded(name), fault)
    best, best_graded = only(table.good(ORACLE), fault), only(table.graded(ORACLE), fault)
    row: dict[str, Any] = {
        "goodput": _rounded(curve(good)),
        "graded": _rounded(curve(graded)),
        "area": _three(interval(ratio, areas(good), areas(best), rounds=rounds)),
        "graded_area": _three(interval(ratio, areas(graded), areas(best_graded), rounds=rounds)),
    }
    if name in table.size.systems and name not in PEERS and (peer := _best_peer(table, fault)) is not None:
        theirs = only(table.good(peer), fault)
        columns = (areas(good, TIGHT), areas(theirs, TIGHT), areas(best, TIGHT))
        row["closed"] = _three(interval(closed, *columns, rounds=rounds))
        row["peer"] = peer
    return row


def _best_peer(table: Table, fault: str | None) -> str | None:
    """The peer with the largest area from 1 to 3 times."""
    peers = [name for name in table.size.systems if name in PEERS]
    return max(peers, key=lambda name: sum(areas(only(table.good(name), fault), TIGHT).values()), default=None)


def _rounded(values: Mapping[float, float]) -> dict[str, float]:
    return {f"{multiple:g}": round(value, 4) for multiple, value in values.items()}


def _three(values: tuple[float, float, float]) -> list[float]:
    return [round(value, 4) for value in values]


def text(found: Mapping[str, Any]) -> str:
    """The figures as a table to read."""
    head = "  ".join(f"{multiple:>5g}x" for multiple in MULTIPLES)
    lines = [
        f"{found['queries_a_row']} queries a row, seeds {found['seeds']}, after {found['warm_up']} of warm-up; the "
        f"oracle's median is {found['median_of_oracle_s']:.2f} s",
        f"goodput (%)           {head}   area / oracle's [95 %]    graded    gap closed at 1-3x",
    ]
    for fault, systems in found["rows"].items():
        lines.append(fault)
        lines += [_line(name, row) for name, row in systems.items()]
    return "\n".join([*lines, "", *_gates(found["gates"]), *_said(found["endings"])])


def _line(name: str, row: Mapping[str, Any]) -> str:
    values = "  ".join(f"{100 * value:6.1f}" for value in row["goodput"].values())
    area, low, high = row["area"]
    line = f"  {name:<18} {values}   {area:.3f} [{low:.3f}, {high:.3f}]   {row['graded_area'][0]:.3f}"
    if "closed" in row:
        share, low, high = row["closed"]
        line += f"     {share:.2f} [{low:.2f}, {high:.2f}] of {row['peer']}'s"
    return line


def _gates(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        "gates            answers  within 50 ms  overspent  raised  verified  false  hollow  attempts a call (at 10x)"
    ]
    for name, gate in found.items():
        lines.append(
            f"  {name:<14} {gate['answers']:>7}  {gate['on_time']:>12.2%}  {gate['overspent']:>9}  {gate['errors']:>6}"
            f"  {gate['verified']:>8}  {gate['false_verified']:>5.1%}  {gate['hollow']:>6.1%}"
            f"  {gate['attempts']:.2f} ({gate['attempts_ample']:.2f})"
        )
    return lines


def _said(found: Mapping[str, Mapping[str, int]]) -> list[str]:
    return [
        f"  {name} said: {', '.join(f'{said} {n}' for said, n in said_of.items())}" for name, said_of in found.items()
    ]


WIDE, HIGH, LEFT, TOP, COLUMNS = 250, 170, 42, 52, 3


def drawing(found: Mapping[str, Any]) -> str:
    """Goodput over the deadline, a panel a fault, as an SVG."""
    rows = found["rows"]
    names = list(next(iter(rows.values())))
    colours = _colours(names)
    lines = math.ceil(len(rows) / COLUMNS)
    width, height = COLUMNS * (WIDE + LEFT) + 20, lines * (HIGH + TOP) + 60
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
        'font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *_legend(names, colours),
    ]
    for n, (fault, systems) in enumerate(rows.items()):
        x, y = LEFT + n % COLUMNS * (WIDE + LEFT), 60 + n // COLUMNS * (HIGH + TOP)
        parts += _panel(fault, systems, colours, x, y)
    return "\n".join([*parts, "</svg>", ""])


def _colours(names: Sequence[str]) -> dict[str, str]:
    more = iter(_MORE)
    return {name: COLOURS.get(name) or next(more, "#666666") for name in names}


def _legend(names: Sequence[str], colours: Mapping[str, str]) -> list[str]:
    parts = ['<text x="42" y="18">Goodput (%) over the deadline, in multiples of the oracle\'s median (log)</text>']
    for n, name in enumerate(names):
        x = 42 + 110 * n
        parts.append(f'<path d="M{x} 34 h18" stroke="{colours[name]}" stroke-width="2.5"/>')
        parts.append(f'<text x="{x + 22}" y="38">{html.escape(name)}</text>')
    return parts


def _panel(fault: str, systems: Mapping[str, Any], colours: Mapping[str, str], x: float, y: float) -> list[str]:
    parts = [f'<text x="{x}" y="{y - 4}" font-weight="bold">{html.escape(fault)}</text>']
    for share in (0, 50, 100):
        at = y + HIGH * (1 - share / 100)
        parts.append(f'<path d="M{x} {at:.1f} h{WIDE}" stroke="#dddddd"/>')
        parts.append(f'<text x="{x - 6}" y="{at + 4:.1f}" text-anchor="end" fill="#666666">{share}</text>')
    for multiple in MULTIPLES:
        at = _across(multiple, x)
        parts.append(f'<text x="{at:.1f}" y="{y + HIGH + 14}" text-anchor="middle" fill="#666666">{multiple:g}</text>')
    for name, row in systems.items():
        points = [
            f"{_across(float(multiple), x):.1f} {y + HIGH * (1 - value):.1f}"
            for multiple, value in row["goodput"].items()
        ]
        path = "M" + " L".join(points)
        parts.append(f'<path d="{path}" fill="none" stroke="{colours[name]}" stroke-width="2"/>')
    return parts


def _across(multiple: float, x: float) -> float:
    return x + WIDE * math.log(multiple) / math.log(MULTIPLES[-1])
