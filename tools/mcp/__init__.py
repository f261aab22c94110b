"""The tools of MCP servers: `mcp_tools` connects to servers ahead of time and gives their tools to an agent.

Nothing here is imported before it is used; it needs the extra `mcp`.
"""
