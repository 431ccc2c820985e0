"""Types: the JSON Schema of an annotation, and the Python value that a JSON value stands for.

A shape does both, so that what clients are told and what is accepted cannot differ. What an annotation says that is
not understood becomes the schema {} and is told to the author.
"""

import base64
import dataclasses
import datetime
import decimal
import enum
import inspect
import pathlib
import uuid
from collections.abc import Callable
from typing import Any

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
    decimal.Decimal: Scalar("", lambda v: _is_text(v) or _is_number(v), lambda v: decimal.Decimal(str(v)), {"type": ["string", "number"]}),
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


def is_plain(value: Any) -> bool:
    """Reports whether JSON has a value as it is: a text, a number, true, false or null."""
    return value is None or isinstance(value, (str, int, float, bool))


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
