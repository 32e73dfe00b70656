"""Fields of protobuf's messages."""

import random

import numpy as np
import pytest

from pixelwise.inference.model_files import protobuf


def varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


def test_packed_numbers_are_read_in_parts_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(0)
    values = [draw.getrandbits(draw.choice((1, 7, 8, 14, 15, 16, 40, 64))) for _ in range(300)]
    packed = memoryview(b"".join(map(varint, values)))
    assert protobuf.numbers(packed) == values
    for part in (10, 11, 64, 1 << 20):
        monkeypatch.setattr(protobuf, "_PART", part)
        found = np.concatenate([np.frombuffer(bytes_, "<u2") for bytes_ in protobuf.packed_16_bits(packed)])
        assert found.tolist() == [value & 0xFFFF for value in values]


def test_packed_numbers_that_are_cut_off_are_refused() -> None:
    with pytest.raises(ValueError, match="ends in the middle of a number"):
        list(protobuf.packed_16_bits(memoryview(b"\x80\x80")))
