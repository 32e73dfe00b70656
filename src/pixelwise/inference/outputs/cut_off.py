"""Result files that lack their end, as after a power failure or a copy that stopped: nobody changed them."""

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from pixelwise.core.errors import ImageError
from pixelwise.core.files import open_file
from pixelwise.core.pictures.opening import opened
from pixelwise.core.terminal import printable

_TAIL = 65_536  # bytes in which the end of a format is looked for
_PIECES = ((324, 325), (273, 279))  # TIFF's tags of where tiles and strips are, and how long
_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}  # of TIFF's types
_MOST_PARSED = 100_000_000  # bytes of JSON; of larger files only the last character is looked at


def is_cut_off(path: Path) -> bool:
    """Whether the format of a result file says that more should follow. Raises OSError.

    Lines of text (.txt, .csv, .yaml) do not say that, so they are cut off only if they hold zeros, which some
    file systems leave after a power failure.
    """
    return _LACKS_END.get(path.suffix.lower(), _holds_zeros)(path)


def may_be_cut_off(path: Path) -> bool:
    """Whether text ends within a line, so that a crash or a person may have done it. Raises OSError."""
    return path.suffix.lower() not in _LACKS_END and not _tail(path).endswith(b"\n")


def _tail(path: Path) -> bytes:
    with open_file(path) as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return file.read(_TAIL)


def _holds_zeros(path: Path) -> bool:
    return b"\0" in _tail(path)


def _lacks(mark: bytes) -> Callable[[Path], bool]:
    return lambda path: mark not in _tail(path)


def _lacks_directory(path: Path) -> bool:
    with open_file(path) as file:
        return not zipfile.is_zipfile(file)


def _lacks_tiles(path: Path) -> bool:
    """Whether a TIFF file ends before its last tile, strip or tag: decoders fill what is missing."""
    try:
        with open_file(path) as file:
            ends = [_end_of_tags(file)]
        with opened(path, printable(path)) as image:
            tags: Any = getattr(image, "tag_v2", {})
            for places, lengths in _PIECES:
                pieces = zip(tags.get(places, ()), tags.get(lengths, ()), strict=True)
                ends += [place + length for place, length in pieces]
    except (ImageError, OSError, ValueError, struct.error):  # what damaged files raise
        return True
    return max(ends) > path.stat().st_size


def _end_of_tags(file: BinaryIO) -> int:
    """Where the values of a TIFF file's first directory end. Raises struct.error if the directory is cut off.

    Source: Adobe's TIFF 6.0, section 2; BigTIFF has wider numbers.
    """
    head = file.read(16)
    order, is_big = (">" if head[:2] == b"MM" else "<"), 43 in head[2:4]
    number, entry = order + ("Q" if is_big else "I"), struct.Struct(order + ("HHQQ" if is_big else "HHII"))
    inside = struct.calcsize(number)  # bytes of a value that lies in its entry
    file.seek(struct.unpack_from(number, head, inside)[0])
    (count,) = struct.unpack(order + ("Q" if is_big else "H"), file.read(8 if is_big else 2))
    end = 0
    for _ in range(count):
        _, kind, length, place = entry.unpack(file.read(entry.size))
        size = length * _SIZES.get(kind, 1)
        end = max(end, place + size if size > inside else 0)
    return end


def _lacks_brackets(path: Path) -> bool:
    if path.stat().st_size > _MOST_PARSED:
        return not _tail(path).rstrip().endswith(b"}")
    with open_file(path) as file:
        text = file.read().decode(errors="replace").rstrip()
    try:
        json.loads(text)
    except json.JSONDecodeError as fault:
        return fault.pos >= len(text) or fault.msg.startswith("Unterminated") or "\0" in text
    except RecursionError:
        pass
    return False


_LACKS_END: dict[str, Callable[[Path], bool]] = {
    ".png": _lacks(b"IEND\xaeB`\x82"),
    ".jpg": _lacks(b"\xff\xd9"),
    ".tif": _lacks_tiles,
    ".npz": _lacks_directory,
    ".json": _lacks_brackets,
    ".geojson": _lacks_brackets,
    ".xml": _lacks(b"</annotations>"),
}
