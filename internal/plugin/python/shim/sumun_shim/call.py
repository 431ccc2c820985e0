"""One request that a handler works on, and what a revision of the protocol lets it do."""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator
from typing import Any

from .context import LEVELS, Cancelled, Context, Question, Unsupported

PARSE, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS, INTERNAL, NOT_FOUND = -32700, -32600, -32601, -32602, -32603, -32002


@dataclasses.dataclass(frozen=True)
class Revision:
    """What a revision of the protocol can do. Nothing else asks which one it is."""

    name: str
    batch: bool = False  # several messages may come as one
    progress_message: bool = True
    structured: bool = False  # tools have output schemas, and answers structuredContent
    elicitation: bool = False


REVISIONS = {
    revision.name: revision
    for revision in (
        Revision("2024-11-05", progress_message=False),
        Revision("2025-03-26", batch=True),
        Revision("2025-06-18", structured=True, elicitation=True),
        Revision("2025-11-25", structured=True, elicitation=True),
    )
}
NEWEST = REVISIONS["2025-11-25"]

Reply = Callable[[dict | None], None]  # takes the answer of a request; None if there is none


class Failure(Exception):
    """A request that is answered with an error."""

    def __init__(self, code: int, message: str, data: Any = None):
        super().__init__(message)
        self.code, self.data = code, data

    def error(self) -> dict:
        out = {"code": self.code, "message": str(self)}
        return out if self.data is None else {**out, "data": self.data}


def key(id_: Any) -> tuple:
    """Returns an id as a key: 1 and "1" are two ids."""
    return (isinstance(id_, str), id_)


def is_id(id_: Any) -> bool:
    """Reports whether something may be an id, or a progress token: a text, or a number that JSON has."""
    if isinstance(id_, bool) or not isinstance(id_, (str, int, float)):
        return False
    return isinstance(id_, str) or id_ - id_ == 0


class Call:
    """A request that a handler works on. It is answered once, or cancelled and never answered."""

    def __init__(self, session: Any, request: dict, name: str, reply: Reply):
        params = request.get("params") or {}
        meta = params.get("_meta")
        self.session, self.id, self.name, self._reply = session, request["id"], name, reply
        self.revision = session.revision
        self.cancelled = False
        self.stop: Callable[[], None] | None = None  # ends an async handler
        self._questions: dict[int, Question] = {}
        self._lock = threading.Lock()  # guards what follows
        self._over = False
        self.context = Context(self, meta if isinstance(meta, dict) else {})

    def finish(self, message: dict | None) -> bool:
        """Answers the call, unless it is over. None ends it without an answer. Reports whether it was this that ended it."""
        with self._lock:
            if self._over:
                return False
            self._over = True
        self.session.ended(self)
        try:
            self._reply(message)
        finally:
            self.session.answered()
        return True

    def cancel(self) -> None:
        """Ends the call because the client does not want its answer."""
        with self._lock:
            if self._over:
                return
            self.cancelled = True
            questions = list(self._questions.values())
        self.finish(None)
        for question in questions:
            question.settle(None, Cancelled())
        if self.stop is not None:
            self.stop()

    def tell(self, method: str, params: dict) -> None:
        """Tells the client something that belongs to this call, while it runs."""
        with self._lock:
            if self._over:
                return
            self.session.send({"jsonrpc": "2.0", "method": method, "params": params})

    def log(self, level: str, data: Any, logger: str) -> None:
        if LEVELS.index(level) >= LEVELS.index(self.session.level):
            self.tell("notifications/message", {"level": level, "logger": logger, "data": data})

    @contextlib.contextmanager
    def asks(self, ability: str, method: str, params: dict) -> Iterator[Question]:
        """Asks the client something, if it can be asked that. Who leaves before the answer is there takes it back."""
        if self.session.abilities.get(ability) is None:
            raise Unsupported(f"the client cannot be asked for {ability}")
        question = Question()
        with self._lock:
            if self._over:
                raise Cancelled()
            number = self.session.ask(question)
            self._questions[number] = question
        try:
            self.session.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
            yield question
        finally:
            with self._lock:
                del self._questions[number]
            if self.session.forget(number):
                self.session.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}})
