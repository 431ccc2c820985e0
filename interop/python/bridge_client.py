"""The official Python SDK as a client that answers what servers ask: makes the calls of a plan and prints what came of each, as one
line of JSON.

    python bridge_client.py plan.json
"""

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import anyio
import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPDeprecationWarning

warnings.filterwarnings("ignore", category=MCPDeprecationWarning)

PLAN = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))


class Answerer:
    """Answers what is asked in the call that is being made, and keeps what was said in it."""

    def __init__(self) -> None:
        self.begin({})

    def begin(self, call: dict[str, Any]) -> None:
        """Begins the next call."""
        self.call = call
        self.outcome: dict[str, Any] = {"asked": [], "progress": [], "logs": []}

    async def elicited(self, context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        """Fills in a form, or does not."""
        self.outcome["asked"].append(params.message)
        action = self.call["action"]
        return types.ElicitResult(action=action, content={"name": "Ada"} if action == "accept" else None)

    async def sampled(self, context: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
        """Says what it heard."""
        content = params.messages[0].content
        text = (content[0] if isinstance(content, list) else content).text
        self.outcome["asked"].append(text)
        answer = types.TextContent(type="text", text=f"I heard: {text}")
        return types.CreateMessageResult(role="assistant", model="parrot", content=answer)

    async def listed(self, context: Any) -> types.ListRootsResult:
        """Lists one root."""
        return types.ListRootsResult(roots=[types.Root(uri="file:///door", name="door")])

    async def logged(self, params: types.LoggingMessageNotificationParams) -> None:
        """Keeps a log message."""
        self.outcome["logs"].append(params.data)

    async def make(self, client: Client) -> None:
        """Makes the call."""
        with anyio.fail_after(30), anyio.CancelScope() as scope:

            async def told(progress: float, total: float | None, message: str | None) -> None:
                self.outcome["progress"].append(progress)
                if self.call["stop"]:
                    scope.cancel()

            result = await client.call_tool(self.call["tool"], self.call["arguments"], progress_callback=told)
            self.outcome["text"] = "\n".join(getattr(c, "text", c.type) for c in result.content)
            self.outcome["failed"] = result.is_error
        if scope.cancelled_caught:
            self.outcome["error"] = "cancelled"


async def main() -> None:
    """Makes all calls of the plan."""
    answerer = Answerer()
    headers = {"Authorization": f"Bearer {PLAN.get('key')}"}
    async with httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(30, read=300)) as http:
        client = Client(
            streamable_http_client(PLAN["url"], http_client=http),
            mode="legacy" if PLAN["era"] == "legacy" else "2026-07-28",
            cache=None,
            elicitation_callback=answerer.elicited,
            sampling_callback=answerer.sampled,
            list_roots_callback=answerer.listed,
            logging_callback=answerer.logged,
            log_level="debug",
        )
        async with client:
            if PLAN["era"] == "legacy" and client.server_capabilities.logging:
                await client.set_logging_level("debug")
            for call in PLAN["calls"]:
                answerer.begin(call)
                try:
                    await answerer.make(client)
                except Exception as error:  # whatever it is, the other calls are made
                    answerer.outcome["error"] = f"{type(error).__name__}: {error}"
                print(json.dumps(answerer.outcome), flush=True)


anyio.run(main)
