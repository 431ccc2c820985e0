"""Our McpServer beside the official package and types of pydantic."""

from mcp import McpServer, types
from pydantic import BaseModel, Field

server = McpServer()


class Line(BaseModel):
    text: str = Field(description="what it says", max_length=5)
    next: "Line | None" = None


@server.tool("join")
async def join(line: Line, n: int = Field(3)) -> Line:
    return Line(text=line.text + (line.next.text if line.next else "") + types.LATEST_PROTOCOL_VERSION[:2])


server.start()
