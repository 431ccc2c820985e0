"""What a handler is told of its call, and what it may ask of the client: the parameter context."""

import sys
import threading
from collections.abc import Iterator
from typing import Any

from .answer import PREFIX, plain
from .hints import Maker
from .shape import ANY, Either, Faults, Member, Object, Scalar, Shape, is_plain

LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")


class Cancelled(BaseException):
    """The client does not want the answer of the call any more. Like KeyboardInterrupt it is no Exception."""


class Unsupported(RuntimeError):
    """The client cannot be asked that."""


class Refused(RuntimeError):
    """The client has answered with an error."""


class Told:
    """What has been told already: it may be awaited or not."""

    def __await__(self) -> Iterator[None]:
        return iter(())


class Question:
    """A request to the client. It is answered once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards what follows
        self._answer: Any = None
        self._error: BaseException | None = None
        self._over = threading.Event()
        self._waking: Any = None

    def settle(self, answer: Any, error: BaseException | None = None) -> None:
        with self._lock:
            if self._over.is_set():
                return
            self._answer, self._error = answer, error
            self._over.set()
            waking = self._waking
        if waking is not None:
            loop, future = waking
            loop.call_soon_threadsafe(lambda: future.done() or future.set_result(None))

    def wait(self) -> Any:
        self._over.wait()
        return self._result()

    async def wait_async(self, loop: Any) -> Any:
        with self._lock:
            if not self._over.is_set():
                self._waking = (loop, loop.create_future())
        if self._waking:
            await self._waking[1]
        return self._result()

    def _result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._answer


class Sampled(str):
    """What a model has written, with what is told of it."""

    model: str = ""
    stop_reason: str = ""
    content: Any = None


class Context:
    """The context of one call. It may be used by several threads, until the call ends."""

    Cancelled, Unsupported, Refused = Cancelled, Unsupported, Refused

    def __init__(self, call: Any, meta: dict):
        self._call = call
        self._token = meta.get("progressToken")
        self._done: float | None = None
        self._lock = threading.Lock()  # guards _done
        told = meta.get(PREFIX + "context")
        told = told if isinstance(told, dict) else {}
        self.root_id: str = told.get("rootId", "")
        self.path: str = told.get("path", "")
        self.sampling: dict = told.get("sampling") or {}
        self.variables: dict = told.get("variables") or {}
        self.memory: list = told.get("memory") or []

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants the answer any more."""
        return self._call.cancelled

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> Told:
        """Tells the client how far the call is, if it wants to know."""
        for number in (done, total):
            if number is not None and (isinstance(number, bool) or not isinstance(number, (int, float)) or number - number != 0):
                raise TypeError(f"progress is told in numbers, not {number!r}")
        with self._lock:
            if self._token is None or (self._done is not None and done <= self._done):
                return Told()  # progress only rises
            self._done = done
            params: dict = {"progressToken": self._token, "progress": done}
            if total is not None:
                params["total"] = total
            if message and self._call.revision.progress_message:
                params["message"] = str(message)
            self._call.tell("notifications/progress", params)
        return Told()

    def log(self, level: str, data: Any = None, logger: str | None = None) -> Told:
        """Tells the client something that it may show: log('warning', 'slow'), or log('done') with the level info."""
        if data is None and level not in LEVELS:
            level, data = "info", level
        level = {"warn": "warning", "fatal": "critical"}.get(level, level)
        if level not in LEVELS:
            raise ValueError(f"{level!r} is no level; there are {', '.join(LEVELS)}")
        self._call.log(level, plain(data), logger or self._call.name)
        return Told()

    def sample(self, messages: Any, *, max_tokens: int = 1000, system: str | None = None, temperature: float | None = None,
               stop: list[str] | None = None, model: str | None = None, **more: Any) -> Any:  # fmt: skip
        """Asks the client's model, and returns what it has written. In async code the answer is awaited."""
        params: dict = {"messages": _messages(messages), "maxTokens": max_tokens, **more}
        hints = {"hints": [{"name": model}]} if model else None
        for key, value in (("systemPrompt", system), ("temperature", temperature), ("stopSequences", stop), ("modelPreferences", hints)):
            if value is not None:
                params[key] = value
        return self._ask("sampling", "sampling/createMessage", params, _sampled)

    def elicit(self, message: str, schema: Any = None) -> Any:
        """Asks the user for values, and returns them: as schema says, or None if there is no answer. In async code the
        answer is awaited."""
        shape, told = _form(schema)
        params = {"message": message, "requestedSchema": told}
        return self._ask("elicitation", "elicitation/create", params, lambda result: _accepted(result, shape))

    def _ask(self, ability: str, method: str, params: dict, read: Any) -> Any:
        loop = running_loop()
        if loop is not None:
            return self._ask_async(loop, ability, method, params, read)
        with self._call.asks(ability, method, plain(params)) as question:
            return read(question.wait())

    async def _ask_async(self, loop: Any, ability: str, method: str, params: dict, read: Any) -> Any:
        with self._call.asks(ability, method, plain(params)) as question:
            return read(await question.wait_async(loop))


def running_loop() -> Any:
    """Returns the event loop that this thread runs, None if it runs none."""
    asyncio = sys.modules.get("asyncio")  # if nobody has it, there is no loop
    try:
        return asyncio.get_running_loop() if asyncio else None
    except RuntimeError:
        return None


def _messages(messages: Any) -> list:
    if not isinstance(messages, (list, tuple)):
        messages = [messages]
    out = []
    for message in messages:
        message = {"role": "user", "content": message} if isinstance(message, str) else dict(message)
        if isinstance(message.get("content"), str):
            message["content"] = {"type": "text", "text": message["content"]}
        out.append(message)
    return out


def _sampled(result: dict) -> Sampled:
    content = result.get("content")
    blocks = content if isinstance(content, list) else [content]
    sampled = Sampled("".join(b["text"] for b in blocks if isinstance(b, dict) and isinstance(b.get("text"), str)))
    sampled.content, sampled.model, sampled.stop_reason = content, result.get("model", ""), result.get("stopReason", "")
    return sampled


def _form(schema: Any) -> tuple[Shape, dict]:
    """Returns what is asked for: nothing but yes or no, a JSON Schema, types by their names, or a class."""
    if isinstance(schema, dict) and schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        return ANY, schema
    maker = Maker(lambda annotation: None)
    if schema is None or isinstance(schema, dict):
        members = [Member(name, ANY if isinstance(hint, dict) else maker.shape(hint)) for name, hint in (schema or {}).items()]
        shape: Shape = Object(members)
        given = {name: hint for name, hint in (schema or {}).items() if isinstance(hint, dict)}
    else:
        shape, given = maker.shape(schema), {}
    if not isinstance(shape, Object):
        raise TypeError(f"{schema!r} does not say what to ask for; take a dict of types by name, a dataclass or a TypedDict")
    properties = {m.name: {**_field(m).schema({}), **given.get(m.name, {})} for m in shape.members}
    required = [m.name for m in shape.members if m.required and _field(m).required]
    return shape, {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _field(member: Member) -> Member:
    """Returns a member as forms have it: what may be null there need not be given."""
    if not isinstance(member.shape, Either):
        return member
    shapes = [s for s in member.shape.shapes if not (isinstance(s, Scalar) and s.name == "null")]
    if len(shapes) != 1:
        raise TypeError(f"a form cannot ask for {member.name}, which may be of several types")
    default = member.default if is_plain(member.default) and member.default is not None else Member.default
    return Member(member.name, shapes[0], False, member.description, default)


def _accepted(result: dict, shape: Shape) -> Any:
    if result.get("action") != "accept":
        return None
    content = result.get("content") or {}
    if isinstance(shape, Object):
        for member in shape.members:
            if isinstance(member.shape, Either):
                content = {member.name: None, **content} if member.required else content
    faults = Faults()
    made = shape.read(content, "", faults)
    if faults.found:
        raise Refused("the client's answer does not fit: " + "; ".join(faults.found))
    return made
