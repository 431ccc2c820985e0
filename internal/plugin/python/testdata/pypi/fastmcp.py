"""A server of the official package, first major version."""

import subprocess

from mcp.server.fastmcp import Context, FastMCP

mcp = FastMCP("abacus", instructions="Counts.")
print("what is printed while it loads")


@mcp.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    print("what is printed in a call")
    subprocess.run(["echo", "what a program prints"], check=True)
    return a + b


@mcp.tool()
async def count(to: int, ctx: Context) -> str:
    """Counts."""
    for i in range(to):
        await ctx.report_progress(i + 1, to)
    return "done"


@mcp.resource("abacus://{row}")
def row(row: str) -> str:
    """One row."""
    return f"row {row}"


if __name__ == "__main__":
    mcp.run()
