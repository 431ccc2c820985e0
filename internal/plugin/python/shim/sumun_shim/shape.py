"""Types: the JSON Schema of an annotation, and the Python value that a JSON value stands for.

A shape does both, so that what clients are told and what is accepted cannot differ. What an annotation says that is
not understood becomes the schema {} and is told to the author.
"""

import base64
import collections.abc
import dataclasses
import datetime
import decimal
import enum
import inspect
import pathlib
import sys
import types
import typing
import uuid
from collections.abc import Callable
from typing import Any, Union

MISSING = inspect.Parameter.empty


class Faults:
    """What is wrong with a value, by JSON Pointer."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, at: str, text: str) -> Any:
        self.found.append(f"{at or 'the value'} {text}")


def kind(value: Any) -> str:
    """Returns what JSON calls a value's type."""
    for types_, name in (
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (str, "string"),
        (dict, "object"),
        (list, "array"),
    ):
        if isinstance(value, types_):
            return name
    return "null"


class Shape:
    """Anything at all."""

    def schema(self, defs: dict) -> dict:
        """Returns the JSON Schema; what it refers to is put into defs."""
        return {}

    def read(self, value: Any, at: str, faults: Faults) -> Any:
        """Returns what a JSON value stands for in Python, and tells faults what does not fit."""
        return value


ANY = Shape()


@dataclasses.dataclass
class Scalar(Shape):
    """A type that JSON has, or one that is written as a text."""

    name: str  # of the JSON type
    accepts: Callable[[Any], bool]
    make: Callable[[Any], Any]
    more: dict = dataclasses.field(default_factory=dict)

    def schema(self, defs: dict) -> dict:
        return {"type": self.name, **self.more} if self.name else dict(self.more)

    def read(self, value: Any, at: str, faults: Faults) -> Any:
        if not self.accepts(value):
            return faults.add(at, f"is {kind(value)}, not {self.name}")
        try:
            return self.make(value)
        except (ValueError, ArithmeticError) as error:
            return faults.add(at, f"is no {self.more.get('format', self.name)}: {error}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and value == value // 1


def _time(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: parse(text[:-1] + "+00:00" if text[-1:] in "Zz" and text else text)


def _base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


SCALARS: dict[Any, Shape] = {
    Any: ANY,
    object: ANY,
    str: Scalar("string", _is_text, str),
    int: Scalar("integer", _is_whole, int),
    float: Scalar("number", _is_number, float),
    bool: Scalar("boolean", lambda v: isinstance(v, bool), bool),
    None: Scalar("null", lambda v: v is None, lambda v: None),
    type(None): Scalar("null", lambda v: v is None, lambda v: None),
    bytes: Scalar("string", _is_text, _base64, {"contentEncoding": "base64"}),
    datetime.datetime: Scalar("string", _is_text, _time(datetime.datetime.fromisoformat), {"format": "date-time"}),
    datetime.date: Scalar("string", _is_text, datetime.date.fromisoformat, {"format": "date"}),
    datetime.time: Scalar("string", _is_text, _time(datetime.time.fromisoformat), {"format": "time"}),
    uuid.UUID: Scalar("string", _is_text, uuid.UUID, {"format": "uuid"}),
    decimal.Decimal: Scalar(
        "", lambda v: _is_text(v) or _is_number(v), lambda v: decimal.Decimal(str(v)), {"type": ["string", "number"]}
    ),
    pathlib.Path: Scalar("string", _is_text, pathlib.Path),
    pathlib.PurePath: Scalar("string", _is_text, pathlib.PurePath),
}


def scalar(annotation: Any) -> Shape | None:
    """Returns the shape of a type that is known by itself."""
    try:
        return SCALARS.get(annotation)
    except TypeError:  # it cannot be looked up
        return None


@dataclasses.dataclass
class Array(Shape):
    """Values of one shape."""

    make: Callable[[list], Any]
    item: Shape = ANY
    unique: bool = False

    def schema(self, defs: dict) -> dict:
        out: dict = {"type": "array"}
        if self.item is not ANY:
            out["items"] = self.item.schema(defs)
        if self.unique:
            out["uniqueItems"] = True
        return out

    def read(self, value: Any, at: str, faults: Faults) -> Any:
        if not isinstance(value, list):
            return faults.add(at, f"is {kind(value)}, not array")
        before = len(faults.found)
        items = [self.item.read(v, f"{at}/{i}", faults) for i, v in enumerate(value)]
        if len(faults.found) > before:
            return None
        try:
            return self.make(items)
        except TypeError as error:  # sets of what cannot be in one
            return faults.add(at, str(error))


@dataclasses.dataclass
class Tuple(Shape):
    """A value of each shape, in order."""

    items: list[Shape]

    def schema(self, defs: dict) -> dict:
        count = len(self.items)
        out = {"type": "array", "minItems": count, "maxItems": count}
        if self.items:
            out["prefixItems"] = [item.schema(defs) for item in self.items]
        return out

    def read(self, value: Any, at: str, faults: Faults) -> Any:
        if not isinstance(value, list):
            return faults.add(at, f"is {kind(value)}, not array")
        if len(value) != len(self.items):
            return faults.add(at, f"has {len(value)} elements, not {len(self.items)}")
        return tuple(item.read(v, f"{at}/{i}", faults) for i, (item, v) in enumerate(zip(self.items, value)))


@dataclasses.dataclass
class Mapping(Shape):
    """Values of one shape under names that are not known before."""

    item: Shape = ANY

    def schema(self, defs: dict) -> dict:
        out: dict = {"type": "object"}
        if self.item is not ANY:
            out["additionalProperties"] = self.item.schema(defs)
        return out

    def read(self, value: Any, at: str, faults: Faults) -> Any:
        if not isinstance(value, dict):
            return faults.add(at, f"is {kind(value)}, not object")
        return {k: self.item.read(v, f"{at}/{pointer(k)}", faults) for k, v in value.items()}


def pointer(name: str) -> str:
    """Returns a name as it stands in a JSON Pointer."""
    return name.replace("~", "~0").replace("/", "~1")


@dataclasses.dataclass
class Choice(Shape):
    """One of some values: JSON values, and what they stand for."""

    values: list[tuple[Any, Any]]

    def schema(self, defs: dict) -> dict:
        plain = [value for value, _ in self.values]
        kinds = {kind(value) for value in plain}
        return {"type": kinds.pop(), "enum": plain} if len(kinds) == 1 else {"enum": plain}

    def read(self, value: Any, at: str, faults: Faults) -> Any:
        for known, stands_for in self.values:
            if known == value and kind(known) == kind(value):
                return stands_for
        return faults.add(at, "is none of " + ", ".join(repr(known) for known, _ in self.values))


@dataclasses.dataclass
class Either(Shape):
    """The first of some shapes that fits."""

    shapes: list[Shape]

    def schema(self, defs: dict) -> dict:
        options = [shape.schema(defs) for shape in self.shapes]
        return {} if {} in options else {"anyOf": options}

    def read(self, value: Any, at: str, faults: Faults) -> Any:
        deeper: list[str] = []
        for shape in sorted(self.shapes, key=lambda s: not exact(s, value)):
            here = Faults()
            made = shape.read(value, at, here)
            if not here.found:
                return made
            if all(fault.startswith(at + "/") for fault in here.found):
                deeper = here.found  # it is this shape, with faults inside
        if not deeper:
            return faults.add(at, f"is {kind(value)}, and no value that is allowed")
        faults.found.extend(deeper)
        return None


def exact(shape: Shape, value: Any) -> bool:
    """Reports whether a scalar is of the very type of a value: 3 is rather an int than a float."""
    return isinstance(shape, Scalar) and shape.name == kind(value)


@dataclasses.dataclass
class Member:
    """A named value in an object."""

    name: str
    shape: Shape
    required: bool = True
    description: str = ""
    default: Any = MISSING  # as JSON

    def schema(self, defs: dict) -> dict:
        out = self.shape.schema(defs)
        if self.description:
            out = {**out, "description": self.description}
        if self.default is not MISSING:
            out = {**out, "default": self.default}
        return out


@dataclasses.dataclass
class Object(Shape):
    """Named values. Shape is told about by name if it contains itself."""

    members: list[Member]
    make: Callable[[dict], Any] = dict
    rest: Shape | None = None  # of members that are not named; None refuses them
    name: str = ""
    description: str = ""
    _told: str = ""  # the name in $defs

    def schema(self, defs: dict) -> dict:
        if self._told:
            return {"$ref": f"#/$defs/{self._told}"}
        if not self.name:
            return self._inline(defs)
        self._told, number = self.name, 2
        while self._told in defs:
            self._told, number = f"{self.name}{number}", number + 1
        told, defs[self._told] = self._told, None
        inline = self._inline(defs)
        self._told = ""
        if mentions(inline, f"#/$defs/{told}") or mentions(defs, f"#/$defs/{told}"):
            defs[told] = inline
            return {"$ref": f"#/$defs/{told}"}
        del defs[told]
        return inline

    def _inline(self, defs: dict) -> dict:
        out: dict = {"type": "object", "properties": {m.name: m.schema(defs) for m in self.members}}
        if required := [m.name for m in self.members if m.required]:
            out["required"] = required
        if self.rest is None:
            out["additionalProperties"] = False
        elif self.rest is not ANY:
            out["additionalProperties"] = self.rest.schema(defs)
        if self.description:
            out["description"] = self.description
        return out

    def read(self, value: Any, at: str, faults: Faults) -> Any:
        if not isinstance(value, dict):
            return faults.add(at, f"is {kind(value)}, not object")
        before = len(faults.found)
        made = {}
        for member in self.members:
            if member.name in value:
                made[member.name] = member.shape.read(value[member.name], f"{at}/{pointer(member.name)}", faults)
            elif member.required:
                faults.add(f"{at}/{pointer(member.name)}", "is missing")
        known = {member.name for member in self.members}
        for name in value:
            if name not in known and self.rest is None:
                faults.add(f"{at}/{pointer(name)}", "is not known; there are " + (", ".join(sorted(known)) or "none"))
            elif name not in known:
                made[name] = self.rest.read(value[name], f"{at}/{pointer(name)}", faults)
        if len(faults.found) > before:
            return None
        try:
            return self.make(made)
        except (TypeError, ValueError) as error:  # what a class refuses in its __post_init__
            return faults.add(at, f"is no {self.name or 'object'}: {error}")


def mentions(schema: Any, ref: str) -> bool:
    """Reports whether a schema refers to a definition."""
    if isinstance(schema, dict):
        return schema.get("$ref") == ref or any(mentions(v, ref) for v in schema.values())
    return isinstance(schema, list) and any(mentions(v, ref) for v in schema)


@dataclasses.dataclass
class Told(Shape):
    """A shape with what its annotation says besides."""

    shape: Shape
    more: dict

    def schema(self, defs: dict) -> dict:
        return {**self.shape.schema(defs), **self.more}

    def read(self, value: Any, at: str, faults: Faults) -> Any:
        return self.shape.read(value, at, faults)


@dataclasses.dataclass
class Model(Shape):
    """A class that knows its own schema, as those of pydantic do."""

    model: Any
    answer: bool  # it need not be read again

    def schema(self, defs: dict) -> dict:
        out = dict(self.model.model_json_schema(mode="serialization" if self.answer else "validation"))
        defs.update(out.pop("$defs", {}))
        return out

    def read(self, value: Any, at: str, faults: Faults) -> Any:
        try:
            return value if self.answer else self.model.model_validate(value)
        except ValueError as error:
            return faults.add(at, f"is no {self.model.__name__}: {error}")


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
    return {word: value for word, value in found.items() if is_plain(value) and value is not None or word == "examples" and value}


def is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, bool))


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
    return wrapper == "Required" or wrapper != "NotRequired" and name in cls.__required_keys__


def hints_of(thing: Any) -> dict[str, Any]:
    """Returns the annotations of a class or function. One that cannot be resolved stays a text."""
    try:
        return typing.get_type_hints(thing, include_extras=True)
    except Exception:
        pass
    module = sys.modules.get(getattr(thing, "__module__", None))
    names = {**vars(typing), **getattr(module, "__dict__", {}), **getattr(thing, "__globals__", {})}
    found = {}
    for name, hint in getattr(thing, "__annotations__", {}).items():
        try:
            found[name] = eval(hint, names) if isinstance(hint, str) else hint
        except Exception:
            found[name] = hint
    return found


def as_default(value: Any) -> Any:
    """Returns a default as JSON, MISSING if it is none or has no such form."""
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, tuple):
        value = list(value)
    if is_plain(value) and value == value:
        return value
    if type(value) in (list, dict) and not value:
        return value
    if type(value) is list and all(is_plain(v) for v in value):
        return value
    return MISSING


def said(cls: type) -> str:
    """Returns the docstring of a class that its author wrote."""
    text = cls.__dict__.get("__doc__") or ""
    return "" if text.startswith(cls.__name__ + "(") else inspect.cleandoc(text)
