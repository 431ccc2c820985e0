"""Who runs handlers: threads for ordinary functions, one event loop for async ones."""

import queue
import threading
from collections.abc import Callable
from typing import Any

# More handlers wait until one is done.
MOST = 64


class Crew:
    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()  # guards the counts and the loop
        self._threads = 0
        self._idle = 0
        self._waiting = 0
        self._loop: Any = None

    def do(self, job: Callable[[], None]) -> None:
        """Has a thread do something that does not raise."""
        with self._lock:
            if self._idle:
                self._idle -= 1
            elif not self._grow():
                self._waiting += 1
        self._jobs.put(job)

    def _grow(self) -> bool:
        if self._threads >= MOST:
            return False
        try:
            threading.Thread(target=self._work, daemon=True, name=f"handler-{self._threads}").start()
        except RuntimeError:  # the system has no more
            if self._threads == 0:
                raise
            return False
        self._threads += 1
        return True

    def _work(self) -> None:
        while True:
            self._jobs.get()()
            with self._lock:
                if self._waiting:
                    self._waiting -= 1
                else:
                    self._idle += 1

    def adopt(self, loop: Any) -> None:
        """Has async handlers run in a loop of the author's."""
        with self._lock:
            self._loop = self._loop or loop

    def loop(self) -> Any:
        """Returns the event loop of async handlers."""
        with self._lock:
            if self._loop is None:
                import asyncio  # costs a start that needs it only

                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._turn, daemon=True, name="handlers").start()
            return self._loop

    def _turn(self) -> None:
        import asyncio

        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
