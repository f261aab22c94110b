"""How deep in braces and brackets a JSON text is, as it is being written."""

from __future__ import annotations

from collections.abc import Iterator


class Nesting:
    """Counts braces and brackets that are not within a text; each character is read once.

    Attributes:
        depth: how many are open.
    """

    __slots__ = ("_escaped", "_quoted", "depth")

    def __init__(self) -> None:
        self.depth = 0
        self._quoted = self._escaped = False

    def closings(self, text: str) -> Iterator[tuple[int, int]]:
        """Go on with `text`: where in it something is closed, and how many are still open then."""
        for at, character in enumerate(text):
            if self._escaped:
                self._escaped = False
            elif self._quoted:
                self._escaped, self._quoted = character == "\\", character != '"'
            elif character == '"':
                self._quoted = True
            elif character in "{[":
                self.depth += 1
            elif character in "}]":
                self.depth -= 1
                yield at, self.depth
