"""The official Python SDK as a server over HTTP+SSE, the transport of the revision 2024-11-05.

PORT=4000 python server.py
"""

import os

from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("python")


@server.tool()
async def greet(name: str, ctx: Context) -> str:
    """Greets, and tells of its progress meanwhile."""
    for step in range(3):
        await ctx.report_progress(step, 3)
    return f"안녕, {name}"


server.run(transport="sse", host="127.0.0.1", port=int(os.environ["PORT"]))
