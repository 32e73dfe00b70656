"""Reads Caffe's weight files, .caffemodel and .binaryproto, without Caffe and without protobuf's library.

A .caffemodel is one protobuf message NetParameter; its layers stand in field 100 ("V2", named types) or in
field 2 ("V1", numbered types). A layer's blobs have a shape of any rank, or the four legacy numbers (num,
channels, height, width); their values are floats, packed or one by one, or doubles. Field numbers:
caffe.proto of BVLC/caffe. Everything else in the file is skipped.

The file is read at once, not mapped, and blobs are views of its bytes: if another process truncates a mapped
file, a signal kills this one. Truncated, damaged and malicious files raise ModelError, and so do NaN and
infinite numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import ModelError
from pixelwise.core.files import regular_file
from pixelwise.core.terminal import reason_of

Blob = npt.NDArray[np.float32]

MOST_FIELDS = 1_000_000
"""Fields read before a file is refused; a ResNet-152 has some 30,000."""
MOST_LAYERS = 10_000
MOST_BLOBS = 1_000
"""Of one layer."""
MOST_AXES = 32
"""Of one blob: Caffe's own limit."""
LONGEST_NAME = 4_096
LARGEST_FILE = 2**31
"""Bytes: protobuf's own limit of a message."""

# NetParameter, LayerParameter, V1LayerParameter and BlobProto: the field numbers that matter.
_NET_NAME, _NET_V1_LAYERS, _NET_LAYERS = 1, 2, 100
_V2 = {"name": 1, "type": 2, "bottom": 3, "top": 4, "blobs": 7}
_V1 = {"name": 4, "type": 5, "bottom": 2, "top": 3, "blobs": 6}
_V1_OLDER_LAYER = 1
_DATA, _SHAPE, _DOUBLE_DATA = 5, 7, 8
_LEGACY_AXES = (1, 2, 3, 4)

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# fmt: off
_V1_TYPES = (
    "None", "Accuracy", "BNLL", "Concat", "Convolution", "Data", "Dropout", "EuclideanLoss", "Flatten",
    "HDF5Data", "HDF5Output", "Im2col", "ImageData", "InfogainLoss", "InnerProduct", "LRN",
    "MultinomialLogisticLoss", "Pooling", "ReLU", "Sigmoid", "Softmax", "SoftmaxWithLoss", "Split", "TanH",
    "WindowData", "Eltwise", "Power", "SigmoidCrossEntropyLoss", "HingeLoss", "MemoryData", "ArgMax",
    "Threshold", "DummyData", "Slice", "MVN", "AbsVal", "Silence", "ContrastiveLoss", "Exp", "Deconvolution",
)
# fmt: on
"""V1's numbered layer types under the names that V2 gives them."""


@dataclass(frozen=True)
class CaffeLayer:
    """One layer: its name, its type by V2's name ("Convolution"), and its blobs, for most types weight and
    bias.

    Blobs are float32 and may be views of the file's bytes; those of legacy shape have four axes.
    """

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    blobs: tuple[Blob, ...]


@dataclass(frozen=True)
class CaffeNet:
    """The layers of a .caffemodel in the file's order; `version` is 1 or 2."""

    name: str
    version: int
    layers: tuple[CaffeLayer, ...]


def read_caffemodel(path: Path) -> CaffeNet:
    """The layers of a .caffemodel with their blobs. Raises ModelError that names the file and the fault."""
    file = _File(path)
    name, versions = "", set()
    layers: list[CaffeLayer] = []
    for number, kind, value in file.fields(file.whole):
        if number == _NET_NAME and kind == _BYTES:
            name = file.text(value)
        elif number in (_NET_LAYERS, _NET_V1_LAYERS) and kind == _BYTES:
            version = 2 if number == _NET_LAYERS else 1
            versions.add(version)
            if len(layers) == MOST_LAYERS:
                raise file.fault(f"has more than {MOST_LAYERS} layers")
            layers.append(_layer(file, value, version))
    if not layers:
        raise file.fault("holds no layers", "expected a .caffemodel, the weights, not a .prototxt or a mean")
    if len(versions) > 1:
        raise file.fault("mixes layers of V1 and V2")
    return CaffeNet(name, versions.pop(), tuple(layers))


def read_mean(path: Path) -> Blob:
    """The mean image of a .binaryproto, (C, H, W), in Caffe's BGR order. Raises ModelError."""
    file = _File(path)
    blob = _blob(file, file.whole)
    while blob.ndim > 3 and blob.shape[0] == 1:
        blob = blob[0]
    if blob.ndim != 3:
        raise file.fault(
            f"holds a blob of shape {blob.shape}, expected a mean image (channels, height, width)"
        )
    return blob


def _layer(file: "_File", span: "_Span", version: int) -> CaffeLayer:
    place = _V2 if version == 2 else _V1
    name, type_ = "", "None" if version == 1 else ""
    bottoms: list[str] = []
    tops: list[str] = []
    blobs: list[Blob] = []
    for number, kind, value in file.fields(span):
        if number == place["name"] and kind == _BYTES:
            name = file.text(value)
        elif number == place["type"] and kind == _BYTES and version == 2:
            type_ = file.text(value)
        elif number == place["type"] and kind == _VARINT and version == 1:
            type_ = _V1_TYPES[value.start] if value.start < len(_V1_TYPES) else f"V1 type {value.start}"
        elif number == place["bottom"] and kind == _BYTES:
            bottoms.append(file.text(value))
        elif number == place["top"] and kind == _BYTES:
            tops.append(file.text(value))
        elif number == place["blobs"] and kind == _BYTES:
            if len(blobs) == MOST_BLOBS:
                raise file.fault(f"has a layer with more than {MOST_BLOBS} blobs")
            blobs.append(_blob(file, value))
        elif number == _V1_OLDER_LAYER and kind == _BYTES and version == 1:
            raise file.fault(
                "is of Caffe's first format (V0), which only Caffe itself still reads",
                "convert it with Caffe's upgrade_net_proto_binary",
            )
    return CaffeLayer(name, type_, tuple(bottoms), tuple(tops), tuple(blobs))


def _blob(file: "_File", span: "_Span") -> Blob:
    shape: list[int] = []
    has_shape = False
    legacy: dict[int, int] = {}
    floats: list[Blob] = []
    doubles: list[Blob] = []
    for number, kind, value in file.fields(span, repeated={_DATA: _FIXED32, _DOUBLE_DATA: _FIXED64}):
        if number == _SHAPE and kind == _BYTES:
            has_shape = True
            shape += _dims(file, value)
        elif number in _LEGACY_AXES and kind == _VARINT:
            legacy[number] = value.start
        elif number == _DATA and kind in (_BYTES, _FIXED32):
            floats.append(file.floats(value, kind, 4))
        elif number == _DOUBLE_DATA and kind in (_BYTES, _FIXED64):
            doubles.append(file.floats(value, kind, 8))
    if not has_shape:
        shape = [legacy.get(axis, 0) for axis in _LEGACY_AXES]
    parts = doubles or floats
    values = parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.float32), *parts])
    expected = 1
    for size in shape:
        expected *= size
    if len(shape) > MOST_AXES or expected != values.size:
        raise file.fault(f"has a blob of shape {_briefly(shape)} with {values.size} values", _DAMAGED)
    if not np.isfinite(values).all():
        raise file.fault(f"has a blob of shape {_briefly(shape)} with NaN or infinite numbers", _UNSOUND)
    return values.reshape(shape)


def _dims(file: "_File", span: "_Span") -> list[int]:
    dims: list[int] = []
    for number, kind, value in file.fields(span):
        if number == 1 and kind == _VARINT:
            dims.append(value.start)
        elif number == 1 and kind == _BYTES:
            position = value.start
            while position < value.stop and len(dims) <= MOST_AXES:
                size, position = file.varint(position, value.stop)
                dims.append(size)
        if len(dims) > MOST_AXES:
            raise file.fault(f"has a blob of more than {MOST_AXES} axes", _DAMAGED)
    return dims


def _briefly(shape: list[int]) -> str:
    return "(" + ", ".join(map(str, shape[:6])) + (", ...)" if len(shape) > 6 else ")")


_UNSOUND = "use finite weights: a net with these gives no labels"
_DAMAGED = "the file may be truncated or of another kind; download it again"

_Span = range
"""Where a field's value lies in the file; for a varint, `start` is the number itself."""


class _File:
    """A file as protobuf's wire format: fields of a number, a kind and a value."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            size = regular_file(path).stat().st_size
            if size > LARGEST_FILE:
                raise ModelError(f"{path} has {size:,} bytes, more than any Caffe file")
            with path.open("rb") as file:
                self._bytes = file.read(size)
        except FileNotFoundError:
            raise ModelError(f"no such file: {path}", "check its path") from None
        except IsADirectoryError:
            raise ModelError(
                f"{path} is a folder, expected a Caffe file", "name the .caffemodel itself"
            ) from None
        except OSError as problem:
            raise ModelError(f"cannot read {path}: {reason_of(problem)}") from problem
        self.whole = _Span(len(self._bytes))
        self._read = 0

    def fault(self, what: str, hint: str | None = None) -> ModelError:
        """The error that this file has that fault."""
        return ModelError(f"{self._path} {what}", hint)

    def fields(self, span: _Span, repeated: dict[int, int] | None = None) -> Iterator[tuple[int, int, _Span]]:
        """Number, kind and value of each field of the message in `span`.

        `repeated` names numeric fields that may come one by one, with their kind: a run of them is given at
        once, as the span from the first one's value to the last one's.
        """
        position = span.start
        while position < span.stop:
            self._read += 1
            if self._read > MOST_FIELDS:
                raise self.fault(f"has more than {MOST_FIELDS:,} fields; it is not a net that Caffe wrote")
            tag_at = position
            tag, position = self.varint(position, span.stop)
            number, kind = tag >> 3, tag & 7
            if kind == _VARINT:
                value, position = self.varint(position, span.stop)
                yield number, kind, _Span(value, value)
                continue
            if kind == _BYTES:
                size, position = self.varint(position, span.stop)
            elif kind in (_FIXED32, _FIXED64):
                size = 4 if kind == _FIXED32 else 8
            else:
                raise self.fault(f"is not protobuf: wire type {kind} at byte {tag_at:,}", _DAMAGED)
            if number == 0 or size > span.stop - position:
                raise self.fault(f"ends within a field at byte {tag_at:,}", _DAMAGED)
            end = position + size
            if repeated is not None and repeated.get(number) == kind:
                end = self._run(tag_at, position, size, span.stop)
            yield number, kind, _Span(position, end)
            position = end

    def _run(self, tag_at: int, start: int, size: int, stop: int) -> int:
        """Where a run of numbers with the same one-byte tag ends; 65,536 records are looked at at a time."""
        record = np.dtype([("tag", "u1"), ("value", f"V{size}")])
        if start - tag_at != 1:
            return start + size
        position = tag_at
        while count := min(65536, (stop - position) // record.itemsize):
            tags = np.frombuffer(self._bytes, record, count, position)["tag"]
            differing = np.flatnonzero(tags != self._bytes[tag_at])
            if differing.size:
                return position + int(differing[0]) * record.itemsize
            position += count * record.itemsize
        return position

    def floats(self, span: _Span, kind: int, size: int) -> Blob:
        """The numbers of `size` bytes in a span, as float32: packed ones as a view where they are that
        already, a run of single ones, with tags between, as a copy.
        """
        if kind != _BYTES:
            record = np.dtype([("tag", "u1"), ("value", f"<f{size}")])
            count = (len(span) + 1) // record.itemsize
            values = np.frombuffer(self._bytes, record, count, span.start - 1)["value"]
            return _as_float32(values)
        if len(span) % size:
            raise self.fault(f"has {len(span)} bytes of {size}-byte numbers", _DAMAGED)
        packed = np.frombuffer(self._bytes, f"<f{size}", len(span) // size, span.start)
        return _as_float32(packed)

    def text(self, span: _Span) -> str:
        if len(span) > LONGEST_NAME:
            raise self.fault(f"has a name of {len(span):,} bytes", _DAMAGED)
        return self._bytes[span.start : span.stop].decode("utf-8", "replace")

    def varint(self, position: int, stop: int) -> tuple[int, int]:
        """An unsigned number of at most 64 bits, seven to a byte, lowest first; and where it ends."""
        value = shift = 0
        while True:
            if position >= stop or shift > 63:
                raise self.fault(f"ends within a number at byte {position:,}", _DAMAGED)
            byte = self._bytes[position]
            value |= (byte & 127) << shift
            position, shift = position + 1, shift + 7
            if byte < 128:
                return value, position


def _as_float32(values: npt.NDArray[np.floating[Any]]) -> Blob:
    """Doubles too large for it become infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(np.float32, copy=False)
