"""A checksum inside a checkpoint, which detects flipped bits.

The file stays an archive that `torch.load` reads: the SHA-256 of all bytes before it is the archive's
comment, which zip allows at the end. Checkpoints of versions before this have none and are accepted: the
archive itself holds a CRC-32 of each entry, which `models.weights.load_archive` checks.
"""

import hashlib
import os
import zipfile
from typing import BinaryIO

_WORD = b"sha256:"
_LENGTH = len(_WORD) + 64
_BLOCK = 1 << 20


class DamagedError(Exception):
    """A file does not hold what was written; the message says which check failed."""


def seal(file: BinaryIO) -> None:
    """Add the checksum to an archive that was just written to `file`, which is open for reading too."""
    end = file.seek(0, os.SEEK_END)
    file.seek(end - 2)  # the length of the comment, the last field of an archive
    file.write(_LENGTH.to_bytes(2, "little"))
    file.write(_digest(file, end))


def expect_sound(file: BinaryIO) -> None:
    """Raise DamagedError if `file` is not an archive, or not the one that `seal` has sealed. Leaves it at its
    start.
    """
    end = file.seek(0, os.SEEK_END) - _LENGTH
    file.seek(max(end, 0))
    last = file.read()
    if last.startswith(_WORD) and end > 0:
        if last != _digest(file, end):
            raise DamagedError("its checksum is not that of its content")
    elif not (
        zipfile.is_zipfile(file) and last.endswith(bytes(2))
    ):  # an archive ends with its comment's length
        raise DamagedError("it is cut off, or not a checkpoint")
    file.seek(0)


def _digest(file: BinaryIO, end: int) -> bytes:
    """Word and SHA-256 of the first `end` bytes; leaves the file there."""
    file.seek(0)
    digest, left = hashlib.sha256(), end
    while left and (block := file.read(min(left, _BLOCK))):
        digest.update(block)
        left -= len(block)
    return _WORD + digest.hexdigest().encode()
