"""Makes tools and resources of functions."""

import collections.abc
import dataclasses
import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

from . import address, docs, say, source
from .hints import Maker, hints_of
from .shape import ANY, MISSING, SCALARS, Faults, Mapping, Member, Model, Object, Shape, Told, as_default

# Names of parameters that have a meaning: the first of a function that takes all arguments in one, and the context.
WHOLE = {"args", "arguments", "params", "parameters"}
CONTEXT = {"context", "ctx"}


class Wrong(ValueError):
    """Arguments or parameters that a handler does not take."""


def signature(function: Callable) -> inspect.Signature:
    """Returns the signature of a function. Since Python 3.14 annotations may name what is not there."""
    if sys.version_info < (3, 14):
        return inspect.signature(function)
    from annotationlib import Format

    return inspect.signature(function, annotation_format=Format.FORWARDREF)


def written(function: Callable) -> Callable:
    """Returns the function that somebody has written, of one that is bound, wrapped, or an object that can be called."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif inspect.ismethod(function):
            function = function.__func__
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        elif not inspect.isroutine(function) and inspect.isroutine(type(function).__call__) and not inspect.isclass(function):
            function = type(function).__call__
        else:
            return function


def place(function: Callable) -> tuple[str, int] | None:
    """Returns where the author has written a function, None if it is somebody else's."""
    code: Any = getattr(written(function), "__code__", None)
    name = say.place(code.co_filename) if code else None
    return (name, code.co_firstlineno) if name else None


class Handler:
    """A function of the author's: what it takes, and how it is called with that."""

    def __init__(self, name: str, function: Callable):
        self.name = name
        self.function = function
        self._written = written(function)
        self.is_async = any(map(inspect.iscoroutinefunction, (function, getattr(function, "__call__", None))))
        self.doc = docs.parse(self._written.__doc__)
        self.input: Object | Shape = ANY
        self.output: Shape | None = None
        self.wrapped = False  # the output is no object, and stands in a member result
        self.unknown = False  # it takes members that nothing tells of
        self._puzzles: set[str] = set()
        self._untyped: set[str] = set()
        self._positional: dict[str, Any] = {}  # parameters that are given without their names, with their defaults
        self._whole = ""  # the parameter that takes all arguments
        self._context = ""  # the parameter that takes the context
        self._read()

    def describe(self, texts: bool = False) -> None:
        """Says what was not understood. Texts tells that what has no type is a text anyway."""
        if self._untyped and not texts:
            names = ", ".join(sorted(self._untyped))
            self._puzzles.add(f"nothing tells the type of {names}: annotate parameters, or say it in the docstring")
        for puzzle in sorted(self._puzzles):
            say.notice(f"{self.name}: {puzzle}", place(self._written))

    def bind(self, arguments: dict, context: Any) -> tuple[list, dict]:
        """Returns what to call the function with. Raises Wrong if the arguments do not fit."""
        faults = Faults()
        values = self.input.read(arguments, "", faults)
        if faults.found:
            raise Wrong("; ".join(faults.found))
        if self._whole:
            values = {self._whole: values}
        if self._context:
            values[self._context] = context
        return [values.pop(name, default) for name, default in self._positional.items()], values

    def schema(self) -> dict:
        """Returns the input schema."""
        return root(self.input)

    def output_schema(self) -> dict | None:
        """Returns the output schema, None if the answer is a text or not known."""
        if self.output is None:
            return None
        shape = Object([Member("result", self.output, description=self.doc.returns[1])]) if self.wrapped else self.output
        out = root(shape)
        if not self.wrapped and self.doc.returns[1]:
            out["description"] = self.doc.returns[1]
        return out

    def _read(self) -> None:
        try:
            parameters = list(signature(self.function).parameters.values())
        except (TypeError, ValueError):  # it is not written in Python
            parameters = [inspect.Parameter("args", inspect.Parameter.POSITIONAL_ONLY)]
        self._positional = {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_ONLY}
        hints = hints_of(self._written)
        self._read_output(hints)
        parameters = self._without_context(parameters, hints)
        if self._takes_whole(parameters, hints):
            self._read_whole(parameters[0], hints)
        else:
            self._read_members(parameters, hints)

    def _without_context(self, parameters: list[inspect.Parameter], hints: dict) -> list[inspect.Parameter]:
        rest = []
        for parameter in parameters:
            hint = hints.get(parameter.name, MISSING)
            name = hint.rsplit(".", 1)[-1] if isinstance(hint, str) else getattr(hint, "__name__", "")
            meant = name == "Context" or (hint is MISSING and parameter.name.lstrip("_") in CONTEXT)
            if meant and not self._context:
                self._context = parameter.name
            else:
                rest.append(parameter)
        return rest

    def _takes_whole(self, parameters: list[inspect.Parameter], hints: dict) -> bool:
        """Reports whether the arguments come as one object: as args or params, and a further parameter is the context."""
        if not parameters or parameters[0].name.lstrip("_") not in WHOLE or len(parameters) > 2:
            return False
        first = parameters[0]
        if first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD):
            return False
        if len(parameters) == 2:
            second = parameters[1]
            if self._context or second.name in hints or second.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD):
                return False
            self._context = second.name
        hint = hints.get(first.name, MISSING)
        return hint is MISSING or isinstance(self._maker("").shape(hint), (Object, Mapping, Model))

    def _maker(self, what: str, answers: bool = False) -> Maker:
        def puzzled(annotation: Any) -> None:
            if what:
                self._puzzles.add(f"the type of {what} is not understood: {getattr(annotation, '__name__', annotation)}")

        return Maker(puzzled, answers)

    def _read_whole(self, parameter: inspect.Parameter, hints: dict) -> None:
        self._whole = parameter.name
        hint = hints.get(parameter.name, MISSING)
        shape = self._maker(parameter.name).shape(hint) if hint is not MISSING else ANY
        if isinstance(shape, (Object, Model)):
            self.input = shape
            return
        used = source.use(self._written, parameter.name)
        members = {name: Member(name, ANY, must, default=default) for name, (must, default) in used.members.items()}
        for name, (kind, text) in self.doc.parameters.items():
            if name == parameter.name or name == self._context:
                continue
            member = members.setdefault(name, Member(name, ANY, not docs.is_optional(kind)))
            member.description = text
            member.required = member.required and not docs.is_optional(kind)
            member.shape = self._from_doc(name, kind)
        self.unknown = used.whole and not members
        if self.unknown and hint is MISSING:
            self._puzzles.add(f"nothing tells what {parameter.name} has: name its members in the docstring, or take named parameters")
        self._untyped.update(name for name, member in members.items() if member.shape is ANY)
        self.input = Object(list(members.values()), rest=shape.item if isinstance(shape, Mapping) else ANY)

    def _from_doc(self, name: str, kind: str) -> Shape:
        annotation = docs.annotation(kind) if kind else MISSING
        return ANY if annotation is MISSING else self._maker(name).shape(annotation)

    def _read_members(self, parameters: list[inspect.Parameter], hints: dict) -> None:
        members, rest = [], None
        for p in parameters:
            if p.kind is p.VAR_POSITIONAL:
                self._puzzles.add(f"*{p.name} is never given anything")
            elif p.kind is p.VAR_KEYWORD:
                rest = self._maker(p.name).shape(hints[p.name]) if p.name in hints else ANY
            else:
                members.append(self._member(p, hints))
        self.input = Object(members, rest=rest)

    def _member(self, p: inspect.Parameter, hints: dict) -> Member:
        kind, text = self.doc.parameters.get(p.name, ("", ""))
        if p.name in hints:
            shape = self._maker(p.name).shape(hints[p.name])
        else:
            shape = self._from_doc(p.name, kind)
            if shape is ANY:
                shape = SCALARS.get(type(p.default), ANY) if p.default is not None and p.default is not p.empty else ANY
            if shape is ANY:
                self._untyped.add(p.name)
        if isinstance(shape, Told) and "description" in shape.more:
            text = ""  # the annotation stands nearer than the docstring
        return Member(p.name, shape, p.default is p.empty, text, as_default(p.default))

    def _read_output(self, hints: dict) -> None:
        hint = hints.get("return", MISSING)
        if hint is MISSING:
            hint = docs.annotation(self.doc.returns[0]) if self.doc.returns[0] else MISSING
        if hint in (MISSING, None, type(None), str, bytes):
            return
        shape = self._maker("the answer", answers=True).shape(awaited(hint))
        if shape is ANY:
            return
        self.output = shape
        while isinstance(shape, Told):
            shape = shape.shape
        self.wrapped = not isinstance(shape, (Object, Mapping, Model))


def awaited(hint: Any) -> Any:
    """Returns what comes of awaiting a value of that type."""
    if getattr(hint, "__origin__", None) in (collections.abc.Awaitable, collections.abc.Coroutine):
        return hint.__args__[-1]
    return hint


def root(shape: Shape) -> dict:
    """Returns a schema that stands for itself, as the schemas of tools do."""
    defs: dict = {}
    out = {"type": "object", **shape.schema(defs)}
    return {**out, "$defs": defs} if defs else out


@dataclasses.dataclass
class Tool:
    """A tool: its handler, and what its author said beside the function."""

    handler: Handler
    title: str = ""
    description: str | None = None
    input: dict | None = None
    output: dict | None = None
    annotations: dict | None = None

    def listed(self, structured: bool) -> dict:
        """Returns the tool as lists have it."""
        h = self.handler
        out: dict = {"name": h.name}
        if self.title:
            out["title"] = self.title
        if about := h.doc.text if self.description is None else self.description:
            out["description"] = about
        out["inputSchema"] = self.input or h.schema()
        output = self.output or h.output_schema()
        if output and structured:
            out["outputSchema"] = output
        if self.annotations:
            out["annotations"] = self.annotations
        return out


class Resource:
    """A resource, or a template of resources that differ in the handler's parameters."""

    def __init__(self, handler: Handler, uri: str = "", title: str = "", description: str | None = None, mime: str = ""):
        self.handler, self.title, self.description, self.mime = handler, title, description, mime
        names = [m.name for m in handler.input.members] if isinstance(handler.input, Object) else []
        self._packed = not uri and (handler.unknown or any(not address.VARIABLE.fullmatch(n) for n in names))
        self.address = address.Address(uri or address.of(handler.name, ["params"] if self._packed else names))
        if uri and not handler.unknown:
            self._check(uri, names)

    def _check(self, uri: str, names: list[str]) -> None:
        open_ = isinstance(self.handler.input, Object) and self.handler.input.rest is not None
        if strange := [v for v in self.address.variables if v not in names and not open_]:
            raise ValueError(f"the URI {uri} has {', '.join(strange)}, which the function does not take")
        must = [m.name for m in getattr(self.handler.input, "members", []) if m.required]
        if missing := [name for name in must if name not in self.address.variables]:
            raise ValueError(f"the URI {uri} does not have {', '.join(missing)}, which the function needs")

    def listed(self) -> dict:
        """Returns the resource, or the template, as lists have it."""
        out = {"uriTemplate" if self.address.variables else "uri": self.address.text, "name": self.handler.name}
        about = self.handler.doc.text if self.description is None else self.description
        for key, value in (("title", self.title), ("description", about), ("mimeType", self.mime)):
            if value:
                out[key] = value
        return out

    def parameters(self, uri: str) -> dict | None:
        """Returns the parameters that a URI has, None if it is another resource's. Raises Wrong if they are none."""
        found = self.address.match(uri)
        if found is None:
            return None
        if self._packed:
            return unpack(found.get("params", "{}"))
        members = {m.name: m for m in getattr(self.handler.input, "members", [])}
        return {name: typed(members[name].shape if name in members else ANY, text) for name, text in found.items()}


def unpack(text: str) -> dict:
    """Returns the parameters of a handler whose parameters nothing tells of: one JSON object."""
    from . import wire

    try:
        value = wire.parse(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Wrong("/params is no JSON object")
    return value


def typed(shape: Shape, text: str) -> Any:
    """Returns a text of a URI as the JSON value that the shape wants. What does not fit is for the shape to tell."""
    from . import wire

    wanted = Faults()
    shape.read(text, "", wanted)
    if not wanted.found:
        return text
    try:
        return wire.parse(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return text.split(",") if root(shape).get("type") == "array" else text
