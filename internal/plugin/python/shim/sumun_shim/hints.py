"""Annotations: the shapes of what authors write there, and what classes say of their fields."""

import collections.abc
import dataclasses
import enum
import inspect
import sys
import types
import typing
from collections.abc import Callable
from typing import Any, Union

from .shape import ANY, MISSING, Array, Choice, Either, Mapping, Member, Model, Object, Shape, Told, Tuple, as_default, is_plain, scalar


class Maker:
    """Makes shapes of annotations."""

    def __init__(self, puzzled: Callable[[Any], None], answers: bool = False):
        self._puzzled = puzzled  # is told what is not understood
        self._answers = answers  # of answers objects are not made again, and may have more than is said
        self._classes: dict[type, Object] = {}  # known, or in the making, so that a class may contain itself

    def shape(self, annotation: Any) -> Shape:
        try:
            found = self._find(annotation)
        except Exception:  # annotations are the author's, and of any kind
            found = None
        if found is not None:
            return found
        self._puzzled(annotation)
        return ANY

    def _find(self, a: Any) -> Shape | None:
        if (known := scalar(a)) is not None:
            return known
        for bare, make in (
            (hasattr(a, "__supertype__"), lambda: self.shape(a.__supertype__)),  # NewType
            (hasattr(a, "__metadata__"), lambda: self._annotated(a)),
            (isinstance(a, typing.TypeVar), lambda: self.shape(a.__bound__) if a.__bound__ else ANY),
            (type(a).__name__ == "TypeAliasType", lambda: self.shape(a.__value__)),
            (hasattr(a, "__value__") and hasattr(a, "__origin__"), lambda: self.shape(a.__value__)),
        ):
            if bare:
                return make()
        origin, args = typing.get_origin(a) or a, typing.get_args(a)
        if origin is Union or origin is types.UnionType:
            return Either([self.shape(arg) for arg in args])
        if origin is typing.Literal:
            return self._literal(args)
        if getattr(origin, "_name", "") in WRAPPERS and args:
            return self.shape(args[0])
        return self._container(origin, args) if isinstance(origin, type) else None

    def _literal(self, args: tuple) -> Shape | None:
        values = [(arg.value if isinstance(arg, enum.Enum) else arg, arg) for arg in args]
        return Choice(values) if all(is_plain(value) for value, _ in values) else None

    def _container(self, origin: type, args: tuple) -> Shape | None:
        if issubclass(origin, tuple) and not hasattr(origin, "_fields"):
            if not args or args[-1] is Ellipsis:
                return Array(tuple, self.shape(args[0]) if args else ANY)
            return Tuple([self.shape(arg) for arg in args if arg != ()])
        for kinds, make, unique in SEQUENCES:
            if origin in kinds:
                return Array(make, self.shape(args[0]) if args else ANY, unique)
        if origin in MAPPINGS:
            if args and args[0] is not str:
                return None
            return Mapping(self.shape(args[1]) if args else ANY)
        return self._class(origin)

    def _class(self, cls: type) -> Shape | None:
        if issubclass(cls, enum.Enum):
            values = [(member.value, member) for member in cls]
            if not all(is_plain(value) for value, _ in values):
                values = [(member.name, member) for member in cls]
            return Choice(values)
        if hasattr(cls, "model_json_schema") and hasattr(cls, "model_validate"):
            return Model(cls, self._answers)
        if cls in self._classes:
            return self._classes[cls]
        members = fields(cls)
        if members is None:
            return None
        made = Object([], name=cls.__name__, description=said(cls))
        self._classes[cls] = made
        if self._answers or is_typed_dict(cls):
            made.rest = ANY
        else:
            made.make = lambda values: cls(**values)
        for name, annotation, required, default in members:
            made.members.append(Member(name, self.shape(annotation), required, default=default))
        return made

    def _annotated(self, a: Any) -> Shape:
        more: dict = {}
        for extra in a.__metadata__:
            more.update(extra if isinstance(extra, dict) else constraints(extra))
        shape = self.shape(a.__origin__)
        if isinstance(shape, Array):
            more = {word.replace("Length", "Items"): value for word, value in more.items()}
        return Told(shape, more) if more else shape


WRAPPERS = {"Required", "NotRequired", "ReadOnly", "Final", "ClassVar"}
SEQUENCES: list[tuple[set, Callable[[list], Any], bool]] = [
    (
        {list, collections.abc.Sequence, collections.abc.MutableSequence, collections.abc.Iterable}
        | {collections.abc.Collection, collections.abc.Iterator, collections.abc.Generator},
        list,
        False,
    ),
    ({set, collections.abc.Set, collections.abc.MutableSet}, set, True),
    ({frozenset}, frozenset, True),
    ({collections.deque}, collections.deque, False),
]
MAPPINGS = {dict, collections.abc.Mapping, collections.abc.MutableMapping, collections.OrderedDict}

# What the metadata of Annotated may have, as annotated_types and pydantic name it, and what JSON Schema calls it.
CONSTRAINTS = {
    "description": "description",
    "documentation": "description",
    "title": "title",
    "examples": "examples",
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "min_length": "minLength",
    "max_length": "maxLength",
    "pattern": "pattern",
}


def constraints(extra: Any) -> dict:
    """Returns what a piece of Annotated says as JSON Schema. A text is the description."""
    if isinstance(extra, str):
        return {"description": extra}
    found = {word: getattr(extra, name, None) for name, word in CONSTRAINTS.items()}
    for piece in getattr(extra, "metadata", None) or []:
        found.update(constraints(piece))
    return {word: value for word, value in found.items() if (is_plain(value) and value is not None) or (word == "examples" and value)}


def fields(cls: type) -> list[tuple[str, Any, bool, Any]] | None:
    """Returns the fields of a class of named values: name, annotation, whether it must be given, default as JSON."""
    if is_typed_dict(cls):
        return [(name, hint, is_required(cls, name, hint), MISSING) for name, hint in hints_of(cls).items()]
    if dataclasses.is_dataclass(cls):
        hints = hints_of(cls)
        return [
            (f.name, hints.get(f.name, Any), f.default is f.default_factory is dataclasses.MISSING, as_default(f.default))
            for f in dataclasses.fields(cls)
            if f.init
        ]
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        hints, defaults = hints_of(cls), cls._field_defaults
        return [(n, hints.get(n, Any), n not in defaults, as_default(defaults.get(n, MISSING))) for n in cls._fields]
    return None


def is_typed_dict(cls: type) -> bool:
    """Reports whether a class is a TypedDict, also one of typing_extensions."""
    return hasattr(cls, "__required_keys__") and hasattr(cls, "__total__")


def is_required(cls: Any, name: str, hint: Any) -> bool:
    """Reports whether a TypedDict must have a member. What it says of itself misses annotations that are texts."""
    wrapper = getattr(typing.get_origin(hint), "_name", "")
    return wrapper == "Required" or (wrapper != "NotRequired" and name in cls.__required_keys__)


def hints_of(thing: Any) -> dict[str, Any]:
    """Returns the annotations of a class or function. One that cannot be resolved stays a text."""
    try:
        return typing.get_type_hints(thing, include_extras=True)
    except Exception:
        pass
    module = sys.modules.get(getattr(thing, "__module__", ""))
    names = {**vars(typing), **getattr(module, "__dict__", {}), **getattr(thing, "__globals__", {})}
    found = {}
    for name, hint in getattr(thing, "__annotations__", {}).items():
        try:
            found[name] = eval(hint, names) if isinstance(hint, str) else hint
        except Exception:
            found[name] = hint
    return found


def said(cls: type) -> str:
    """Returns the docstring of a class that its author wrote."""
    text = cls.__dict__.get("__doc__") or ""
    return "" if text.startswith(cls.__name__ + "(") else inspect.cleandoc(text)
