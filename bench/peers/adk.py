"""Google's Agent Development Kit, for what a run of it costs."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator
from typing import Any

from google.adk.agents import LlmAgent, RunConfig
from google.adk.models import BaseLlm, LlmRequest, LlmResponse
from google.adk.runners import InMemoryRunner
from google.adk.tools import FunctionTool
from google.genai import types

from ..world.mind import Asked, Said
from ..world.stage import ABOUT
from .base import Peer

_USER = "bench"
_NUMBERS = itertools.count()


class Scripted(BaseLlm):
    """The scripted model."""

    wiring: Any

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        """One call of the model."""
        said = [each for content in llm_request.contents for each in _said(content)]
        turn = await self.wiring.ask(said, list(llm_request.tools_dict))
        parts = [
            types.Part(function_call=types.FunctionCall(id=call.id, name=call.tool, args=dict(call.arguments)))
            for call in turn.calls
        ]
        yield LlmResponse(content=types.Content(role="model", parts=parts or [types.Part(text=turn.text)]))


def _said(content: types.Content) -> list[Said]:
    parts = content.parts or []
    results = [part.function_response for part in parts if part.function_response]
    if results:
        return [Said("tool", str(result.response), call_id=result.id or "") for result in results]
    uses = [part.function_call for part in parts if part.function_call]
    calls = tuple(Asked(use.id or "", use.name or "", use.args or {}) for use in uses)
    text = "".join(part.text or "" for part in parts)
    return [Said("assistant" if content.role == "model" else "user", text, calls)]


class ADK(Peer):
    """One runner, and a session for each conversation."""

    name = "adk"
    distribution = "google-adk"

    def build(self) -> None:
        """The agent in its runner."""
        agent = LlmAgent(
            name="bench",
            model=Scripted(model="scripted", wiring=self.wiring),
            tools=[self._tool(name) for name in self.wiring.tools],
        )
        self._runner = InMemoryRunner(agent=agent, app_name="bench")

    def _tool(self, name: str) -> FunctionTool:
        async def look_up(key: str, field: str) -> str:
            return str(await self.wiring.call(name, key, field))

        look_up.__name__, look_up.__doc__ = name, ABOUT
        return FunctionTool(look_up)

    async def converse(
        self, text: str, before: Any = None, *, seconds: float | None = None, calls: int | None = None
    ) -> tuple[str, Any]:
        """Run the agent in a new session, within an outer timeout."""
        async with asyncio.timeout(seconds):
            return await self._run(text), None

    async def _run(self, text: str) -> str:
        session = f"s{next(_NUMBERS)}"
        await self._runner.session_service.create_session(app_name="bench", user_id=_USER, session_id=session)
        message = types.Content(role="user", parts=[types.Part(text=text)])
        config = RunConfig(max_llm_calls=self.limits.turns if self.limits else 0)
        said = ""
        async for event in self._runner.run_async(
            user_id=_USER, session_id=session, new_message=message, run_config=config
        ):
            said = "".join(part.text or "" for part in event.content.parts or []) if event.content else said
        return said
