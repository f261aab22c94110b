"""A tool of an MCP server, which dies and is started again. Run it: python -m examples.mcp_stock"""

from __future__ import annotations

import os
import sys

from shotclock import Agent, Budget, McpServer, mcp_tools
from shotclock.testing import ScriptedModel, ask


def serve() -> None:
    """An MCP server of one tool, by the official library; yours may be written in any language."""
    from mcp.server import MCPServer

    server = MCPServer("warehouse", log_level="ERROR")

    @server.tool()
    def stock(product: str) -> str:
        """How many of a product are in stock."""
        if product == "anvil":
            os._exit(1)
        return f"There are 7 {product}s in stock."

    server.run("stdio")


def main() -> None:
    """Connect, ask, meet the server's death, and ask again."""
    # A server inherits little of the environment; what it needs is named.
    env = {"PYTHONPATH": os.pathsep.join(sys.path)}
    here = McpServer(command=(sys.executable, "-m", "examples.mcp_stock", "serve"), env=env)
    with mcp_tools(here) as tools:
        script = [ask(("stock", {"product": "lamp"})), "There are 7 lamps in stock."]
        agent = Agent(ScriptedModel(script * 2), [*tools])
        first = agent.run_sync("How many lamps are there?", budget=Budget(latency=5.0))
        print(first.answer)
        (stock,) = tools
        fenced = not stock.read_only and first.evidence[0].untrusted
        print(f"stock is not believed to be read-only, and its results are fenced as untrusted: {fenced}")

        unlucky = Agent(ScriptedModel([ask(("stock", {"product": "anvil"})), "I do not know."]), [*tools])
        died = unlucky.run_sync("How many anvils are there?", budget=Budget(latency=5.0))
        print("it died:", died.evidence[0].content)

        again = agent.run_sync("How many lamps are there?", budget=Budget(latency=15.0))
        print("and was started again:", again.answer)


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["serve"] else main()
