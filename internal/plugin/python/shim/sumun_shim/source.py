"""What a function does with the one argument that holds all others: which members it takes out of it."""

import ast
import dataclasses
import functools
import linecache
import warnings
from collections.abc import Callable
from typing import Any

from .shape import MISSING, as_default


@functools.lru_cache(maxsize=8)
def tree(text: str | bytes, filename: str = "<unknown>", mode: str = "exec") -> Any:
    """Returns the syntax tree of a text, without the warnings that running it gives."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text, filename, mode)


@dataclasses.dataclass
class Use:
    """What is known of the members of an argument."""

    members: dict[str, tuple[bool, Any]]  # by name: whether it must be there, what is taken instead
    whole: bool  # it is also used in ways that do not tell which members are meant


def use(function: Callable, parameter: str) -> Use:
    """Returns how a function uses a parameter."""
    node = definition(function)
    if node is None:
        return Use({}, True)
    body = node.body if isinstance(node.body, list) else [node.body]
    look = _Look(parameter)
    for statement in body:
        look.visit(statement)
    members = {name: (name not in look.optional, look.optional.get(name, MISSING)) for name in look.order}
    return Use(members, look.whole)


def definition(function: Callable) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | None:
    """Returns the syntax tree of a function, None if its source is not known."""
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    text = "".join(linecache.getlines(code.co_filename, getattr(function, "__globals__", None)))
    try:
        whole = tree(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    names = list(code.co_varnames[: code.co_argcount])
    for node in ast.walk(whole):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
            if first == code.co_firstlineno and [a.arg for a in node.args.posonlyargs + node.args.args] == names:
                return node
    return None


class _Look(ast.NodeVisitor):
    def __init__(self, parameter: str):
        self.parameter = parameter
        self.order: dict[str, None] = {}
        self.optional: dict[str, Any] = {}
        self.whole = False

    def _is_it(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id == self.parameter

    def _member(self, node: ast.AST) -> str | None:
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None

    def visit_Subscript(self, node: ast.Subscript) -> None:
        name = self._member(node.slice)
        if not self._is_it(node.value) or name is None:
            return self.generic_visit(node)
        self.order[name] = None
        if not isinstance(node.ctx, ast.Load):
            self.optional.setdefault(name, MISSING)

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        name = self._member(node.args[0]) if node.args else None
        if not isinstance(function, ast.Attribute) or not self._is_it(function.value) or name is None:
            return self.generic_visit(node)
        self.order[name] = None
        if function.attr in ("get", "setdefault") or len(node.args) > 1:
            default = MISSING
            if len(node.args) > 1 and isinstance(node.args[1], ast.Constant) and node.args[1].value is not None:
                default = as_default(node.args[1].value)
            self.optional[name] = default
        for rest in node.args[1:]:
            self.visit(rest)

    def visit_Compare(self, node: ast.Compare) -> None:
        name = self._member(node.left)
        if name is None or len(node.ops) != 1 or not isinstance(node.ops[0], (ast.In, ast.NotIn)) or not self._is_it(node.comparators[0]):
            return self.generic_visit(node)
        self.order[name] = None
        self.optional.setdefault(name, MISSING)

    def visit_Name(self, node: ast.Name) -> None:
        self.whole = self.whole or self._is_it(node)
