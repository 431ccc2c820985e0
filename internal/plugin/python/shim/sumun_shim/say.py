"""What is said on standard error: faults and notices, with the place in the author's own file."""

import linecache
import os
import sys
import traceback
from typing import Any

LONGEST = 500

# Where the author's code lies, and where the author keeps it: what is said names the latter.
_moved: list[tuple[str, str]] = []


def moved(root: str, origin: str) -> None:
    """Has what is said of files at or below root speak of origin instead."""
    _moved.append((root, origin))


def place(filename: str) -> str | None:
    """Returns how the author knows a file, None if it is not the author's."""
    for root, origin in _moved:
        for known in (root, origin):
            if filename == known or filename.startswith(known + os.sep):
                return origin + filename[len(known) :]
    return None


def line(text: str) -> str:
    """Returns a text as one line of harmless characters and bounded length."""
    text = " ".join(text.split())
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def write(text: str) -> None:
    """Writes whole lines to standard error in one go."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass  # nobody listens


def notice(text: str, where: tuple[str, int] | None = None) -> None:
    """Tells what the author should hear although the plugin works."""
    write("sumun-notice: " + line(f"{where[0]}:{where[1]}: {text}" if where else text))


def named(error: BaseException) -> str:
    """Returns what an error says, after the name of its type."""
    kind = type(error).__name__
    try:
        text = str(error).strip()
    except Exception:  # the author's classes may fail in that, too
        text = ""
    return f"{kind}: {text}" if text else kind


def frames(error: BaseException) -> list[tuple[str, int, str]]:
    """Returns where in the author's files an error came by, outermost first: file, line, function."""
    found = []
    for frame, number in traceback.walk_tb(error.__traceback__):
        name = place(frame.f_code.co_filename)
        if name is not None:
            found.append((name, number, frame.f_code.co_name))
    return found


def caller() -> tuple[str, int] | None:
    """Returns which line of the author's code is being run."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        name = place(frame.f_code.co_filename)
        if name is not None:
            return name, frame.f_lineno
        frame = frame.f_back
    return None


class Misplaced(ValueError):
    """What is wrong with a line of the author's that was run before."""

    def __init__(self, text: str, where: tuple[str, int] | None):
        super().__init__(text)
        self.where = where


def fault(error: BaseException, origin: str) -> str:
    """Returns the line that tells why a plugin could not be loaded."""
    name, number = origin, 1
    if isinstance(error, SyntaxError) and (own := place(error.filename or "")):
        name, number = own, error.lineno or 1
    elif isinstance(error, Misplaced) and error.where:
        name, number = error.where
    elif found := frames(error):
        name, number, _ = found[-1]
    text = str(error) if isinstance(error, Misplaced) else named(error)
    if isinstance(error, SyntaxError):
        text = f"{type(error).__name__}: {error.msg}"
    if isinstance(error, ModuleNotFoundError):
        text += "; packages come from the requirements.txt beside the plugin"
    return f"sumun: {name}:{number}: {line(text)}"


def failed(what: str, error: BaseException) -> None:
    """Tells of an exception in a handler: what it says, and where in the author's files it came by."""
    lines = [line(f"{what}: {named(error)}")]
    for name, number, function in frames(error)[-8:]:
        lines.append(f"  {name}:{number}, in {function}")
    write("\n".join(lines))


def remember(filename: str, text: str) -> None:
    """Has tracebacks show the text that was run, whatever becomes of the file."""
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
