"""The options that choose tools and a policy, and what they choose."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...policies.errors import InvalidTool
from .spoken import say

if TYPE_CHECKING:
    from types import ModuleType

    from ...policies.settings import Policy
    from ...tools.tool import Tool

MAX_WARNINGS = 5
"""Lines about files that were left out."""

PathsArgument = Annotated[
    list[Path] | None, typer.Argument(help="Files and folders the question is about.", show_default=False)
]
PathOption = Annotated[
    list[Path] | None, typer.Option("--path", help="Files and folders to make tools for.", show_default=False)
]
ToolsOption = Annotated[
    list[str] | None,
    typer.Option("--tools", metavar="MODULE:NAME", help="Your own tools: a tool, a function or a list; repeatable."),
]


def builtin_of(paths: Iterable[Path] | None) -> list[Tool]:
    """The tools that ship, and those of the files that were named."""
    from ...tools.builtin import builtin_tools

    chosen = list(paths or ())
    if not chosen:
        return builtin_tools()
    from ...tools.builtin.files import builtin_files, sort_paths

    files = sort_paths(chosen)
    tools = [*builtin_tools(), *builtin_files(files)]
    shown = len(files.warnings) if len(files.warnings) <= MAX_WARNINGS else MAX_WARNINGS - 1
    for warning in files.warnings[:shown]:
        say(f"warning: {warning}")
    if left := len(files.warnings) - shown:
        say(f"warning: {left} further files or folders were left out")
    return tools


def own_tools(names: Iterable[str] | None) -> list[Tool]:
    """The tools that `--tools` names."""
    return [tool for name in names or () for tool in _load(name)]


def _load(name: str) -> list[Tool]:
    """The tools at MODULE:NAME, looked for from the current folder on."""
    from ...tools.tool import Tool

    module_name, _, attribute = name.partition(":")
    if not attribute or not all(part.isidentifier() for part in module_name.split(".")):
        raise InvalidTool(f"--tools {name!r} must be MODULE:NAME, such as my_tools:weather for my_tools.py")
    module = _imported(name, module_name)
    try:
        found = getattr(module, attribute)
    except AttributeError as error:
        raise InvalidTool(f"--tools {name!r}: module {module_name!r} has no {attribute!r}") from error
    items = found if isinstance(found, (list, tuple)) else [found]
    return [item if isinstance(item, Tool) else Tool(item) for item in items]


def _imported(name: str, module_name: str) -> ModuleType:
    """The module, looked for from the current folder on. It is the user's code: whatever it raises is its failure."""
    from importlib import import_module

    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        return import_module(module_name)
    except (Exception, SystemExit) as error:
        why = str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
        raise InvalidTool(f"--tools {name!r}: module {module_name!r} cannot be imported: {why[:300]}") from error
    finally:
        # The module may have changed the search path itself.
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


def policy_of(path: Path | None) -> Policy | None:
    """The policy of a file; `None` where none was named."""
    if path is None:
        return None
    from ...policies.settings import Policy

    return Policy.from_toml(path)
