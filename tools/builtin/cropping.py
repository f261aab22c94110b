"""A part of an image, or all of it, made small enough to be looked at."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ...policies.errors import ToolError
from ..media.parts import Image

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

LONGEST: Final = 1_024
"""Pixels of the longer side of what is shown, where nobody asks for more or less."""
ORIENTATION: Final = 274
"""The tag under which cameras write how they were held."""
_SIDEWAYS: Final = frozenset("5678")
MOST: Final = 2_048
"""Pixels of the longer side at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Which part of an image, and how large it is shown.

    Attributes:
        left: pixels from the left edge at which it begins.
        top: pixels from the upper edge at which it begins.
        right: pixels from the left edge at which it ends; `None` is the right edge.
        bottom: pixels from the upper edge at which it ends; `None` is the lower edge.
        longest: pixels of its longer side at most; a smaller part is not made larger.
    """

    left: int = 0
    top: int = 0
    right: int | None = None
    bottom: int | None = None
    longest: int = LONGEST

    def box(self, name: str, width: int, height: int) -> tuple[int, int, int, int]:
        """The part of an image of this size.

        Raises:
            ToolError: nothing of the image lies in it.
        """
        right = width if self.right is None else min(self.right, width)
        bottom = height if self.bottom is None else min(self.bottom, height)
        if not (0 <= self.left < right and 0 <= self.top < bottom):
            raise ToolError(
                f"{name} is {width:,} x {height:,} pixels; left={self.left}, top={self.top}, right={self.right}, "
                f"bottom={self.bottom} is no part of it"
            )
        return self.left, self.top, right, bottom


def upright(size: tuple[int, int], orientation: str) -> tuple[int, int]:
    """Width and height of a picture as it is seen, by what its camera wrote of how it was held."""
    return (size[1], size[0]) if orientation in _SIDEWAYS else size


def cut_out(name: str, picture: Picture, cut: Cut) -> Image:
    """The part of a picture, held upright, as an image of its own, a PNG that is named after it.

    Raises:
        ToolError: the part lies outside of it.
    """
    from PIL import ImageOps

    turned = picture.getexif().get(ORIENTATION, 1)
    size = upright(picture.size, str(turned))
    box = cut.box(name, *size)
    whole = box == (0, 0, *size)
    if whole:
        picture.draft(None, (cut.longest, cut.longest))  # a JPEG is unpacked at a fraction of its size
    if turned != 1:
        ImageOps.exif_transpose(picture, in_place=True)
    if whole:
        box = (0, 0, *picture.size)
    part = picture.crop(box)
    part = part if part.mode in ("1", "L", "LA", "RGB", "RGBA") else part.convert("RGBA")
    part.thumbnail((cut.longest, cut.longest))
    out = io.BytesIO()
    part.save(out, "PNG")
    shown = f"{part.width} x {part.height} pixels"
    of = "all" if whole else f"{box[2] - box[0]} x {box[3] - box[1]} pixels at {box[0]}, {box[1]}"
    return Image(data=out.getvalue(), name=f"{name}: {of} of it, {shown}")
