"""Find the pictures that a command names: files, folders, patterns."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from pixelwise.errors import ImageError, PixelwiseError
from pixelwise.inference.ledger import is_result
from pixelwise.pictures.images import printable

# fmt: off
EXTENSIONS = frozenset({
    ".apng", ".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".ico", ".j2k", ".jfif", ".jp2",
    ".jpe", ".jpeg", ".jpg", ".jpx", ".mpo", ".pbm", ".pcx", ".pgm", ".png",
    ".pnm", ".ppm", ".psd", ".qoi", ".tga", ".tif", ".tiff", ".webp",
})
# fmt: on
"""What is taken for a picture in folders, HEIC too, which Pillow does not read: better named than passed over
in silence. Files named one by one are tried whatever they are called."""


@dataclass(frozen=True)
class Found:
    """A file to try, with its place below the folder it was found in, or why an input gives none."""

    path: Path
    place: PurePath
    problem: PixelwiseError | None = None


def find_pictures(inputs: Sequence[str | Path], output: Path) -> list[Found]:
    """All pictures of `inputs`, each once, in a fixed order: as given, folders sorted by name.

    A folder gives its files and those of its subfolders that end like pictures, but no hidden ones, none in
    the folder `output` if that lies inside, and no results of this or another run. An input that does not
    exist, or holds no file of either kind, becomes one entry with a problem.
    """
    found: dict[str, Found] = {}
    for given in inputs:
        for entry in _expand(given, output):
            found.setdefault(os.path.abspath(entry.path), entry)  # noqa: PTH100  Path.resolve would follow links
    return list(found.values())


def _expand(given: str | Path, output: Path) -> Iterator[Found]:
    path = Path(given)
    try:
        is_folder, exists = path.is_dir(), os.path.lexists(path)
    except (OSError, ValueError):  # names that no file can have
        is_folder = exists = False
    if is_folder:
        yield from _walk(path, output)
    elif exists:
        yield Found(path, PurePath(path.name))
    elif glob.has_magic(str(given)):
        names = glob.glob(str(given), recursive=True)  # noqa: PTH207
        matches = [Path(name) for name in sorted(names)]
        pictures = [match for match in matches if match.is_file() and not is_result(match)]
        if not pictures and not matches:
            yield _nothing(path, "no file matches this pattern")
        root = _fixed_part(path)
        for match in pictures:
            yield Found(
                match, match.relative_to(root) if match.is_relative_to(root) else PurePath(match.name)
            )
        for match in matches:
            if match.is_dir() and "**" not in path.parts:
                yield from _walk(match, output)
    else:
        yield _nothing(path, "no such file or folder")


def _walk(folder: Path, output: Path) -> Iterator[Found]:
    avoided = output.resolve()
    faults: list[OSError] = []
    count = 0
    for parent, folders, files in os.walk(folder, onerror=faults.append):
        here = Path(parent)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (here / name).resolve() != avoided
        )
        for name in sorted(files):
            path = here / name
            ours = is_result(path)
            is_picture = path.suffix.lower() in EXTENSIONS and not name.startswith(".")
            count += ours or is_picture
            if is_picture and not ours:
                yield Found(path, path.relative_to(folder))
    for fault in faults:
        yield _nothing(Path(fault.filename or folder), f"cannot read this folder: {fault.strerror}")
    if count == 0 and not faults:
        yield _nothing(
            folder, "no pictures in this folder", "files in folders must end in .jpg, .png, .tif, ..."
        )


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
