"""Who writes down what is said in a sound, for models that do not hear: a tool of the product's that no model calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..policies.errors import UsageError
from ..tools.call import Call
from ..tools.media.elsewhere import Unread, within
from ..tools.media.parts import Audio
from ..tools.pipeline import Pipeline
from ..tools.schema import Problem
from ..tools.shapes import short
from ..tools.tool import Tool
from ..tools.toolbox import Toolbox
from .models.base import MediaPiece

_FORM = "async def transcribe(audio: Audio) -> str"


class Scribe:
    """A tool that takes an `Audio` and gives its text.

    Args:
        given: the tool, which must be read-only, or a function, which is made one.

    Raises:
        UsageError: it changes something, or does not take an `Audio` alone.
        InvalidTool: no tool can be made of it.
    """

    def __init__(self, given: Tool | Callable[..., Any]) -> None:
        tool = given if isinstance(given, Tool) else Tool(given, read_only=True)
        if not tool.read_only:
            raise UsageError(f"transcribe: the tool {tool.name!r} must be read_only=True, as it changes nothing")
        self.toolbox = Toolbox([tool])
        self.name = tool.name
        taken = [*tool.schema.parameters.get("properties", {})]
        self._takes = taken[0] if taken else ""
        if len(taken) != 1 or isinstance(tool.schema.read({self._takes: Audio(data=b"")}), Problem):
            raise UsageError(f"transcribe: {tool.name!r} must take an Audio and nothing else: {_FORM}")

    async def text(self, pipeline: Pipeline, key: str, sound: MediaPiece, seconds: float) -> str:
        """What is said in a sound, by a call through a run's pipeline that is given up after so many seconds.

        Raises:
            Unread: there is no text; the message says why.
        """
        audio = Audio(data=sound.data, name=sound.name)
        call = Call(id=f"{key}.transcript", tool=self.name, arguments={self._takes: audio})
        found = await within(pipeline.call(call), seconds)
        if not found.usable:
            raise Unread(f"there is no transcript of it: {short(found.content) or found.verdict.reason}")
        return found.value if isinstance(found.value, str) else found.content
