"""What a plugin offers, and the McpServer with which its author says so."""

import collections.abc
import inspect
import re
from collections.abc import Callable
from typing import Any

from . import say, wire
from .handler import Handler, Resource, Tool

NAME = re.compile(r"[A-Za-z0-9_.\-/]{1,128}")

# What authors may say of a tool or resource beside its function, by all the names it goes by.
OPTIONS = {
    "inputSchema": "input_schema",
    "outputSchema": "output_schema",
    "mimeType": "mime_type",
    "schema": "input_schema",
}
TOOL = {"title", "description", "input_schema", "output_schema", "annotations"}
RESOURCE = {"title", "description", "uri", "mime_type"}


class Offer:
    """All tools and resources of the plugin. There is one."""

    def __init__(self) -> None:
        self.name = "plugin"
        self.version = ""
        self.title = ""
        self.instructions = ""
        self.tools: dict[str, Tool] = {}
        self.resources: dict[str, Resource] = {}
        self.servers = 0  # how many McpServers the author has made
        self.session: Any = None
        self.module: Any = None  # the author's file
        self._pending: list[Callable[[], None]] = []  # annotations may name what the file defines further below
        self._names: set[tuple[str, str]] = set()
        self._functions: set[int] = set()

    def info(self) -> dict:
        """Returns what is told of the plugin itself."""
        out = {"name": self.name, "version": self.version}
        return {**out, "title": self.title} if self.title else out

    def has(self, function: Any) -> bool:
        """Reports whether a function is a tool or resource already."""
        return id(function) in self._functions

    def add(self, what: str, name: Any, function: Any, options: dict) -> None:
        """Adds a tool or resource. What is wrong with it is an error at the place where its author says it."""
        if what == "resource" and isinstance(name, str) and ":" in name:
            options, name = {"uri": name, **options}, getattr(function, "__name__", "resource")
        name = getattr(function, "__name__", "") if name is None else name
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a {what}: letters, digits and _ . - / of ASCII, at most 128")
        if not callable(function):
            raise TypeError(f"{what} {name} is no function: {function!r}")
        if (what, name) in self._names:
            raise ValueError(f"there are two {what}s of the name {name}")
        options = _options(what, name, options)
        self._names.add((what, name))
        self._functions.add(id(function))
        make = self._tool if what == "tool" else self._resource
        if self.session is None:
            where = say.caller()
            self._pending.append(lambda: make(name, function, options, where))
            return
        make(name, function, options, say.caller())
        self.session.changed(what + "s")

    def describe(self) -> None:
        """Takes from the author's file what has not been said otherwise: its version, and its docstring."""
        self.version = self.version or str(getattr(self.module, "__version__", "") or "0")
        self.instructions = self.instructions or inspect.cleandoc(getattr(self.module, "__doc__", None) or "")

    def complete(self) -> None:
        """Makes the tools and resources that have been added, now that all names are defined."""
        pending, self._pending = self._pending, []
        for make in pending:
            make()

    def find(self, uri: str) -> tuple[Resource | None, dict]:
        """Returns the resource of a URI with its parameters, the most specific one first. Raises Wrong."""
        for resource in sorted(self.resources.values(), key=lambda r: (len(r.address.variables) > 0, -len(r.address.text))):
            parameters = resource.parameters(uri)
            if parameters is not None:
                return resource, parameters
        return None, {}

    def _tool(self, name: str, function: Callable, options: dict, where: Any) -> None:
        handler = Handler(name, function)
        tool = Tool(handler, options.get("title", ""), options.get("description"), options.get("input_schema"),
                    options.get("output_schema"), options.get("annotations"))  # fmt: skip
        if tool.input is None:
            handler.describe()
        self.tools[name] = tool

    def _resource(self, name: str, function: Callable, options: dict, where: Any) -> None:
        handler = Handler(name, function)
        handler.describe(texts=True)
        try:
            resource = Resource(
                handler, options.get("uri", ""), options.get("title", ""), options.get("description"), options.get("mime_type", "")
            )
        except ValueError as error:
            raise say.Misplaced(f"ValueError: resource {name}: {error}", where) from None
        self.resources[name] = resource


def _options(what: str, name: str, options: dict) -> dict:
    """Returns the options of a tool or resource under one name each."""
    known = TOOL if what == "tool" else RESOURCE
    out = {}
    for key, value in options.items():
        key = OPTIONS.get(key, key)
        if key not in known:
            raise TypeError(f"{what} {name} has no option {key}; there are {', '.join(sorted(known))}")
        text = key in ("title", "description", "uri", "mime_type")
        if value is None:
            continue
        if not isinstance(value, str if text else dict):
            raise TypeError(f"{key} of {what} {name} is a {'text' if text else 'dict'}, not {value!r}")
        if key.endswith("_schema") and value.get("type") != "object":
            raise ValueError(f'{key} of {what} {name} does not have "type": "object"')
        wire.encode(value)
        out[key] = value
    return out


OFFER = Offer()


def _register(what: str, name: Any, function: Any, options: dict) -> Any:
    """Serves all forms: decorators with and without a name, and plain calls."""
    if function is None and callable(name):
        OFFER.add(what, None, name, options)
        return name
    if function is not None:
        OFFER.add(what, name, function, options)
        return function

    def decorate(decorated: Callable) -> Callable:
        OFFER.add(what, name, decorated, options)
        return decorated

    return decorate


def tool(name: Any = None, function: Any = None, **options: Any) -> Any:
    """Makes a tool of a function: @tool, @tool('name'), or tool('name', function)."""
    return _register("tool", name, function, options)


def resource(name: Any = None, function: Any = None, **options: Any) -> Any:
    """Makes a resource of a function: @resource, @resource('name'), or resource('name', function)."""
    return _register("resource", name, function, options)


class Served(collections.abc.Coroutine):
    """What start returns: it may be awaited or not."""

    def __init__(self, over: Any = None):
        self._steps = iter(()) if over is None else over.__await__()

    def __await__(self) -> Any:
        return self._steps

    def send(self, value: Any) -> Any:
        return next(self._steps)

    def throw(self, *args: Any) -> Any:
        raise args[0] if len(args) == 1 else args[1] or args[0]

    def close(self) -> None:
        pass


class McpServer:
    """A server in the style of the guide. It listens nowhere: the gateway does, and hands calls over."""

    def __init__(self, *args: Any, **options: Any):
        OFFER.servers += 1
        if args and isinstance(args[0], str):
            options = {"name": args[0], **options}
        for name in ("name", "version", "title", "instructions"):
            if isinstance(options.get(name), str):
                setattr(OFFER, name, options.pop(name))
        without = [name for name in options if options[name] is not None]
        if without:
            text = f"McpServer's {_enumerate(without)} {'has' if len(without) == 1 else 'have'} no effect in a plugin"
            say.notice(f"{text}: the gateway listens, on the port and with the keys of mcp.yaml", say.caller())

    def tool(self, name: Any = None, function: Any = None, **options: Any) -> Any:
        """Makes a tool of a function, as a decorator or at once."""
        return _register("tool", name, function, options)

    def resource(self, name: Any = None, function: Any = None, **options: Any) -> Any:
        """Makes a resource of a function, as a decorator or at once."""
        return _register("resource", name, function, options)

    register_tool = registerTool = tool
    register_resource = registerResource = resource

    def define_scope(self, name: Any = None, names: Any = None, *args: Any, **options: Any) -> None:
        """Does nothing: a plugin cannot say who may use it."""
        entries = ", ".join(map(str, names)) if isinstance(names, (list, tuple, set)) else names
        say.notice(f"the scope {name} is not defined: write it in mcp.yaml, scopes: {{{name}: [{entries}]}}", say.caller())

    defineScope = define_scope

    def start(self, *args: Any, **options: Any) -> Served:
        """Answers calls until the gateway has no more. In an event loop the answer is awaited."""
        return START(*args)


def _enumerate(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _not_yet(*args: Any) -> Served:
    raise RuntimeError("there is nothing to start")


START: Callable[..., Served] = _not_yet
