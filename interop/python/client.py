"""The official Python SDK as a client: lists all that the servers of a plan have and uses it, through the gateway
where the plan names one, else directly. Prints PASS or FAIL for each check; the exit code is 1 if any failed.

    python client.py plan.json

The plan's era is "legacy" (sessions) or "modern" (stateless). What servers say outside of calls, log messages and that a resource
changed, is left to the legacy run: they log and watch by session.
"""

import json
import sys
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import mcp_types as types
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPDeprecationWarning

warnings.filterwarnings("ignore", category=MCPDeprecationWarning)  # the legacy era is what is tested

PLAN = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
FOLDER = Path(PLAN["folder"])
LEGACY = PLAN["era"] == "legacy"

failures = 0


async def check(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Runs one check, at most for half a minute, and prints how it went."""
    global failures
    try:
        with anyio.fail_after(30):
            await run()
        print(f"PASS  {name}", flush=True)
    except Exception as error:  # whatever it is, the other checks go on
        failures += 1
        print(f"FAIL  {name}: {type(error).__name__}: {error}", flush=True)


class Peer:
    """A connected client, with the notifications that came to it."""

    def __init__(self, client: Client, prefixed: bool, logs: list[Any], updated: list[str]):
        self.client = client
        self.prefixed = prefixed
        self.logs = logs
        self.updated = updated

    def name(self, server: str, name: str) -> str:
        """The name of a tool or prompt of the server, as this client knows it."""
        return f"{server}.{name}" if self.prefixed else name

    async def call(self, server: str, tool: str, arguments: dict[str, Any], **options: Any) -> str:
        """Calls a tool and returns the text of its answer."""
        result = await self.client.call_tool(self.name(server, tool), arguments, **options)
        text = "\n".join(getattr(c, "text", f"[{c.type}]") for c in result.content)
        expect(not result.is_error, f"{tool} failed: {text}")
        return text


def expect(ok: bool, message: str) -> None:
    """Raises with the message if something does not hold."""
    if not ok:
        raise AssertionError(message)


def equal(got: Any, want: Any) -> None:
    """Raises unless both are the same."""
    expect(got == want, f"got {got!r}, want {want!r}")


async def elicit(context: Any, params: Any) -> types.ElicitResult:
    """Answers a server that asks the user something."""
    return types.ElicitResult(action="accept", content={"name": "Ada Lovelace", "check": True, "integer": 7})


async def sample(context: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
    """Answers a server that asks the model something."""
    text = params.messages[0].content.text
    answer = types.TextContent(type="text", text=f"I heard: {text}")
    return types.CreateMessageResult(role="assistant", model="parrot", content=answer)


async def roots(context: Any) -> types.ListRootsResult:
    """Answers a server that asks for the roots."""
    return types.ListRootsResult(roots=[types.Root(uri=FOLDER.as_uri(), name="work")])


@asynccontextmanager
async def connect(to: dict[str, Any], mode: str, prefixed: bool = False) -> AsyncIterator[Peer]:
    """Connects to a server or the gateway."""
    logs: list[Any] = []
    updated: list[str] = []

    async def log(params: types.LoggingMessageNotificationParams) -> None:
        logs.append(params.data)

    async def message(message: Any) -> None:
        if isinstance(message, types.ResourceUpdatedNotification):
            updated.append(str(message.params.uri))

    async with AsyncExitStack() as stack:
        if to.get("url", "").endswith("/sse"):
            transport = sse_client(to["url"], headers={"Authorization": f"Bearer {to['key']}"})
        elif "url" in to:
            headers = {"Authorization": f"Bearer {to['key']}"} if "key" in to else {}
            timeout = httpx2.Timeout(30, read=300)
            http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=timeout))
            transport = streamable_http_client(to["url"], http_client=http)
        else:
            server = StdioServerParameters(command=to["command"], args=to["args"])
            transport = stdio_client(server, errlog=stack.enter_context(open("/dev/null", "w")))
        client = Client(
            transport,
            mode=mode,
            cache=None,
            elicitation_callback=elicit,
            sampling_callback=sample,
            list_roots_callback=roots,
            logging_callback=log,
            message_handler=message,
        )
        await stack.enter_async_context(client)
        yield Peer(client, prefixed, logs, updated)


async def listed(kind: str, peer: Peer, server: str = "") -> dict[str, dict[str, Any]]:
    """The items of one kind by name or URI, as the server describes them but for its own `_meta`."""
    client = peer.client
    page, capability, field, key = {
        "tools": (client.list_tools, "tools", "tools", "name"),
        "prompts": (client.list_prompts, "prompts", "prompts", "name"),
        "resources": (client.list_resources, "resources", "resources", "uri"),
        "templates": (client.list_resource_templates, "resources", "resource_templates", "uriTemplate"),
    }[kind]
    items: dict[str, dict[str, Any]] = {}
    if getattr(client.server_capabilities, capability) is None:
        return items
    cursor = None
    while True:
        result = await page(cursor=cursor)
        for model in getattr(result, field):
            item = model.model_dump(by_alias=True, mode="json", exclude_unset=True)
            item.pop("_meta", None)
            if not LEGACY:
                item.pop("execution", None)  # the modern era does not have it
            if server and key == "name":
                item["name"] = f"{server}.{item['name']}"
            expect(item[key] not in items, f"{item[key]} is listed twice")
            items[item[key]] = item
        cursor = result.next_cursor
        if cursor is None:
            return items


async def compare_lists(gateway: Peer, servers: dict[str, Peer]) -> None:
    """Wants every item of every server on the gateway's lists, unchanged but for its name.

    The gateway may list more tools: a server shows some only to clients that can do more than this one.
    """
    for kind in ("tools", "prompts", "resources", "templates"):

        async def same(kind: str = kind) -> None:
            want: dict[str, dict[str, Any]] = {}
            for server, peer in servers.items():
                for key, item in (await listed(kind, peer, server)).items():
                    want.setdefault(key, item)  # what stands first keeps a URI that several servers have
            got = await listed(kind, gateway)
            equal(sorted(want.keys() - got.keys()), [])
            for key, item in want.items():
                equal(got[key], item)
            print(f"      {len(got)} {kind}")

        await check(f"gateway: lists all {kind} of all servers unchanged", same)


async def until(what: str, there: Callable[[], bool]) -> None:
    """Waits until there is something."""
    end = time.monotonic() + 15
    while not there():
        expect(time.monotonic() < end, f"no {what} came")
        await anyio.sleep(0.05)


class Everything:
    """Uses the reference server that has one of everything. Each method is a check, named by its first line."""

    def __init__(self, server: str, peer: Peer):
        self.server, self.peer, self.client = server, peer, peer.client

    async def call(self, tool: str, **arguments: Any) -> str:
        return await self.peer.call(self.server, tool, arguments)

    async def echo(self) -> None:
        """calls echo"""
        equal(await self.call("echo", message="안녕 <&> 🚪"), "Echo: 안녕 <&> 🚪")

    async def get_sum(self) -> None:
        """calls get-sum"""
        expect("42" in await self.call("get-sum", a=19, b=23), "no sum")

    async def structured(self) -> None:
        """calls get-structured-content"""
        name = self.peer.name(self.server, "get-structured-content")
        result = await self.client.call_tool(name, {"location": "Chicago"})
        expect("temperature" in (result.structured_content or {}), f"structured content: {result.structured_content}")

    async def image(self) -> None:
        """calls get-tiny-image"""
        expect("[image]" in await self.call("get-tiny-image"), "no image")

    async def unknown(self) -> None:
        """refuses a tool that is not there"""
        try:
            await self.call("no-such-tool")
        except (MCPError, AssertionError):
            return
        raise AssertionError("an answer came")

    async def progress(self) -> None:
        """is told of the progress of a long operation"""
        seen: list[float] = []

        async def told(progress: float, total: float | None, message: str | None) -> None:
            seen.append(progress)

        arguments = {"duration": 1, "steps": 5}
        await self.peer.call(self.server, "trigger-long-running-operation", arguments, progress_callback=told)
        # The SDK may drop the last one when the answer comes right behind it.
        equal(seen[:4], [1, 2, 3, 4])

    async def cancel(self) -> None:
        """cancels a long operation"""
        with anyio.move_on_after(0.5) as scope:
            await self.call("trigger-long-running-operation", duration=60, steps=200)
        expect(scope.cancelled_caught, "it was not cancelled")
        equal(await self.call("echo", message="still here"), "Echo: still here")

    async def resource(self) -> None:
        """reads a resource of a template"""
        result = await self.client.read_resource("demo://resource/dynamic/text/7")
        expect(result.contents[0].text.startswith("Resource 7: "), f"contents: {result.contents}")

    async def prompt(self) -> None:
        """gets a prompt"""
        result = await self.client.get_prompt(self.peer.name(self.server, "args-prompt"), {"city": "Suwon"})
        equal(result.messages[0].content.text, "What's weather in Suwon?")

    async def complete_prompt(self) -> None:
        """completes an argument of a prompt"""
        ref = types.PromptReference(type="ref/prompt", name=self.peer.name(self.server, "completable-prompt"))
        result = await self.client.complete(ref, {"name": "name", "value": "A"}, {"department": "Engineering"})
        equal(result.completion.values, ["Alice"])

    async def complete_template(self) -> None:
        """completes an argument of a resource template"""
        uri = "demo://resource/dynamic/text/{resourceId}"
        ref = types.ResourceTemplateReference(type="ref/resource", uri=uri)
        result = await self.client.complete(ref, {"name": "resourceId", "value": "12"})
        equal(result.completion.values, ["12"])

    async def elicitation(self) -> None:
        """answers an elicitation"""
        expect("Ada Lovelace" in await self.call("trigger-elicitation-request"), "the answer did not arrive")

    async def sampling(self) -> None:
        """answers a sampling request"""
        text = await self.call("trigger-sampling-request", prompt="knock", maxTokens=10)
        expect("I heard: " in text and "knock" in text, f"the answer did not arrive: {text}")

    async def roots(self) -> None:
        """tells its roots"""
        expect(FOLDER.as_uri() in await self.call("get-roots-list"), "the roots did not arrive")

    async def logging(self) -> None:
        """receives log messages"""
        await self.client.set_logging_level("debug")
        self.peer.logs.clear()
        await self.call("toggle-simulated-logging")
        said = ("-level message", "level-message")
        await until("log message", lambda: any(s in str(data) for data in self.peer.logs for s in said))
        await self.call("toggle-simulated-logging")

    async def subscription(self) -> None:
        """is told that a resource changed"""
        uri = "demo://resource/dynamic/text/3"
        await self.client.subscribe_resource(uri)
        await self.call("toggle-subscriber-updates")
        await until("update", lambda: uri in self.peer.updated)
        await self.call("toggle-subscriber-updates")
        await self.client.unsubscribe_resource(uri)


ALWAYS = [
    Everything.echo,
    Everything.get_sum,
    Everything.structured,
    Everything.image,
    Everything.unknown,
    Everything.progress,
    Everything.cancel,
    Everything.resource,
    Everything.prompt,
    Everything.complete_prompt,
    Everything.complete_template,
    Everything.elicitation,
    Everything.sampling,
    Everything.roots,
]


class Files:
    """Uses the reference server for files. Each method is a check, named by its first line."""

    def __init__(self, server: str, peer: Peer):
        self.server, self.peer = server, peer

    async def call(self, tool: str, **arguments: Any) -> str:
        return await self.peer.call(self.server, tool, arguments)

    async def folder(self) -> None:
        """lists a folder"""
        expect("[FILE] hello.txt" in await self.call("list_directory", path=str(FOLDER)), "hello.txt is missing")

    async def read(self) -> None:
        """reads a file"""
        file = FOLDER / "hello.txt"
        equal(await self.call("read_text_file", path=str(file)), file.read_text(encoding="utf-8"))

    async def write(self) -> None:
        """writes a file"""
        file = FOLDER / "python.txt"
        await self.call("write_file", path=str(file), content="두 줄\nof text\n")
        equal(file.read_text(encoding="utf-8"), "두 줄\nof text\n")

    async def escape(self) -> None:
        """may not leave the folder"""
        try:
            await self.call("read_text_file", path="/etc/passwd")
        except (MCPError, AssertionError) as error:
            expect("denied" in str(error), f"refused for another reason: {error}")
            return
        raise AssertionError("an answer came")


async def main() -> int:
    """Connects, runs all checks, and returns the exit code."""
    async with AsyncExitStack() as stack:
        servers = {name: await stack.enter_async_context(connect(to, "legacy")) for name, to in PLAN["servers"].items()}
        gateway = None
        if "gateway" in PLAN:
            mode = "legacy" if LEGACY else "auto"
            gateway = await stack.enter_async_context(connect(PLAN["gateway"], mode, prefixed=True))
            print(f"      the gateway speaks {gateway.client.protocol_version}")
            await compare_lists(gateway, servers)
        subscribed = False
        for name, own in servers.items():
            peer = gateway or own
            if name == "files":
                checks = [Files.folder, Files.read, Files.write, Files.escape]
                room: Any = Files(name, peer)
            else:
                checks = ALWAYS + ([Everything.logging] if LEGACY else [])
                if LEGACY and not (gateway and subscribed):  # a URI that two servers have belongs to the first
                    checks = [*checks, Everything.subscription]
                    subscribed = True
                room = Everything(name, peer)
            for method in checks:
                await check(f"{name}: {method.__doc__}", lambda m=method, r=room: m(r))
    return 1 if failures else 0


sys.exit(anyio.run(main))
