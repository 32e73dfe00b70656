"""Files that appear under their name only when they are complete, and what tells a file from another."""

import hashlib
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from pixelwise.errors import ImageError


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


def sha256_of(path: Path) -> str:
    """The digest of a file's content, in hexadecimal. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
