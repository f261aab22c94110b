"""The tools and the chat model of a LangChain agent, unchanged: there they hang, here the answer comes on time.

Run it with `python -m examples.langchain_tools` (extra `langchain`); offline, and it takes a second.
"""

from __future__ import annotations

import time
from typing import Any

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool

from shotclock import Agent, Budget, langchain_tool


@tool
def stock(product: str) -> str:
    """How many of a product are in stock."""
    return "There are 7 lamps in stock."


@tool
def delivery(product: str) -> str:
    """How many days the delivery of a product takes."""
    time.sleep(30)  # the carrier's service hangs today
    return f"{product}: 3 days"


class Shopkeeper(GenericFakeChatModel):
    """Stands for `ChatOpenAI`, `ChatAnthropic` or any other: it asks for both tools, and answers of what came."""

    disable_streaming: bool = True

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        """Take the tools, as providers' classes do."""
        return self.bind(tools=tools, **kwargs)


def main() -> None:
    """Ask the agent, and try one tool with promises of ours."""
    calls = [{"name": name, "args": {"product": "lamp"}, "id": name} for name in ("stock", "delivery")]
    chat = Shopkeeper(messages=iter([AIMessage("", tool_calls=calls), AIMessage("There are 7 lamps in stock.")]))
    agent = Agent(chat, tools=[stock, delivery])  # LangChain's own, create_agent(chat, ...), answers after 30 seconds
    result = agent.run_sync("How many lamps are there, and when do they come?", budget=Budget(latency=1.0))
    print(f"{result.answer}\n{result.status}, {result.stop_reason}, after {result.spend.latency:.2f} s")
    for each in result.evidence:
        print(f"  {each.tool}: {each.outcome.name}, trusted: {each.trusted}")

    promised = langchain_tool(stock, read_only=True, trusted=True, timeout="1s", cache="1h")
    agent = Agent("rules", tools=[promised])
    result = agent.run_sync('How many are in stock of the product "lamp"?', budget=Budget(latency=1.0))
    print(f"{result.answer} verified: {result.verified}")


if __name__ == "__main__":
    main()
