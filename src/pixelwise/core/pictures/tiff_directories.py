"""The directories of a TIFF file, one for each of its pages: what their tags say. No pixels are read.

Source: Adobe's TIFF 6.0, sections 2 and 8; BigTIFF has wider numbers.
"""

import struct
from collections.abc import Iterator
from typing import IO, NamedTuple

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""The first bytes of a file."""
WIDTH, HEIGHT, ORIENTATION, SAMPLES = 256, 257, 274, 277  # tags
_SUBFILE, _SMALLER, _MASK = 254, 1, 4
_FORMATS = {1: "B", 3: "H", 4: "I", 16: "Q"}  # of TIFF's types of whole numbers
_MOST_TAGS = 65_535  # a classic file has no more


class Directory(NamedTuple):
    """Where a directory begins in its file, and the tags of it that have one whole number."""

    place: int
    tags: dict[int, int]

    @property
    def orientation(self) -> int:
        """Numbered as in EXIF."""
        return self.tags.get(ORIENTATION, 1)

    @property
    def is_part(self) -> bool:
        """Whether this page is only a smaller copy of another one, or its mask."""
        return bool(self.tags.get(_SUBFILE, 0) & (_SMALLER | _MASK))


def directories(file: IO[bytes]) -> Iterator[Directory]:
    """The directories in order. A damaged one has no tags and the place 0, and is the last."""
    file.seek(0)
    head = file.read(16)
    order, is_big = (">" if head[:2] == b"MM" else "<"), 43 in head[2:4]
    number, count_of = order + ("Q" if is_big else "I"), order + ("Q" if is_big else "H")
    entry = struct.Struct(order + ("HHQ8s" if is_big else "HHI4s"))
    seen = set[int]()
    try:
        (place,) = struct.unpack_from(number, head, struct.calcsize(number))
        while place and place not in seen:
            seen.add(place)
            file.seek(place)
            (count,) = struct.unpack(count_of, file.read(struct.calcsize(count_of)))
            table = file.read(min(count, _MOST_TAGS) * entry.size)
            here, (place,) = place, struct.unpack(number, file.read(struct.calcsize(number)))
            tags = {
                tag: struct.unpack_from(order + _FORMATS[kind], value)[0]
                for tag, kind, values, value in entry.iter_unpack(table)
                if values == 1 and kind in _FORMATS
            }
            yield Directory(here, tags)
    except (struct.error, OverflowError, OSError):
        yield Directory(0, {})
