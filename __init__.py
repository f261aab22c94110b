"""Shotclock: tool-using agents that answer by a deadline.

::

    from shotclock import Agent, Budget, tool

The names below are loaded when they are first used, so that `import shotclock` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .agent.agent import Agent
    from .agent.entailment import entailment
    from .agent.events import (
        AudioChunk,
        BudgetTick,
        CallFinished,
        CallProgress,
        CallStarted,
        Event,
        Judged,
        MediaReady,
        Provisional,
        RunStarted,
        TextDelta,
        TextWithdrawn,
        Warned,
    )
    from .agent.forecasts import load_forecasts, save_forecasts
    from .agent.judge import judge
    from .agent.models.base import Model
    from .agent.priced import costly
    from .agent.quality import load_quality, save_quality
    from .agent.result import Result
    from .agent.trace.provider import local_tracing
    from .agent.verifiers import Answered
    from .policies.budget import Budget, Spend
    from .policies.errors import ShotclockError, ToolError, UsageError
    from .policies.outcome import Verdict
    from .policies.settings import Policy
    from .tools.builtin import builtin_tools
    from .tools.call import Call, Evidence, InnerCall, Passage, PendingCall
    from .tools.connected import while_connected
    from .tools.enclosure import within
    from .tools.langchain import langchain_tool
    from .tools.mcp.server import McpServer
    from .tools.mcp_servers import mcp_tools
    from .tools.media.parts import Audio, Document, Image, Text, Video
    from .tools.openapi import openapi_tools
    from .tools.progress import progress, send_audio
    from .tools.scope import arriving, deadline_headers, deadline_hook, remaining
    from .tools.tool import Tool, tool

_HOMES = {
    "Agent": ".agent.agent",
    "Answered": ".agent.verifiers",
    "Audio": ".tools.media.parts",
    "AudioChunk": ".agent.events",
    "Budget": ".policies.budget",
    "BudgetTick": ".agent.events",
    "Call": ".tools.call",
    "CallFinished": ".agent.events",
    "CallProgress": ".agent.events",
    "CallStarted": ".agent.events",
    "Document": ".tools.media.parts",
    "Event": ".agent.events",
    "Evidence": ".tools.call",
    "Image": ".tools.media.parts",
    "InnerCall": ".tools.call",
    "Judged": ".agent.events",
    "McpServer": ".tools.mcp.server",
    "MediaReady": ".agent.events",
    "Model": ".agent.models.base",
    "Passage": ".tools.call",
    "PendingCall": ".tools.call",
    "Policy": ".policies.settings",
    "Provisional": ".agent.events",
    "Result": ".agent.result",
    "RunStarted": ".agent.events",
    "ShotclockError": ".policies.errors",
    "Spend": ".policies.budget",
    "Text": ".tools.media.parts",
    "TextDelta": ".agent.events",
    "TextWithdrawn": ".agent.events",
    "Tool": ".tools.tool",
    "ToolError": ".policies.errors",
    "UsageError": ".policies.errors",
    "Verdict": ".policies.outcome",
    "Video": ".tools.media.parts",
    "Warned": ".agent.events",
    "arriving": ".tools.scope",
    "builtin_tools": ".tools.builtin",
    "costly": ".agent.priced",
    "deadline_headers": ".tools.scope",
    "deadline_hook": ".tools.scope",
    "entailment": ".agent.entailment",
    "judge": ".agent.judge",
    "langchain_tool": ".tools.langchain",
    "load_forecasts": ".agent.forecasts",
    "load_quality": ".agent.quality",
    "local_tracing": ".agent.trace.provider",
    "mcp_tools": ".tools.mcp_servers",
    "openapi_tools": ".tools.openapi",
    "progress": ".tools.progress",
    "remaining": ".tools.scope",
    "save_forecasts": ".agent.forecasts",
    "save_quality": ".agent.quality",
    "send_audio": ".tools.progress",
    "tool": ".tools.tool",
    "while_connected": ".tools.connected",
    "within": ".tools.enclosure",
}

__all__ = [
    "Agent",
    "Answered",
    "Audio",
    "AudioChunk",
    "Budget",
    "BudgetTick",
    "Call",
    "CallFinished",
    "CallProgress",
    "CallStarted",
    "Document",
    "Event",
    "Evidence",
    "Image",
    "InnerCall",
    "Judged",
    "McpServer",
    "MediaReady",
    "Model",
    "Passage",
    "PendingCall",
    "Policy",
    "Provisional",
    "Result",
    "RunStarted",
    "ShotclockError",
    "Spend",
    "Text",
    "TextDelta",
    "TextWithdrawn",
    "Tool",
    "ToolError",
    "UsageError",
    "Verdict",
    "Video",
    "Warned",
    "arriving",
    "builtin_tools",
    "costly",
    "deadline_headers",
    "deadline_hook",
    "entailment",
    "judge",
    "langchain_tool",
    "load_forecasts",
    "load_quality",
    "local_tracing",
    "mcp_tools",
    "openapi_tools",
    "progress",
    "remaining",
    "save_forecasts",
    "save_quality",
    "send_audio",
    "tool",
    "while_connected",
    "within",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'shotclock' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
