"""The plain tables that the commands of `shotclock trace` draw."""

from __future__ import annotations

from typing import Literal

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from .waterfall import ASCII, UNICODE, Glyphs


def columns(*names: str) -> Table:
    """A table without lines; a column whose name ends in `>` holds figures: flush right, and never cut or broken."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for name in names:
        figures = name.endswith(">")
        justify: Literal["left", "right"] = "right" if figures else "left"
        made.add_column(name.removesuffix(">"), justify=justify, no_wrap=figures, overflow="fold")
    return made


def section(console: Console, title: str, body: RenderableType) -> None:
    """Print a part under its title, after an empty line."""
    console.print()
    console.print(Text(title, "bold"))
    console.print(body)


def glyphs_of(console: Console) -> Glyphs:
    """What the console's encoding can draw."""
    return UNICODE if console.encoding.lower().startswith("utf") else ASCII


def gauge(share: float, glyphs: Glyphs, cells: int = 20) -> str:
    """A share from 0 to 1 as a bar of so many columns."""
    full = round(min(1.0, max(0.0, share)) * cells)
    return glyphs.on * full + glyphs.off * (cells - full)
