"""What attached files cost in tokens, by the family of the model that is shown them.

| family | image | sound | PDF page | source |
|---|---|---|---|---|
| OpenAI, tiles | base + tiles of 512 x 512, fitted into 2048 x 2048, short side 768 | 10 a second | an image | 1, 4 |
| OpenAI, patches | patches of 32 x 32, at most 1,536, by a factor | 10 a second | an image | 1, 2 |
| Anthropic | width by height / 750, long side 1,568 at most, 1,600 at most | | 3,000 | 3 |
| Gemini | 258, of larger ones for each tile of 768 x 768 | 32 a second | 258 | 5 |
| others | as Anthropic's | 32 a second | 3,000 | |

1. platform.openai.com/docs/guides/images-vision, "Calculating costs".
2. The community measured the factor of gpt-5-mini as 1.2 where the guide says 1.62 (community.openai.com/t/1344040):
   the larger is taken, since the ledger must not be overdrawn.
3. docs.claude.com, "Vision" and "PDF support" (1,500 to 3,000 a page of text).
4. A token of sound is 100 ms (platform.openai.com/docs/guides/realtime-costs).
5. ai.google.dev/gemini-api/docs/tokens.

Not found in these when they were looked up again: the figures of gpt-5 and o4-mini, OpenAI's for sound, and what a
PDF page costs at Anthropic and Gemini.

They are estimates for what is reserved; what the endpoint counts replaces them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFamily:
    """How a family of models counts.

    Attributes:
        name: what it is called.
        base: tokens of every image.
        tile: tokens of each tile or patch; 0 where images are counted by their area.
        side: pixels of a tile's side.
        most: most tiles or patches; an image of more is shrunk to as many.
        short: pixels the short side is scaled down to before it is tiled; `None` where it is not.
        second: tokens of a second of sound.
        page: tokens of a page of a PDF that is handed over as a file.
    """

    name: str
    base: float = 0.0
    tile: float = 0.0
    side: int = 512
    most: int = 1_000
    short: int | None = None
    second: float = 32.0
    page: int = 3_000

    def image(self, width: int, height: int) -> int:
        """Tokens of an image of so many pixels."""
        if not self.tile:
            return _by_area(width, height)
        if self.short is not None:
            width, height = _fitted(width, height, self.short)
        elif max(width, height) <= _SMALL and self.side == _GEMINI_SIDE:
            return math.ceil(self.tile)
        tiles = math.ceil(width / self.side) * math.ceil(height / self.side)
        return math.ceil(self.base + self.tile * min(max(1, tiles), self.most))

    def audio(self, seconds: float) -> int:
        """Tokens of a sound of so many seconds."""
        return math.ceil(self.second * seconds)

    def document(self, pages: int) -> int:
        """Tokens of a PDF of so many pages that is handed over as a file."""
        return self.page * pages


_SMALL: Final = 384
"""Pixels of either side up to which an image is one tile of Gemini's."""
_GEMINI_SIDE: Final = 768


def _fitted(width: int, height: int, short: int) -> tuple[int, int]:
    """A size scaled down into 2048 x 2048 and then to its short side."""
    scale = min(1.0, 2_048 / max(width, height, 1))
    scale = min(scale, short / max(1.0, min(width, height) * 1.0))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _by_area(width: int, height: int) -> int:
    scale = min(1.0, 1_568 / max(width, height, 1))
    return max(1, min(1_600, math.ceil(width * height * scale * scale / 750)))


def _tiles(base: int, tile: int) -> TokenFamily:
    return TokenFamily(name="OpenAI, tiles", base=base, tile=tile, short=768, second=10.0, page=base + 6 * tile + 800)


def _patches(factor: float) -> TokenFamily:
    page = math.ceil(1_536 * factor) + 800
    return TokenFamily(name="OpenAI, patches", tile=factor, side=32, most=1_536, second=10.0, page=page)


OTHERS: Final = TokenFamily(name="others")
"""The family of a model that is not known."""

_FAMILIES: Final = (
    (r"gpt-(4\.1|5)-mini", _patches(1.62)),
    (r"gpt-(4\.1|5)-nano", _patches(2.46)),
    (r"o4-mini", _patches(1.72)),
    (r"gpt-4o-mini", _tiles(2_833, 5_667)),
    (r"gpt-5", _tiles(70, 140)),
    (r"o1|o3", _tiles(75, 150)),
    (r"gpt-|chatgpt", _tiles(85, 170)),
    (r"claude", TokenFamily(name="Anthropic")),
    (r"gemini", TokenFamily(name="Gemini", tile=258, side=_GEMINI_SIDE, page=258)),
)
_TABLE: Final = tuple((re.compile(rf"(?:.*/)?(?:{pattern})", re.IGNORECASE), each) for pattern, each in _FAMILIES)


def family_of(model: str) -> TokenFamily:
    """The family a model counts as, by its name; what stands before a slash is its host's."""
    return next((family for pattern, family in _TABLE if pattern.match(model)), OTHERS)
