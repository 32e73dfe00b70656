"""Cut the last upsampling off an ONNX file, as engines/upsampling_tail.py does it in OpenVINO.

The last three nodes must be FCN's: a transposed convolution that interpolates bilinearly, and two slices
that cut its result to the height and width of the input. The package onnx, which reads and writes such
files, is not part of the base install. Source: onnx.proto3 of ONNX 1.20.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise.inference.model_files.model_file import INPUT, OUTPUT
from pixelwise.inference.model_files.protobuf import Value, fields, numbers

_GRAPH, _NODE, _INITIALIZER, _OUTPUT = 7, 1, 5, 12
_LENGTH = 2  # the kind of fields that hold bytes
_TYPES = {1: "<f4", 7: "<i8", 10: "<f2"}
_FLOAT_TENSOR = b"\x12\x04\x0a\x02\x08\x01"  # ValueInfoProto.type: a tensor of float32


@dataclass(frozen=True)
class _Node:
    operator: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, Sequence[int]]


class _OtherNetError(Exception):
    pass


def without_upsampling(content: bytes) -> tuple[bytes, str, int]:
    """The file without its last upsampling, the name of its output, and the stride of its scores.

    (content, OUTPUT, 1) if it does not end in one. The file must have been checked: see onnx_file.py.
    """
    try:
        return _cut(content)
    except (_OtherNetError, ValueError, KeyError, IndexError):
        return content, OUTPUT, 1


def interpolates(weights: npt.NDArray[np.floating], stride: int) -> bool:
    """Whether the weights (C, 1, K, K) of an upsampling by `stride` interpolate each channel bilinearly."""
    ramp = 1 - np.abs(np.arange(1 - stride, stride)) / stride
    fits = weights.shape[1:] == (1, len(ramp), len(ramp))
    return fits and bool(np.allclose(weights, np.outer(ramp, ramp), rtol=0, atol=1e-6))


def _cut(content: bytes) -> tuple[bytes, str, int]:
    model = list(fields(memoryview(content)))
    (graph,) = (_bytes(value) for number, value in model if number == _GRAPH)
    parts = [(number, _bytes(value)) for number, value in fields(graph)]
    nodes = [value for number, value in parts if number == _NODE]
    upsampling, first, last = map(_node, nodes[-3:])
    stored = {
        name: tensor for number, tensor in parts if number == _INITIALIZER for name in _names(tensor, 8)
    }
    _expect(upsampling.operator == "ConvTranspose" and first.operator == last.operator == "Slice")
    _expect(first.inputs[0] == upsampling.outputs[0] and last.inputs[0] == first.outputs[0])
    _expect(list(last.outputs) == [OUTPUT] and sum(number == _OUTPUT for number, _ in parts) == 1)
    _expect({_axis(node, nodes, stored) for node in (first, last)} == {2, 3})
    stride = upsampling.attributes["strides"][0]
    weights = _weights(upsampling.inputs[1], nodes, stored)
    plain = {
        "strides": [stride, stride],
        "pads": [stride - 1] * 4,
        "dilations": [1, 1],
        "output_padding": [0, 0],
        "group": [len(weights)],
        "kernel_shape": list(weights.shape[2:]),
    }
    usual = {name: plain[name] for name in ("dilations", "output_padding", "kernel_shape")}
    named = {name: list(value) for name, value in upsampling.attributes.items() if name != "auto_pad"}
    found = {**usual, **named}
    _expect(len(upsampling.inputs) == 2 and found == plain and interpolates(weights, stride))
    small = upsampling.inputs[0]
    dropped = set(map(id, nodes[-3:]))
    kept: list[bytes | memoryview] = []
    for number, value in parts:
        if number != _OUTPUT and not (number == _NODE and id(value) in dropped):
            kept += (_head(number, value), value)
    port = _field(_OUTPUT, _field(1, small.encode()) + _FLOAT_TENSOR)
    shorter = _varint(_GRAPH << 3 | _LENGTH) + _varint(sum(map(len, kept)) + len(port))
    rest = [
        _varint(number << 3) + _varint(value) if isinstance(value, int) else _field(number, value)
        for number, value in model
        if number != _GRAPH
    ]
    return b"".join([*rest, shorter, *kept, port]), small, stride


def _axis(node: _Node, nodes: Sequence[memoryview], stored: Mapping[str, memoryview]) -> int:
    """The axis, of height 2 or width 3, along which a Slice keeps as many cells as the input has pixels."""
    start, axis, step = (_array(stored[node.inputs[index]]) for index in (1, 3, 4))
    _expect(start.tolist() == [0] and step.tolist() == [1])
    shape = _giving(node.inputs[2], nodes)
    _expect(shape.operator == "Shape" and list(shape.inputs) == [INPUT])
    (begin,), (end,) = shape.attributes["start"], shape.attributes["end"]
    _expect(end == begin + 1 and axis.tolist() == [begin + 1])  # pixels are N H W 3, scores N C H W
    return begin + 1


def _weights(
    name: str, nodes: Sequence[memoryview], stored: Mapping[str, memoryview]
) -> npt.NDArray[np.float32]:
    """Weights, which may be stored as float16 and cast."""
    if name not in stored:
        cast = _giving(name, nodes)
        _expect(cast.operator == "Cast")
        name = cast.inputs[0]
    return _array(stored[name]).astype(np.float32)


def _giving(name: str, nodes: Sequence[memoryview]) -> _Node:
    """The node with this output."""
    for candidate in (node for node in nodes if name.encode() in bytes(node)):
        if name in (node := _node(candidate)).outputs:
            return node
    raise _OtherNetError


def _node(message: memoryview) -> _Node:
    texts: dict[int, list[str]] = {1: [], 2: [], 4: []}
    attributes = {}
    for number, value in fields(message):
        if number in texts:
            texts[number].append(str(_bytes(value), "utf-8"))
        elif number == 5:
            entry = list(fields(_bytes(value)))
            (name,) = (str(_bytes(part), "utf-8") for key, part in entry if key == 1)
            _expect(
                name != "auto_pad" or [bytes(_bytes(part)) for key, part in entry if key == 4] == [b"NOTSET"]
            )
            attributes[name] = [each for key, part in entry if key in (3, 8) for each in numbers(part)]
    return _Node(texts[4][0], texts[1], texts[2], attributes)


def _array(tensor: memoryview) -> npt.NDArray[np.generic]:
    """The numbers of a stored tensor whose bytes are raw."""
    entry = list(fields(tensor))
    sizes = [size for number, value in entry if number == 1 for size in numbers(value)]
    (kind,) = (value for number, value in entry if number == 2)
    _expect(isinstance(kind, int) and kind in _TYPES)
    (raw,) = (_bytes(value) for number, value in entry if number == 9)
    return np.frombuffer(raw, _TYPES[int(kind)]).reshape(sizes)


def _names(message: memoryview, field: int) -> list[str]:
    return [str(_bytes(value), "utf-8") for number, value in fields(message) if number == field]


def _bytes(value: Value) -> memoryview:
    _expect(not isinstance(value, int))
    return memoryview(value)  # type: ignore[arg-type]


def _expect(fits: bool) -> None:
    if not fits:
        raise _OtherNetError


def _field(number: int, content: "bytes | memoryview") -> bytes:
    return _head(number, content) + content


def _head(number: int, content: "bytes | memoryview") -> bytes:
    """What stands before the bytes of a field."""
    return _varint(number << 3 | _LENGTH) + _varint(len(content))


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number >= 0x80:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)
