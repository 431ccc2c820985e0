"""MCP with one client, over stdio: the legacy era of the protocol, whose sessions begin with initialize."""

import inspect
import threading
from collections.abc import Callable
from typing import Any

from . import answer, say, wire
from .call import (
    INTERNAL,
    INVALID_PARAMS,
    INVALID_REQUEST,
    NEWEST,
    NO_METHOD,
    NOT_FOUND,
    PARSE,
    REVISIONS,
    Call,
    Failure,
    Reply,
    is_id,
    key,
)
from .context import LEVELS, Question, Refused
from .crew import Crew
from .handler import Wrong


class Session:
    """The conversation with the client. Offer is what there is to be used; see server.Offer."""

    def __init__(self, offer: Any, sender: Callable[[Any], None], crew: Crew):
        self.offer = offer
        self.send = sender
        self.revision = NEWEST
        self.abilities: dict = {}  # what the client can be asked
        self.level = "info"
        self._crew = crew
        self._begun = False
        self._states = answer.States()
        self._lock = threading.Condition()  # guards what follows
        self._calls: dict[tuple, Call] = {}
        self._open = 0  # calls that are not answered yet
        self._questions: dict[int, Question] = {}
        self._last = 0

    # Messages that come. All of them in one thread.

    def receive(self, line: bytes | None) -> None:
        """Takes one line. Whatever it is, the session goes on."""
        try:
            if line is None:
                raise ValueError("the message is too long")
            message = wire.parse(line)
        except (ValueError, RecursionError) as error:
            return self._fault(None, PARSE, f"no JSON: {say.line(str(error))}", self.send)
        if isinstance(message, list):
            return self._batch(message)
        self._take(message, self._send_some)

    def _send_some(self, message: dict | None) -> None:
        if message is not None:
            self.send(message)

    def _batch(self, messages: list) -> None:
        if not self.revision.batch or not messages:
            return self._fault(None, INVALID_REQUEST, "an array is no message", self.send)
        collect = _Batch(self.send)
        for message in messages:
            if isinstance(message, dict) and message.get("method") == "initialize":
                self._fault(message.get("id"), INVALID_REQUEST, "initialize stands alone", collect.expect())
            elif (isinstance(message, dict) and "method" in message and "id" not in message) or is_response(message):
                self._take(message, self._send_some)
            else:
                self._take(message, collect.expect())
        collect.complete()

    def _fault(self, id_: Any, code: int, text: str, reply: Reply) -> None:
        id_ = id_ if is_id(id_) else None
        reply({"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": text}})

    def _take(self, message: Any, reply: Reply) -> None:
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            id_ = message.get("id") if isinstance(message, dict) else None
            return self._fault(id_, INVALID_REQUEST, 'a message is an object with "jsonrpc": "2.0"', reply)
        if is_response(message):
            return self._answered(message)
        method, params = message.get("method"), message.get("params")
        if not isinstance(method, str) or ("id" in message and not is_id(message["id"])):
            return self._fault(message.get("id"), INVALID_REQUEST, "a request has a method, and an id that is a text or a number", reply)
        if "id" not in message:
            return self._notice(method, params if isinstance(params, dict) else {})
        if params is not None and not isinstance(params, dict):
            return self._fault(message["id"], INVALID_PARAMS, "params is an object", reply)
        self._request(message, method, params or {}, reply)

    def _request(self, message: dict, method: str, params: dict, reply: Reply) -> None:
        try:
            if not self._begun and method not in ("initialize", "ping"):
                raise Failure(INVALID_REQUEST, "initialize comes first")
            work = REQUESTS.get(method)
            if work is None:
                raise Failure(NO_METHOD, f"there is no method {say.line(method)}")
            _check_meta(params)
            result = work(self, message, params, reply)
        except Failure as failure:
            return reply({"jsonrpc": "2.0", "id": message["id"], "error": failure.error()})
        if result is not None:  # otherwise a handler works on it
            reply({"jsonrpc": "2.0", "id": message["id"], "result": result})

    def _notice(self, method: str, params: dict) -> None:
        id_ = params.get("requestId")
        if method == "notifications/cancelled" and is_id(id_):
            with self._lock:
                call = self._calls.get(key(id_))
            if call is not None:
                call.cancel()

    def _answered(self, message: dict) -> None:
        id_: Any = message.get("id")
        with self._lock:
            question = self._questions.pop(id_, None) if is_id(id_) else None
        if question is None:
            return
        error, result = message.get("error"), message.get("result")
        if error is not None:
            text = error.get("message") if isinstance(error, dict) else None
            question.settle(None, Refused(str(text or "the client has answered with an error")))
        elif isinstance(result, dict):
            question.settle(result)
        else:
            question.settle(None, Refused("the client's answer is no object"))

    # Requests that are answered at once.

    def _initialize(self, message: dict, params: dict, reply: Reply) -> dict:
        if self._begun:
            raise Failure(INVALID_REQUEST, "the session has begun already")
        asked, abilities, info = params.get("protocolVersion"), params.get("capabilities"), params.get("clientInfo")
        if not isinstance(asked, str) or not isinstance(abilities, dict) or not isinstance(info, dict):
            raise Failure(INVALID_PARAMS, "initialize has protocolVersion, capabilities and clientInfo")
        self.revision = REVISIONS.get(asked, NEWEST)
        self.abilities = {k: v for k, v in abilities.items() if k != "elicitation" or self.revision.elicitation}
        self._begun = True
        capabilities: dict = {"logging": {}}
        if self.offer.tools:
            capabilities["tools"] = {"listChanged": True}
        if self.offer.resources:
            capabilities["resources"] = {"listChanged": True}
        result = {"protocolVersion": self.revision.name, "capabilities": capabilities, "serverInfo": self.offer.info()}
        return {**result, "instructions": self.offer.instructions} if self.offer.instructions else result

    def _ping(self, message: dict, params: dict, reply: Reply) -> dict:
        return {}

    def _set_level(self, message: dict, params: dict, reply: Reply) -> dict:
        if params.get("level") not in LEVELS:
            raise Failure(INVALID_PARAMS, f"level is one of {', '.join(LEVELS)}")
        self.level = params["level"]
        return {}

    def _list_tools(self, message: dict, params: dict, reply: Reply) -> dict:
        _check_cursor(params)
        return {"tools": [tool.listed(self.revision.structured) for tool in list(self.offer.tools.values())]}

    def _list_resources(self, message: dict, params: dict, reply: Reply) -> dict:
        _check_cursor(params)
        return {"resources": [r.listed() for r in list(self.offer.resources.values()) if not r.address.variables]}

    def _list_templates(self, message: dict, params: dict, reply: Reply) -> dict:
        _check_cursor(params)
        return {"resourceTemplates": [r.listed() for r in list(self.offer.resources.values()) if r.address.variables]}

    # Requests that handlers answer.

    def _call_tool(self, message: dict, params: dict, reply: Reply) -> None:
        name, arguments = params.get("name"), params.get("arguments")
        if not isinstance(name, str) or (arguments is not None and not isinstance(arguments, dict)):
            raise Failure(INVALID_PARAMS, "a call has a name, and arguments that are an object")
        tool = self.offer.tools.get(name)
        if tool is None:
            raise Failure(INVALID_PARAMS, f"there is no tool {say.line(name)}")
        handler = tool.handler

        def told(value: Any) -> dict:
            return answer.of_tool(
                value, None if tool.output else handler.output, handler.wrapped and not tool.output, self.revision.structured
            )

        def failed(error: BaseException) -> dict:
            if not isinstance(error, Wrong):
                say.failed(name, error)
            return answer.failure(str(error) if isinstance(error, Wrong) else say.named(error))

        self._run(Call(self, message, name, reply), handler, arguments or {}, told, failed)

    def _read_resource(self, message: dict, params: dict, reply: Reply) -> None:
        uri = params.get("uri")
        if not isinstance(uri, str):
            raise Failure(INVALID_PARAMS, "reading needs a uri")
        try:
            resource, parameters = self.offer.find(uri)
        except Wrong as error:
            raise Failure(INVALID_PARAMS, str(error)) from None
        missing = Failure(NOT_FOUND, "there is no such resource", {"uri": uri})
        if resource is None:
            raise missing
        known = (params.get("_meta") or {}).get(answer.PREFIX + "ifNoneMatch")

        def told(value: Any) -> dict:
            if value is None:
                raise missing
            return answer.of_resource(value, uri, resource.mime, known, self._states)

        def failed(error: BaseException) -> dict:
            if isinstance(error, Wrong):
                raise Failure(INVALID_PARAMS, str(error))
            if isinstance(error, FileNotFoundError):
                raise missing
            if isinstance(error, Failure):
                raise error
            say.failed(resource.handler.name, error)
            raise Failure(INTERNAL, say.named(error))

        self._run(Call(self, message, resource.handler.name, reply), resource.handler, parameters, told, failed)

    def _run(self, call: Call, handler: Any, arguments: dict, told: Callable[[Any], dict], failed: Callable[[BaseException], dict]) -> None:
        with self._lock:
            if key(call.id) in self._calls:
                raise Failure(INVALID_REQUEST, "a request with this id is being answered")
            self._calls[key(call.id)] = call
            self._open += 1

        def finish(value: Any, error: BaseException | None = None) -> None:
            if call.cancelled:
                return
            message: dict = {"jsonrpc": "2.0", "id": call.id}
            try:
                try:
                    if error is not None:
                        raise error
                    message["result"] = told(value)
                except BaseException as wrong:
                    message["result"] = failed(wrong)
            except BaseException as wrong:
                message.pop("result", None)
                failure = wrong if isinstance(wrong, Failure) else Failure(INTERNAL, say.named(wrong))
                message["error"] = failure.error()
            call.finish(message)

        try:
            args, kwargs = handler.bind(arguments, call.context)
        except Exception as error:
            return finish(None, error)
        function = handler.function
        try:
            if handler.is_async:
                self._await(call, lambda: function(*args, **kwargs), finish)
            else:
                self._crew.do(lambda: self._do(call, lambda: function(*args, **kwargs), finish))
        except RuntimeError as error:  # there is no thread to be had, or the author's loop has ended
            finish(None, error)

    def _do(self, call: Call, work: Callable[[], Any], finish: Callable) -> None:
        """Runs an ordinary handler, in a thread of its own."""
        if call.cancelled:
            return
        try:
            value = work()
            if inspect.isawaitable(value):
                return self._await(call, lambda: value, finish)
        except BaseException as error:  # also of sys.exit: it would end all other calls
            return finish(None, error)
        finish(value)

    def _await(self, call: Call, work: Callable[[], Any], finish: Callable) -> None:
        """Runs an async handler, in the event loop."""
        loop = self._crew.loop()

        async def main() -> None:
            try:
                value = await work()
            except BaseException as error:
                return finish(None, error)
            finish(value)

        def start() -> None:
            if not call.cancelled:
                task = loop.create_task(main(), name=call.name)
                call.stop = lambda: loop.call_soon_threadsafe(task.cancel)
                if call.cancelled:
                    task.cancel()

        loop.call_soon_threadsafe(start)

    # What is kept of what goes on.

    def ended(self, call: Call) -> None:
        """Forgets a call that is about to be answered: its id may be used again by whoever has the answer."""
        with self._lock:
            self._calls.pop(key(call.id), None)

    def answered(self) -> None:
        """Notes that the answer of a call is on its way, or that there will be none."""
        with self._lock:
            self._open -= 1
            self._lock.notify_all()

    def ask(self, question: Question) -> int:
        """Gives a question its number."""
        with self._lock:
            self._last += 1
            self._questions[self._last] = question
            return self._last

    def forget(self, number: int) -> bool:
        """Drops a question, and reports whether it was still open."""
        with self._lock:
            return self._questions.pop(number, None) is not None

    def drain(self, seconds: float) -> bool:
        """Waits until every call is answered, and reports whether that is so."""
        with self._lock:
            return self._lock.wait_for(lambda: self._open == 0, seconds)

    def changed(self, what: str) -> None:
        """Tells the client that there is something new, if it knows what there was."""
        if self._begun:
            self.send({"jsonrpc": "2.0", "method": f"notifications/{what}/list_changed"})


REQUESTS: dict[str, Callable[[Session, dict, dict, Reply], dict | None]] = {
    "initialize": Session._initialize,
    "ping": Session._ping,
    "logging/setLevel": Session._set_level,
    "tools/list": Session._list_tools,
    "tools/call": Session._call_tool,
    "resources/list": Session._list_resources,
    "resources/templates/list": Session._list_templates,
    "resources/read": Session._read_resource,
}


class _Batch:
    """The answers to the messages of one array. They go out together."""

    def __init__(self, send: Callable[[Any], None]):
        self._send = send
        self._lock = threading.Lock()  # guards what follows
        self._missing = 1  # until it is complete
        self._answers: list[dict] = []

    def expect(self) -> Reply:
        with self._lock:
            self._missing += 1
        return self._add

    def complete(self) -> None:
        self._add(None)

    def _add(self, message: dict | None) -> None:
        with self._lock:
            self._missing -= 1
            if message is not None:
                self._answers.append(message)
            if self._missing == 0 and self._answers:
                self._send(self._answers)


def is_response(message: Any) -> bool:
    return isinstance(message, dict) and "method" not in message and ("result" in message or "error" in message)


def _check_cursor(params: dict) -> None:
    if params.get("cursor") is not None:
        raise Failure(INVALID_PARAMS, "there is no such cursor: lists have one page")


def _check_meta(params: dict) -> None:
    meta = params.get("_meta")
    if meta is None:
        return
    token = meta.get("progressToken") if isinstance(meta, dict) else None
    if not isinstance(meta, dict) or (token is not None and not is_id(token)):
        raise Failure(INVALID_PARAMS, "_meta is an object, and its progressToken a text or a number")
