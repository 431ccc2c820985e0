"""Runs the author's file, and serves what it offers."""

import ast
import functools
import inspect
import io
import os
import sys
import threading
import types
from typing import Any

from . import say, server, standin
from .crew import Crew
from .server import OFFER, Served
from .session import Session
from .wire import Wire

FAULT = 3  # the exit code of a plugin that could not be loaded
GRACE = 3.0  # seconds for calls that still run when the gateway has no more


class Program:
    """This process: its pipes, and whoever speaks on them."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.served = False  # we have spoken
        self.handed_over = False  # the author's own server speaks
        self._crew = Crew()
        self._source, self._sink = os.dup(0), os.dup(1)
        os.set_blocking(self._sink, True)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)  # what the author prints, and what the author's programs print
        sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), "utf-8", "backslashreplace", line_buffering=True, write_through=True)
        sys.stdin = _Stdin(self)

    def hand_over(self) -> io.TextIOBase:
        """Gives the pipes to the author's own server, and returns its standard input."""
        if self.served:
            return open(os.devnull, encoding="utf-8")
        self.handed_over = True
        os.set_inheritable(self._source, False)
        if any(name in sys.modules for name in ("mcp.server.stdio", "fastmcp")):
            # It takes the buffers of both streams. What is printed still goes elsewhere.
            sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(self._source, "r")), "utf-8")
            sys.stdout = _Stdout(self._sink)
            return sys.stdin
        os.dup2(self._source, 0)
        os.dup2(self._sink, 1)
        sys.stdin = open(0, encoding="utf-8", closefd=False)
        return sys.stdin

    def start(self, *args: Any) -> Served:
        """Serves until no more can come. In an event loop it does so beside it."""
        if self.handed_over or self.served:
            return Served()
        self.served = True
        sys.stdin = open(os.devnull, encoding="utf-8")
        OFFER.describe(sys.modules.get("__main__") if OFFER.servers else sys.modules.get("sumun_plugin"))
        OFFER.complete()
        if not OFFER.tools and not OFFER.resources:
            raise ValueError("there is nothing to offer: no tool, no resource, and no public function")
        loop = _running_loop()
        over = threading.Event()
        if loop is None:
            self._listen(over)
            over.wait()
            return Served()
        self._crew.adopt(loop)
        future = loop.create_future()
        self._listen(over, lambda: loop.call_soon_threadsafe(lambda: future.done() or future.set_result(None)))
        return Served(future)

    def _listen(self, over: threading.Event, then: Any = None) -> None:
        wire = Wire(self._source, self._sink, over.set)
        session = OFFER.session = Session(OFFER, wire.send, self._crew)

        def read() -> None:
            try:
                for line in wire.lines():
                    try:
                        session.receive(line)
                    except Exception as error:  # a bug of ours must not end the others' calls
                        say.failed("a message was not understood", error)
                session.drain(GRACE)
            except OSError:
                pass  # the pipe is gone
            over.set()
            if then is not None:
                then()

        threading.Thread(target=read, daemon=True, name="reader").start()


class _Stdin(io.TextIOBase):
    """Standard input until somebody reads it, who then speaks the protocol instead of us."""

    def __init__(self, program: Program):
        self._program = program

    def readable(self) -> bool:
        return True

    @property
    def buffer(self) -> Any:
        return self._program.hand_over().buffer

    def fileno(self) -> int:
        return self._program.hand_over().fileno()

    def read(self, size: int | None = -1) -> str:
        return self._program.hand_over().read(size)

    def readline(self, size: int = -1) -> str:
        return self._program.hand_over().readline(size)

    def __next__(self) -> str:
        return next(self._program.hand_over())


class _Stdout(io.TextIOWrapper):
    """Standard output whose buffer is the protocol's, while what is printed goes to standard error."""

    def __init__(self, sink: int):
        super().__init__(io.FileIO(1, "w", closefd=False), "utf-8", "backslashreplace", line_buffering=True, write_through=True)
        self._wire = io.BufferedWriter(io.FileIO(sink, "w", closefd=False))

    @property
    def buffer(self) -> Any:
        return self._wire


def _running_loop() -> Any:
    asyncio = sys.modules.get("asyncio")
    return asyncio._get_running_loop() if asyncio else None


def main(args: list[str]) -> None:
    """Runs the plugin. See start.py for the arguments."""
    name, path, origin = args[:3]
    root = args[3] if len(args) > 3 else None
    OFFER.name = name
    say.moved(path, origin)
    if root is not None:
        say.moved(root, origin[: len(origin) - len(path) + len(root)])
        sys.path.insert(0, root)
    sys.argv = [origin]
    program = Program(origin)
    server.START = program.start
    standin.install(path)
    try:
        serve(program, path, origin)
    except KeyboardInterrupt:
        _exit(130)
    except BaseException as error:
        if program.served and OFFER.session is not None or program.handed_over:
            raise  # it was loaded, and ends now, in the way its author has chosen
        if isinstance(error, SystemExit):
            error = RuntimeError("the file ends the program while it is loaded").with_traceback(error.__traceback__)
        say.write(say.fault(error, origin))
        _exit(FAULT)
    if OFFER.session is not None and not OFFER.session.drain(0):
        _exit(0)  # a handler does not end


def serve(program: Program, path: str, origin: str) -> None:
    """Runs the file and serves, unless the file has done that itself."""
    module = run(path, origin)
    if program.served or program.handed_over:
        return
    if not OFFER.servers and (own := own_server(module)) is not None:
        own.run()
        return
    if not OFFER.servers:
        offer_functions(module)
    program.start()


def run(path: str, origin: str) -> types.ModuleType:
    """Runs the file. It is __main__ if it makes a server of its own, which often stands behind that condition."""
    with open(path, "rb") as file:
        data = file.read()
    code_name = "__main__" if imports_server(data, origin) else "sumun_plugin"
    text = _decode(data, origin)
    say.remember(origin, text)
    module = types.ModuleType(code_name)
    module.__file__ = path
    sys.modules[code_name] = module
    exec(compile(data, origin, "exec", dont_inherit=True), module.__dict__)
    return module


def _decode(data: bytes, origin: str) -> str:
    import tokenize

    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return io.TextIOWrapper(io.BytesIO(data), encoding, errors="replace").read()


def imports_server(data: bytes, origin: str) -> bool:
    """Reports whether a file imports mcp or fastmcp."""
    for node in ast.walk(ast.parse(data, origin)):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        if any(name.partition(".")[0] in ("mcp", "fastmcp") for name in names):
            return True
    return False


def own_server(module: types.ModuleType) -> Any:
    """Returns a server of the official package that the file has made and not run."""
    for value in module.__dict__.values():
        kind = type(value)
        if kind.__module__.partition(".")[0] in ("mcp", "fastmcp") and kind.__name__ in ("FastMCP", "MCPServer") and hasattr(value, "run"):
            return value
    return None


def offer_functions(module: types.ModuleType) -> None:
    """Makes tools of the public functions that the file itself defines."""
    names = getattr(module, "__all__", None)
    for name, value in list(module.__dict__.items()):
        if names is None and name.startswith("_") or names is not None and name not in names:
            continue
        if not is_function(value) or value.__module__ != module.__name__ or OFFER.has(value):
            continue
        if names is None and name == "main":
            say.notice(f"{OFFER.name}: the function main is not offered as a tool; name it in __all__ if it is one")
        elif inspect.isasyncgenfunction(value):
            say.notice(f"{OFFER.name}: {name} is not offered as a tool: it yields instead of returning")
        else:
            OFFER.add("tool", name, value, {})


def is_function(value: Any) -> bool:
    """Reports whether a value is a function, also one that a decorator such as functools.cache has wrapped."""
    return isinstance(value, (types.FunctionType, functools.partial)) or hasattr(value, "__wrapped__") and callable(value) and not inspect.isclass(value)


def _exit(code: int) -> None:
    """Ends the process although threads may run."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass
    os._exit(code)
