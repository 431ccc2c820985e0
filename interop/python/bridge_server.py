"""A server on the official Python SDK, over Streamable HTTP in both eras. Its tools name what they need from the client; the SDK
asks for it by requests in mid-call in the legacy era, and by the end of an answer in the modern one.

    PORT=4000 python bridge_server.py
"""

import os
import warnings
from typing import Annotated

import anyio
from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context, Elicit, ListRoots, MCPServer, Resolve, Sample
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp_types import CreateMessageResult, ListRootsResult, SamplingMessage, TextContent
from pydantic import BaseModel

warnings.filterwarnings("ignore", category=MCPDeprecationWarning)  # logging is told of all the same

server = MCPServer("python")
cancelled: set[str] = set()  # the tokens of the calls that were


class Name(BaseModel):
    """What the form asks for."""

    name: str


def ask_name() -> Elicit[Name]:
    """Asks the user."""
    return Elicit("Who is there?", Name)


def sample(text: str) -> Sample:
    """Asks the model."""
    return Sample([SamplingMessage(role="user", content=TextContent(type="text", text=text))], max_tokens=10)


def ask_thought() -> Sample:
    """Asks the model something."""
    return sample("knock")


async def ask_busy(ctx: Context) -> Elicit[Name]:
    """Asks the user, and tells of progress before, once."""
    if ctx.request_state is None:
        await ctx.report_progress(1, 3)
    return Elicit("Who is there?", Name)


def ask_greeting(name: Annotated[Name, Resolve(ask_busy)]) -> Sample:
    """Asks the model something that depends on what the user said."""
    return sample(f"hello {name.name}")


def ask_roots(greeting: Annotated[CreateMessageResult, Resolve(ask_greeting)]) -> ListRoots:
    """Asks for the roots, last of all."""
    return ListRoots()


def ask_only_roots() -> ListRoots:
    """Asks for the roots."""
    return ListRoots()


def uris(result: ListRootsResult) -> str:
    """The roots in one line."""
    return " ".join(str(root.uri) for root in result.roots)


@server.tool()
async def ask(name: Annotated[ElicitationResult[Name], Resolve(ask_name)]) -> str:
    """Elicits."""
    return f"accept {name.data.name}" if isinstance(name, AcceptedElicitation) else name.action


@server.tool()
async def think(thought: Annotated[CreateMessageResult, Resolve(ask_thought)]) -> str:
    """Samples."""
    return thought.content.text


@server.tool()
async def look(roots: Annotated[ListRootsResult, Resolve(ask_only_roots)]) -> str:
    """Asks for the roots."""
    return uris(roots)


@server.tool()
async def talk(
    name: Annotated[Name, Resolve(ask_busy)],
    greeting: Annotated[CreateMessageResult, Resolve(ask_greeting)],
    roots: Annotated[ListRootsResult, Resolve(ask_roots)],
) -> str:
    """Asks for everything, one after the other."""
    return f"{name.name}; {greeting.content.text}; {uris(roots)}"


@server.tool()
async def work(ctx: Context) -> str:
    """Tells of its progress and logs."""
    for step in (1, 2, 3):
        await ctx.report_progress(step, 3)
    await ctx.info("working")
    await anyio.sleep(0.1)
    return "done"


@server.tool()
async def wait(token: str, ctx: Context) -> str:
    """Waits to be cancelled."""
    await ctx.report_progress(1, 3)
    try:
        await anyio.sleep(20)
    except anyio.get_cancelled_exc_class():
        cancelled.add(token)
        raise
    return "waited"


@server.tool()
async def ended(token: str) -> str:
    """Tells whether a call was cancelled."""
    with anyio.move_on_after(10):
        while token not in cancelled:
            await anyio.sleep(0.1)
    return "cancelled" if token in cancelled else "not cancelled"


server.run(transport="streamable-http", host="127.0.0.1", port=int(os.environ["PORT"]))
