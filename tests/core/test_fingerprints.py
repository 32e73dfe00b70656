"""Fingerprints of the pictures that a model learnt from."""

import os
from pathlib import Path

import pytest

from pixelwise.core.fingerprints import BYTES, PIECE, fingerprint_of_file, packed, unpacked


def test_what_was_packed_comes_back() -> None:
    several = {bytes([number] * BYTES) for number in (3, 250, 0)}
    assert unpacked(packed(several)) == several
    assert packed(sorted(several)) == packed(several), "the order is that of the bytes"
    assert (packed([]), unpacked("")) == ("", frozenset())


@pytest.mark.parametrize(
    ("text", "reason"),
    [("AAAA", "5 bytes each, got 3"), ("A", "base64"), ("ä", "base64"), ("A A=", "base64")],
)
def test_other_text_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        unpacked(text)


@pytest.mark.parametrize("size", [0, 1, PIECE, 2 * PIECE + 1, 10 * PIECE])
def test_a_fingerprint_is_of_the_content_and_not_of_the_name(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    first, copy, longer = (tmp_path / name for name in ("first.png", "copy.png", "longer.png"))
    first.write_bytes(content)
    copy.write_bytes(content)
    longer.write_bytes(content + b"x")
    assert fingerprint_of_file(first) == fingerprint_of_file(copy) != fingerprint_of_file(longer)
    assert fingerprint_of_file(first, "a") != fingerprint_of_file(first, "b")
    for place in (0, size // 2, size - 1) if size else ():
        changed = bytearray(content)
        changed[place] ^= 1
        copy.write_bytes(changed)
        assert fingerprint_of_file(first) != fingerprint_of_file(copy), place


def test_nothing_waits_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(OSError, match="pipe"):
        fingerprint_of_file(tmp_path / "pipe.png")
