"""Find the pictures of a command's inputs: files, folders, patterns, URLs and standard input."""

import fnmatch
import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path, PurePath

from pixelwise.core.errors import ImageError, PixelwiseError
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES, RAW_SUFFIXES, VIDEO_SUFFIXES
from pixelwise.core.pictures.reading import Encoded
from pixelwise.core.terminal import printable, reason_of
from pixelwise.inference.outputs.finished_results import is_result
from pixelwise.inference.sources.cloud import Store
from pixelwise.inference.sources.given import path_of, read_stdin
from pixelwise.inference.sources.urls import fetched, is_url, name_of, scheme_of, shown_url
from pixelwise.inference.sources.video_urls import MOST_BYTES, Fetch, fetch_of
from pixelwise.inference.video.reading import is_camera

# fmt: off
_OTHERS = frozenset({
    ".cur", ".dcm", ".dds", ".emf", ".eps", ".exr", ".fit", ".fits", ".hdr", ".icns", ".ico", ".jxl", ".jxr",
    ".svg", ".wmf", ".xcf",
})
# fmt: on
_KIND_PASSED_OVER = {
    **dict.fromkeys(VIDEO_SUFFIXES, "videos"),
    **dict.fromkeys(RAW_SUFFIXES, "raw photos"),
    **dict.fromkeys(_OTHERS, "pictures of other formats"),
}

PassedOver = dict[str, list[Path | str]]
"""Files that are left out but might be missed, by kind: raw photos, pictures of formats that are not read,
links to folders; videos where the extra is missing.
"""

STDIN = "-"
"""The input that stands for a picture on standard input."""


@dataclass(frozen=True)
class Found:
    """A file to read, with its path relative to its input folder, or the problem with an input.

    path: the URL of what is not a file of this machine, or STDIN; then `read` gives its content, or `fetch`
    that of a video.
    """

    path: Path | str
    place: PurePath
    problem: PixelwiseError | None = None
    read: Callable[[], Encoded] | None = None
    fetch: Fetch | None = None


_NO_PICTURES = "no pictures in this folder"
_ENDINGS = "files in folders must end in .jpg, .png, .tif, ..."


@dataclass(frozen=True)
class _Search:
    """What is looked for. endings: of the files in folders."""

    output: Path
    passed_over: PassedOver
    endings: frozenset[str]
    allow_private: bool


def find_pictures(
    inputs: Sequence[str | Path],
    output: Path,
    passed_over: PassedOver | None = None,
    allow_private_urls: bool = False,
    videos: bool = False,
) -> list[Found]:
    """All pictures of `inputs`, each once, in a fixed order: as given, folders sorted by name.

    A folder yields its files and those of its subfolders that have a picture's extension, with `videos` also
    a video's if PyAV is installed, but no hidden files, none in the folder `output`, and no results of this
    or another run. Links to folders are not followed. Inputs may be URLs too, of a picture or a video,
    or of a folder if fsspec knows their scheme. An input that does not exist, or holds neither pictures nor
    results, becomes one entry with a problem.
    """
    wanted = IMAGE_SUFFIXES | VIDEO_SUFFIXES if videos and videos_are_read() else IMAGE_SUFFIXES
    search = _Search(output, {} if passed_over is None else passed_over, wanted, allow_private_urls)
    found: dict[str, Found] = {}
    for given in inputs:
        for entry in _expand(given, search):
            found.setdefault(key_of(entry.path), entry)
    return list(found.values())


def key_of(path: Path | str) -> str:
    """What tells a file from others: its absolute path; of what is not a file, the URL itself."""
    return path if isinstance(path, str) else os.path.abspath(path)  # noqa: PTH100  resolve would follow links


def videos_are_read() -> bool:
    """Whether the package that reads videos is installed."""
    return find_spec("av") is not None


def _expand(given: str | Path, search: _Search) -> Iterator[Found]:
    if given == "":  # as a path it would be this folder
        problem = ImageError("expected a file, folder, pattern or URL, got an empty text")
        yield Found("", PurePath("input"), problem)
    elif given == STDIN:
        yield Found(STDIN, PurePath("stdin"), read=read_stdin)
    elif is_camera(given) and not Path(given).exists():
        yield Found(str(given), PurePath(str(given).replace(":", "_").replace("/", "_")))
    elif is_url(given):
        yield from _at_url(str(given), search)
    else:
        yield from _on_disk(given, search)


def _at_url(url: str, search: _Search) -> Iterator[Found]:
    try:
        if scheme_of(url) in ("http", "https") and _is_video(name_of(url), search):
            yield Found(url, PurePath(name_of(url)), fetch=fetch_of(url, search.allow_private))
        elif scheme_of(url) in ("http", "https"):
            yield Found(url, PurePath(name_of(url)), read=partial(_fetched, url, search.allow_private))
        elif scheme_of(url) == "file":
            yield from _on_disk(path_of(url, search.allow_private), search)
        else:
            yield from _in_store(url, search)
    except PixelwiseError as problem:
        yield Found(url, PurePath(name_of(url)), problem)


def _in_store(url: str, search: _Search) -> Iterator[Found]:
    files = list(Store(url, search.allow_private).files())
    count = 0
    for file in files:
        ending = file.place.suffix.lower()
        if _is_video(file.place.name, search):
            count += 1
            yield Found(file.url, file.place, fetch=partial(file.copy, most_bytes=MOST_BYTES))
        elif ending in IMAGE_SUFFIXES or len(files) == 1:
            count += 1
            yield Found(file.url, file.place, read=file.read)
        elif ending in _KIND_PASSED_OVER:
            search.passed_over.setdefault(_KIND_PASSED_OVER[ending], []).append(file.url)
    if count == 0:
        raise ImageError(f"{shown_url(url)}: {_NO_PICTURES}", _ENDINGS)


def _is_video(name: str, search: _Search) -> bool:
    return PurePath(name).suffix.lower() in VIDEO_SUFFIXES & search.endings


def _fetched(url: str, allow_private: bool) -> Encoded:
    return Encoded(fetched(url, allow_private), shown_url(url))


def _on_disk(given: str | Path, search: _Search) -> Iterator[Found]:
    path = Path(given)
    try:
        is_folder, exists = path.is_dir(), os.path.lexists(path)
    except (OSError, ValueError):  # names that no file can have
        is_folder = exists = False
    if is_folder:
        yield from _walk(path, search)
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
                yield from _walk(match, search)
    else:
        yield _nothing(path, "no such file or folder")


def _walk(folder: Path, search: _Search) -> Iterator[Found]:
    avoided, passed_over = _number(search.output), search.passed_over
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
                passed_over.setdefault("links to folders", []).append(path)
                continue
            ending = path.suffix.lower()
            ours = is_result(path)
            is_picture = ending in search.endings
            count += ours or is_picture
            if is_picture and not ours:
                yield Found(path, path.relative_to(folder))
            elif not ours and ending in _KIND_PASSED_OVER:
                passed_over.setdefault(_KIND_PASSED_OVER[ending], []).append(path)
    for fault in faults:
        yield _nothing(Path(fault.filename or folder), f"cannot read this folder: {reason_of(fault)}")
    if count == 0 and not faults:
        yield _nothing(folder, _NO_PICTURES, _ENDINGS)


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
    place = PurePath(path.name or "folder")  # the current folder has no name
    return Found(path, place, ImageError(f"{printable(path)}: {reason}", hint))


def _fixed_part(pattern: Path) -> Path:
    """The folders before the first wildcard."""
    parts = []
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            break
        parts.append(part)
    return Path(*parts)
