"""Docstrings in the styles of Google, NumPy and reStructuredText."""

import ast
import dataclasses
import inspect
import re
import typing
from typing import Any

from .shape import MISSING
from .source import tree


@dataclasses.dataclass
class Doc:
    """What a docstring says."""

    text: str = ""  # what stands before the sections
    parameters: dict[str, tuple[str, str]] = dataclasses.field(default_factory=dict)  # name: type, description
    returns: tuple[str, str] = ("", "")  # type, description


def parse(text: str | None) -> Doc:
    """Returns what a docstring says. Whatever it looks like, there is an answer."""
    doc = Doc()
    lines = inspect.cleandoc(text or "").splitlines()
    before: list[str] = []
    i = 0
    while i < len(lines):
        for section in (_numpy, _google, _field):
            if (end := section(doc, lines, i)) > i:
                i = end
                break
        else:
            before.append(lines[i])
            i += 1
    doc.text = re.sub(r"\n{3,}", "\n\n", "\n".join(before)).strip()
    return doc


# The sections that are understood, and those that are passed over.
PARAMETERS = {"args", "arguments", "params", "parameters", "keyword args", "keyword arguments", "other parameters"}
RETURNS = {"returns", "return", "yields", "yield"}
OTHERS = {"raises", "raise", "warns", "see also", "attributes", "references"}


def _numpy(doc: Doc, lines: list[str], i: int) -> int:
    """Takes a section with a line of dashes below its name, and returns where it ends."""
    name = lines[i].strip().lower()
    if name not in PARAMETERS | RETURNS | OTHERS or i + 1 >= len(lines) or not re.fullmatch(r"-{3,}", lines[i + 1].strip()):
        return i
    end = i + 2
    while end < len(lines) and not (end + 1 < len(lines) and lines[end].strip() and re.fullmatch(r"-{3,}", lines[end + 1].strip())):
        end += 1
    for head, body in _entries(lines[i + 2 : end], 0):
        if name in PARAMETERS:
            names, _, kind = head.partition(":")
            for one in names.split(","):
                doc.parameters[one.strip(" *")] = (kind.strip(), body)
        elif name in RETURNS:
            label, colon, kind = head.partition(":")
            doc.returns = (kind.strip() if colon else label.strip(), body)
    return end


def _google(doc: Doc, lines: list[str], i: int) -> int:
    """Takes a section whose name ends with a colon and whose text is indented, and returns where it ends."""
    name = lines[i].strip().lower()
    margin = _margin(lines[i])
    if not name.endswith(":") or name[:-1] not in PARAMETERS | RETURNS | OTHERS:
        return i
    end = i + 1
    while end < len(lines) and (not lines[end].strip() or _margin(lines[end]) > margin):
        end += 1
    body = lines[i + 1 : end]
    if name[:-1] in RETURNS:
        text = _join(body)
        if found := re.match(r"([\w.\[\], |]+):\s+(.*)", text):
            doc.returns = (found[1], found[2])
        else:
            doc.returns = ("", text)
    elif name[:-1] in PARAMETERS:
        for head, rest in _entries(body, _margin(next((line for line in body if line.strip()), ""))):
            if found := re.match(r"\*{0,2}([\w.-]+)\s*(?:\((.*?)\))?\s*:\s*(.*)", head):
                doc.parameters[found[1]] = (found[2] or "", _join([found[3], rest]))
    return end


def _field(doc: Doc, lines: list[str], i: int) -> int:
    """Takes a field list entry such as :param int n: how many, and returns where it ends."""
    found = re.match(r"\s*[:@](\w+)\s*([^:]*):\s*(.*)", lines[i])
    if not found or found[1] not in FIELDS:
        return i
    end = i + 1
    while end < len(lines) and lines[end].strip() and _margin(lines[end]) > _margin(lines[i]):
        end += 1
    field, words, text = found[1], found[2].split(), _join([found[3], *lines[i + 1 : end]])
    if FIELDS[field] == "param" and words:
        kind, said = doc.parameters.get(words[-1], ("", ""))
        doc.parameters[words[-1].strip("*")] = (" ".join(words[:-1]) or kind, text or said)
    elif FIELDS[field] == "type" and words:
        doc.parameters[words[-1]] = (text, doc.parameters.get(words[-1], ("", ""))[1])
    elif FIELDS[field] == "returns":
        doc.returns = (doc.returns[0], text)
    elif FIELDS[field] == "rtype":
        doc.returns = (text, doc.returns[1])
    return end


FIELDS = {
    **dict.fromkeys(("param", "parameter", "arg", "argument", "key", "keyword"), "param"),
    **dict.fromkeys(("return", "returns"), "returns"),
    **dict.fromkeys(("raise", "raises", "except", "exception", "meta"), "other"),
    "type": "type",
    "rtype": "rtype",
}


def _entries(lines: list[str], margin: int) -> list[tuple[str, str]]:
    """Returns what stands at a margin, each with what is indented further below it."""
    found: list[list[str]] = []
    for line in lines:
        if line.strip() and _margin(line) <= margin:
            found.append([line.strip()])
        elif found:
            found[-1].append(line)
    return [(head, _join(rest)) for head, *rest in found]


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip())


def _join(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


# The words of docstrings for types, beside Python's own.
WORDS: dict[str, Any] = {
    **{cls.__name__: cls for cls in (str, int, float, bool, list, dict, tuple, set, bytes)},
    **dict.fromkeys(("string", "text"), str),
    **dict.fromkeys(("integer",), int),
    **dict.fromkeys(("number", "double"), float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "mapping": dict,
    "None": None,
    "Any": Any,
    "any": Any,
    **{word: getattr(typing, word) for word in ("List", "Dict", "Tuple", "Set", "Optional", "Union", "Literal", "Sequence", "Mapping")},
}


def annotation(text: str) -> Any:
    """Returns the type that a docstring names, MISSING if it is not understood. Nothing of the text is run."""
    text = re.sub(r"[`:]|\b(optional|required)\b|\bdefault\S*.*$", "", text).strip(" ,.")
    if re.fullmatch(r"\{.*\}", text):
        text = f"Literal[{text[1:-1]}]"
    text = re.sub(r"\b(list|array|sequence|set|tuple) of (\w+?)s?\b", lambda m: f"{m[1]}[{m[2]}]", text, flags=re.I)
    text = re.sub(r"\s+or\s+", " | ", text)
    try:
        found = _evaluate(tree(text, mode="eval").body)
        return MISSING if isinstance(found, (str, int, float, bytes)) else found
    except (SyntaxError, ValueError, KeyError, TypeError, RecursionError, MemoryError):
        return MISSING


def is_optional(text: str) -> bool:
    """Reports whether a type of a docstring says that the value may be left out."""
    return bool(re.search(r"\boptional\b|\bdefault", text))


def _evaluate(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value):
            return value
        case ast.Name(id):
            return WORDS[id]
        case ast.Attribute(ast.Name("typing"), attr):
            return WORDS[attr]
        case ast.BinOp(left, ast.BitOr(), right):
            return typing.Union[_evaluate(left), _evaluate(right)]
        case ast.Subscript(of, inner):
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            args = tuple(... if isinstance(p, ast.Constant) and p.value is ... else _evaluate(p) for p in parts)
            return _evaluate(of)[args if len(args) > 1 else args[0]]
    raise ValueError("no type")
