"""Read the fields of a message in protobuf's wire format, without a schema and without copies.

Source: protobuf.dev, "Encoding". Groups, which are deprecated, are refused.
"""

from collections.abc import Iterator

import numpy as np

Value = int | memoryview
"""A number as it is stored (floats as their bits), or the bytes of a text or a message."""

_FIXED = {1: 8, 5: 4}
_PART = 1 << 20  # bytes looked at together


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """(number, value) of each field in the file's order. Raises ValueError if the bytes are not a message."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise ValueError("a field has the number 0")
        if kind == 0:
            value, place = _varint(message, place)
            yield number, value
            continue
        if kind == 2:
            size, place = _varint(message, place)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            raise ValueError(f"field {number} is of unknown kind {kind}")
        if size > len(message) - place:
            raise ValueError("it ends in the middle of a field")
        content = message[place : place + size]
        yield number, content if kind == 2 else int.from_bytes(content, "little")
        place += size


def numbers(value: Value) -> list[int]:
    """The integers of a repeated field: one by itself, or all of them packed."""
    if isinstance(value, int):
        return [value]
    found, place = [], 0
    while place < len(value):
        number, place = _varint(value, place)
        found.append(number)
    return found


def packed_16_bits(value: Value) -> Iterator[memoryview]:
    """The lowest 16 bits of the integers of a repeated field, as little-endian bytes, in parts."""
    if isinstance(value, int):
        yield memoryview((value & 0xFFFF).to_bytes(2, "little"))
        return
    place = 0
    while place < len(value):
        part = np.frombuffer(value[place : place + _PART], np.uint8)
        ends = np.flatnonzero(part < 0x80)
        if not ends.size:
            raise ValueError("it ends in the middle of a number")
        starts = np.concatenate([[0], ends[:-1] + 1])
        found = np.zeros(len(ends), np.uint32)
        for digit in range(3):
            there = np.minimum(starts + digit, ends)
            found |= np.where(starts + digit <= ends, part[there] & 0x7F, 0).astype(np.uint32) << (7 * digit)
        yield memoryview((found & 0xFFFF).astype("<u2").tobytes())
        place += int(ends[-1]) + 1


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(message) or shift > 63:
            raise ValueError("it ends in the middle of a number")
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place
