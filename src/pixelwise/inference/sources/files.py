"""Find the pictures of a command's inputs: files, folders and patterns."""

import fnmatch
import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from pixelwise.core.errors import ImageError, PixelwiseError
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.terminal import printable
from pixelwise.inference.results.finished_results import is_result

# fmt: off
_PASSED_OVER = {
    "videos": (".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts",
               ".ogv", ".webm", ".wmv"),
    "raw photos": (".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".kdc", ".mrw", ".nef", ".nrw",
                   ".orf", ".pef", ".raf", ".raw", ".rw2", ".sr2", ".srf", ".srw", ".x3f"),
    "pictures of other formats": (".cur", ".dcm", ".dds", ".emf", ".eps", ".exr", ".fit", ".fits", ".hdr",
                                  ".icns", ".ico", ".jxl", ".jxr", ".svg", ".wmf", ".xcf"),
}
# fmt: on
_KIND_PASSED_OVER = {ending: kind for kind, endings in _PASSED_OVER.items() for ending in endings}


@dataclass(frozen=True)
class Found:
    """A file to read, with its path relative to its input folder, or the problem with an input."""

    path: Path
    place: PurePath
    problem: PixelwiseError | None = None


def find_pictures(
    inputs: Sequence[str | Path], output: Path, passed_over: "Counter[str] | None" = None
) -> list[Found]:
    """All pictures of `inputs`, each once, in a fixed order: as given, folders sorted by name.

    A folder yields its files and those of its subfolders that have a picture's extension, but no hidden
    files, none in the folder `output`, and no results of this or another run. Links to folders are not
    followed. `passed_over` counts, by kind, files that are left out but might be missed: videos, raw photos,
    pictures of formats that are not read, links to folders. An input that does not exist, or holds neither
    pictures nor results, becomes one entry with a problem.
    """
    counted: Counter[str] = Counter() if passed_over is None else passed_over
    found: dict[str, Found] = {}
    for given in inputs:
        for entry in _expand(given, output, counted):
            found.setdefault(os.path.abspath(entry.path), entry)  # noqa: PTH100  Path.resolve would follow links
    return list(found.values())


def _expand(given: str | Path, output: Path, passed_over: Counter[str]) -> Iterator[Found]:
    path = Path(given)
    try:
        is_folder, exists = path.is_dir(), os.path.lexists(path)
    except (OSError, ValueError):  # names that no file can have
        is_folder = exists = False
    if is_folder:
        yield from _walk(path, output, passed_over)
    elif exists:
        yield Found(path, PurePath(path.name))
    elif glob.has_magic(str(given)):
        matches = matching(path)
        pictures = [match for match in matches if match.is_file() and not is_result(match)]
        if not matches:
            yield _nothing(path, "no file matches this pattern")
        root = _fixed_part(path)
        for match in pictures:
            yield Found(match, match.relative_to(root))
        for match in matches:
            if match.is_dir() and "**" not in path.parts:
                yield from _walk(match, output, passed_over)
    else:
        yield _nothing(path, "no such file or folder")


def _walk(folder: Path, output: Path, passed_over: Counter[str]) -> Iterator[Found]:
    avoided = _number(output)
    faults: list[OSError] = []
    count = 0
    left = [folder]  # and not os.walk, which fails for deep trees in Python 3.11
    while left:
        here = left.pop()
        entries = [entry for entry in _entries(here, faults) if not entry.name.startswith(".")]
        folders = [here / entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        left += sorted((path for path in folders if _number(path) != avoided), reverse=True)
        for path in sorted({here / entry.name for entry in entries}.difference(folders)):
            if path.is_dir():
                passed_over["links to folders"] += 1
                continue
            ending = path.suffix.lower()
            ours = is_result(path)
            is_picture = ending in IMAGE_SUFFIXES
            count += ours or is_picture
            if is_picture and not ours:
                yield Found(path, path.relative_to(folder))
            elif not ours and ending in _KIND_PASSED_OVER:
                passed_over[_KIND_PASSED_OVER[ending]] += 1
    for fault in faults:
        yield _nothing(Path(fault.filename or folder), f"cannot read this folder: {fault.strerror}")
    if count == 0 and not faults:
        yield _nothing(
            folder, "no pictures in this folder", "files in folders must end in .jpg, .png, .tif, ..."
        )


def matching(pattern: Path) -> list[Path]:
    """The files and folders that match a pattern, sorted.

    As in a shell, `*`, `?` and `[...]` match parts of one name, `**` any number of folders, and none of them
    matches names that begin with a dot. `**` does not follow links, which may form circles.
    """
    root = _fixed_part(pattern)
    parts = pattern.relative_to(root).parts
    found: set[Path] = set()
    seen: set[tuple[Path, int]] = set()
    left = [(root, 0)]
    while left:
        folder, index = left.pop()
        if (folder, index) in seen:
            continue
        seen.add((folder, index))
        part, last = parts[index], index == len(parts) - 1
        for entry in _entries(folder, []):  # what cannot be read matches nothing
            path = folder / entry.name
            if part == "**":
                if entry.name.startswith("."):
                    continue
                if last:
                    found.add(path)
                if entry.is_dir(follow_symlinks=False):
                    left.append((path, index))
            elif _fits(entry.name, part):
                if last:
                    found.add(path)
                elif path.is_dir():
                    left.append((path, index + 1))
        if part == "**" and not last:
            left.append((folder, index + 1))
    return sorted(found)


def _entries(folder: Path, faults: list[OSError]) -> list["os.DirEntry[str]"]:
    """The entries of a folder; adds a fault if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as fault:
        faults.append(fault)
        return []


def _fits(name: str, part: str) -> bool:
    if not glob.has_magic(part):
        return name == part
    return fnmatch.fnmatchcase(name, part) and (part.startswith(".") or not name.startswith("."))


def _number(path: Path) -> tuple[int, int] | None:
    """The device and inode of a folder, the same under every path; None if it does not exist."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _nothing(path: Path, reason: str, hint: str | None = None) -> Found:
    return Found(path, PurePath(path.name), ImageError(f"{printable(path)}: {reason}", hint))


def _fixed_part(pattern: Path) -> Path:
    """The folders before the first wildcard."""
    parts = []
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            break
        parts.append(part)
    return Path(*parts)
