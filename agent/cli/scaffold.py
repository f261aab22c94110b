"""What `shotclock tools new` writes: a module with one tool, its tests, and the commands that come next."""

from __future__ import annotations

import builtins
import keyword
import re
import shlex
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Literal

from ...policies.errors import InvalidTool, UsageError
from . import scaffold_texts as texts

Flavour = Literal["async", "sync", "http"]
"""An async tool, a plain function, or an async tool that asks an API over HTTP."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_USED = frozenset(
    {"annotations", "ask", "dataclass", "deadline_hook", "echoes", "httpx", "in_range", "pytest", "shotclock", "tool"}
)
"""Names that the written files use themselves."""
_TEXTS: dict[Flavour, tuple[str, str]] = {
    "async": (texts.TABLE, texts.TABLE_TEST),
    "sync": (texts.TABLE, texts.TABLE_TEST),
    "http": (texts.HTTP, texts.HTTP_TEST),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaffold:
    """A tool that is about to be written.

    Attributes:
        name: what models call it.
        flavour: what kind of function it is.
        folder: where its two files go.
    """

    name: str
    flavour: Flavour = "async"
    folder: Path = Path()

    @property
    def module(self) -> str:
        """The name of its module and of its function: the tool's name as a Python identifier."""
        return self.name.replace("-", "_")

    @property
    def paths(self) -> tuple[Path, Path]:
        """The module's file and the tests'."""
        return self.folder / f"{self.module}.py", self.folder / f"test_{self.module}.py"

    def contents(self) -> tuple[str, str]:
        """What the two files hold."""
        words = {
            "name": self.name,
            "module": self.module,
            "result": "".join(part[:1].upper() + part[1:] for part in self.module.split("_")) + "Result",
            "kind": "def" if self.flavour == "sync" else "async def",
            "runs": "in a thread" if self.flavour == "sync" else "in the event loop",
        }
        module, test = _TEXTS[self.flavour]
        return Template(module).substitute(words), Template(test).substitute(words)

    def commands(self) -> tuple[str, ...]:
        """What to run next, in the folder of the files: the tests, one call, one question."""
        own = f"--tools {self.module}:{self.module}"
        question = f"Use {self.name} with the item 'lamp'"
        return (
            f"python -m pytest test_{self.module}.py",
            f"shotclock tools try {self.name} {shlex.quote(_ARGUMENTS)} {own}",
            f"shotclock ask {_quoted(question)} {own}",
        )

    def write(self) -> None:
        """Write both files, or neither.

        Raises:
            InvalidTool: the name is none for a tool and a module.
            UsageError: one of the files exists already, or the folder cannot be written.
        """
        self._check()
        for path in self.paths:
            if path.exists():
                raise UsageError(f"{path} exists already and is left as it is; choose another name, or move it away")
        written: list[Path] = []
        try:
            for path, content in zip(self.paths, self.contents(), strict=True):
                # `x` as another process may have written it since.
                with open(path, "x", encoding="utf-8") as file:
                    written.append(path)
                    file.write(content)
        except OSError as error:
            for path in written:
                path.unlink(missing_ok=True)
            reason = error.strerror or error
            raise UsageError(f"{path} cannot be written: {reason}; name another folder with --to") from error

    def _check(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidTool(
                f"a new tool's name must be 1 to 64 letters, digits, '_' or '-' and begin with a letter, got "
                f"{self.name[:80]!r}; write for example stock-level"
            )
        taken = _taken(self.module)
        if taken is not None:
            raise InvalidTool(f"a module {self.module!r} {taken}; choose another name, such as {self.name}-tool")


_ARGUMENTS = '{"item": "lamp"}'


def _quoted(text: str) -> str:
    """In double quotes, as a person writes a question that holds single ones."""
    return f'"{text}"'


def _taken(module: str) -> str | None:
    """Why a module must not have this name; `None` where it may."""
    if keyword.iskeyword(module):
        return "cannot be imported, as its name is a word of Python's grammar"
    if module in _USED or hasattr(builtins, module):
        return "would hide a name that its own code needs"
    if module in sys.stdlib_module_names or _installed(module):
        return "exists already, and would be hidden by the new file"
    return None


def _installed(module: str) -> bool:
    """Whether a module of this name is installed; one in the current folder is the user's own, and is not meant."""
    try:
        found = find_spec(module)
    except (ImportError, ValueError):
        return False
    return found is not None and found.origin is not None and Path(found.origin).parent != Path.cwd()
