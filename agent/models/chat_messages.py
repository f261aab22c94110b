"""Messages between our words and LangChain's: the conversation goes out, chunks of the answer come in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from .base import MediaPiece, Message, ModelRequest, ToolSpec
from .wire import sliced

_ENDS = {
    "stop": "stop", "end_turn": "stop", "stop_sequence": "stop", "eos": "stop", "complete": "stop",
    "tool_use": "tool_calls", "tool_calls": "tool_calls", "tool_call": "tool_calls", "function_call": "tool_calls",
    "length": "length", "max_tokens": "length", "max_output_tokens": "length", "model_length": "length",
    "incomplete": "length",
}  # fmt: skip
"""How providers say that the answer has ended, in lower case, and what it is called here."""
_BLOCKS = {"image": "image", "audio": "audio", "document": "file"}
_END_KEYS = ("finish_reason", "stop_reason", "stopReason", "done_reason")


Blocks = dict[str, list[dict[str, Any]]]
"""The files of a request by their keys, each as content blocks."""


async def blocks_of(request: ModelRequest) -> Blocks:
    """The files of a request as LangChain's content blocks, each behind its name."""
    return {key: [block for piece in pieces for block in await _blocks(piece)] for key, pieces in request.media.items()}


async def _blocks(piece: MediaPiece) -> list[dict[str, Any]]:
    data = b"".join([text async for text in sliced(piece)]).decode("ascii")
    block = {"type": _BLOCKS[piece.kind], "base64": data, "mime_type": piece.media_type}
    if piece.kind == "document":
        block["filename"] = piece.name
    return [{"type": "text", "text": f"[{piece.name}]"}, block]


def conversation(request: ModelRequest, files: Blocks) -> list[BaseMessage]:
    """The messages of a request. The files of results come in a message of the user's behind those of their turn, as
    many endpoints take no files elsewhere."""
    written: list[BaseMessage] = []
    held: list[dict[str, Any]] = []
    for message in request.messages or ({"role": "user", "content": request.query},):
        if held and message.get("role") != "tool":
            written.append(HumanMessage(held))  # type: ignore[arg-type]  # a list of one of its kinds
            held = []
        own = [block for ref in message.get("parts", ()) for block in files.get(ref["key"], ())]
        written.append(as_langchain(message, () if message.get("role") == "tool" else own))
        if own and message.get("role") == "tool":
            held += [{"type": "text", "text": f"[what {message.get('tool', 'a tool')} returned]"}, *own]
    return [*written, HumanMessage(held)] if held else written  # type: ignore[arg-type]  # likewise


def as_langchain(message: Message, files: Sequence[dict[str, Any]] = ()) -> BaseMessage:
    """A message of the conversation as LangChain has it; `files` are those of a user's, as content blocks."""
    role, content = message.get("role", "user"), message.get("content", "")
    if role == "system":
        return SystemMessage(content)
    if role == "assistant":
        calls = [{"name": c["tool"], "args": c["arguments"], "id": c["id"]} for c in message.get("calls", ())]
        return AIMessage(content, tool_calls=calls)
    if role == "tool":
        return ToolMessage(content, tool_call_id=message.get("call_id", ""), name=message.get("tool") or None)
    return HumanMessage([{"type": "text", "text": content}, *files] if files else content)


def as_tool(spec: ToolSpec) -> dict[str, Any]:
    """A tool in the form that every `bind_tools` takes, OpenAI's."""
    function = {"name": spec.name, "description": spec.description, "parameters": spec.parameters}
    return {"type": "function", "function": function}


class Reader:
    """Reads the chunks of one answer as those of a completion, whose form `Completion` takes.

    Counts of tokens are added up, as LangChain adds chunks: some providers send those of the input first.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def read(self, message: Any) -> dict[str, Any]:
        """One chunk, or one whole answer where the model does not stream."""
        said = message.response_metadata
        audio = message.additional_kwargs.get("audio")
        spoken = {"transcript": audio.get("transcript")} if isinstance(audio, Mapping) else {}
        # Of what a model says only the words are taken: nothing tells what its bytes are.
        delta = {"content": text_in(message.content), "tool_calls": self._calls(message), "audio": spoken}
        return {
            "choices": [{"delta": delta, "finish_reason": _end(message)}],
            "usage": self._usage(getattr(message, "usage_metadata", None)),
            "model": said.get("model_name") or said.get("model"),
            "id": message.id if not str(message.id or "").startswith(("lc_", "run-")) else None,
        }

    def _calls(self, message: Any) -> list[dict[str, Any]]:
        if isinstance(message, AIMessageChunk):
            return [_piece(call, call.get("index"), call.get("args") or "") for call in message.tool_call_chunks]
        whole = [(call, json.dumps(call["args"])) for call in getattr(message, "tool_calls", ())]
        broken = [(call, call.get("args") or "") for call in getattr(message, "invalid_tool_calls", ())]
        return [_piece(call, number, text) for number, (call, text) in enumerate((*whole, *broken))]

    def _usage(self, counts: Mapping[str, Any] | None) -> dict[str, int] | None:
        if counts:
            for ours, theirs in (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")):
                if isinstance(counts.get(theirs), int):
                    self._counts[ours] = self._counts.get(ours, 0) + counts[theirs]
        return dict(self._counts) or None


def text_in(content: Any) -> str:
    """The text of a content, which is a string or a list of blocks; reasoning and files are none."""
    if isinstance(content, str):
        return content
    blocks: Iterable[Any] = content if isinstance(content, list) else ()
    return "".join(b if isinstance(b, str) else str(b.get("text") or "") for b in blocks if _is_text(b))


def _is_text(block: Any) -> bool:
    return isinstance(block, str) or (isinstance(block, Mapping) and block.get("type") == "text")


def _piece(call: Mapping[str, Any], index: int | None, arguments: str) -> dict[str, Any]:
    return {"index": index, "id": call.get("id"), "function": {"name": call.get("name"), "arguments": arguments}}


def _end(message: Any) -> str | None:
    said: Mapping[str, Any] = message.response_metadata
    for key in _END_KEYS:
        if isinstance(found := said.get(key), str) and found:
            return _ENDS.get(found.lower(), found.lower())
    if said.get("status") == "incomplete":
        return "length"
    return None if isinstance(message, AIMessageChunk) else "stop"  # a whole message is no piece of one
