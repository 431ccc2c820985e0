"""Messages on two file descriptors, a line each."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

# A longer line is not a message. The gateway sends less.
LONGEST = 64 << 20


def parse(line: bytes) -> Any:
    """Returns the JSON value of a line. Raises ValueError or RecursionError if there is none."""
    return json.loads(line.decode("utf-8"), parse_constant=_refuse)


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def encode(value: Any) -> str:
    """Returns a value as JSON in one line. Raises ValueError, TypeError or RecursionError if it is not JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # halves of characters, which no UTF-8 has
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


class Wire:
    """A pair of pipes. What is sent by several threads at once does not mix."""

    def __init__(self, source: int, sink: int, broken: Callable[[], None]):
        self._source = source
        self._sink = sink
        self._broken = broken  # is called when nobody reads any more
        self._writing = threading.Lock()

    def lines(self) -> Iterator[bytes | None]:
        """Yields each line that is not blank, None for one that is too long, until nothing more can come."""
        with open(self._source, "rb", buffering=1 << 16, closefd=False) as file:
            while line := file.readline(LONGEST + 1):
                if len(line) > LONGEST and not line.endswith(b"\n"):
                    while rest := file.readline(1 << 20):
                        if rest.endswith(b"\n"):
                            break
                    yield None
                elif line := line.strip(b" \t\r\n"):
                    yield line

    def send(self, message: Any) -> None:
        """Sends a message. Raises as encode does, and then nothing is sent."""
        data = memoryview(_bytes(encode(message) + "\n"))
        with self._writing:
            try:
                while data:
                    data = data[os.write(self._sink, data) :]
            except OSError:
                self._broken()
