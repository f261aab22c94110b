"""What a LangChain tool returned, as a value of ours: text, data, passages with their source, files."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from langchain_core.documents import Document
from langchain_core.messages import ToolMessage
from langchain_core.messages.tool import ToolOutputMixin
from langchain_core.tools.base import TOOL_MESSAGE_BLOCK_TYPES
from langgraph.types import Command

from ...policies.errors import ToolError
from ..call import Passage
from ..media.parts import File
from ..media.results import file_of

_PLAIN = (str, int, float, bool, type(None), bytes)


def read(value: Any, tool: str, *, pair: bool = False) -> Any:
    """The value of a result.

    | the tool returned | the value |
    |---|---|
    | text or data | as it is |
    | documents | passages, each with its source |
    | content blocks that are texts | one text |
    | content blocks with images or files | a list of texts, `Image`s and other parts; a URL stays one |
    | a content and an artifact | the content |
    | a `ToolMessage`, or a `Command` that does no more than to add one | its content |

    Args:
        value: what it returned.
        tool: the tool's name.
        pair: whether it returns a content and an artifact, which no model is shown.

    Raises:
        ToolError: the message says that the call failed, or the command changes a graph's state or goes somewhere.
        ValueError: it does not return the pair that it declares.
    """
    if pair:
        value = _content(value, tool)
    if type(value) in _PLAIN or type(value) is dict:
        return value
    if isinstance(value, ToolOutputMixin):
        return _of_output(value, tool)
    if isinstance(value, Document):
        return _passage(value, tool)
    if isinstance(value, (list, tuple)) and value:
        return _of_list(value, tool)
    return value


def text_of(value: Any) -> str:
    """What an error's handler said, as text: it may give content blocks."""
    if isinstance(value, (list, tuple)):
        return "\n\n".join(filter(None, map(_block_text, value)))
    return "" if value is None else str(value)


def _content(value: Any, tool: str) -> Any:
    if isinstance(value, tuple) and len(value) == 2:
        return value[0]
    raise ValueError(f"{tool} declares 'content_and_artifact' and must return the two, got {type(value).__name__}")


def _of_list(value: list[Any] | tuple[Any, ...], tool: str) -> Any:
    if all(isinstance(item, Document) for item in value):
        return [_passage(item, tool) for item in value]
    if all(isinstance(item, ToolOutputMixin) for item in value):
        return [_of_output(item, tool) for item in value] if len(value) > 1 else _of_output(value[0], tool)
    if not all(map(_is_block, value)) or not any(isinstance(item, Mapping) for item in value):
        return value
    parts = [_part(item) for item in value]
    return "\n\n".join(parts) if all(isinstance(part, str) for part in parts) else parts


def _of_output(value: ToolOutputMixin, tool: str) -> Any:
    if isinstance(value, ToolMessage):
        if value.status == "error":
            raise ToolError(text_of(value.content) or f"{tool} failed and did not say why")
        return read(value.content, tool)
    if isinstance(value, Command):
        return _of_command(value, tool)
    return value


def _of_command(command: Command[Any], tool: str) -> Any:
    update = command.update
    messages = update.get("messages", ()) if isinstance(update, Mapping) else ()
    answers = [message for message in messages if isinstance(message, ToolMessage)]
    beyond = sorted(set(update) - {"messages"}) if isinstance(update, Mapping) else []
    if beyond or command.goto or command.resume is not None or command.graph is not None or not answers:
        does = f"changes {', '.join(beyond)}" if beyond else "steers a graph"
        raise ToolError(f"{tool} returned a LangGraph Command that {does}, and there is no such graph here")
    return read(answers, tool)


def _passage(document: Document, tool: str) -> Passage:
    said = document.metadata
    origin = next((str(said[key]) for key in ("source", "url", "file_path", "title") if said.get(key)), tool)
    label = str(said.get("page_label", ""))  # `page` is counted from 0 by some loaders and from 1 by others
    return Passage(text=document.page_content, origin=origin, page=int(label) if label.isdecimal() else None)


def _is_block(item: Any) -> bool:
    return isinstance(item, str) or (isinstance(item, Mapping) and item.get("type") in TOOL_MESSAGE_BLOCK_TYPES)


def _block_text(block: Any) -> str:
    return block if isinstance(block, str) else str(block.get("text", "")) if isinstance(block, Mapping) else ""


def _part(block: str | Mapping[str, Any]) -> Any:
    if isinstance(block, str):
        return block
    if block["type"] == "text":
        return str(block.get("text", ""))
    return _file(block) if block["type"] in ("image", "image_url", "file", "document") else dict(block)


def _file(block: Mapping[str, Any]) -> File | dict[str, Any]:
    """An image or a file: its bytes where it holds them, so that nobody is shown them as text."""
    source = block.get("source")
    held: Mapping[str, Any] = source if isinstance(source, Mapping) else block
    kind = held.get("mime_type") or held.get("media_type") or ""
    image = block.get("image_url")
    url = str((image.get("url") if isinstance(image, Mapping) else image) or held.get("url") or "")
    data = held.get("base64") or held.get("data")
    if url.startswith("data:"):
        head, _, data = url.partition(",")
        kind, url = head.removeprefix("data:").partition(";")[0], ""
    if url:
        return {"type": block["type"], "media_type": kind, "url": url}
    named = kind or ("image" if block["type"].startswith("image") else "")
    return file_of(named, _decoded(data)) if isinstance(data, str) else dict(block)


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ToolError("the result holds data that is not base64") from error
