"""Runs the author's file, and serves what it offers."""

import ast
import inspect
import io
import sys
import types
from typing import Any

from . import handler, say, server, source, standin
from .program import Program, leave
from .server import OFFER

FAULT = 3  # the exit code of a plugin that could not be loaded


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
        leave(130)
    except BaseException as error:
        if (program.served and OFFER.session is not None) or program.handed_over:
            raise  # it was loaded, and ends now, in the way its author has chosen
        if isinstance(error, SystemExit):
            error = RuntimeError("the file ends the program while it is loaded").with_traceback(error.__traceback__)
        say.write(say.fault(error, origin))
        leave(FAULT)
    if OFFER.session is not None and not OFFER.session.drain(0):
        leave(0)  # a handler does not end


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
    OFFER.module = sys.modules[code_name] = module
    exec(compile(data, origin, "exec", dont_inherit=True), module.__dict__)
    return module


def _decode(data: bytes, origin: str) -> str:
    import tokenize

    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return io.TextIOWrapper(io.BytesIO(data), encoding, errors="replace").read()


def imports_server(data: bytes, origin: str) -> bool:
    """Reports whether a file imports mcp or fastmcp."""
    for node in ast.walk(source.tree(data, origin)):
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
        if (names is None and name.startswith("_")) or (names is not None and name not in names):
            continue
        if not is_function(value) or value.__module__ != module.__name__ or OFFER.has(value):
            continue
        if why := unfit(name, value, names is not None):
            say.notice(f"the function {name} is not offered as a tool: {why}", handler.place(value))
        else:
            OFFER.add("tool", name, value, {})


def unfit(name: str, function: Any, named: bool) -> str:
    """Returns why a public function is no tool, "" if it is one. Named tells that its author lists it in __all__."""
    if name == "main" and not named:
        return "it looks like that of a script; list it in __all__ if it is one"
    if not server.NAME.fullmatch(name):
        return 'a tool has a name in ASCII; write @tool("NAME") before it, from mcp import tool'
    if inspect.isasyncgenfunction(function):
        return "it yields instead of returning"
    return ""


def is_function(value: Any) -> bool:
    """Reports whether a value is a function, also one that a decorator such as functools.cache has wrapped."""
    return isinstance(value, types.FunctionType) or (hasattr(value, "__wrapped__") and callable(value) and not inspect.isclass(value))
