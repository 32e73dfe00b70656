"""Writes Caffe's files for tests, in every form that Caffe itself has written them."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]


def varint(value: int) -> bytes:
    """Seven bits to a byte, lowest first."""
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


def number(field_number: int, value: int) -> bytes:
    """A varint field."""
    return varint(field_number << 3) + varint(value)


def message(field_number: int, content: bytes) -> bytes:
    """A field of bytes: a string, a nested message, or packed numbers."""
    return varint(field_number << 3 | 2) + varint(len(content)) + content


def blob(values: Values, legacy: bool = False, packed: bool = True, double: bool = False) -> bytes:
    """A BlobProto; `legacy` writes the shape as num, channels, height and width."""
    if legacy:
        axes = (1,) * (4 - values.ndim) + values.shape
        shape = b"".join(number(1 + i, size) for i, size in enumerate(axes))
    else:
        shape = message(7, message(1, b"".join(varint(size) for size in values.shape)))
    flat = values.ravel().tolist()
    letter, kind, place = ("d", 1, 8) if double else ("f", 5, 5)
    if packed:
        data = message(place, struct.pack(f"<{len(flat)}{letter}", *flat))
    else:
        tag = varint(place << 3 | kind)
        data = b"".join(tag + struct.pack(f"<{letter}", value) for value in flat)
    return data + shape


@dataclass(frozen=True)
class Layer:
    """A layer to write; `type` is V2's name and V1's number."""

    name: str
    type: tuple[str, int] = ("Convolution", 4)
    blobs: Sequence[Values] = ()
    bottoms: Sequence[str] = ()
    tops: Sequence[str] = field(default=())


def caffemodel(
    layers: Sequence[Layer], version: int = 2, packed: bool = True, double: bool = False, name: str = "net"
) -> bytes:
    """A NetParameter; V1 has legacy blob shapes. Fields that a reader must skip stand in between."""
    parts = [message(1, name.encode()), message(3, b"data"), number(5, 1)]
    for layer in layers:
        blobs = [blob(values, version == 1, packed, double) for values in layer.blobs]
        if version == 2:
            ends = [
                *(message(3, b.encode()) for b in layer.bottoms),
                *(message(4, t.encode()) for t in layer.tops),
            ]
            fields = [
                message(1, layer.name.encode()),
                message(2, layer.type[0].encode()),
                *ends,
                number(10, 1),
                message(6, varint(3 << 3 | 5) + struct.pack("<f", 1.0)),
                *(message(7, content) for content in blobs),
                message(106, number(1, 64) + number(4, 3)),
            ]
            parts.append(message(100, b"".join(fields)))
        else:
            ends = [
                *(message(2, b.encode()) for b in layer.bottoms),
                *(message(3, t.encode()) for t in layer.tops),
            ]
            fields = [
                *ends,
                message(4, layer.name.encode()),
                number(5, layer.type[1]),
                *(message(6, content) for content in blobs),
                varint(7 << 3 | 5) + struct.pack("<f", 1.0),
                message(1001, b"shared"),
            ]
            parts.append(message(2, b"".join(fields)))
    return b"".join(parts)
