"""Files of one kind that tools are asked about by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import Field

from ...policies.errors import ToolError
from ..tool import Tool
from .paths import Files

T = TypeVar("T")

MAX_NAMES: Final = 50
"""Files that a tool's schema offers by name; it takes any of them."""
MAX_WORDS: Final = 500
"""Characters of the names in a tool's description."""


class Named:
    """The files that some tools share, by the name that results give them.

    Args:
        files: where their names come from.
        paths: which of them.
        noun: what one of them is called: in descriptions, and as the parameter of the tools.
    """

    def __init__(self, files: Files, paths: Sequence[Path], noun: str) -> None:
        self._noun = noun
        self._paths = {files.label(path): path for path in paths}

    @property
    def words(self) -> str:
        """Their names for a description, as many as fit."""
        text = ", ".join(self._paths)
        return text if len(text) <= MAX_WORDS else f"{text[: MAX_WORDS - 1]}…"

    def path(self, name: str) -> Path:
        """The file of that name.

        Raises:
            ToolError: there is none; the message names what there is.
        """
        found = self._paths.get(name)
        if found is None:
            raise ToolError(f"there is no file {name[:100]!r}; there are: {self.words}")
        return found

    def read(self, path: Path, how: Callable[[Path], T]) -> T:
        """What `how` makes of a file that may have gone since.

        Raises:
            ToolError: it cannot be read.
        """
        try:
            return how(path)
        except OSError as error:
            raise ToolError(f"{path.name} cannot be read: {error.strerror or error}") from None

    def tool(self, function: Callable[..., Any], says: str) -> Tool:
        """A read-only tool of a function, one parameter of which is one of these names; `says` is what it does."""
        function.__doc__ = f"{says} The {self._noun}s: {self.words}."
        names = tuple(self._paths)
        kind: Any = Literal[names] if len(names) <= MAX_NAMES else str
        signature = inspect.signature(function, eval_str=True)
        chosen = Annotated[kind, Field(description=f"The {self._noun}.")]
        given = [p.replace(annotation=chosen) if p.name == self._noun else p for p in signature.parameters.values()]
        function.__signature__ = signature.replace(parameters=given)  # type: ignore[attr-defined]
        return Tool(function, read_only=True, trusted=False)
