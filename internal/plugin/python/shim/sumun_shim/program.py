"""This process: its pipes, and who speaks on them, we or the author's own server."""

import contextlib
import io
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from . import say
from .context import running_loop
from .crew import Crew
from .server import OFFER, Served
from .session import Session
from .wire import Wire

# When the gateway has no more to say: seconds for calls that still run, and then for what stands behind start, and for threads.
GRACE = 3.0
LINGER = 1.5


class Program:
    """This process: its pipes, and whoever speaks on them."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.served = False  # we have spoken
        self.handed_over = False  # the author's own server speaks
        self._crew = Crew()
        self._source, self._sink = os.dup(0), os.dup(1)
        with contextlib.suppress(AttributeError, OSError):  # where pipes know no such thing
            os.set_blocking(self._sink, True)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)  # what the author prints, and what the author's programs print
        sys.stdout = io.TextIOWrapper(
            io.FileIO(1, "w", closefd=False), "utf-8", "backslashreplace", line_buffering=True, write_through=True
        )
        sys.stdin = _Stdin(self)

    def hand_over(self) -> Any:
        """Gives the pipes to the author's own server, unless we speak, and returns what is standard input now."""
        if self.served or self.handed_over:
            return sys.stdin
        self.handed_over = True
        if any(name in sys.modules for name in ("mcp.server.stdio", "fastmcp")):
            # It takes the buffers of both streams. What is printed still goes elsewhere.
            sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(self._source, "r", closefd=False)), "utf-8")
            sys.stdout = _Stdout(self._sink)
            return sys.stdin
        os.dup2(self._source, 0)
        os.dup2(self._sink, 1)
        sys.stdin = open(0, encoding="utf-8", closefd=False)
        return sys.stdin

    def start(self, *args: Any) -> Served:
        """Serves until no more can come. In an event loop it does so beside it."""
        if self.handed_over or self.served:
            return Served()
        self.served = True
        sys.stdin = open(os.devnull, encoding="utf-8")
        OFFER.describe()
        OFFER.complete()
        if not OFFER.tools and not OFFER.resources:
            raise ValueError("there is nothing to offer: no tool, no resource, and no public function")
        loop = running_loop()
        if loop is None:
            over = threading.Event()
            self._listen(over.set)
            over.wait()
            return Served()
        self._crew.adopt(loop)
        future = loop.create_future()

        def end() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(lambda: future.done() or future.set_result(None))

        self._listen(end)
        return Served(future)

    def _listen(self, end: Callable[[], None]) -> None:
        """Has a thread read what comes. It calls end when no more can come, and sees to it that the process ends then."""
        wire = Wire(self._source, self._sink, end)
        session = OFFER.session = Session(OFFER, wire.send, self._crew)

        def read() -> None:
            with contextlib.suppress(OSError):  # the pipe is gone
                for line in wire.lines():
                    try:
                        session.receive(line)
                    except Exception as error:  # a bug of ours must not end the others' calls
                        say.failed("a message was not understood", error)
                session.drain(GRACE)
            end()
            time.sleep(LINGER)
            leave(0)

        threading.Thread(target=read, daemon=True, name="reader").start()


def leave(code: int) -> None:
    """Ends the process although threads may run."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


class _Stdin(io.TextIOBase):
    """Standard input until somebody reads it, who then speaks the protocol instead of us."""

    def __init__(self, program: Program):
        self._program = program

    def readable(self) -> bool:
        return True

    @property
    def buffer(self) -> Any:
        return self._program.hand_over().buffer

    def fileno(self) -> int:
        return self._program.hand_over().fileno()

    def read(self, size: int | None = -1) -> str:
        return self._program.hand_over().read(size)

    def readline(self, size: int = -1) -> str:
        return self._program.hand_over().readline(size)

    def __next__(self) -> str:
        return next(self._program.hand_over())


class _Stdout(io.TextIOWrapper):
    """Standard output whose buffer is the protocol's, while what is printed goes to standard error."""

    def __init__(self, sink: int):
        super().__init__(io.FileIO(1, "w", closefd=False), "utf-8", "backslashreplace", line_buffering=True, write_through=True)
        self._wire = io.BufferedWriter(io.FileIO(sink, "w", closefd=False))

    @property
    def buffer(self) -> Any:
        return self._wire
