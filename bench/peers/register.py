"""The peers by name, and those that run in the environment of the benchmarks themselves."""

from __future__ import annotations

import importlib

from .base import Peer

PEERS = {
    "langchain": "langchain:LangChain",
    "pydantic-ai": "pydantic_ai:PydanticAI",
    "openai-agents": "openai_agents:OpenAIAgents",
    "agent-framework": "agent_framework:AgentFramework",
    "strands": "strands:Strands",
    "adk": "adk:ADK",
}
"""Each in an environment of its own, with its module and class."""

OWN = {"ours": "ours:Ours", "langgraph": "plain:LangGraph", "asyncio": "plain:Plain"}
"""In the environment that has the package: ours, bare LangGraph of the same nodes, and a bare loop."""

WORLD = tuple(name for name in PEERS if name != "adk")
"""Those that play in the world."""


def load(name: str) -> type[Peer]:
    """A peer's class; importing its library takes a while."""
    module, kind = (PEERS | OWN)[name].split(":")
    found: type[Peer] = getattr(importlib.import_module(f".{module}", __package__), kind)
    return found
