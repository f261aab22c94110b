"""Messages between our words and LangChain's: the conversation goes out, chunks of the answer come in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from .base import Message, ToolSpec

_ENDS = {
    "stop": "stop", "end_turn": "stop", "stop_sequence": "stop", "eos": "stop", "complete": "stop",
    "tool_use": "tool_calls", "tool_calls": "tool_calls", "tool_call": "tool_calls", "function_call": "tool_calls",
    "length": "length", "max_tokens": "length", "max_output_tokens": "length", "model_length": "length",
    "incomplete": "length",
}  # fmt: skip
"""How providers say that the answer has ended, in lower case, and what it is called here."""
_END_KEYS = ("finish_reason", "stop_reason", "stopReason", "done_reason")


def as_langchain(message: Message) -> BaseMessage:
    """A message of the conversation as LangChain has it."""
    role, content = message.get("role", "user"), message.get("content", "")
    if role == "system":
        return SystemMessage(content)
    if role == "assistant":
        calls = [{"name": c["tool"], "args": c["arguments"], "id": c["id"]} for c in message.get("calls", ())]
        return AIMessage(content, tool_calls=calls)
    if role == "tool":
        return ToolMessage(content, tool_call_id=message.get("call_id", ""), name=message.get("tool") or None)
    return HumanMessage(content)


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
        delta = {"content": text_in(message.content), "tool_calls": self._calls(message)}
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
