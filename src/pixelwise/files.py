"""Files that appear under their name only when they are complete, and what tells a file from another."""

import hashlib
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from pixelwise.errors import ImageError, PixelwiseError


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it. ImageError if the disk refuses."""
    temporary = path.with_name(f".{secrets.token_hex(6)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            write(file)
        temporary.replace(path)
    except BaseException as problem:
        with suppress(OSError):  # where nothing can be written there is nothing to remove
            temporary.unlink()
        if isinstance(problem, OSError):
            raise ImageError(f"cannot write {path}: {problem.strerror or problem}") from problem
        raise


def make_folder(folder: Path, what: str, option: str, error: type[PixelwiseError]) -> None:
    """Make a folder for what is going to be written, `what` in messages, as `option` names it.

    A place that cannot be written into is known before all the work: then `error` is raised.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise error(
            f"cannot make the {what} {folder}: {problem.strerror or problem}", f"choose another {option}"
        ) from None
    expect_writable(folder, what, f"choose another {option}, or have its permissions changed", error)


def expect_writable(folder: Path, what: str, hint: str, error: type[PixelwiseError]) -> None:
    """Raise `error` if nothing can be written into the folder."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise error(f"the {what} {folder} may not be written into", hint)


def not_a_file(path: Path) -> str | None:
    """What lies at `path` if it is not a regular file, or None if it is one. Links are followed.

    Ask before opening: a pipe would keep its reader waiting, and a device may never end. Raises OSError if
    nothing is there.
    """
    mode = path.stat().st_mode
    if stat.S_ISREG(mode):
        return None
    return "a folder" if stat.S_ISDIR(mode) else "a device, pipe or socket"


def sha256_of(path: Path) -> str:
    """The digest of a file's content, in hexadecimal. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
