"""One call's result as another's argument: JSON values of its own, bounded before they are made.

Looking at a result may run code that strangers wrote and take long, so what is not small and plain is looked at in a
thread, a level at a time: a reference to one field of a result of 50 MB reads that field.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from ..policies.plan import DEEPEST, Flaw, Step, resolve
from ..tools.content import sound
from ..tools.isolation import LANDING, abandon
from ..tools.landing import message_of
from .run import Run

MOST_PASSED = 200_000
"""Characters that the results in the arguments of one step may come to; of a longer one a part can be referred to."""

_SMALL = 1_000
"""Values, and tens of characters, up to which a plain result is looked at in the loop."""

_PLAIN = (str, int, float, bool, type(None))


async def passed(run: Run, step: Step, values: Mapping[str, Any]) -> dict[str, Any] | Flaw:
    """A step's arguments with the results `values` in their places, by the last moment."""
    fill = functools.partial(_filled, step, values)
    if all(_is_small(value) for value in values.values()):
        return fill(_drifted(run, step))
    future = LANDING.run(fill)
    run.own(future)
    left = None if run.last.never else run.last.remaining(run.now())
    await asyncio.wait((future,), timeout=left)
    if future.done() and not future.cancelled():
        return future.result()
    abandon(future)
    return Flaw(f"step {step.id}: its arguments could not be put together in the time that was left")


def _drifted(run: Run, step: Step) -> Callable[[str, str], None] | None:
    """Takes note of what is taken in the place of a part that is not there: where the step changes nothing."""
    tool = run.toolbox.get(step.tool)
    if tool is None or not tool.read_only or not run.speculation.drift:
        return None

    def note(meant: str, taken: str) -> None:
        run.trace.decision("plan", "drifted", f"{meant} is not there, and only {taken} can be meant", step=step.id,
                           tool=step.tool)  # fmt: skip

    return note


def _filled(
    step: Step, values: Mapping[str, Any], drifted: Callable[[str, str], None] | None = None
) -> dict[str, Any] | Flaw:
    try:
        return resolve(step, values, level=level, whole=_Allowance().whole, drifted=drifted)
    except BaseException as error:  # a result may raise anything when it is looked at, and it costs one step only
        return Flaw(f"step {step.id}: a result cannot be passed on: {message_of(error)[:200] or type(error).__name__}")


class _Allowance:
    """Copies values as JSON while they fit."""

    def __init__(self) -> None:
        self._left = MOST_PASSED

    def whole(self, value: Any, depth: int = 0) -> Any:
        """A copy of a value as JSON.

        Raises:
            OverflowError: it is too long or too deep.
        """
        if depth > DEEPEST:
            raise OverflowError(f"it is nested deeper than {DEEPEST} levels")
        value = level(value)
        if isinstance(value, dict):
            return {self._text(name): self.whole(item, depth + 1) for name, item in value.items()}
        if isinstance(value, list):
            return [self.whole(item, depth + 1) for item in value]
        if isinstance(value, str):
            return self._text(value)
        self._take(8)
        return value

    def _text(self, text: str) -> str:
        self._take(len(text) + 2)
        return sound(text)

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise OverflowError(f"it is longer than {MOST_PASSED:,} characters; refer to a part of it")


def level(value: Any) -> Any:
    """A result as a mapping, a list or a JSON value: models and dataclasses by their fields, other objects by their
    public attributes. What is inside stays as it is."""
    if type(value) in (*_PLAIN, list):
        return value
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): item for name, item in value.items()}
    if isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (str, bytes, bytearray, memoryview)):
        return list(value)
    return _leaf(value)


def _leaf(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"{len(value):,} bytes of binary data"  # as the model is shown them
    if isinstance(value, Iterator):
        return str(value)  # reading it would use it up, and may never end
    return to_jsonable_python(value, fallback=_attributes)


def _attributes(value: Any) -> Any:
    kept = getattr(value, "__dict__", None)
    return {name: str(each) for name, each in kept.items() if name[:1] != "_"} if kept else str(value)


def _is_small(value: Any) -> bool:
    """Whether looking at a result takes next to no time and runs no code but Python's own."""
    waiting, left = [value], _SMALL
    while waiting:
        item = waiting.pop()
        kind = type(item)
        left -= len(item) if kind in (dict, list, tuple) else 1 + len(item) // 10 if kind is str else 1
        if left < 0 or kind not in (dict, list, tuple, *_PLAIN):
            return False
        if kind is dict:
            waiting += [*item.keys(), *item.values()]
        elif kind in (list, tuple):
            waiting += item
    return True
