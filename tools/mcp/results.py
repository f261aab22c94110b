"""What a server answered, as a value of ours: text, passages with their source, images, structured data."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import mcp.types as types

from ...policies.errors import ToolError
from ..call import Passage
from ..media.parts import Attachment
from ..media.results import file_of
from .limits import ERROR_CHARACTERS


def value_of(result: types.CallToolResult, tool: str, *, structured: bool) -> Any:
    """The value of a result.

    | the server sent | the value |
    |---|---|
    | structured data, which the tool declares | the data; the bytes of an image in it are named by their size |
    | one or more texts | a text |
    | texts and resources that are texts | passages, each with its source |
    | images, sounds and files too | a list of texts, `Image`, `Audio` and other parts |
    | structured data alone | the data |

    Args:
        result: what the server answered.
        tool: the tool's name, the source of texts beside resources.
        structured: whether the tool declares structured data.

    Raises:
        ToolError: the server says that the call failed, or sent no structured data although it declares some.
    """
    if result.is_error:
        raise ToolError(_words(result)[:ERROR_CHARACTERS] or f"{tool} failed and did not say why")
    if structured:
        if result.structured_content is None and "structured_content" not in result.model_fields_set:
            raise ToolError(f"{tool} declares structured data and sent none")
        return _without(result.structured_content, _copies(result))
    parts = [_part(block) for block in result.content]
    if not parts:
        return result.structured_content
    if any(isinstance(part, Attachment) for part in parts):
        return [f"{part.origin}:\n{part.text}" if isinstance(part, Passage) else part for part in parts]
    if any(isinstance(part, Passage) for part in parts):
        return [part if isinstance(part, Passage) else Passage(text=str(part), origin=tool) for part in parts]
    return "\n\n".join(map(str, parts))


def _copies(result: types.CallToolResult) -> dict[str, str]:
    """What stands for the bytes of images and sounds that are sent once more as structured data."""
    media = [block for block in result.content if isinstance(block, types.ImageContent | types.AudioContent)]
    return {block.data: f"[{block.mime_type}, {len(block.data) * 3 // 4:,} bytes]" for block in media}


def _without(value: Any, copies: Mapping[str, str]) -> Any:
    if not copies:
        return value
    if isinstance(value, str):
        return copies.get(value, value)
    if isinstance(value, list):
        return [_without(item, copies) for item in value]
    if isinstance(value, dict):
        return {key: _without(item, copies) for key, item in value.items()}
    return value


def _words(result: types.CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, types.TextContent)).strip()


def _part(block: types.ContentBlock) -> str | Passage | Attachment:
    match block:
        case types.TextContent():
            return block.text
        case types.ImageContent() | types.AudioContent():
            return file_of(block.mime_type, _decoded(block.data))
        case types.ResourceLink():
            about = f": {block.description}" if block.description else ""
            return f"{block.name} ({block.uri}){about}"
        case types.EmbeddedResource(resource=types.TextResourceContents() as text):
            return Passage(text=text.text, origin=str(text.uri))
        case types.EmbeddedResource(resource=types.BlobResourceContents() as blob):
            kind = blob.mime_type or "application/octet-stream"
            return file_of(kind, _decoded(blob.blob), str(blob.uri))
    raise ToolError(f"the result holds a part of an unknown kind: {type(block).__name__}")


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ToolError("the result holds data that is not base64") from error
