"""A server of the official package, second major version. It is not run here: whoever loads it does that."""

from mcp.server import MCPServer

abacus = MCPServer("abacus")


@abacus.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    print("what is printed in a call")
    return a + b
