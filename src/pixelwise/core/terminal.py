"""Print results on stdout and messages on stderr, line by line.

File names, class names and metadata are not trusted, and terminals obey escape sequences. So all output
passes through `printable`. Nothing else in the package calls print; ruff enforces this.
"""

import io
import json
import os
import shutil
import sys
import textwrap
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from typing import TextIO

from pixelwise.core.errors import PixelwiseError

_JOINERS = "\u200c\u200d"  # Persian and Indic names need them, and they move nothing

_MOST_SHOWN = 8  # texts of a list in a message

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


def reason_of(problem: BaseException) -> str:
    """Why something failed, on one line of at most 200 characters: the system's words for an OSError, else
    the message, else the name of the exception.
    """
    said = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    return printable(" ".join(str(said).split()))[:200]


def counted(number: int, noun: str) -> str:
    """The number with its noun: "1 image", "2,000 images". For nouns with a plural in s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(share: float | None) -> str:
    """A share in per cent with two decimals, without the sign; a dash if it is not defined."""
    return "-" if share is None else f"{100 * share:.2f}"


def few(texts: Sequence[str]) -> str:
    """The first texts of a list: "a, b, c", or "a, b, c, d, e, f, g, h, ..." if there are more than eight."""
    return ", ".join(texts if len(texts) <= _MOST_SHOWN else [*texts[:_MOST_SHOWN], "..."])


def say(*lines: str) -> None:
    """Print lines on stdout. Raises BrokenPipeError if the reader has closed the pipe, PixelwiseError if
    writing fails.
    """
    if sys.stdout is None:
        return
    try:
        for line in lines:
            sys.stdout.write(printable(line) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as problem:
        raise _unwritable(problem) from None


def say_text(*paragraphs: str) -> None:
    """Print sentences as `say` does; on a terminal, lines end between words."""
    if on_screen(sys.stdout):
        columns = shutil.get_terminal_size().columns
        lines = (textwrap.wrap(printable(one), columns, break_on_hyphens=False) for one in paragraphs)
        say(*chain.from_iterable(lines))
    else:
        say(*paragraphs)


def _unwritable(problem: OSError) -> PixelwiseError:
    if sys.stdout is not None:
        discard(sys.stdout)
    return PixelwiseError(
        f"cannot write to the standard output: {reason_of(problem)}", "free space on its disk"
    )


def say_bytes(content: bytes) -> None:
    """Write bytes, such as a picture, to stdout. Raises as `say` does."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as problem:
        raise _unwritable(problem) from None


def say_json(record: object) -> None:
    """Print one JSON object on a line of stdout. ValueError for NaN and infinity, which JSON lacks."""
    say(json.dumps(record, allow_nan=False))


def discard(stream: TextIO) -> None:
    """Discard all further output to a stream that cannot be written, and what is in its buffer."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def note(*lines: str) -> None:
    """Print lines on stderr. They are lost if stderr is closed: results do not depend on messages."""
    if sys.stderr is None:
        return
    try:
        for line in lines:
            sys.stderr.write(printable(line) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):  # ValueError: a closed stream
        discard(sys.stderr)


def on_screen(stream: TextIO | None) -> bool:
    """Whether the stream is a terminal."""
    return stream is not None and stream.isatty()


def take_over_stderr() -> None:
    """Print Python's messages through a descriptor of their own, so that `library_messages` can divert what
    C libraries print to stderr themselves. For commands; a program that imports us keeps its stderr.
    """
    global _screen
    _screen = os.dup(2)
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    sys.stderr = open(  # noqa: SIM115
        _screen, "w", buffering=1, encoding=encoding, errors="backslashreplace", closefd=False
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
