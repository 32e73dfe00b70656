"""Atomic writes: a file appears under its name only when it is complete. Safe opening of regular files."""

import errno
import hashlib
import io
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pixelwise.core.errors import ImageError, PixelwiseError
from pixelwise.core.terminal import printable, reason_of

try:
    import fcntl
except ModuleNotFoundError:  # Windows, where nobody can remove a file that is open
    fcntl = None  # type: ignore[assignment]

Write = Callable[[BinaryIO], object]

_MOST_OPEN = 100
"""Of the files that are written together, at most this number stay open, because the system limits open files
of a process. The others are closed early, and are not locked then.
"""

_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:[/\\]")  # a path keeps one of the two slashes; C:/ is a drive
_TEMPORARY = re.compile(r"\.[0-9a-f]{12}\.partial")


def write_atomically(path: Path, write: Write) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it. ImageError if the disk refuses."""
    write_together({path: write})


def write_together(
    files: Mapping[Path, Write], before_naming: Callable[[Mapping[Path, Path]], object] | None = None
) -> None:
    """Write several files, all or none: each is complete and on the disk before the first gets its name. If
    one cannot get its name, files that others have replaced come back, where the disk has hard links.

    before_naming: called then with the paths of the complete files, by those that they will have.

    ImageError if the disk refuses. A process that is killed leaves temporary files, which
    `remove_abandoned` finds.
    """
    filled: dict[Path, tuple[Path, BinaryIO]] = {}
    replaced: dict[Path, Path] = {}  # another name of what was there before
    new: list[Path] = []
    path = next(iter(files), Path())
    for path in files:
        expect_no_url(path, "another name", ImageError)
    try:
        for path, write in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            filled[path] = _temporary(path.parent)
            write(filled[path][1])
            filled[path][1].flush()
            os.fsync(filled[path][1].fileno())
            if len(filled) > _MOST_OPEN:
                filled[path][1].close()
        if before_naming is not None:
            before_naming({path: temporary for path, (temporary, _) in filled.items()})
        for path, (temporary, _) in filled.items():
            if os.name == "nt":  # which renames no open file
                filled[path][1].close()
            if len(filled) > 1:
                _remember(path, replaced, new)
            temporary.replace(path)
    except BaseException as problem:
        for place, earlier in replaced.items():
            with suppress(OSError):
                earlier.replace(place)
        for leftover in [*new, *(temporary for temporary, _ in filled.values())]:
            with suppress(OSError):  # where nothing can be written there is nothing to remove
                leftover.unlink()
        if isinstance(problem, OSError):
            raise ImageError(f"cannot write {printable(path)}: {reason_of(problem)}") from problem
        raise
    finally:
        for _, file in filled.values():
            with suppress(OSError):
                file.close()
        for earlier in replaced.values():
            with suppress(OSError):
                earlier.unlink()


def _remember(path: Path, replaced: dict[Path, Path], new: list[Path]) -> None:
    """Give what lies at `path` a second name, or note that it is new. A folder, or a file on a disk without
    hard links, is neither.
    """
    other = path.with_name(_temporary_name())
    try:
        os.link(path, other, follow_symlinks=False)
        replaced[path] = other
    except FileNotFoundError:
        new.append(path)
    except (OSError, NotImplementedError):
        return


def _temporary(folder: Path) -> tuple[Path, BinaryIO]:
    """A new file, locked while it is open, so that `remove_abandoned` sees that it is being written."""
    while True:
        path = folder / _temporary_name()
        file = path.open("xb")
        _lock(file.fileno())
        if path.exists():
            return path, file
        file.close()  # another process removed it as abandoned before it was locked


def _temporary_name() -> str:
    return f".{secrets.token_hex(6)}.partial"


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files of killed processes from a folder; those of live ones are locked."""
    if fcntl is None:
        return
    try:
        names = [name for name in os.listdir(folder) if _TEMPORARY.fullmatch(name)]  # noqa: PTH208
    except OSError:
        return
    for name in names:
        with suppress(OSError), open_file(folder / name) as file:  # BlockingIOError: it is being written
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            (folder / name).unlink()


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder while the block runs; other processes and threads wait for it.

    File systems without locks, and Windows, do not support this: nobody waits there.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(handle)
        yield
    finally:
        with suppress(
            OSError
        ):  # closing is not enough: a process forked in the meantime holds the handle too
            fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)


def _lock(handle: int) -> None:
    with suppress(OSError):  # a file system without locks
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)


def regular_file(path: Path) -> Path:
    """The path itself. Raises OSError unless it names a regular file: reading a pipe waits for a writer, and
    a device may never end. FileNotFoundError means that nothing has this name; a broken link is another
    fault.
    """
    try:
        _expect_file(path, path.stat().st_mode)
    except FileNotFoundError:
        if not path.is_symlink():
            raise
        raise OSError(errno.EINVAL, "it is a link to a file that is not there", str(path)) from None
    except ValueError:  # Python refuses such names itself
        what = "a null character" if "\0" in str(path) else "characters that no name of a file can have"
        raise OSError(errno.EINVAL, f"its name holds {what}", ascii(path)) from None
    return path


def open_file(path: Path) -> io.BufferedReader:
    """Open a regular file for reading; OSError for anything else, even if it has just replaced the file.

    Every path that comes from a user, a folder or another file is opened here.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(regular_file(path), flags)
    try:
        _expect_file(path, os.fstat(handle).st_mode)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def _expect_file(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is a device, pipe or socket", str(path))


def make_folder(folder: Path, what: str, option: str, error: type[PixelwiseError]) -> None:
    """Make a folder for results, `what` in messages, which `option` names; remove temporary files that
    killed processes left in it.

    Raises `error` if nothing can be written there, so that the user learns of it before the work starts.
    """
    expect_no_url(folder, f"another {option}", error)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise error(
            f"cannot make the {what} {printable(folder)}: {reason_of(problem)}",
            f"choose another {option}",
        ) from None
    expect_writable(folder, what, f"choose another {option}, or change its permissions", error)
    remove_abandoned(folder)


def is_url_as_path(path: object) -> bool:
    """Whether this is the path that is made of a URL, such as s3:/bucket/name, and there is no folder s3:."""
    found = _URL.match(str(path))
    return found is not None and not os.path.isdir(found[0])  # noqa: PTH112  Path drops the slash


def expect_no_url(path: Path, other: str, error: type[PixelwiseError]) -> None:
    """Raise `error` if results would go to a URL: a folder called "s3:" would be made here. other: what to
    choose in its place.
    """
    if is_url_as_path(path):
        raise error(
            f"{printable(path)}: results go to a folder of this machine, not to a URL", f"choose {other}"
        )


def expect_writable(folder: Path, what: str, hint: str, error: type[PixelwiseError]) -> None:
    """Raise `error` if nothing can be written into the folder."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise error(f"the {what} {printable(folder)} is not writable", hint)


def sha256_of(path: Path) -> str:
    """The digest of a file's content, in hexadecimal. Raises OSError if it cannot be read."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
