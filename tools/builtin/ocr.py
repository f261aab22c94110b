"""The text in a picture, by the program tesseract: made ready for it, read line by line, and marked where it could not
be read."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Final

from ...policies.errors import ToolError
from ..scope import remaining

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

PROGRAM: Final = "tesseract"
"""The program, as it is looked for on the path."""
MOST: Final = 3_500
"""Pixels of the longer side that text is read from, a sheet of A4 at 300 dots an inch; larger ones are made smaller."""
SMALL: Final = 800
"""Pixels of the longer side below which a picture is made twice as large: the program reads no small letters."""
SECONDS: Final = 30.0
"""Seconds that reading the text of a picture may take, where the run has more."""
LEGIBLE: Final = 50.0
"""Confidence, from 0 to 100, that a line has on average at least: what has less is invented more often than read."""
ILLEGIBLE: Final = "[illegible]"
"""What stands for a line that could not be read."""

_COLUMNS: Final = 12


@dataclass(slots=True)
class _Line:
    """A line as it is read: the paragraph it is of, and its words with their confidence."""

    paragraph: tuple[str, ...]
    words: list[tuple[str, float]] = field(default_factory=list)

    @property
    def text(self) -> str:
        sure = sum(confidence for _, confidence in self.words) / len(self.words)
        return " ".join(word for word, _ in self.words) if sure >= LEGIBLE else ILLEGIBLE


def prepared(picture: Picture) -> bytes:
    """A picture as a grey PNG on white, upright as its camera says, and of a size that is read well: the program then
    meets no file of a stranger."""
    from PIL import Image, ImageOps

    picture.draft("L", (MOST, MOST))  # a JPEG is unpacked at a fraction of its size
    picture.thumbnail((MOST, MOST))
    turned = ImageOps.exif_transpose(picture)
    if turned.has_transparency_data:
        turned = turned.convert("RGBA")
        turned = Image.alpha_composite(Image.new("RGBA", turned.size, "white"), turned)
    grey = turned.convert("L")
    if max(grey.size) < SMALL:
        grey = grey.resize((2 * grey.width, 2 * grey.height), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    grey.save(out, "PNG")
    return out.getvalue()


def text_in(name: str, png: bytes) -> str:
    """The text in a picture, its paragraphs apart; `[illegible]` stands for lines that could not be read.

    Raises:
        ToolError: there is none, none of it can be read, or it took too long.
    """
    lines = list(_lines(_read(name, png).splitlines()))
    if not lines:
        raise ToolError(f"no text was found in {name}")
    if all(line.text == ILLEGIBLE for line in lines):
        raise ToolError(f"the text in {name} is too small or too blurred to be read; ask for a sharper picture")
    paragraphs = groupby(lines, key=lambda line: line.paragraph)
    return "\n\n".join("\n".join(line.text for line in paragraph) for _, paragraph in paragraphs)


def _lines(rows: Iterable[str]) -> Iterator[_Line]:
    """The lines with text, of a table with a word in each row."""
    words = (row for line in rows if len(row := line.split("\t")) == _COLUMNS and row[0] == "5" and row[11].strip())
    for place, found in groupby(words, key=lambda row: tuple(row[1:5])):
        yield _Line(place[:3], [(row[11].strip(), float(row[10])) for row in found])


def _read(name: str, png: bytes) -> str:
    left = min(SECONDS, remaining())
    # It finds out which way up the page is, and a second thread makes it slower.
    command, alone = [PROGRAM, "stdin", "stdout", "--psm", "1", "tsv"], os.environ | {"OMP_THREAD_LIMIT": "1"}
    try:
        done = subprocess.run(command, input=png, capture_output=True, timeout=left, env=alone)
    except subprocess.TimeoutExpired:
        raise ToolError(f"reading the text of {name} took more than {left:.1f} s") from None
    except OSError as error:
        raise ToolError(f"{PROGRAM} cannot be run: {error.strerror or error}") from None
    if done.returncode:
        raise ToolError(f"{PROGRAM} could not read {name} (status {done.returncode})")
    return done.stdout.decode("utf-8", "replace")
