"""Check what an ONNX file holds before an engine loads it.

An engine runs whatever a file contains. So a file is read here first. It is refused unless all its nodes are
operators that compute tensors from tensors: no loops, branches or functions, no data outside the file, no
operators of unknown domains, and no unpublished versions. Source: onnx.proto3 of ONNX 1.20.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import ModelError
from pixelwise.core.terminal import printable
from pixelwise.inference.model_files.protobuf import Value, fields, numbers, packed_16_bits


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


OPSETS: Final = range(7, 31)
"""Versions of ONNX's own operators that are read."""

OPERATORS: Final = _names("""
    Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast CastLike Ceil Celu Clip Concat
    Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos CumSum DeformConv DepthToSpace
    DequantizeLinear Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand Flatten Floor
    Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual
    GridSample GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization LRN
    LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul MatMulInteger Max MaxPool
    Mean Min Mish Mod Mul Neg Not OneHot Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear
    RMSNormalization Range Reciprocal ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd
    ReduceSum ReduceSumSquare Relu Reshape Resize Round ScatterElements ScatterND Selu Shape Sigmoid
    Sign Sin Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Swish Tanh
    Tile TopK Transpose Trilu Unsqueeze Upsample Where Xor
""")
"""ONNX's own operators: all that compute tensors from tensors and occur in nets for images."""

CONTRIBUTED: Final = _names("""
    BiasGelu DequantizeLinear DynamicQuantizeMatMul FastGelu FusedConv FusedGemm FusedMatMul Gelu
    MatMulIntegerToFloat NhwcMaxPool QGemm QLinearAdd QLinearAveragePool QLinearConcat
    QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul QLinearReduceMean QLinearSigmoid
    QLinearSoftmax QLinearWhere QuantizeLinear QuickGelu
""")
"""ONNX Runtime's operators ("com.microsoft"), which its tools for optimization and quantization write."""

_DOMAINS: Final = {"": OPERATORS, "ai.onnx": OPERATORS, "com.microsoft": CONTRIBUTED}

# Numbers of fields in onnx.proto3.
_MODEL_GRAPH, _MODEL_OPSET, _MODEL_METADATA, _MODEL_TRAINING, _MODEL_FUNCTIONS = 7, 8, 14, 20, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN, _NODE_OVERLOAD = 4, 5, 7, 8
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_ATTRIBUTE_SPARSE, _ATTRIBUTE_SPARSES, _ATTRIBUTE_FLOAT, _ATTRIBUTE_FLOATS = 22, 23, 2, 7
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_EXTERNAL, _TENSOR_LOCATION = 1, 2, 13, 14
_TENSOR_FLOATS, _TENSOR_HALVES, _TENSOR_RAW, _TENSOR_DOUBLES = 4, 5, 9, 10

_FLOAT: Final = 1
_INFINITY: Final = {
    _FLOAT: ("<u4", 0x7F80_0000),
    10: ("<u2", 0x7C00),
    11: ("<u8", 0x7FF0_0000_0000_0000),
    16: ("<u2", 0x7F80),
}
"""Of float32, float16, float64 and bfloat16: the bits as an integer; those of NaN are larger, but for the
sign."""

_HINT = 'write model files with "pixelwise export", or make one of any ONNX net with "pixelwise wrap"'


class _RefusedError(Exception):
    """The message continues the sentence that starts with the file's name."""


@dataclass
class _Findings:
    metadata: dict[bytes, bytes] = field(default_factory=dict)
    nodes: int = 0


def checked_metadata(content: bytes, source: str) -> dict[str, str]:
    """The metadata properties of an ONNX file. Raises ModelError if it holds anything that is refused."""
    found = _Findings()
    try:
        _check_model(memoryview(content), found)
        if not found.nodes:
            raise _RefusedError("is not a complete ONNX model: it has no graph")
        return {_text(key, "a key"): _text(value, "a value") for key, value in found.metadata.items()}
    except _RefusedError as problem:
        raise ModelError(f"{source} {problem}", _HINT) from None
    except ValueError as problem:
        raise ModelError(
            f"{source} is not a complete ONNX model: {problem}",
            "the file may be truncated or of another kind; export or download it again",
        ) from None


def _check_model(model: memoryview, found: _Findings) -> None:
    for number, value in fields(model):
        if number == _MODEL_GRAPH:
            _check_graph(_message(value), found)
        elif number == _MODEL_OPSET:
            _check_opset(_message(value))
        elif number == _MODEL_METADATA:
            entry = dict(fields(_message(value)))
            found.metadata[bytes(_message(entry.get(1, b"")))] = bytes(_message(entry.get(2, b"")))
        elif number in (_MODEL_TRAINING, _MODEL_FUNCTIONS):
            raise _RefusedError("holds functions or training steps, which are not run")


def _check_opset(opset: memoryview) -> None:
    entry = dict(fields(opset))
    domain, version = _name(entry.get(1, b"")), entry.get(2, 0)
    if domain in ("", "ai.onnx") and version not in OPSETS:
        raise _RefusedError(
            f"needs version {version} of ONNX's operators; versions {OPSETS[0]} to {OPSETS[-1]} are read"
        )


def _check_graph(graph: memoryview, found: _Findings) -> None:
    for number, value in fields(graph):
        if number == _GRAPH_NODE:
            found.nodes += 1
            _check_node(_message(value))
        elif number == _GRAPH_INITIALIZER:
            _check_tensor(_message(value))
        elif number == _GRAPH_SPARSE:
            raise _RefusedError("holds sparse tensors, which are not read")


def _check_node(node: memoryview) -> None:
    operator, domain = "", ""
    for number, value in fields(node):
        if number == _NODE_OPERATOR:
            operator = _name(value)
        elif number == _NODE_DOMAIN:
            domain = _name(value)
        elif number == _NODE_OVERLOAD and len(_message(value)):
            raise _RefusedError("calls functions of its own, which are not run")
        elif number == _NODE_ATTRIBUTE:
            _check_attribute(_message(value))
    if operator not in _DOMAINS.get(domain, ()):
        full = f"{domain}.{operator}" if domain else operator
        raise _RefusedError(
            f'holds the operator "{printable(full[:80])}", which is not on the list of those run'
        )


def _check_attribute(attribute: memoryview) -> None:
    for number, value in fields(attribute):
        if number in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
            _check_tensor(_message(value))
        elif number in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
            raise _RefusedError("holds a graph within a graph (a loop or branch), which is not run")
        elif number in (_ATTRIBUTE_SPARSE, _ATTRIBUTE_SPARSES):
            raise _RefusedError("holds sparse tensors, which are not read")
        elif number in (_ATTRIBUTE_FLOAT, _ATTRIBUTE_FLOATS):
            _expect_numbers(_FLOAT, value)


def _check_tensor(tensor: memoryview) -> None:
    """Weights must be in the file itself: engines would look for others in the current folder."""
    elements, kind = 1, 0
    stored: list[Value] = []
    for number, value in fields(tensor):
        if number == _TENSOR_EXTERNAL or (number == _TENSOR_LOCATION and value != 0):
            raise _RefusedError("keeps weights in another file, which is not read: save it as one file")
        if number == _TENSOR_DIMS:
            for size in numbers(value):
                elements *= size
        elif number == _TENSOR_TYPE and isinstance(value, int):
            kind = value
        elif number in (_TENSOR_RAW, _TENSOR_FLOATS, _TENSOR_DOUBLES):
            stored.append(value)
        elif number == _TENSOR_HALVES:  # numbers of up to three bytes each, and other integers
            stored += packed_16_bits(value)
    if elements > 16 * len(tensor):  # the densest numbers take two bits
        raise _RefusedError(f"names a tensor of {elements:,} numbers, but does not hold them")
    for value in stored:
        _expect_numbers(kind, value)


def _expect_numbers(kind: int, value: Value) -> None:
    """Refuse NaN in the bits of a number, or of many, of this kind."""
    if kind not in _INFINITY:
        return
    integers, infinity = _INFINITY[kind]
    size = np.dtype(integers).itemsize
    whole = value.to_bytes(8, "little")[:size] if isinstance(value, int) else value
    bits: npt.NDArray[Any] = np.frombuffer(whole[: len(whole) // size * size], integers)
    if (bits & (1 << (8 * size - 1)) - 1 > infinity).any():
        raise _RefusedError("holds weights that are NaN: take another checkpoint")


def _message(value: "Value | bytes") -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number stands where a text or message is expected")
    return memoryview(value)


def _name(value: "Value | bytes") -> str:
    return bytes(_message(value)).decode("utf-8", "backslashreplace")


def _text(value: bytes, what: str) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise _RefusedError(f"has metadata that is not text: {what} is not UTF-8") from None
