"""How figures and words are written in what the terminal shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

_STYLES = {
    "error": "red",
    "fail": "red",
    "abandoned": "red",
    "timed": "yellow",
    "cancelled": "yellow",
    "skipped": "yellow",
    "rejected": "yellow",
    "unsure": "yellow",
    "partial": "yellow",
    "fallback": "yellow",
    "pass": "green",
    "complete": "green",
}


def style_of(words: str) -> str:
    """The colour of an outcome, by its first word; none for what is as usual. The words say it without colour."""
    return _STYLES.get(words.partition(" ")[0], "")


def clean(text: object) -> str:
    """The text on one line with nothing in it that a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in str(text))


def duration(seconds: float) -> str:
    """Seconds for people: `0 s`, `0.4 ms`, `62 ms`, `1.42 s`, `75.0 s`."""
    if seconds < 5e-8:
        return "0 s"
    if seconds < 0.0095:
        return f"{seconds * 1e3:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 59.995 else f"{seconds:.1f} s"


def money(dollars: float | None) -> str:
    """US dollars; unknown is a word, not zero."""
    if dollars is None:
        return "unknown"
    if dollars == 0:
        return "$0"
    return f"${dollars:.4f}" if dollars < 0.1 else f"${dollars:.2f}"


def quantity(budget_type: str, value: float | None) -> str:
    """A figure of a budget in the unit of its kind."""
    if budget_type == "latency" and value is not None:
        return f"{value:.3f} s" if value < 9.9995 else f"{value:.1f} s"
    if budget_type == "cost_usd":
        return money(value)
    return "unknown" if value is None else f"{value:,.0f}"


def figure(value: Any) -> str:
    """An input of a decision, with four significant digits."""
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(figure, value))}]"
    return clean(value)


def when(instant_ns: int) -> str:
    """An instant in local time, such as `2026-11-24 05:41:07`."""
    return datetime.fromtimestamp(instant_ns / 1e9).strftime("%Y-%m-%d %H:%M:%S")


def recently(instant_ns: int) -> str:
    """An instant in local time as short as it can be: `05:41:07` today, `11-24 05:41` on another day."""
    instant = datetime.fromtimestamp(instant_ns / 1e9)
    return instant.strftime("%H:%M:%S" if instant.date() == datetime.now().date() else "%m-%d %H:%M")


def joined(parts: Sequence[str], width: int, gap: str = "   ") -> list[str]:
    """The parts side by side on as few lines of `width` columns as they need."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(gap) + len(part) <= width:
            lines[-1] += gap + part
        else:
            lines.append(part)
    return lines


def apportion(parts: Sequence[int], total: int) -> list[int]:
    """Whole units that sum to `total`, in proportion to the parts: the largest remainders get what rounding left.

    Numbers rounded one by one need not sum to the rounded sum, and a reader would look for the missing millisecond.
    """
    whole = sum(parts)
    if whole <= 0:
        return [0] * len(parts)
    shares = [part * total // whole for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda i: -(parts[i] * total % whole))
    for index in by_remainder[: total - sum(shares)]:
        shares[index] += 1
    return shares
