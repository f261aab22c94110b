"""How one process names a function to another: by module and qualified name, even where a tool stands in its place.

A script's own functions live in `__main__`, which a worker process imports again as `__mp_main__`, the way the standard
library's `multiprocessing` does it.
"""

from __future__ import annotations

import functools
import importlib
import io
import os
import pickle
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any

_MAINS = ("__main__", "__mp_main__")
_TOOL = (f"{__name__.rpartition('.')[0]}.tool", "Tool")

UNGUARDED = (
    "the program starts an agent while a worker process imports it; put what the script does under "
    "`if __name__ == '__main__':`, so that importing it only defines its tools"
)
"""What is said of a script without a guard."""


def unreachable(function: object) -> str | None:
    """Why another process cannot find `function` by its name, or `None` where nothing speaks against it."""
    if isinstance(function, functools.partial):
        return unreachable(function.func)
    if isinstance(function, types.MethodType):
        function = function.__func__ if isinstance(function.__self__, type) else type(function.__self__)
    elif not isinstance(function, (type, types.FunctionType, types.BuiltinFunctionType)):
        function = type(function)  # an object that can be called travels as it is, its class by its name
    name = getattr(function, "__qualname__", "")
    if "<lambda>" in name:
        return "it is a lambda"
    if "<locals>" in name:
        return f"{name} is made inside another function"
    if getattr(function, "__module__", None) == "__main__" and not _main_is_a_file():
        return "it is typed in an interactive session or given with python -c"
    return None


def script() -> dict[str, str]:
    """How a worker process finds this program's script, in the words of `multiprocessing`; empty where there is none.

    Asking `multiprocessing` itself would settle its start method, which is the program's to choose.
    """
    main = sys.modules["__main__"]
    sys.modules.setdefault("__mp_main__", main)  # as results of the script's own classes come back
    name = getattr(getattr(main, "__spec__", None), "name", None)
    if name is not None:
        return {"init_main_from_name": name}
    return {"init_main_from_path": os.path.abspath(str(main.__file__))} if _main_is_a_file() else {}


def home(function: object) -> str:
    """The module whose import makes `function` known."""
    if isinstance(function, functools.partial):
        return home(function.func)
    if isinstance(function, types.MethodType):
        function = function.__self__ if isinstance(function.__self__, type) else type(function.__self__)
    elif not hasattr(function, "__module__"):
        function = type(function)
    return str(getattr(function, "__module__", "builtins"))


def _main_is_a_file() -> bool:
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    return getattr(main, "__spec__", None) is not None or (path is not None and os.path.exists(path))


def dump(function: Callable[..., Any], arguments: Mapping[str, Any]) -> bytes:
    """A function and its arguments for another process.

    Raises:
        Exception: whatever pickling raises, where one of them cannot be pickled.
    """
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump((function, dict(arguments)))
    return buffer.getvalue()


def load(data: bytes) -> tuple[Callable[..., Any], dict[str, Any]]:
    """What `dump` made, in another process; imports what it names.

    Raises:
        BaseException: whatever the import of the tool's module raises.
    """
    function, arguments = _Unpickler(io.BytesIO(data)).load()
    return _bare(function), arguments


def resolve(module: str, qualname: str) -> Any:
    """The function of that name; a tool in its place gives the function inside."""
    if module in _MAINS:
        MAIN.ensure()
    found: Any = importlib.import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    return _bare(found)


def _bare(value: Any) -> Any:
    """The function inside a tool. The class `Tool` is not imported for this, so that a worker begins sooner."""
    kind = type(value)
    return value.function if (kind.__module__, kind.__name__) == _TOOL else value


class _Pickler(pickle.Pickler):
    """Pickles a function whose name in its module stands for the tool that was made of it."""

    def reducer_override(self, obj: Any) -> Any:
        if not isinstance(obj, types.FunctionType) or "<" in obj.__qualname__:
            return NotImplemented
        found: Any = sys.modules.get(obj.__module__)
        for part in obj.__qualname__.split("."):
            found = getattr(found, part, None)
        if found is not obj and _bare(found) is obj:
            return resolve, (obj.__module__, obj.__qualname__)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    """Imports the script again as soon as something of it is named."""

    def find_class(self, module: str, name: str) -> Any:
        if module in _MAINS:
            MAIN.ensure()
        return super().find_class(module, name)


class Main:
    """The script of the program that started this worker process: imported again, once, when something of it is needed.

    Attributes:
        importing: whether that import is under way in this process.
        unguarded: whether the script tried to start an agent meanwhile.
    """

    def __init__(self) -> None:
        self.importing = False
        self.unguarded = False
        self._source: dict[str, str] = {}
        self._problem: BaseException | None = None

    def tell(self, source: dict[str, str]) -> None:
        """Where the script is: `init_main_from_name` or `init_main_from_path`, as `multiprocessing` calls them."""
        self._source = source

    def ensure(self) -> None:
        """Import it unless that is done, or failed: what it does when it is imported, it must not do again.

        Raises:
            RuntimeError: the script starts an agent when it is imported.
            BaseException: whatever else the import raises.
        """
        if self._problem is not None:
            raise self._problem
        if not self._source or self.importing:
            return
        source, self._source = self._source, {}
        try:
            self._import(source)
        except BaseException as error:
            self._problem = RuntimeError(UNGUARDED) if self.unguarded else error
            raise self._problem from error
        if self.unguarded:
            self._problem = RuntimeError(UNGUARDED)
            raise self._problem

    def _import(self, source: dict[str, str]) -> None:
        from multiprocessing import process, spawn  # only workers that need the script pay for this

        self.importing = True
        # With this the standard library, too, refuses to start processes from a script without a guard.
        process.current_process()._inheriting = True  # type: ignore[attr-defined]
        try:
            spawn.prepare(source)
        finally:
            self.importing = False
            del process.current_process()._inheriting  # type: ignore[attr-defined]

    def refuse(self) -> bool:
        """Whether an agent is being started by a script that is only being imported; it is remembered."""
        self.unguarded = self.unguarded or self.importing
        return self.importing


MAIN = Main()
"""The script above this worker process; in any other process there is none, and nothing to import."""
