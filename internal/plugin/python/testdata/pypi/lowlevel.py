"""A server that is put together from the parts of the official package."""

import asyncio

from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

server = Server("abacus")


@server.list_tools()
async def tools() -> list[types.Tool]:
    return [types.Tool(name="add", description="Adds.", inputSchema={"type": "object"})]


@server.call_tool()
async def call(name: str, arguments: dict) -> list[types.TextContent]:
    print("what is printed in a call")
    return [types.TextContent(type="text", text=str(arguments["a"] + arguments["b"]))]


async def main() -> None:
    async with stdio_server() as (source, sink):
        await server.run(source, sink, server.create_initialization_options())


asyncio.run(main())
