"""Which pictures a model learnt from: five bytes for each, or ten, packed into a line of text.

They say nothing about what a picture shows, but tell whether one is among those that the model knows.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Collection
from pathlib import Path

from pixelwise.core.files import open_file

BYTES = 5
"""Of 10,000 pictures, one is taken for one of 100,000 others by chance once in 1,000 times."""

PIECES, PIECE = 16, 1024
"""How many pieces are read of a file, spread from its beginning to its end, and the bytes of each."""


def fingerprint_of_file(file: Path, id_: str = "") -> bytes:
    """Of a picture's file, from its size and pieces of its content; its name does not count.

    id_: which picture, in a file that holds several. Raises OSError.
    """
    digest = hashlib.sha256(id_.encode(errors="surrogatepass"))
    with open_file(file) as content:
        size = os.fstat(content.fileno()).st_size
        digest.update(size.to_bytes(8, "little"))
        for number in range(PIECES):
            content.seek(max(0, size - PIECE) * number // (PIECES - 1))
            digest.update(content.read(PIECE))
    return digest.digest()[:BYTES]


def fingerprint_of_name(name: str) -> bytes:
    """Of a picture that has this name wherever it lies."""
    return hashlib.sha256(b"name " + name.encode(errors="surrogatepass")).digest()[:BYTES]


def packed(fingerprints: Collection[bytes]) -> str:
    """The fingerprints as one line of base64, in the order of their bytes."""
    return base64.b64encode(b"".join(sorted(set(fingerprints)))).decode("ascii")


def unpacked(text: str) -> frozenset[bytes]:
    """The fingerprints that `packed` wrote. Raises ValueError for other text."""
    try:
        content = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("fingerprints of pictures are one line of base64") from None
    if len(content) % BYTES:
        raise ValueError(f"fingerprints of pictures have {BYTES} bytes each, got {len(content)} in all")
    return frozenset(content[start : start + BYTES] for start in range(0, len(content), BYTES))
