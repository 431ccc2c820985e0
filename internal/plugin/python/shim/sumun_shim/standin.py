"""A module mcp that has our McpServer, and is the installed package mcp in all other respects."""

import importlib.machinery
import importlib.util
import sys
import types
from typing import Any

from . import server

NAME = "mcp"
OURS = {"McpServer": server.McpServer}
# These too, unless the installed package has them.
HELPERS = {"tool": server.tool, "resource": server.resource}


class Finder:
    """Finds the module mcp. The installed package is only run when something of it is asked for."""

    def __init__(self, plugin: str):
        self._plugin = plugin  # may itself be called mcp.py
        self.package: Package | None = None

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name == NAME:
            self.package = Package(self._installed())
            return importlib.util.spec_from_loader(name, self.package, is_package=True)
        if name.startswith(NAME + ".") and self.package is not None:
            self.package.run()
        return None

    def _installed(self) -> Any:
        spec = importlib.machinery.PathFinder.find_spec(NAME)
        return None if spec is None or spec.loader is None or spec.origin == self._plugin else spec


class Package:
    """Loads the stand-in, and the installed package into it."""

    def __init__(self, installed: Any):
        self._installed = installed
        self._module: Any = None
        self._run = False

    def create_module(self, spec: Any) -> types.ModuleType:
        self._module = _StandIn(NAME)
        self._module._package = self
        return self._module

    def exec_module(self, module: types.ModuleType) -> None:
        module.__dict__.update(OURS)
        module.__path__ = []
        if self._installed is not None:
            module.__file__ = self._installed.origin
            module.__path__ = self._installed.submodule_search_locations or []

    def run(self) -> None:
        """Runs the installed package in the stand-in, once."""
        if self._run or self._installed is None:
            return
        self._run = True
        try:
            self._installed.loader.exec_module(self._module)
        except BaseException:
            self._run = False
            raise
        self._module.__dict__.update(OURS)


class _StandIn(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        package = self.__dict__.get("_package")
        if package is None or name.startswith("__"):
            raise AttributeError(f"module {NAME!r} has no attribute {name!r}")
        package.run()
        if name in self.__dict__:
            return self.__dict__[name]
        if name in HELPERS:
            return HELPERS[name]
        where = "" if package._installed is not None else "; the package mcp is not installed, put it into requirements.txt"
        raise AttributeError(f"module {NAME!r} has no attribute {name!r}{where}")


def install(plugin: str) -> None:
    """Makes the stand-in what import mcp finds."""
    sys.meta_path.insert(0, Finder(plugin))
