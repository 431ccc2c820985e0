"""What handlers return, as answers of MCP."""

import base64
import collections.abc
import dataclasses
import datetime
import enum
import hashlib
import os
import pathlib
import threading
import time
import uuid
from decimal import Decimal
from typing import Any

from . import wire
from .shape import Faults, Shape

# Keys of the gateway's in _meta.
PREFIX = "io.github.sumun-mcp/"

KINDS = {"text", "image", "audio", "resource", "resource_link"}
IMAGES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}


def plain(value: Any) -> Any:
    """Returns a value as JSON has it. Raises TypeError if it has no such form."""
    if value is None or (isinstance(value, (bool, str)) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, collections.abc.Mapping):
        return {_key(k): plain(v) for k, v in value.items()}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, (uuid.UUID, pathlib.PurePath, Decimal)):
        return str(value)
    return _structure(value)


def _structure(value: Any) -> Any:
    if hasattr(value, "model_dump"):  # pydantic
        return plain(value.model_dump(mode="json"))
    if hasattr(value, "_asdict"):  # named tuples
        return plain(value._asdict())
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):  # rows of databases
        return {_key(k): plain(value[k]) for k in value.keys()}
    if hasattr(value, "tolist"):  # arrays and numbers of numpy
        return plain(value.tolist())
    if isinstance(value, (set, frozenset)):
        return sorted((plain(v) for v in value), key=wire.encode)
    if isinstance(value, collections.abc.Iterable):
        return [plain(v) for v in value]
    raise TypeError(f"a value of type {type(value).__name__} has no form in JSON")


def _key(key: Any) -> str:
    key = plain(key)
    return key if isinstance(key, str) else wire.encode(key)


def text(value: Any) -> dict:
    return {"type": "text", "text": value}


def failure(message: str) -> dict:
    """Returns the answer of a tool that failed. The model reads it, and can correct its call."""
    return {"content": [text(message)], "isError": True}


def of_tool(value: Any, output: Shape | None, wrapped: bool, structured: bool) -> dict:
    """Returns the answer of a tool. Output is what its annotation says, wrapped that it stands in a member result;
    structured tells whether the client knows structuredContent. Raises TypeError and ValueError."""
    if isinstance(value, (bytes, bytearray, memoryview)) and output is None:
        return {"content": [_blob(bytes(value))]}
    value = plain(value)
    if _is_whole(value):
        wire.encode(value)
        return value if structured else {k: v for k, v in value.items() if k != "structuredContent"}
    told = value if isinstance(value, str) else wire.encode(value)
    result: dict = {"content": [text(told)]}
    if wrapped:
        value = {"result": value}
    if output is not None:
        faults = Faults()
        output.read(value["result"] if wrapped else value, "", faults)
        if faults.found:
            raise ValueError("the answer is not what its annotation says: " + "; ".join(faults.found))
    if isinstance(value, dict) and structured:
        result["structuredContent"] = value
    return result


def _is_whole(value: Any) -> bool:
    """Reports whether a handler has made the whole answer: content that says of what type it is."""
    if not isinstance(value, dict) or not value.keys() <= {"content", "structuredContent", "isError", "_meta"}:
        return False
    content = value.get("content")
    return isinstance(content, list) and all(isinstance(c, dict) and c.get("type") in KINDS for c in content) and content != []


def _blob(data: bytes) -> dict:
    encoded = base64.b64encode(data).decode()
    for begin, mime in IMAGES.items():
        if data.startswith(begin) and (mime != "image/webp" or data[8:12] == b"WEBP"):
            return {"type": "image", "data": encoded, "mimeType": mime}
    mime = "application/octet-stream"
    return {"type": "resource", "resource": {"uri": f"sumun://blob/{_digest(data)}", "mimeType": mime, "blob": encoded}}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).digest()[:16].hex()


def of_resource(value: Any, uri: str, mime: str, known: Any, states: "States") -> dict:
    """Returns the answer of a resource. Known is the etag of what the client has. Raises TypeError and ValueError."""
    content: dict = {"uri": uri}
    meta: dict = {}
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        content.update(mimeType=mime or "application/octet-stream", blob=base64.b64encode(data).decode())
    else:
        if isinstance(value, os.PathLike):
            raise TypeError("a path is not what the file holds; return path.read_text() or path.read_bytes()")
        value = plain(value)
        if isinstance(value, dict) and _is_contents(value.get("contents")):
            wire.encode(value)
            return {"contents": value["contents"]}
        told = value if isinstance(value, str) else wire.encode(value)
        data = told.encode("utf-8", "replace")
        content.update(mimeType=mime or ("text/plain" if isinstance(value, str) else "application/json"), text=told)
        if isinstance(value, dict):
            meta[PREFIX + "object"] = True
    etag = _digest(data)
    state = {PREFIX + "etag": etag, PREFIX + "revision": states.see(uri, etag)}
    if isinstance(known, str) and known.removeprefix("W/").strip('"') == etag:
        return {"contents": [], "_meta": {**state, PREFIX + "notModified": True}}
    return {"contents": [{**content, "_meta": {**state, **meta}}]}


def _is_contents(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(c, dict) and isinstance(c.get("uri"), str) and ("text" in c or "blob" in c) for c in value
    )


class States:
    """Numbers the states of resources. No number is given twice, also after a restart."""

    MOST = 10_000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, int]] = {}
        self._last = 0

    def see(self, uri: str, etag: str) -> int:
        with self._lock:
            seen = self._known.get(uri)
            if seen and seen[0] == etag:
                return seen[1]
            if len(self._known) >= self.MOST:
                self._known.clear()
            self._last = max(self._last + 1, time.time_ns() // 1_000_000)
            self._known[uri] = (etag, self._last)
            return self._last
