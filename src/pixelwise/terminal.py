"""Text for people: one line each, whatever names and files put into it, and messages on stderr.

File names, class names and metadata come from strangers, and a terminal obeys escape sequences. So all of
them pass through `printable` before they are shown.
"""

import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_JOINERS = "\u200c\u200d"  # Persian and Indic names need them, and they move nothing

_screen: int | None = None
_capturing = threading.Lock()


def printable(text: object) -> str:
    """The text on one line: control characters, direction marks and undecodable bytes are escaped."""
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(
        c if c.isprintable() or c in _JOINERS else c.encode("unicode_escape").decode() for c in shown
    )


def note(*lines: str) -> None:
    """Print lines on stderr. They are lost if stderr is closed: results do not depend on messages."""
    if sys.stderr is None:
        return
    try:
        for line in lines:
            sys.stderr.write(printable(line) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):  # ValueError: a closed stream
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  open as long as we are


def take_over_stderr() -> None:
    """Print Python's messages through a descriptor of their own, so that `library_messages` can divert what
    C libraries print to stderr themselves. For commands; a program that imports us keeps its stderr.
    """
    global _screen
    _screen = os.dup(2)
    sys.stderr = io.TextIOWrapper(
        io.FileIO(_screen, "w", closefd=False),
        encoding=getattr(sys.stderr, "encoding", None) or "utf-8",
        errors="backslashreplace",
        line_buffering=True,
        write_through=True,
    )


@contextmanager
def library_messages() -> Iterator[list[str]]:
    """Collect the lines that a C library prints to stderr while the block runs, one block at a time.

    The list is filled when the block ends. It stays empty unless `take_over_stderr` was called.
    """
    said: list[str] = []
    if _screen is None or not hasattr(os, "memfd_create"):
        yield said
        return
    with _capturing, io.FileIO(os.memfd_create("messages"), "w+") as file:
        os.dup2(file.fileno(), 2)
        try:
            yield said
        finally:
            os.dup2(_screen, 2)
            with suppress(OSError):
                file.seek(0)
                said += [printable(line) for line in file.read(10_000).decode(errors="replace").splitlines()]
